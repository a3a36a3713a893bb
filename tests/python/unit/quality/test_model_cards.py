"""Model cards: what they say is what the tables say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import harness
from precision_marketing.quality import model_cards

PROSE = {"click": {"description": "Chances.", "for": "ads", "not_for": "prices", "limits": "no effect"}}


def tables(**changes: pd.DataFrame) -> dict[str, pd.DataFrame]:
    run = {
        "model_name": "click", "version": "1", "algorithm": "logistic", "is_champion": True, "as_of_date": "2024-06-30",
        "trained_from": "2024-01-01", "trained_until": "2024-06-01", "training_rows": 1234,
        "parameters": json.dumps({"C": 0.1, "features": ["age"], "rows": 5}),
    }  # fmt: skip
    figure = {
        "model_name": "click", "version": "1", "algorithm": "logistic", "is_champion": True, "metric": "log_loss",
        "segment": "", "value": 0.16665, "ci_low": 0.15, "ci_high": 0.18, "baseline": 0.2, "row_count": 4984,
    }  # fmt: skip
    rival = {**figure, "algorithm": "constant", "is_champion": False, "value": 0.2, "ci_low": None, "ci_high": None}
    return {
        "model_registry": pd.DataFrame([run, {**run, "algorithm": "constant", "is_champion": False}]),
        "model_metrics": pd.DataFrame([figure, rival]),
        "model_fairness": pd.DataFrame(
            [("click", "gender", "female", 10, 0.0625, 0.05, None)],
            columns=["model_name", "group_name", "level", "row_count", "positive_rate", "mean_score", "roc_auc"],
        ),
        "model_drift": pd.DataFrame(
            [("click", "age", 0.3, "shifted", 0.1), ("click", "visits", 0.3, "shifted", 0.4)],
            columns=["model_name", "feature", "psi", "status", "chance_psi"],
        ),
        "model_verdicts": pd.DataFrame(
            [("click", "use", "Ahead of the constant rate."), ("clicker", "none", "Another.")],
            columns=["model_name", "verdict", "reason"],
        ),
        "score_drift": pd.DataFrame(
            [("click", "click_probability", 0.01, "stable", 9, 0.05, 10, 0.06)],
            columns=["model_name", "score", "psi", "status", "rows", "mean", "rows_before", "mean_before"],
        ),
        **changes,
    }


def test_a_card_says_what_the_tables_say() -> None:
    page = model_cards.render(PROSE, tables())
    assert "**logistic**, trained on 1,234 rows of 2024-01-01 to 2024-06-01." in page
    assert "**Use**: Ahead of the constant rate." in page and "Another." not in page
    assert "Settings: C 0.1." in page and "Features: `age`." in page
    assert "| `log_loss` |  | 0.167 | 0.15 to 0.18 | 0.2 | 4,984 |" in page
    assert "| logistic (in use) | 0.167 | 0.15 to 0.18 |\n| constant | 0.2 |  |" in page
    assert "| gender | female | 10 | 0.0625 | 0.05 |  |" in page
    assert "Of 2 inputs, shifted between what was learned from and what is scored: `age`." in page  # visits: by chance
    assert "`click_probability` against the build before: stable, PSI 0.01, mean 0.06 before, 0.05 now." in page


def test_a_model_that_learned_nothing_says_so() -> None:
    assert "There was nothing to learn from." in model_cards.render(
        PROSE, tables(model_registry=tables()["model_registry"].head(0))
    )


def test_a_model_whose_training_failed_says_so() -> None:
    failed = tables()["model_registry"].head(1).assign(is_champion=False)
    assert "The training failed; the verdict says why." in model_cards.render(PROSE, tables(model_registry=failed))


def test_a_model_without_prose_is_named() -> None:
    with pytest.raises(ValueError, match="models without a card in their meta: click"):
        model_cards.render({}, tables())


def command(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "precision_marketing.model_cards", *arguments],
        cwd=harness.ROOT, env=harness.dbt_environment(home, **environment), capture_output=True, text=True,
    )  # fmt: skip


def test_without_a_build_one_line_says_what_to_do(tmp_path: Path) -> None:
    result = command(tmp_path)
    assert result.returncode == 1
    assert result.stderr.strip().endswith("manifest.json yet: run dbt build first")
