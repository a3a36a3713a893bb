"""Fifty customers computed a second time, in pandas from the core tables, and what the 360 says of them."""

from __future__ import annotations

import json
import math
from decimal import Decimal

import pandas as pd
import pytest

import harness
from precision_marketing import catalogue

WINDOWS = {"_7d": 7, "_30d": 30, "_90d": 90, "_365d": 365, "": None}
ZONE = "Asia/Shanghai"
CUSTOMERS = 50


def table(server: harness.Server, name: str, columns: str, where: str) -> pd.DataFrame:
    return pd.DataFrame(server.query(f"select {columns} from {name} where {where}"), columns=columns.split(", "))


@pytest.fixture(scope="module")
def profiles(spark_cluster: harness.Server) -> dict[str, dict]:
    """What the 360 says of customers with orders, the same ones in every run."""
    names = [column[0] for column in spark_cluster.query("describe marketing.customer_360")]
    rows = spark_cluster.query(
        f"select * from marketing.customer_360 where is_buyer order by md5(customer_id) limit {CUSTOMERS}"
    )
    return {row[0]: dict(zip(names, row, strict=True)) for row in rows}


@pytest.fixture(scope="module")
def facts(profiles, spark_cluster: harness.Server) -> dict[str, pd.DataFrame]:
    """The sample's rows of each kind, with ``days_ago``, and local time where there is an instant."""
    sample = "customer_id in ({})".format(", ".join(f"'{key}'" for key in profiles))
    as_of = pd.Timestamp(spark_cluster.query("select max(as_of_date) from marketing.customer_rfm")[0][0])
    found = {
        "orders": table(
            spark_cluster, "marketing.fct_orders",
            "order_id, customer_id, channel, status, ordered_at, order_date, net_amount, discount_amount, store_id",
            f"not is_cancelled and {sample}",
        ),
        "events": table(
            spark_cluster, "marketing.fct_events",
            "customer_id, event_type, product_id, category, device_type, occurred_at, event_date, session_id", sample,
        ),
        "sessions": table(
            spark_cluster, "marketing.fct_sessions",
            "customer_id, session_date, device_type, converted, carts, started_at, ended_at", sample,
        ),
        "impressions": table(
            spark_cluster, "marketing.fct_ad_impressions",
            "customer_id, channel, device_type, shown_date, is_clicked, is_converted, cost, revenue", sample,
        ),
        "tickets": table(
            spark_cluster, "marketing_staging.stg_crm__service_tickets",
            "customer_id, topic, opened_at, closed_at, satisfaction, is_filled_satisfaction", sample,
        ),
        "positions": table(
            spark_cluster, "marketing_staging.stg_app__events",
            "customer_id, occurred_at, latitude, longitude", f"latitude is not null and {sample}",
        ),
    }  # fmt: skip
    for rows, instant in (("orders", "ordered_at"), ("events", "occurred_at"), ("tickets", "opened_at"),
                          ("positions", "occurred_at")):  # fmt: skip
        local = pd.to_datetime(found[rows][instant]).dt.tz_localize("UTC").dt.tz_convert(ZONE)
        found[rows]["hour"] = local.dt.hour
        found[rows]["day"] = local.dt.tz_localize(None).dt.normalize()
    found["sessions"]["day"] = pd.to_datetime(found["sessions"]["session_date"])
    found["impressions"]["day"] = pd.to_datetime(found["impressions"]["shown_date"])
    products = table(spark_cluster, "marketing.dim_products", "product_id, category, brand, list_price", "true")
    lines = table(
        spark_cluster, "marketing.fct_order_items", "order_id, product_id, quantity, net_amount",
        f"order_id in (select order_id from marketing.fct_orders where {sample})",
    )  # fmt: skip
    orders = found["orders"][["order_id", "customer_id", "day"]]
    found["lines"] = lines.merge(orders, on="order_id").merge(products, on="product_id", how="left")
    for rows in found.values():
        rows["days_ago"] = (as_of - rows["day"]).dt.days
        assert (rows["days_ago"] >= 0).all()  # nothing of the demo is after its as-of date
    found["regions"] = table(
        spark_cluster, "marketing_staging.stg_geo__regions", "city, latitude, longitude", "true"
    )  # fmt: skip
    return found


def within(rows: pd.DataFrame, days: int | None) -> pd.DataFrame:
    return rows if days is None else rows[rows["days_ago"] < days]


def total(values: pd.Series) -> Decimal:
    return sum(values, Decimal(0))


def commonest(values: pd.Series) -> object:
    counts = values.dropna().astype(str).value_counts()
    return min(counts[counts == counts.max()].index) if len(counts) else None


def kilometres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """By the spherical law of cosines, where the warehouse uses the haversine formula."""
    (a, b), (c, d) = (map(math.radians, point) for point in (one, other))
    return 6371.0088 * math.acos(min(1, math.sin(a) * math.sin(c) + math.cos(a) * math.cos(c) * math.cos(b - d)))


def expected(facts: dict[str, pd.DataFrame], customer_id: str) -> dict[str, object]:
    """Attributes of one customer, computed row by row."""
    own = {name: rows[rows["customer_id"] == customer_id] for name, rows in facts.items() if name != "regions"}
    orders, lines, events, sessions = own["orders"], own["lines"], own["events"], own["sessions"]
    impressions, tickets = own["impressions"], own["tickets"]
    found: dict[str, object] = {}
    for suffix, days in WINDOWS.items():
        recent = {name: within(rows, days) for name, rows in own.items()}
        kinds = recent["events"]["event_type"]
        found |= {
            f"orders{suffix}": len(recent["orders"]),
            f"net_amount{suffix}": total(recent["orders"]["net_amount"]),
            f"units{suffix}": total(recent["lines"]["quantity"]),
            f"views{suffix}": (kinds == "view").sum(),
            f"carts{suffix}": (kinds == "cart").sum(),
            f"searches{suffix}": (kinds == "search").sum(),
            f"favourites{suffix}": (kinds == "favourite").sum(),
            f"sessions{suffix}": len(recent["sessions"]),
            f"impressions{suffix}": len(recent["impressions"]),
            f"clicks{suffix}": recent["impressions"]["is_clicked"].sum(),
        }
    year, quarter = ({name: within(rows, days) for name, rows in own.items()} for days in (365, 90))
    views = quarter["events"][quarter["events"]["event_type"] == "view"]
    found |= {
        "orders_app_90d": (quarter["orders"]["channel"] == "app").sum(),
        "net_amount_store": total(orders[orders["channel"] == "store"]["net_amount"]),
        "orders_weekend_365d": (year["orders"]["day"].dt.dayofweek >= 5).sum(),
        "orders_evening_365d": (year["orders"]["hour"] >= 18).sum(),
        "stores_visited": orders["store_id"].nunique(),
        "order_months": orders["day"].dt.to_period("M").nunique(),
        "products_bought": lines["product_id"].nunique(),
        "brands_bought_365d": year["lines"]["brand"].nunique(),
        "net_amount_beauty_365d": total(year["lines"][year["lines"]["category"] == "beauty"]["net_amount"]),
        "views_snacks_90d": (views["category"] == "snacks").sum(),
        "views_evening_90d": (views["hour"] >= 18).sum(),
        "active_days_90d": quarter["events"]["day"].nunique(),
        "converted_sessions": sessions["converted"].sum(),
        "sessions_mobile_90d": (quarter["sessions"]["device_type"] == "mobile").sum(),
        "clicks_email_90d": (quarter["impressions"].query("is_clicked")["channel"] == "email").sum(),
        "ad_cost_365d": total(year["impressions"]["cost"]),
        "ad_revenue_365d": total(year["impressions"]["revenue"]),
        "ad_conversions": impressions["is_converted"].sum(),
        "tickets": len(tickets),
        "tickets_refund_365d": (year["tickets"]["topic"] == "refund").sum(),
        "open_tickets": tickets["closed_at"].isna().sum(),
        "bad_ratings_365d": (year["tickets"].query("not is_filled_satisfaction")["satisfaction"] <= 2).sum(),
        # days and means
        "first_order_date": orders["day"].min(),
        "last_order_date": orders["day"].max(),
        "last_visit_date": sessions["day"].max(),
        "recency_days": orders["days_ago"].min(),
        "tenure_days": orders["days_ago"].max(),
        "largest_order_amount": orders["net_amount"].max(),
        "average_order_value": float(total(orders["net_amount"])) / len(orders),
        "avg_monthly_spend": float(total(orders["net_amount"])) / max(orders["days_ago"].max() / (365 / 12), 1),
        "order_interval_days": (orders["day"].max() - orders["day"].min()).days / (len(orders) - 1)
        if len(orders) > 1
        else None,
        # shares
        "app_order_share": (orders["channel"] == "app").mean(),
        "click_through_share": impressions["is_clicked"].mean() if len(impressions) else None,
        "session_conversion_share": sessions["converted"].mean() if len(sessions) else None,
        "is_repeat_buyer": len(orders) > 1,
        # what the customer likes
        "preferred_channel": commonest(orders["channel"]),
        "preferred_device": commonest(events["device_type"]),
        "preferred_hour": int(commonest(pd.concat([orders["hour"], events["hour"]]))),
        "region": region(facts["regions"], own["positions"]),
    }
    units = lines.dropna(subset=["brand"]).groupby("brand")["quantity"].sum()
    found["top_brands"] = sorted(units[units > 0].index, key=lambda brand: (-units[brand], brand))[:3]
    seen = events[events["event_type"] == "view"].dropna(subset=["category"])
    last = seen.groupby("category")["occurred_at"].max()
    found["recent_categories"] = list(last.sort_index().sort_values(ascending=False, kind="stable").index[:5])
    return found


def region(regions: pd.DataFrame, positions: pd.DataFrame) -> str | None:
    counts: dict[str, int] = {}
    for point in zip(positions["latitude"], positions["longitude"], strict=True):
        distance, city = min(
            (kilometres(point, (latitude, longitude)), city)
            for city, latitude, longitude in regions.itertuples(index=False)
        )
        if distance <= 200:
            counts[city] = counts.get(city, 0) + 1
    return max(counts, key=lambda city: counts[city]) if counts else None


def comparable(value: object) -> object:
    """A value as hive or pandas has it, in one form."""
    if isinstance(value, str) and value.startswith("["):
        return json.loads(value)
    if isinstance(value, pd.Timestamp):
        return str(value.date())
    if value is None or (not isinstance(value, list) and pd.isna(value)):
        return None
    return value if isinstance(value, (str, list, bool)) else pytest.approx(float(value), rel=1e-9, abs=5e-5)


def test_pandas_computes_the_same_attributes(demo, profiles, facts) -> None:
    assert len(profiles) == CUSTOMERS
    checked = set()
    for customer_id, profile in profiles.items():
        for attribute, value in expected(facts, customer_id).items():
            assert profile[attribute] is None or not isinstance(profile[attribute], float) or profile[attribute] >= 0
            found = comparable(profile[attribute])
            assert (found.expected if hasattr(found, "expected") else found) == comparable(value), (
                customer_id, attribute,
            )  # fmt: skip
            checked.add(attribute)
    assert len(checked) >= 80
    # What nobody of the sample has proves nothing.
    idle = {a for a in checked if not any(profile[a] for profile in profiles.values())}
    assert idle == set()


def test_the_table_has_the_columns_of_the_catalogue(demo, spark_cluster: harness.Server) -> None:
    columns = [(name, kind) for name, kind, _ in spark_cluster.query("describe marketing.customer_360")]
    attributes = catalogue.read(harness.ROOT / catalogue.SEED)
    assert columns == [("customer_id", "string"), *((a["attribute"], a["data_type"]) for a in attributes)]


def test_only_customers_who_agreed_have_a_profile(demo, spark_cluster: harness.Server) -> None:
    for mart in ("customer_360", "customer_behaviour"):
        assert spark_cluster.query(
            f"select count(*), count_if(c.can_profile), (select count_if(can_profile) from marketing.dim_customers) "
            f"from marketing.{mart} p left join marketing.dim_customers c on p.customer_id = c.customer_id"
        ) == [(n := spark_cluster.query(f"select count(*) from marketing.{mart}")[0][0], n, n)]


def test_coverage_is_what_is_filled(demo, spark_cluster: harness.Server) -> None:
    rows = dict(spark_cluster.query("select attribute, filled from marketing.attribute_coverage"))
    assert set(rows) == {a["attribute"] for a in catalogue.read(harness.ROOT / catalogue.SEED)}
    some = ["gender", "orders_7d", "order_interval_days", "preferred_device"]
    counted = spark_cluster.query(f"select {', '.join(f'count({a})' for a in some)} from marketing.customer_360")[0]
    assert tuple(rows[a] for a in some) == counted
    lists = spark_cluster.query("select count_if(size(top_brands) > 0) from marketing.customer_360")[0][0]
    assert rows["top_brands"] == lists
    mean = spark_cluster.query("select avg(coverage), max(mean_coverage) from marketing.attribute_coverage")[0]
    assert mean[0] == pytest.approx(mean[1]) and mean[1] >= 0.95


def test_no_attribute_is_more_personal_than_the_catalogue_says(demo, spark_cluster: harness.Server) -> None:
    """Raw columns that reach an attribute as they are make it as personal as they are."""
    levels = {a["attribute"]: a["level"] for a in catalogue.read(harness.ROOT / catalogue.SEED)}
    found = spark_cluster.query(
        "select column_name, level from marketing_quality.pii_inventory "
        "where relation = 'customer_360' and treatment = 'none' and column_name <> 'customer_id'"
    )
    assert found
    assert [(name, level) for name, level in found if level > levels[name]] == []


def test_the_goal_is_in_the_scorecard(demo, spark_cluster: harness.Server) -> None:
    assert spark_cluster.query(
        "select success, severity from marketing_quality.quality_scorecard "
        "where relation = 'attribute_coverage' and kwargs like '%mean_coverage%'"
    ) == [(True, "warning")]
