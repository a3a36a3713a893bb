"""The package's rooms: what a module may import, and which modules a training depends on."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import harness
from precision_marketing.warehouse import registry

PACKAGE = harness.ROOT / "src" / "precision_marketing"
TRAINERS = {
    path.stem: re.search(r"partial\((\w+)\.\w+,", path.read_text())
    for path in sorted((harness.ROOT / "models" / "ml").glob("*/*.py"))
    if "registry.train(" in path.read_text()
}
IMPORT_ALL = """
import importlib, pkgutil, sys
import precision_marketing.models as room
for module in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
    importlib.import_module(module.name)
print(*sorted(sys.modules))
"""


def test_the_mathematics_need_neither_dbt_nor_spark_nor_great_expectations() -> None:
    """In a process of its own: this one has imported everything."""
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    ran = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, check=True, env=environment
    )
    loaded = ran.stdout.split()
    assert "precision_marketing.models.survival" in loaded
    assert not {name.split(".")[0] for name in loaded} & {"dbt", "pyspark", "great_expectations", "dbt_spark_python"}
    other_rooms = [name for name in loaded if re.match(r"precision_marketing\.(?!models\b)", name)]
    assert other_rooms == []


def test_every_training_names_the_function_that_fits() -> None:
    assert len(TRAINERS) == 9 and all(TRAINERS.values())


@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_training_depends_on_the_modules_it_uses_and_on_no_other(trainer: str) -> None:
    match = TRAINERS[trainer]
    assert match is not None
    used = {
        str(path.relative_to(PACKAGE)) for path in registry.modules_used(f"precision_marketing.warehouse.{match[1]}")
    }
    assert {f"warehouse/{match[1]}.py", "models/training.py"} <= used
    assert not [name for name in used if name.startswith(("quality/", "serving/", "privacy/lineage"))]


def fit() -> None:
    """Stands for a function that fits; the tests say which modules it uses."""


@pytest.mark.parametrize(
    ("edited", "changes"),
    [
        ("models/hazards.py", True),  # which the module that fits imports through another one
        ("models/survival.py", True),
        ("warehouse/churn.py", True),
        ("models/forecasting.py", False),
        ("quality/report.py", False),
    ],
)
def test_an_edit_trains_anew_what_uses_it_and_nothing_else(
    edited: str, changes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "__module__", "precision_marketing.warehouse.churn")
    before = registry.made_by(fit, {})
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: read(self) + b"# edited" * (self == PACKAGE / edited))
    assert (registry.made_by(fit, {}) != before) is changes


def give_way(*_: object) -> None:
    """Lets another thread run: what the finalizers of py4j do when the garbage collector calls them."""
    time.sleep(0)


def test_trainings_side_by_side_depend_on_the_same_modules() -> None:
    """Python 3.11 cannot make a syntax tree while the garbage collector lets another thread make one."""
    names = [f"precision_marketing.warehouse.{match[1]}" for match in TRAINERS.values() if match]
    alone = [registry.modules_used(name) for name in names]
    threshold = gc.get_threshold()
    gc.callbacks.append(give_way)
    gc.set_threshold(200)
    try:
        with ThreadPoolExecutor(len(names)) as pool:
            assert list(pool.map(registry.modules_used.__wrapped__, names)) == alone
    finally:
        gc.callbacks.remove(give_way)
        gc.set_threshold(*threshold)
