"""Artefacts, versions and rows of trained models."""

from __future__ import annotations

import datetime as dt
import importlib
import json
import pickle
import pkgutil

import numpy as np
import pandas as pd
import pytest

import harness
import precision_marketing
from precision_marketing.models.training import Candidate, Metric, Training
from precision_marketing.privacy import vault
from precision_marketing.warehouse import registry

DAY = dt.date(2025, 6, 30)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in harness.KEYS.items():
        monkeypatch.setenv(name, value)


def training(**changes) -> Training:
    candidates = [
        Candidate("simple", {"a": 1}, [Metric("roc_auc", 0.8, 0.7, 0.9, 0.5, 100)], {"C": np.float64(0.1)},
                  {"coefficients": pd.DataFrame({"feature": ["x"], "value": [np.nan]})}),
        Candidate("complex", {"b": 2}, [Metric("roc_auc", float("nan"))]),
    ]  # fmt: skip
    return Training(candidates, **{"champion": "simple", "rows": 10} | changes)


def test_a_row_per_candidate_of_one_version() -> None:
    rows = registry.run_rows("click", DAY, training())
    assert [(row[0], row[2], row[3]) for row in rows] == [("click", "simple", True), ("click", "complex", False)]
    assert rows[0][1] == rows[1][1] and rows[0][1].startswith("20250630-")
    assert json.loads(rows[0][8]) == {"C": 0.1}
    assert json.loads(rows[0][10]) == {"coefficients": [{"feature": "x", "value": None}]}
    assert rows[0][9] == [("roc_auc", "", 0.8, 0.7, 0.9, 0.5, 100)] and rows[1][9][0][2] is None


def test_the_same_training_gives_the_same_version_and_another_one_another() -> None:
    versions = {registry.run_rows("m", DAY, training())[0][1] for _ in range(2)}
    assert len(versions) == 1
    assert registry.run_rows("m", DAY, training(champion="complex"))[0][1] not in versions


def test_nothing_learned_gives_no_rows_and_a_champion_must_be_a_candidate() -> None:
    assert registry.run_rows("m", DAY, None) == []
    with pytest.raises(ValueError, match="'best' is not among"):
        registry.run_rows("m", DAY, training(champion="best"))


def test_an_artefact_comes_back_and_a_foreign_or_changed_one_is_never_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [column.split()[0] for column in registry.RUN_SCHEMA.replace("array<struct<", "array<struct ").split(", ")]
    names = [*names[:9], "metrics", *names[-5:]]
    row = dict(zip(names, registry.run_rows("m", DAY, training())[0], strict=True))
    assert registry.load(row) == {"a": 1}

    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("it was opened",))

    trap = pickle.dumps(Trap())
    oracle = vault.session_functions(vault.load_keys())["keyed_hash"][0]
    statement = registry._json([row[name] for name in registry.SIGNED])
    for change in (
        {"artefact": trap},
        {"artefact": trap, "signature": None},
        {"artefact": trap, "signature": ""},
        {"artefact": trap, "signature": "\u00e9\udcff"},
        {"artefact": row["artefact"] + b"."},
        # What a hash of a crafted text gives, which anybody can ask for.
        {"artefact": trap, "signature": oracle("model artefact" + trap.decode("latin-1"))},
        {"artefact": trap, "signature": oracle(statement)},
        # Another model's, version's or candidate's artefact.
        {"model": "n"},
        {"version": "20250701-00000000"},
        {"algorithm": "complex"},
        {"is_champion": False},
        {"as_of_date": dt.date(2025, 7, 1)},
        {"made_by": "someone else"},
    ):
        with pytest.raises(registry.ArtefactError, match="not signed"):
            registry.load({**row, **change})
    with pytest.raises(registry.ArtefactError, match="no artefact"):
        registry.load({**row, "artefact": None})
    monkeypatch.setenv(vault.HASH_KEY, "another key, as long as it has to be, for hashes")
    with pytest.raises(registry.ArtefactError, match="not signed"):
        registry.load(row)


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(precision_marketing.__path__)])
def test_functions_sent_to_executors_hold_no_ufunc(name: str) -> None:
    """A ufunc does not know its module: pickle takes the first loaded one that has it, which executors may lack."""
    module = importlib.import_module(f"precision_marketing.{name}")
    assert [key for key, value in vars(module).items() if isinstance(value, np.ufunc)] == []
