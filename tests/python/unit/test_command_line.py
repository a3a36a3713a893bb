"""Which Java a command takes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import dbt_spark_python


@pytest.mark.parametrize("banner", ['openjdk version "11.0.2"', 'openjdk version "25.0.1"', 'java version "1.8.0_1"'])
def test_an_unsupported_java_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, banner: str) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!/bin/sh\necho '{banner}' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    dbt_spark_python.java_home.cache_clear()
    try:
        assert dbt_spark_python.java_home() != str(tmp_path)
    finally:
        dbt_spark_python.java_home.cache_clear()
