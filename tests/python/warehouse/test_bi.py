"""The BI layer: metrics that name columns that exist, and give the numbers that docs/bi.md says they do."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
import sqlglot
from sqlglot import exp

import harness

PAGE = harness.ROOT / "docs" / "bi.md"
AGGREGATE = {"sum": "sum({})", "count": "count({})", "count_distinct": "count(distinct {})", "average": "avg({})"}


def rows_of_table(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading of the page, without backticks."""
    section = PAGE.read_text().split(f"## {heading}\n", 1)[1].split("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip().strip("`") for cell in row] for row in rows[1:]]


METRICS = {metric: (table, formula) for metric, table, formula, _ in rows_of_table("Metrics")}


@pytest.fixture(scope="module")
def manifests(demo: harness.Demo) -> tuple[dict, dict]:
    """dbt's manifest and its semantic manifest."""
    manifest, semantic = (
        json.loads((demo.home / "target" / name).read_text()) for name in ("manifest.json", "semantic_manifest.json")
    )
    return manifest, semantic


def models(manifest: dict) -> dict[str, dict]:
    return {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}


def unknown_columns(manifest: dict, semantic: dict) -> list[str]:
    """'semantic model.element: column' for each column that the contract of the model below lacks."""
    found = []
    for model in semantic["semantic_models"]:
        columns = models(manifest)[model["node_relation"]["alias"]]["columns"]
        for element in [*model["entities"], *model["dimensions"], *model["measures"]]:
            expression = sqlglot.parse_one(element["expr"] or element["name"], read="spark")
            named = {column.name for column in expression.find_all(exp.Column)}
            found += [f"{model['name']}.{element['name']}: {name}" for name in sorted(named - set(columns))]
    return found


def test_metrics_are_made_of_columns_that_exist(manifests: tuple[dict, dict]) -> None:
    manifest, semantic = manifests
    assert len(semantic["semantic_models"]) > 5
    assert unknown_columns(manifest, semantic) == []
    del models(manifest)["fct_orders"]["columns"]["net_amount"]
    assert unknown_columns(manifest, semantic) == ["orders.net_sales: net_amount"]


def test_every_semantic_model_counts_by_days_of_a_published_mart(manifests: tuple[dict, dict]) -> None:
    manifest, semantic = manifests
    for model in semantic["semantic_models"]:
        node = models(manifest)[model["node_relation"]["alias"]]
        assert node["config"]["meta"].get("published") and node["config"]["contract"]["enforced"]
        assert node["columns"][model["defaults"]["agg_time_dimension"]]["data_type"] in ("date", "timestamp")


def test_every_metric_is_on_the_page(manifests: tuple[dict, dict]) -> None:
    manifest, semantic = manifests
    assert set(METRICS) == {metric["name"] for metric in semantic["metrics"]}
    tables = {
        table
        for _, answer, _ in rows_of_table("Which table answers which question")
        for table in re.split("`(?: with|,) `", answer)
    }
    assert {table.rpartition(".")[2] for table in tables} <= set(models(manifest))


def test_exposures_name_an_owner_and_read_what_is_approved(manifests: tuple[dict, dict]) -> None:
    manifest, _ = manifests
    exposures = manifest["exposures"].values()
    assert {exposure["type"] for exposure in exposures} == {"dashboard", "analysis", "application"}
    for exposure in exposures:
        assert exposure["owner"]["email"] and exposure["description"] and exposure["maturity"], exposure["name"]
        if exposure["type"] == "dashboard":
            read = [manifest["nodes"][uid] for uid in exposure["depends_on"]["nodes"]]
            assert read and all(node["config"]["meta"].get("published") for node in read), exposure["name"]


def by_semantic_model(semantic: dict, name: str) -> str:
    """A metric as an SQL expression of scalar subqueries, from the semantic manifest."""
    metric = next(metric for metric in semantic["metrics"] if metric["name"] == name)
    parameters = metric["type_params"]
    if metric["type"] == "simple":
        for model in semantic["semantic_models"]:
            for measure in model["measures"]:
                if measure["name"] == parameters["measure"]["name"]:
                    value = AGGREGATE[measure["agg"]].format(measure["expr"])
                    return f"(select {value} from marketing.{model['node_relation']['alias']})"
    if metric["type"] == "ratio":
        parts = (by_semantic_model(semantic, parameters[part]["name"]) for part in ("numerator", "denominator"))
        return "({} / {})".format(*parts)
    assert metric["type"] == "derived", name
    inputs = "|".join(part["name"] for part in parameters["metrics"])
    return re.sub(rf"\b({inputs})\b", lambda found: by_semantic_model(semantic, found[1]), parameters["expr"])


def frame(server: harness.Server, table: str, *columns: str) -> pd.DataFrame:
    return pd.DataFrame(server.query(f"select {', '.join(columns)} from {table}"), columns=columns)


@pytest.fixture(scope="module")
def expected(demo, served: harness.Server) -> dict[str, float]:
    """Every metric by pandas, from staged rows; of the marts only which visit an event is in and who is profiled."""
    staged = "marketing_staging.stg_"
    lines = frame(served, staged + "shop__order_items", "order_id", "quantity", "unit_price")
    lines["gross"] = (lines["quantity"].astype(float) * lines["unit_price"].astype(float)).round(4)
    gross = lines.groupby("order_id")["gross"].sum()
    orders = frame(
        served, staged + "shop__orders",
        "order_id", "customer_id", "is_unknown_customer", "status", "ordered_at", "discount_amount",
    )  # fmt: skip
    orders = orders[orders["status"] != "cancelled"].assign(gross=orders["order_id"].map(gross))
    orders["discount"] = np.where(orders["gross"].isna(), 0, orders["discount_amount"].astype(float).fillna(0))
    orders["net"] = orders["gross"].fillna(0) - orders["discount"]
    orders["ordered_at"] = pd.to_datetime(orders["ordered_at"])
    known = orders[orders["customer_id"].notna() & ~orders["is_unknown_customer"]]

    shown = frame(served, staged + "ads__impressions", "impression_id", "customer_id", "clicked_at", "cost")
    clicks = shown[shown["clicked_at"].notna()].assign(clicked_at=lambda rows: pd.to_datetime(rows["clicked_at"]))
    led = known.merge(clicks, on="customer_id")
    since = led["ordered_at"] - led["clicked_at"]
    led = led[(since >= pd.Timedelta(0)) & (since < pd.Timedelta(days=7))].drop_duplicates("order_id")
    cost, ad_revenue = shown["cost"].astype(float).sum(), led["net"].sum()

    visits = frame(served, "marketing.fct_events", "session_id", "event_type")
    bought = visits[visits["event_type"] == "purchase"]["session_id"].nunique()

    profiled = frame(served, "marketing.customer_rfm", "customer_id", "as_of_date")
    as_of = pd.Timestamp(profiled["as_of_date"].iloc[0])
    known = known.assign(day=(known["ordered_at"] + pd.Timedelta(hours=8)).dt.normalize())  # Asia/Shanghai
    history = known[known["customer_id"].isin(profiled["customer_id"]) & (known["day"] <= as_of)]
    history = history.groupby("customer_id").agg(orders=("net", "size"), net=("net", "sum"), first=("day", "min"))
    yearly = history["net"] / np.maximum((as_of - history["first"]).dt.days, 90) * 365
    buyers, repeaters = len(history), int((history["orders"] > 1).sum())

    return {
        "revenue": orders["net"].sum(),
        "discount": orders["discount"].sum(),
        "orders": len(orders),
        "active_customers": known["customer_id"].nunique(),
        "average_order_value": orders["net"].mean(),
        "impressions": len(shown),
        "clicks": len(clicks),
        "ctr": len(clicks) / len(shown),
        "ad_cost": cost,
        "ad_revenue": ad_revenue,
        "roi": ad_revenue / cost,
        "events": len(visits),
        "sessions": visits["session_id"].nunique(),
        "converting_sessions": bought,
        "session_conversion_rate": bought / visits["session_id"].nunique(),
        "customers": len(frame(served, staged + "crm__customers", "customer_id")),
        "customers_with_an_order": buyers,
        "customers_with_two_orders": repeaters,
        "repeat_rate": repeaters / buyers,
        "clv": yearly.sum() / len(profiled),
    }


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_is_what_pandas_says(
    metric: str, expected: dict[str, float], manifests: tuple[dict, dict], served: harness.Server
) -> None:
    """By the formula on the page, which BI people copy, and by the semantic model, which their tools read."""
    table, formula = METRICS[metric]
    by_hand = f"(select {formula} from marketing.{table})"
    by_tool = by_semantic_model(manifests[1], metric)
    found = served.query(f"select cast({by_hand} as double), cast({by_tool} as double)")[0]
    assert expected[metric] > 0
    assert found == pytest.approx((expected[metric], expected[metric]), rel=1e-9)


def test_the_example_on_the_page_runs_and_adds_up(demo, expected: dict[str, float], served: harness.Server) -> None:
    example = re.search(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL).group(1)
    assert sum(float(row[2]) for row in served.query(example)) == pytest.approx(expected["revenue"], rel=1e-9)
