"""Superset's bundle: in step with the marts, made of columns and metrics that exist, without a secret."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import yaml
from sqlglot import exp

import harness
import make_bundle

FOLDER = harness.ROOT / "dashboards"
Files = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def written() -> Files:
    """The bundle as it is kept."""
    paths = sorted((FOLDER / "bundle").rglob("*.yaml"))
    return {str(path.relative_to(FOLDER / "bundle")): yaml.safe_load(path.read_text()) for path in paths}


def of_kind(files: Files, kind: str) -> list[dict[str, Any]]:
    return [content for path, content in files.items() if path.startswith(f"{kind}/")]


def placed(dashboard: dict[str, Any]) -> list[str]:
    """The charts of a dashboard."""
    cells = dashboard["position"].values()
    return [cell["meta"]["uuid"] for cell in cells if isinstance(cell, dict) and cell["type"] == "CHART"]


def columns_in(sql: str) -> set[str]:
    return {column.name for column in sqlglot.parse_one(sql, read="spark").find_all(exp.Column)}


def asked_for(parameters: dict[str, Any]) -> set[str]:
    """The columns and metrics that a chart's settings name."""
    single = ("x_axis", "metric", "x_axis_sort", "timeseries_limit_metric")
    names = {parameters[key] for key in single if key in parameters}
    for key in ("groupby", "metrics", "all_columns"):
        value = parameters.get(key, [])
        names |= {value} if isinstance(value, str) else set(value)
    names |= {json.loads(order)[0] for order in parameters.get("order_by_cols", [])}
    for condition in parameters["adhoc_filters"]:
        names |= {condition["subject"]} if "subject" in condition else columns_in(condition["sqlExpression"])
    return names


def unknown(files: Files, manifest: dict) -> list[str]:
    """What the bundle asks for and the marts' YAML does not have, as table.name."""
    found, known = [], {}
    for dataset in of_kind(files, "datasets"):
        table = dataset["table_name"]
        columns = set(manifest["nodes"][f"model.precision_marketing.{table}"]["columns"])
        used = {column["column_name"] for column in dataset["columns"]} | {dataset["main_dttm_col"]} - {None}
        for metric in dataset["metrics"]:
            used |= columns_in(metric["expression"])
        found += [f"{table}.{name}" for name in sorted(used - columns)]
        known[dataset["uuid"]] = table, columns | {metric["metric_name"] for metric in dataset["metrics"]}
    for chart in of_kind(files, "charts"):
        table, names = known[chart["dataset_uuid"]]
        found += [f"{table}.{name}" for name in sorted(asked_for(chart["params"]) - names)]
    return found


def test_the_bundle_is_in_step_with_the_marts(manifest: dict, written: Files) -> None:
    wanted = yaml.safe_load((FOLDER / "dashboards.yml").read_text())
    assert written == make_bundle.bundle(manifest, wanted), "dbt parse && python dashboards/make_bundle.py"


def test_the_bundle_asks_for_what_exists(manifest: dict, written: Files) -> None:
    assert len(of_kind(written, "charts")) > 30
    assert unknown(written, manifest) == []
    changed = json.loads(json.dumps(manifest))
    del changed["nodes"]["model.precision_marketing.segment_profiles"]["columns"]["average_clv_12m"]
    missed = unknown(written, changed)
    assert set(missed) == {"segment_profiles.average_clv_12m"} and len(missed) == 2, "the dataset, and a table's column"


def test_every_metric_of_dbt_is_in_it(manifest: dict, written: Files) -> None:
    there = {metric["metric_name"] for dataset in of_kind(written, "datasets") for metric in dataset["metrics"]}
    assert {metric["name"] for metric in manifest["metrics"].values()} <= there


def test_tables_of_the_database_marketing_are_published(manifest: dict, written: Files) -> None:
    for dataset in of_kind(written, "datasets"):
        node = manifest["nodes"][f"model.precision_marketing.{dataset['table_name']}"]
        served = "marketing" if node["config"]["meta"].get("published") else node["schema"]
        assert dataset["schema"] == served


def test_every_chart_is_on_a_dashboard_once(written: Files) -> None:
    dashboards = of_kind(written, "dashboards")
    assert len(dashboards) == 5
    found = Counter(uuid for dashboard in dashboards for uuid in placed(dashboard))
    assert found == Counter(chart["uuid"] for chart in of_kind(written, "charts"))
    for dashboard in dashboards:
        cells = dashboard["position"]
        for row in cells["GRID_ID"]["children"]:
            assert sum(cells[child]["meta"]["width"] for child in cells[row]["children"]) == 12, row


def test_each_dashboard_is_an_exposure_that_reads_what_its_charts_read(manifest: dict, written: Files) -> None:
    tables = {dataset["uuid"]: dataset["table_name"] for dataset in of_kind(written, "datasets")}
    charts = {chart["uuid"]: tables[chart["dataset_uuid"]] for chart in of_kind(written, "charts")}
    read = {
        exposure["url"].split("/")[-2]: {uid.rpartition(".")[2] for uid in exposure["depends_on"]["nodes"]}
        for exposure in manifest["exposures"].values()
        if exposure["url"]
    }
    dashboards = of_kind(written, "dashboards")
    assert read == {dashboard["slug"]: {charts[uuid] for uuid in placed(dashboard)} for dashboard in dashboards}
    assert set().union(*read.values()) == set(tables.values()), "a dataset that no dashboard shows is not imported"


def test_it_holds_no_password_and_no_other_machine(written: Files) -> None:
    (database,) = of_kind(written, "databases")
    assert re.fullmatch(r"spark\+thrift://\w+@127\.0\.0\.1:10000/marketing", database["sqlalchemy_uri"])
    assert "password" not in database
    lock = (FOLDER / "requirements.lock").read_text()
    assert "://" not in lock
    pins = re.findall(r"^\w.*$", lock, re.MULTILINE)
    assert len(pins) > 100 and [pin for pin in pins if not re.fullmatch(r"[\w.\-\[\],]+==[\w.]+.* \\", pin)] == []


def test_files_of_superset_are_its_owners_alone(tmp_path: Path) -> None:
    import start_superset

    start_superset.create_secret(tmp_path / "secret_key")
    made = (tmp_path / "secret_key").read_text()
    assert len(made) > 40 and (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600
    start_superset.create_secret(tmp_path / "secret_key")
    assert (tmp_path / "secret_key").read_text() == made, "another key would end what people saved"


def test_superset_is_started_without_the_keys_of_the_warehouse(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import start_superset

    monkeypatch.setenv("MARKETING_AES_KEY", "a secret")
    monkeypatch.setenv("PATH", "/bin")
    given = start_superset.environment(tmp_path)
    assert given["PATH"] == "/bin" and "a secret" not in given.values()


def test_another_warehouse_and_another_schema() -> None:
    import start_superset

    texts = start_superset.contents("spark+thrift://a:b@h:1/x", "dev")
    made = {path: yaml.safe_load(text) for path, text in texts.items()}
    assert [database["sqlalchemy_uri"] for database in of_kind(made, "databases")] == ["spark+thrift://a:b@h:1/x"]
    assert {dataset["schema"] for dataset in of_kind(made, "datasets")} == {"dev", "dev_quality"}
