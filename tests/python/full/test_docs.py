"""dbt's documentation site of a built warehouse."""

from __future__ import annotations

import json
from pathlib import Path

import harness


def test_the_site_shows_the_columns_that_there_are(spark_cluster: harness.Server, tmp_path: Path) -> None:
    """dbt docs generate: what is described is what the tables have, in every layer."""
    harness.run_dbt("docs", "generate", "--target", "connect", home=tmp_path, **spark_cluster.environment)
    assert (tmp_path / "target" / "index.html").is_file()
    target = tmp_path / "target"
    manifest, catalog = (json.loads((target / f"{name}.json").read_text()) for name in ("manifest", "catalog"))
    tables = {**catalog["nodes"], **catalog["sources"]}
    described = [*manifest["nodes"].values(), *manifest["sources"].values()]
    for node in (node for node in described if node["resource_type"] in ("model", "seed", "source")):
        if node["config"].get("materialized") == "ephemeral":
            continue  # is in no database
        required = {name for name, c in node["columns"].items() if not c["config"]["meta"].get("optional")}
        found = {name.lower() for name in tables[node["unique_id"]]["columns"]}
        assert required <= found <= set(node["columns"]), node["name"]
