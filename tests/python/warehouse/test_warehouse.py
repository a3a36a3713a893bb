"""The whole warehouse as its users meet it: built on the demo, read over thrift, on all three engines."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

import harness

PUBLISHED = {
    "attribute_coverage", "basket_affinities", "campaign_performance", "channel_attribution", "churn_curves",
    "churn_drivers", "churn_risk", "click_coefficients", "click_scores", "cohort_retention", "contact_timing",
    "conversion_funnel", "coupon_uplift", "customer_360", "customer_behaviour", "customer_history",
    "customer_identities", "customer_lifetime_value", "customer_rfm", "customer_segments", "customer_tags",
    "daily_sales", "demand_forecast", "dim_campaigns", "dim_customers", "dim_dates", "dim_products",
    "dim_stores", "experiment_results", "fct_ad_impressions", "fct_events", "fct_order_items", "fct_orders",
    "fct_sessions", "gender_predictions", "goal_gaps", "product_recommendations", "product_similarities",
    "purchase_propensity", "sales_forecast", "segment_profiles", "segment_selection", "segment_validation",
    "stock_alerts", "store_audience", "value_scorecard",
}  # fmt: skip


def frame(server: harness.Server, columns: str, rest: str) -> pd.DataFrame:
    names = [name.split()[-1] for name in columns.split(", ")]
    return pd.DataFrame(server.query(f"select {columns} {rest}"), columns=names)


SCHEMAS = ("marketing_staging", "marketing_build", "marketing_quality", "marketing")


@pytest.fixture(scope="module")
def as_built(spark_cluster: harness.Server) -> dict[str, tuple]:
    """What the build on the target local left, read before any other test builds on it."""
    return harness.contents(spark_cluster, SCHEMAS)


def test_the_build_prints_dbts_lines_and_nothing_else(demo) -> None:
    odd = [line for line in demo.output.splitlines() if not re.match(r"\d\d:\d\d:\d\d  ", line)]
    assert odd == [] and "ERROR=0" in demo.output and "WARN=0" in demo.output


def test_bi_tools_see_every_mart_documented(as_built, spark_cluster: harness.Server) -> None:
    published = {table for _, table, _ in spark_cluster.query("show tables in marketing")}
    assert published == PUBLISHED
    for table in published:
        for name, _, comment in spark_cluster.query(f"describe marketing.{table}"):
            assert comment, f"{table}.{name} has no comment"
        assert as_built[f"marketing.{table}"] == as_built[f"marketing_build.{table}"]


def test_ansi_sessions_read_the_same(as_built, spark_cluster: harness.Server) -> None:
    """dbt-spark turns ANSI mode off for itself; a BI tool's session has Spark's default, on."""
    assert spark_cluster.query("set spark.sql.ansi.enabled")[0][1] == "true"
    for table in sorted(PUBLISHED):
        plain = spark_cluster.query(
            f"select count(*), sum(cast(hash(*) as bigint)) from marketing.{table}",
            **{"spark.sql.ansi.enabled": "false"},
        )
        assert plain == spark_cluster.query(f"select count(*), sum(cast(hash(*) as bigint)) from marketing.{table}"), (
            table
        )


def rfm_groups(rfm: pd.DataFrame, groups: int) -> pd.Series:
    """The baseline: customers by the sum of their R, F and M scores, cut into as many equal groups."""
    total = rfm[["r_score", "f_score", "m_score"]].sum(axis=1)
    return pd.qcut(total.rank(method="first"), groups, labels=False)


def test_planted_segments_come_back(as_built, spark_cluster: harness.Server) -> None:
    found = frame(
        spark_cluster,
        "s.segment_id as segment_id, t.segment as segment, "
        "r.r_score as r_score, r.f_score as f_score, r.m_score as m_score",
        """from marketing.customer_rfm r
        join marketing.customer_segments s on r.customer_id = s.customer_id
        join demo_truth.customer_truth t on r.customer_id = t.customer_id""",
    )
    assert len(found) > 4_600  # who consents to profiling
    ours = adjusted_rand_score(found["segment"], found["segment_id"])
    baseline = adjusted_rand_score(found["segment"], rfm_groups(found, found["segment_id"].nunique()))
    print(f"adjusted Rand index: K-means {ours:.3f}, RFM cells {baseline:.3f}")
    assert ours >= 0.8 and ours > baseline
    chosen = spark_cluster.query("select k from marketing.segment_selection where chosen")
    assert chosen == [(5,)]


def test_segment_statistics_agree_with_scipy(as_built, spark_cluster: harness.Server) -> None:
    from scipy.stats import f_oneway

    found = frame(
        spark_cluster,
        "r.clv_12m_simple as clv, s.segment_id as segment_id",
        """from marketing.customer_rfm r join marketing.customer_segments s on r.customer_id = s.customer_id
        where s.segment_id <> 0""",
    )
    expected = f_oneway(*[group["clv"].to_numpy(float) for _, group in found.groupby("segment_id")])
    f_value, p_value, significant = spark_cluster.query(
        "select f_value, p_value, significant from marketing.segment_validation where metric = 'clv'"
    )[0]
    assert f_value == pytest.approx(expected.statistic, rel=1e-6)
    assert p_value == pytest.approx(expected.pvalue, abs=1e-12) and significant


def test_rfm_equals_pandas(as_built, spark_cluster: harness.Server) -> None:
    """Recency, frequency and monetary value of every customer, computed again from the orders."""
    orders = frame(
        spark_cluster,
        "customer_id, cast(order_date as string) as order_date, cast(net_amount as double) as net_amount",
        "from marketing.fct_orders where not is_cancelled and customer_id is not null",
    ).assign(order_date=lambda rows: pd.to_datetime(rows["order_date"]))
    rfm = frame(
        spark_cluster,
        "customer_id, recency_days, frequency, cast(monetary as double) as monetary, "
        "cast(as_of_date as string) as as_of_date",
        "from marketing.customer_rfm",
    ).set_index("customer_id")
    as_of = pd.Timestamp(rfm["as_of_date"].iloc[0])
    orders = orders[orders["customer_id"].isin(rfm.index)]  # the others did not consent to profiling
    bought = orders.groupby("customer_id").agg(
        last=("order_date", "max"), frequency=("order_date", "size"), monetary=("net_amount", "sum")
    )
    recency = (as_of - bought["last"]).dt.days
    assert (rfm.loc[bought.index, "recency_days"] == recency).all()
    assert (rfm.loc[bought.index, "frequency"] == bought["frequency"]).all()
    np.testing.assert_allclose(rfm.loc[bought.index, "monetary"], bought["monetary"], atol=1e-6)
    never = rfm.drop(bought.index)
    assert len(never) and (never["recency_days"] == recency.max()).all() and (never["frequency"] == 0).all()


@pytest.mark.parametrize(
    ("target", "more"),
    # From nothing on one engine, models trained anew. On the other, which builds all of an empty warehouse below, a
    # second build of what reads its own last version, and of the trained models: nothing may change.
    [
        ("connect", ["--full-refresh", "--vars", "{retrain_after_days: 0}"]),
        ("thrift", ["--select", "path:models/marts/core", "path:models/ml", "path:models/quality"]),
    ],
)
def test_every_engine_builds_the_same_tables(
    target: str, more: list[str], as_built, demo, spark_cluster: harness.Server
) -> None:
    harness.run_dbt(
        "build", "--target", target, "--exclude-resource-type", "test", "unit_test", *more,
        home=demo.home, **spark_cluster.environment,
    )  # fmt: skip
    built = ("marketing_staging", "marketing_build", "marketing_quality")
    expected = {table: found for table, found in as_built.items() if table.partition(".")[0] in built}
    harness.assert_same(harness.contents(spark_cluster, built), expected)
    # Against the build before, which the same data gave the same scores.
    drift = spark_cluster.query("select model_name, status, rows_before = rows from marketing_quality.score_drift")
    assert set(drift) == {(name, "stable", True) for name in ("click", "purchase", "gender", "churn", "value")}


ORDERS = """
    select
        cast(id as string) as order_id, concat('c', id % 10) as customer_id, 's1' as store_id, 'web' as channel,
        'completed' as status, '2024-05-01 10:00:00' as ordered_at, cast(null as string) as paid_at,
        '0' as discount_amount, '0' as shipping_amount, cast(null as string) as coupon_id
    from range(100)
"""
# By reason: (columns that make a row unusable, how often)
CORRUPT = {
    "order_id: missing": {"order_id": "null"},
    "ordered_at: missing": {"ordered_at": "null"},
    "ordered_at: unreadable": {"ordered_at": "'not a date'"},
    "ordered_at: impossible date": {"ordered_at": "if(id = 0, '1900-01-01', '2999-12-31')"},
    "discount_amount: unreadable": {"discount_amount": "'ten'"},
}


def corrupt_orders(raw: str, bad_of_each: int) -> list[str]:
    """Statements that make raw orders: 100 good ones, 7 copies of good ones, and bad ones of each kind."""
    names = re.findall(r" as (\w+)(?:,|\n)", ORDERS)
    parts = [ORDERS, ORDERS.replace("range(100)", "range(7)")]
    for number, changes in enumerate(CORRUPT.values()):
        columns = {name: "cast(null as string)" for name in names}
        columns |= {"order_id": f"concat('bad{number}-', id)", "ordered_at": "'2024-05-01'", **changes}
        select = ", ".join(f"cast({value} as string) as {name}" for name, value in columns.items())
        parts.append(f"select {select} from range({bad_of_each})")
    return [
        f"drop database if exists {raw} cascade",
        f"create database {raw}",
        f"create table {raw}.shop_orders using parquet as " + " union all ".join(parts),
    ]


@pytest.mark.parametrize("bad_of_each", [1, 2])
def test_corrupt_orders_are_rejected_and_too_many_stop_the_build(
    bad_of_each: int, demo, spark_cluster: harness.Server
) -> None:
    """Duplicates aside, 5 of 105 rows are under the allowed share of 5%; 10 of 110 are over."""
    raw, schema = f"raw_corrupt{bad_of_each}", f"corrupt{bad_of_each}"
    for statement in corrupt_orders(raw, bad_of_each):
        spark_cluster.query(statement)
    result = harness.run_dbt(
        "build", "--target", "thrift", "--select", "+customer_rfm",
        "--indirect-selection", "buildable", "--exclude-resource-type", "unit_test",
        "--vars", f"{{raw_database: {raw}}}",
        home=demo.home, check=False, MARKETING_SCHEMA=schema, **spark_cluster.environment,
    )  # fmt: skip
    rejected = spark_cluster.query(f"select reject_reason from {schema}_staging.stg_shop__orders__rejected")
    assert Counter(reason for (reason,) in rejected) == dict.fromkeys(CORRUPT, bad_of_each)
    assert spark_cluster.query(f"select count(*), sum(duplicate_rows) from {schema}_staging.stg_shop__orders") == [
        (100, 7)
    ]
    if bad_of_each == 1:
        assert result.returncode == 0, result.stdout
        assert spark_cluster.query(f"select count(*) from {schema}.fct_orders") == [(100,)]
    else:
        assert result.returncode == 1
        message = "stg_shop__orders__rejected: expect_rejected_share_to_be_at_most(): 10 of 110 rows"
        assert message in result.stdout, result.stdout
        for skipped in ("fct_orders", "customer_rfm"):
            assert re.search(rf"SKIP relation {schema}_build.{skipped} ", result.stdout), result.stdout
        assert not spark_cluster.query(f"show tables in {schema}_build like 'fct_orders'")
        assert not spark_cluster.query(f"show tables in {schema}")


def test_no_raw_tables_at_all(demo, spark_cluster: harness.Server) -> None:
    """Everything is built, empty; with creation off, one line says what is missing."""
    arguments = ["--target", "thrift", "--vars"]
    environment = {"MARKETING_SCHEMA": "nothing", **spark_cluster.environment}
    refused = harness.run_dbt(
        "build", *arguments, "{raw_database: raw_nothing, create_missing_sources: false}",
        home=demo.home, check=False, **environment,
    )  # fmt: skip
    assert refused.returncode != 0
    assert "The raw database 'raw_nothing' does not exist and create_missing_sources is false." in refused.stdout
    harness.run_dbt(
        "build", "--exclude-resource-type", "unit_test", *arguments, "{raw_database: raw_nothing}",
        home=demo.home, **environment,
    )  # fmt: skip
    assert {table for _, table, _ in spark_cluster.query("show tables in nothing")} == PUBLISHED
    for table in PUBLISHED - {
        "segment_profiles",
        "segment_selection",
        "segment_validation",
        "goal_gaps",
        "value_scorecard",
    }:
        assert spark_cluster.query(f"select count(*) from nothing.{table}") == [(0,)], table
    # These two list what the seeds ask for.
    assert set(spark_cluster.query("select coalesce(actual, 0), status = 'met' from nothing.goal_gaps")) == {(0, False)}
    assert spark_cluster.query("select count(*) from nothing.value_scorecard where value is not null") == [(0,)]
