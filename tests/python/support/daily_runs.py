"""The project's own models that keep their older days, on what would have arrived by the day of a run.

What they read stands in for staging, cut off at the day. So a run takes seconds, and only the arithmetic of increments
is tested.
"""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from pathlib import Path

import yaml

import harness

# Some months are enough: those before would only be shared between the runs.
SINCE = dt.date(2025, 3, 20)
# What has arrived by the day. The id of an event begins with the day of its arrival, up to five days after it happened.
ARRIVED = {
    "stg_app__events": """
        select * from {staging}.stg_app__events
        where {of} and substr(event_id, 2, 8) <= '{digits}' and occurred_at >= '{since}'""",
    "stg_ads__impressions": """
        select * except (clicked_at), if(clicked_at < '{end}', clicked_at, null) as clicked_at
        from {staging}.stg_ads__impressions
        where {of} and shown_at < '{end}' and shown_at >= '{since}'""",
    "stg_crm__customer_versions": "select * from {staging}.stg_crm__customer_versions where updated_at < '{end}'",
    "stg_retention_limits": "select * from {staging}.stg_retention_limits where table_name = 'app_experiments'",
    "fct_orders": "select * from {build}.fct_orders where ordered_at < '{end}'",
    "dim_customers": "select * from {build}.dim_customers",
    "dim_campaigns": "select * from {build}.dim_campaigns",
    "int_as_of": "select date '{day}' as as_of_date",
}

GATES = ("gate_crm", "gate_shop", "gate_app", "gate_ads")

CORE = harness.ROOT / "models" / "marts" / "core"

TESTED = ("fct_events", "fct_ad_impressions", "customer_history", "fct_sessions", "int_device_customers")


def write_project(folder: Path, file_format: str = "parquet") -> Path:
    """The project's models of TESTED on views of what has arrived, as a dbt project in ``folder``."""
    stand_ins = {**ARRIVED, **dict.fromkeys(GATES, "select 1 as one")}
    files = {f"models/arrived/{name}.sql": f"{{{{ var('{name}') }}}}" for name in stand_ins}
    files |= {f"models/core/{name}.sql": (CORE / f"{name}.sql").read_text() for name in TESTED}
    described = yaml.safe_load((CORE / "_core__models.yml").read_text())["models"]
    columns = [{"name": m["name"], "columns": [{"name": c["name"]} for c in m["columns"]]} for m in described]
    kept = [model for model in columns if model["name"] in TESTED]
    files["models/core/models.yml"] = yaml.safe_dump({"version": 2, "models": kept})
    files["models/hooks.yml"] = (harness.ROOT / "models/quality/_hooks__sources.yml").read_text()
    settings = yaml.safe_load((harness.ROOT / "dbt_project.yml").read_text())
    harness.write_project(
        folder, files,
        models={"+file_format": file_format, "example": {
            "arrived": {"+materialized": "view", "+schema": "arrived"},
            "core": {"+materialized": "versioned", "+schema": "build"}}},
        vars=settings["vars"],
        **{"on-run-end": ["{{ publish(results) }}"]},
    )  # fmt: skip
    for name in ("materializations", "publishing", "sources", "inputs", "marts", "cleaning"):
        shutil.copytree(harness.ROOT / "macros" / name, folder / "macros" / name)
    return folder


def build(
    project: Path,
    home: Path,
    server: harness.Server,
    schema: str,
    day: dt.date,
    *more: str,
    of: str = "true",
    **variables: object,
) -> subprocess.CompletedProcess[str]:
    """dbt build in ``schema`` with what has arrived by the end of ``day`` of customers for whom ``of`` is true."""
    names = {
        "staging": "marketing_staging", "build": "marketing_build", "day": day, "digits": f"{day:%Y%m%d}",
        "end": f"{day} 16:00:00",  # midnight in the business's time zone
        "since": SINCE, "of": of,
    }  # fmt: skip
    arrived = {name: query.format(**names) for name, query in ARRIVED.items()} | dict.fromkeys(GATES, "select 1 as one")
    return harness.run_dbt(
        "build", "--target", "thrift", *more, "--vars", yaml.safe_dump({**arrived, **variables}),
        home=home, project=project, MARKETING_SCHEMA=schema, **server.environment,
    )  # fmt: skip


def tables(server: harness.Server, schema: str) -> dict[str, tuple]:
    return {name: harness.content(server, f"{schema}_build.{name}") for name in TESTED}
