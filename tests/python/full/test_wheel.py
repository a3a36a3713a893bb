"""The adapter's Python models as a package of their own: its wheel, and the example of its README, word for word."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import harness

PACKAGE = harness.ROOT / "packages" / "dbt-spark-python"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, PACKAGE],
        check=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_one_module_and_its_licence(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert [name for name in names if ".dist-info/" not in name] == ["dbt_spark_python.py"]
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert wheel.name in (harness.ROOT / "docs" / "dbt_spark_python.md").read_text()
    assert (PACKAGE / "LICENSE").read_text() == (harness.ROOT / "LICENSE").read_text()


def test_the_example_of_its_readme_runs(wheel: Path, tmp_path: Path) -> None:
    """In an environment that has this wheel and the libraries of ours, but not this project."""
    venv.create(tmp_path / "env", with_pip=False)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(tmp_path / "env")}))
    zipfile.ZipFile(wheel).extractall(packages)
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    binaries = tmp_path / "env" / "bin"
    (binaries / "dbt").write_text(f"#!{binaries / 'python'}\nfrom dbt.cli.main import cli\ncli()\n")
    (binaries / "dbt").chmod(0o755)

    install, example = re.findall(r"```sh\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    assert install == "pip install 'dbt-spark-python[java]'\n"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MARKETING_", "DBT_", "PYTHON"))
    }
    ran = subprocess.run(
        ["bash", "-e", "-c", example],
        cwd=tmp_path,
        env=environment | {"PATH": f"{binaries}:{environment['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0 and "PASS=2" in ran.stdout, ran.stdout + ran.stderr
    assert len(re.findall(r"^\| +\d \| +1[45] \|$", ran.stdout, re.MULTILINE)) == 7, ran.stdout
