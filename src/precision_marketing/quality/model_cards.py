"""A page with one card per model: what it is for, what it learned from, how good it is and for whom.

The prose is the ``card`` in the ``meta`` of each training model (`for`, `not_for`, `limits`); everything else comes
from `model_registry`, `model_metrics`, `model_fairness`, `model_drift` and `score_drift`, newest version first.

Source for what a card should say: Mitchell et al., "Model Cards for Model Reporting", FAT* 2019.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from dbt_spark_python import SparkUnavailable
from precision_marketing.project import private
from precision_marketing.serving import server

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TABLES = ("model_registry", "model_metrics", "model_fairness", "model_drift", "score_drift")
# The figure by which candidates are compared, of the models that have several.
DECIDES = {"click": "log_loss", "purchase": "log_loss", "recommendation": "ndcg_at_10", "value": "rmse"}
LONGEST = 24  # rows of a table on a card


class NothingToDescribe(Exception):
    """No model was trained yet; the message says in one line what to do."""


def read(session: SparkSession, schema: str) -> dict[str, pd.DataFrame]:
    """``TABLES`` of the target schema and `model_verdicts`, by name, only the newest version of each model.

    Raises NothingToDescribe where the models were not built or have learned nothing.
    """
    quality = f"{schema}_quality"
    missing = [name for name in TABLES if not session.catalog.tableExists(f"{quality}.{name}")]
    if missing:
        raise NothingToDescribe(f"no table {quality}.{missing[0]} yet: run dbt build first")
    verdicts = f"{schema}.model_verdicts"
    if not session.catalog.tableExists(verdicts):
        raise NothingToDescribe(f"no table {verdicts} yet: run dbt build first")
    found: dict[str, pd.DataFrame] = {name: session.table(f"{quality}.{name}").toPandas() for name in TABLES}
    found["model_verdicts"] = session.table(verdicts).toPandas()
    registry = found["model_registry"]
    if registry.empty:
        raise NothingToDescribe(f"{quality}.model_registry is empty: the warehouse has no data to learn from")
    newest = registry.sort_values(["registered_at", "version"]).groupby("model_name")["version"].last()
    for name in ("model_registry", "model_metrics"):
        table = found[name]
        found[name] = table[table["version"] == table["model_name"].map(newest)]
    return found


def cards(manifest: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The prose of each model's card by model name, from dbt's manifest; with the ``description`` of its model."""
    found = {}
    for node in manifest["nodes"].values():
        card = node["config"].get("meta", {}).get("card")
        if card:
            name = node["name"].removeprefix("ml_").removesuffix("_model")
            about = " ".join(node["description"].split()).removeprefix("One row per candidate: ")
            found[name] = {"description": about[:1].upper() + about[1:], **card}
    return found


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def _number(value: Any) -> str:
    """Three significant digits, or whole numbers; '' for what is not known."""
    if value is None or pd.isna(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


def _interval(row: Any) -> str:
    return "" if pd.isna(row.ci_low) or pd.isna(row.ci_high) else f"{_number(row.ci_low)} to {_number(row.ci_high)}"


def _settings(parameters: str) -> tuple[str, list[str]]:
    """What a model was set to as text, and its features."""
    settings = json.loads(parameters)
    features = settings.pop("features", settings.pop("covariates", []))
    parts = [f"{name} {_setting(value)}" for name, value in settings.items() if name not in ("rows", "note")]
    return "; ".join(parts), list(features)


def _setting(value: Any) -> str:
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{key} {_setting(item)}" for key, item in value.items()) + ")"
    if isinstance(value, list):
        return ", ".join(map(_setting, value)) or "none"
    if value is None:
        return "none"
    return _number(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def _figures(metrics: pd.DataFrame) -> list[str]:
    rows = [
        [
            f"`{row.metric}`",
            row.segment,
            _number(row.value),
            _interval(row),
            _number(row.baseline),
            _number(row.row_count),
        ]
        for row in metrics.itertuples()
    ]
    shown = _table(["figure", "of", "value", "95% interval", "naive", "rows"], rows[:LONGEST])
    if len(rows) > LONGEST:
        shown[-1:] = ["", f"and {len(rows) - LONGEST} more in `model_metrics`.", ""]
    return shown


def card(name: str, prose: Mapping[str, str], tables: Mapping[str, pd.DataFrame]) -> str:
    """The card of one model in Markdown; ``tables`` as ``read`` returns them."""
    runs = tables["model_registry"].query("model_name == @name")
    lines = [f"## {name}", "", prose["description"], ""]
    lines += [
        f"- **For**: {prose['for']}",
        f"- **Not for**: {prose['not_for']}",
        f"- **Limits**: {prose['limits']}",
        "",
    ]
    verdicts = tables["model_verdicts"]
    for row in verdicts[verdicts["model_name"].str.split(":").str[0] == name].sort_values("model_name").itertuples():
        part = row.model_name.partition(": ")[2]
        lines += [f"**{row.verdict.capitalize()}**{f' ({part})' if part else ''}: {row.reason}", ""]
    if runs.empty:
        return "\n".join([*lines, "There was nothing to learn from.", ""])
    if not runs["is_champion"].any():
        return "\n".join([*lines, "The training failed; the verdict says why.", ""])
    champion = runs[runs["is_champion"]].iloc[0]
    settings, features = _settings(champion.parameters)
    days = [str(day) for day in (champion.trained_from, champion.trained_until) if not pd.isna(day)]
    learned = f"{champion.training_rows:,} rows" + (f" of {days[0]} to {days[1]}" if len(days) == 2 else "")
    lines += [f"`ml_{name}_model`, as of {champion.as_of_date}: **{champion.algorithm}**, trained on {learned}."]
    lines += [f"Settings: {settings}."] if settings else []
    lines += ["Features: " + ", ".join(f"`{feature}`" for feature in features) + "."] if features else []
    lines += ["", "How good it is, on data that it did not see:", ""]
    metrics = tables["model_metrics"].query("model_name == @name")
    best = metrics[metrics["is_champion"]].sort_values(["metric", "segment"])
    lines += _figures(pd.concat([best[best["segment"] == ""], best[best["segment"] != ""]]))
    rivals = metrics[(metrics["metric"] == DECIDES.get(name)) & (metrics["segment"] == "")]
    if len(rivals) > 1:
        rivals = rivals.sort_values(["is_champion", "algorithm"], ascending=[False, True])
        rows = [
            [row.algorithm + " (in use)" * row.is_champion, _number(row.value), _interval(row)]
            for row in rivals.itertuples()
        ]
        lines += ["Its rivals:", "", *_table(["candidate", f"`{DECIDES[name]}`", "95% interval"], rows)]
    groups = tables["model_fairness"].query("model_name == @name").sort_values(["group_name", "level"])
    if len(groups):
        rows = [
            [
                row.group_name,
                row.level,
                _number(row.row_count),
                *map(_number, (row.positive_rate, row.mean_score, row.roc_auc)),
            ]
            for row in groups.itertuples()
        ]
        lines += ["For whom:", "", *_table(["group", "level", "rows", "rate", "mean score", "ROC-AUC"], rows)]
    drift = tables["model_drift"].query("model_name == @name")
    if len(drift):
        # A customer's own history grows from snapshot to snapshot, so some shift is no alarm by itself.
        moved = drift[(drift["status"] == "shifted") & (drift["psi"] > drift["chance_psi"])].sort_values("feature")
        named = ", ".join(f"`{feature}`" for feature in moved["feature"]) or "none"
        lines += [f"Of {len(drift)} inputs, shifted between what was learned from and what is scored: {named}.", ""]
    scores = tables["score_drift"].query("model_name == @name").sort_values("score")
    for row in scores[scores["rows_before"] > 0].itertuples():
        moved = f"{row.status}, PSI {_number(row.psi)}, mean {_number(row.mean_before)} before, {_number(row.mean)} now"
        lines += [f"Scores `{row.score}` against the build before: {moved}.", ""]
    return "\n".join(lines)


def render(prose: Mapping[str, Mapping[str, str]], tables: Mapping[str, pd.DataFrame]) -> str:
    """The page in Markdown: a card for every model of ``prose``, by name.

    Raises ValueError for a trained model without prose.
    """
    untold = set(tables["model_registry"]["model_name"]) - set(prose)
    if untold:
        raise ValueError(f"models without a card in their meta: {', '.join(sorted(untold))}")
    head = (
        "# Model cards\n\nWritten by `python -m precision_marketing.model_cards` from `model_registry`,\n"
        "`model_metrics`, `model_fairness`, `model_drift`, `score_drift` and `model_verdicts` of one warehouse; the\n"
        "copy in docs/ is of the demo with 5,000 customers.\n"
    )
    return "\n".join([head, *(card(name, prose[name], tables) for name in sorted(prose))]).rstrip() + "\n"


def main() -> None:
    """Entry point of ``python -m precision_marketing.model_cards``."""
    target_path = Path(os.environ.get("DBT_TARGET_PATH", "target"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--target", choices=("local", "connect", "thrift"), help="default: that of profiles.yml")
    parser.add_argument("--output", type=Path, default=target_path / "model_cards.md", metavar="FILE")
    arguments = parser.parse_args()
    private.from_now_on()
    manifest = target_path / "manifest.json"
    if not manifest.is_file():
        sys.exit(f"no {manifest} yet: run dbt build first")
    try:
        with server.reading(arguments.target) as (session, schema):
            page = render(cards(json.loads(manifest.read_text())), read(session, schema))
    except (NothingToDescribe, SparkUnavailable) as error:
        sys.exit(str(error))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(page)
    print(arguments.output)
