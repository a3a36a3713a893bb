"""The whole warehouse as its users meet it: built on the demo, read over thrift."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

import corrupt_orders
import harness

PUBLISHED = {
    "attribute_coverage", "basket_affinities", "campaign_performance", "channel_attribution", "churn_curves",
    "churn_drivers", "churn_risk", "click_coefficients", "click_scores", "cohort_retention", "contact_timing",
    "conversion_funnel", "coupon_uplift", "customer_360", "customer_behaviour", "customer_history",
    "customer_identities", "customer_lifetime_value", "customer_rfm", "customer_segments", "customer_tags",
    "daily_sales", "demand_forecast", "dim_campaigns", "dim_customers", "dim_dates", "dim_products",
    "dim_stores", "experiment_results", "fct_ad_impressions", "fct_events", "fct_order_items", "fct_orders",
    "fct_refunds", "fct_sessions", "gender_predictions", "goal_gaps", "model_verdicts", "product_recommendations",
    "product_similarities",
    "purchase_propensity", "sales_forecast", "segment_profiles", "segment_selection", "segment_validation",
    "stock_alerts", "store_audience", "value_scorecard",
    "budget_allocation", "channel_mix", "customer_offers", "decision_effects", "decision_log", "decision_outcomes",
    "mix_evaluations", "off_peak_offers", "offer_limits", "overdue_risk", "price_recommendations",
}  # fmt: skip


# What the marts need and readers do not get.
WITHHELD = {
    "customer_identities": {"source_id"},
    "fct_events": {"anonymous_id"},
    "fct_sessions": {"anonymous_id"},
}


def frame(server: harness.Server, columns: str, rest: str) -> pd.DataFrame:
    names = [name.split()[-1] for name in columns.split(", ")]
    return pd.DataFrame(server.query(f"select {columns} {rest}"), columns=names)


SCHEMAS = ("marketing_staging", "marketing_build", "marketing_quality", "marketing")


@pytest.fixture(scope="module")
def as_built(served: harness.Server) -> dict[str, tuple]:
    """What the build on the target local left, read before any other test builds on it."""
    return harness.contents(served, SCHEMAS)


def test_the_build_prints_dbts_lines_and_nothing_else(demo) -> None:
    printed, _, next_steps = demo.output.partition("\nThe warehouse is built. Next:\n")
    odd = [line for line in printed.splitlines() if not re.match(r"\d\d:\d\d:\d\d  ", line)]
    assert odd == []
    assert re.findall(r"make \w+", next_steps) == ["make serve", "make quality", "make docs"]
    assert "Demo data: orders (4 of 6)" in printed
    assert re.search(r"PASS=\d+ WARN=0 ERROR=0 SKIP=0", demo.output), demo.output[-500:]


def test_bi_tools_see_every_mart_documented(as_built, served: harness.Server) -> None:
    published = {table for _, table, _ in served.query("show tables in marketing")}
    assert published == PUBLISHED
    for table in published:
        for name, _, comment in served.query(f"describe marketing.{table}"):
            assert comment, f"{table}.{name} has no comment"
        shown, built = (harness.columns_of(served, f"{schema}.{table}") for schema in ("marketing", "marketing_build"))
        assert built.keys() - shown.keys() == WITHHELD.get(table, set()) and shown.keys() <= built.keys(), table
        compared = slice(1) if table in WITHHELD else slice(None)
        assert as_built[f"marketing.{table}"][compared] == as_built[f"marketing_build.{table}"][compared]


def test_no_table_is_crumbled_into_files(demo: harness.Demo) -> None:
    """What costs in a warehouse of this size is the number of files and tasks, not of rows."""
    tables = [table for database in (demo.home / "warehouse").glob("*.db") for table in database.iterdir()]
    files = {table.name: sum(1 for _ in table.rglob("*.parquet")) for table in tables}
    assert len(files) > 150 and {name: n for name, n in files.items() if n > 60} == {}
    assert max(n for name, n in files.items() if name.startswith("fct_events__files")) > 12, "a file a month"


def test_ansi_sessions_read_the_same(as_built, served: harness.Server) -> None:
    """dbt-spark turns ANSI mode off for itself; a BI tool's session has Spark's default, on."""
    assert served.query("set spark.sql.ansi.enabled")[0][1] == "true"
    for table in sorted(PUBLISHED):
        plain = served.query(
            f"select count(*), sum(cast(hash(*) as bigint)) from marketing.{table}",
            **{"spark.sql.ansi.enabled": "false"},
        )
        assert plain == served.query(f"select count(*), sum(cast(hash(*) as bigint)) from marketing.{table}"), table


def rfm_groups(rfm: pd.DataFrame, groups: int) -> pd.Series:
    """The baseline: customers by the sum of their R, F and M scores, cut into as many equal groups."""
    total = rfm[["r_score", "f_score", "m_score"]].sum(axis=1)
    return pd.qcut(total.rank(method="first"), groups, labels=False)


def test_planted_segments_come_back(as_built, served: harness.Server) -> None:
    found = frame(
        served,
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
    chosen = served.query("select k from marketing.segment_selection where chosen")
    assert chosen == [(5,)]


def test_segment_statistics_agree_with_scipy(as_built, served: harness.Server) -> None:
    from scipy.stats import f_oneway

    found = frame(
        served,
        "r.clv_12m_simple as clv, s.segment_id as segment_id",
        """from marketing.customer_rfm r join marketing.customer_segments s on r.customer_id = s.customer_id
        where s.segment_id <> 0""",
    )
    expected = f_oneway(*[group["clv"].to_numpy(float) for _, group in found.groupby("segment_id")])
    f_value, p_value, significant = served.query(
        "select f_value, p_value, significant from marketing.segment_validation where metric = 'clv'"
    )[0]
    assert f_value == pytest.approx(expected.statistic, rel=1e-6)
    assert p_value == pytest.approx(expected.pvalue, abs=1e-12) and significant


def test_rfm_equals_pandas(as_built, served: harness.Server) -> None:
    """Recency, frequency and monetary value of every customer, computed again from the orders."""
    orders = frame(
        served,
        "customer_id, cast(order_date as string) as order_date, cast(net_amount as double) as net_amount",
        "from marketing.fct_orders where not is_cancelled and customer_id is not null",
    ).assign(order_date=lambda rows: pd.to_datetime(rows["order_date"]))
    rfm = frame(
        served,
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


def test_unit_tests_of_the_models_pass(demo: harness.Demo, served: harness.Server) -> None:
    """dbt build leaves them out: they prove the models, not the data."""
    done = harness.run_dbt(
        "test", "--select", "test_type:unit", "--target", "thrift", home=demo.home, **served.environment
    )
    counts = dict(re.findall(r"(PASS|WARN|ERROR|SKIP)=(\d+)", done.stdout))
    assert int(counts.pop("PASS")) > 50 and set(counts.values()) == {"0"}, done.stdout[-1000:]


def test_corrupt_orders_and_keys_of_another_form_stop_the_build(demo: harness.Demo, served: harness.Server) -> None:
    """Duplicates aside, 10 of 110 rows are over the allowed share of 5%, and the CRM knows the customer of none."""
    schema, result = corrupt_orders.build(demo.home, served, 2, strange_crm=True)
    assert result.returncode == 1
    for message in (
        "stg_shop__orders__rejected: expect_rejected_share_to_be_at_most(): 10 of 110 rows",
        "expect_rows_to_satisfy(is_over_limit): 1 of 5 rows, stg_shop__orders / customer_id (critical)",
        "expect_rows_to_satisfy(is_unmatched): 1 of 5 rows, stg_shop__orders / customer_id (critical)",
    ):
        assert message in result.stdout, result.stdout
    for skipped in ("fct_orders", "customer_rfm"):
        assert re.search(rf"SKIP relation {schema}_build.{skipped} ", result.stdout), result.stdout
    assert not served.query(f"show tables in {schema}_build like 'fct_orders'")
    assert not served.query(f"show tables in {schema}")
