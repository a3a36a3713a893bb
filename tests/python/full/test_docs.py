"""dbt's documentation site of a built warehouse."""

from __future__ import annotations

import json

import harness


def described_nodes(manifest: dict) -> list[dict]:
    """Models, seeds and source tables of the project."""
    nodes = [*manifest["nodes"].values(), *manifest["sources"].values()]
    return [node for node in nodes if node["resource_type"] in ("model", "seed", "source")]


def test_the_site_shows_the_columns_that_there_are(manifest: dict, spark_cluster: harness.Server, tmp_path) -> None:
    """dbt docs generate: what is described is what the tables have, in every layer."""
    harness.run_dbt("docs", "generate", "--target", "connect", home=tmp_path, **spark_cluster.environment)
    assert (tmp_path / "target" / "index.html").is_file()
    catalog = json.loads((tmp_path / "target" / "catalog.json").read_text())
    tables = {**catalog["nodes"], **catalog["sources"]}
    for node in described_nodes(manifest):
        if node["config"].get("materialized") == "ephemeral":
            continue  # is in no database
        required = {name for name, c in node["columns"].items() if not c["config"]["meta"].get("optional")}
        found = {name.lower() for name in tables[node["unique_id"]]["columns"]}
        assert required <= found <= set(node["columns"]), node["name"]
