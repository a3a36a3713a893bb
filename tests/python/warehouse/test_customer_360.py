"""Fifty customers computed a second time, in pandas from the core tables, and what the 360 says of them."""

from __future__ import annotations

import json
import math
from decimal import ROUND_HALF_UP, Decimal

import pandas as pd
import pytest

import harness
from precision_marketing.quality import catalogue

WINDOWS = {"_7d": 7, "_30d": 30, "_90d": 90, "_365d": 365, "": None}
ZONE = "Asia/Shanghai"
SAMPLE = {
    "is_buyer and clicks_7d > 0": 4,
    "is_buyer and clicks_7d = 0 and sessions_7d > 0": 20,
    "is_buyer and clicks_7d = 0 and sessions_7d = 0": 20,
    "not is_buyer": 6,
}
# By recency, frequency and monetary score above their mean.
VALUE_GROUPS = {
    (True, True, True): ("important value", "重要价值客户"),
    (False, True, True): ("important keep", "重要保持客户"),
    (True, False, True): ("important develop", "重要发展客户"),
    (False, False, True): ("important win back", "重要挽留客户"),
    (True, True, False): ("general value", "一般价值客户"),
    (False, True, False): ("general keep", "一般保持客户"),
    (True, False, False): ("general develop", "一般发展客户"),
    (False, False, False): ("general win back", "一般挽留客户"),
}


def table(server: harness.Server, name: str, columns: str, where: str) -> pd.DataFrame:
    return pd.DataFrame(server.query(f"select {columns} from {name} where {where}"), columns=columns.split(", "))


@pytest.fixture(scope="module")
def profiles(served: harness.Server) -> dict[str, dict]:
    """What the 360 says of fifty customers, with and without orders, the same ones in every run."""
    names = [column[0] for column in served.query("describe marketing.customer_360")]
    rows = served.query(
        " union all ".join(
            f"(select * from marketing.customer_360 where {kind} order by md5(customer_id) limit {customers})"
            for kind, customers in SAMPLE.items()
        )
    )
    return {row[0]: dict(zip(names, row, strict=True)) for row in rows}


@pytest.fixture(scope="module")
def facts(profiles, served: harness.Server) -> dict[str, pd.DataFrame]:
    """The sample's rows of each kind, with ``days_ago``, and local time where there is an instant."""
    sample = "customer_id in ({})".format(", ".join(f"'{key}'" for key in profiles))
    as_of = pd.Timestamp(served.query("select max(as_of_date) from marketing.customer_rfm")[0][0])
    found = {
        "orders": table(
            served, "marketing.fct_orders",
            "order_id, customer_id, channel, status, ordered_at, order_date, net_amount, discount_amount, store_id",
            f"not is_cancelled and {sample}",
        ),
        "events": table(
            served, "marketing.fct_events",
            "customer_id, event_type, product_id, category, device_type, occurred_at, event_date, session_id", sample,
        ),
        "sessions": table(
            served, "marketing.fct_sessions",
            "customer_id, session_date, device_type, converted, carts, started_at, ended_at", sample,
        ),
        "impressions": table(
            served, "marketing.fct_ad_impressions",
            "customer_id, channel, device_type, shown_date, is_clicked, is_converted, cost, revenue", sample,
        ),
        "tickets": table(
            served, "marketing_staging.stg_crm__service_tickets",
            "customer_id, topic, opened_at, closed_at, satisfaction, is_filled_satisfaction", sample,
        ),
        "positions": table(
            served, "marketing_staging.stg_app__events",
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
    products = table(served, "marketing.dim_products", "product_id, category, brand, list_price", "true")
    cheaper = products.groupby("category")["list_price"].rank(method="min") - 1
    others = products.groupby("category")["list_price"].transform("count") - 1
    products["price_band"] = (3 * cheaper / others.clip(1)).map(
        lambda third: None if pd.isna(third) else ("budget", "mid", "premium", "premium")[int(third)]
    )
    lines = table(
        served, "marketing.fct_order_items", "order_id, product_id, quantity, net_amount",
        f"order_id in (select order_id from marketing.fct_orders where {sample})",
    )  # fmt: skip
    orders = found["orders"][["order_id", "customer_id", "day"]]
    found["lines"] = lines.merge(orders, on="order_id").merge(products, on="product_id", how="left")
    for rows in found.values():
        rows["days_ago"] = (as_of - rows["day"]).dt.days
        assert (rows["days_ago"] >= 0).all()  # nothing of the demo is after its as-of date
    found["products"] = products
    found["regions"] = table(
        served, "marketing_staging.stg_geo__regions", "city, latitude, longitude", "true"
    )  # fmt: skip
    return found


def within(rows: pd.DataFrame, days: int | None) -> pd.DataFrame:
    return rows if days is None else rows[rows["days_ago"] < days]


def total(values: pd.Series) -> Decimal:
    return sum(values, Decimal(0))


def money(value: Decimal | float) -> Decimal:
    return Decimal(value).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def commonest(values: pd.Series, weights: pd.Series | None = None) -> str | None:
    """The one with the largest weight, of equals the first by name; each row weighs 1 if not told otherwise."""
    weights = pd.Series(1, values.index) if weights is None else weights
    sums = weights.groupby(values.dropna().astype(str)).sum()
    sums = sums[sums > 0]
    return min(sums[sums == sums.max()].index) if len(sums) else None


def abandoned_carts(events: pd.DataFrame, orders: pd.DataFrame) -> int:
    count = 0
    for _, visit in events[(events["days_ago"] < 7) & events["event_type"].isin(["cart", "remove_from_cart"])].groupby(
        "session_id"
    ):
        left = (visit["event_type"] == "cart").sum() > (visit["event_type"] == "remove_from_cart").sum()
        times = pd.to_datetime(visit["occurred_at"])
        bought = pd.to_datetime(orders["ordered_at"]).between(
            times.min(), times.max() + pd.Timedelta(hours=24), inclusive="left"
        )
        count += left and not bought.any()
    return count


def kilometres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """By the spherical law of cosines, where the warehouse uses the haversine formula."""
    (a, b), (c, d) = (map(math.radians, point) for point in (one, other))
    return 6371.0088 * math.acos(min(1, math.sin(a) * math.sin(c) + math.cos(a) * math.cos(c) * math.cos(b - d)))


def expected(facts: dict[str, pd.DataFrame], customer_id: str) -> dict[str, object]:
    """Attributes of one customer, computed row by row."""
    own = {name: rows[rows["customer_id"] == customer_id] for name, rows in facts.items() if "customer_id" in rows}
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
    tenure = orders["days_ago"].max() if len(orders) else 0
    activity = pd.concat([orders[["day", "hour"]], events[["day", "hour"]]])
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
        "tenure_days": orders["days_ago"].max(),
        "largest_order_amount": orders["net_amount"].max(),
        "average_order_value": money(total(orders["net_amount"]) / len(orders)) if len(orders) else None,
        "avg_monthly_spend": money(total(orders["net_amount"]) / max(Decimal(int(tenure)) * 12 / 365, 1)),
        "order_interval_days": (orders["day"].max() - orders["day"].min()).days / (len(orders) - 1)
        if len(orders) > 1
        else None,
        # shares
        "app_order_share": (orders["channel"] == "app").mean() if len(orders) else None,
        "click_through_share": impressions["is_clicked"].mean() if len(impressions) else None,
        "session_conversion_share": sessions["converted"].mean() if len(sessions) else None,
        "is_repeat_buyer": len(orders) > 1,
        "is_active_90d": len(quarter["orders"]) + len(quarter["sessions"]) > 0,
        # what the customer likes
        "preferred_channel": commonest(orders["channel"]),
        "preferred_device": commonest(events["device_type"]),
        "preferred_hour": None if activity.empty else int(commonest(activity["hour"])),
        "preferred_weekday": None if activity.empty else int(commonest(activity["day"].dt.dayofweek)) + 1,
        "preferred_category": commonest(lines["category"], lines["quantity"]),
        "preferred_price_band": commonest(lines["price_band"], lines["quantity"]),
        "cart_abandons_7d": abandoned_carts(events, orders),
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
    return value if isinstance(value, (str, list, bool)) else float(value)


def test_pandas_computes_the_same_attributes(demo, profiles, facts) -> None:
    assert len(profiles) == sum(SAMPLE.values())
    checked = set()
    for customer_id, profile in profiles.items():
        for attribute, value in expected(facts, customer_id).items():
            value, found = comparable(value), comparable(profile[attribute])
            if isinstance(value, float):
                value = pytest.approx(value, rel=1e-9, abs=1e-9)
            assert found == value, (customer_id, attribute)
            checked.add(attribute)
    assert len(checked) >= 85
    # What nobody of the sample has proves nothing.
    idle = {a for a in checked if not any(profile[a] for profile in profiles.values())}
    assert idle == set()


def test_scores_and_value_groups_of_all_customers(demo, served: harness.Server) -> None:
    found = table(
        served, "marketing.customer_rfm",
        "customer_id, recency_days, frequency, monetary, r_score, f_score, m_score, value_group, value_group_zh",
        "true",
    ).set_index("customer_id").sort_index()  # fmt: skip
    orders = table(served, "marketing.fct_orders", "customer_id, order_date, net_amount", "not is_cancelled")
    orders = orders[orders["customer_id"].isin(found.index)]
    as_of = pd.Timestamp(served.query("select max(as_of_date) from marketing.customer_rfm")[0][0])
    orders["days"] = (as_of - pd.to_datetime(orders["order_date"])).dt.days
    by_customer = orders.groupby("customer_id")
    rfm = pd.DataFrame(
        {
            "recency": by_customer["days"].min(),
            "frequency": by_customer.size(),
            "monetary": by_customer["net_amount"].sum(),
        }
    ).reindex(found.index)
    rfm = rfm.fillna({"recency": rfm["recency"].max(), "frequency": 0, "monetary": Decimal(0)})
    assert (found["recency_days"] == rfm["recency"]).all()
    assert (found["frequency"] == rfm["frequency"]).all()
    assert (found["monetary"] == rfm["monetary"]).all()

    def fifth(values: pd.Series) -> pd.Series:
        behind = values.astype(float).rank(method="min").astype(int) - 1
        return (behind * 5 // (len(values) - 1) + 1).clip(upper=5)

    scores = {"r": fifth(-rfm["recency"]), "f": fifth(rfm["frequency"]), "m": fifth(rfm["monetary"])}
    for letter, score in scores.items():
        assert (found[f"{letter}_score"] == score).all(), letter
    above = zip(*(score > score.mean() for score in scores.values()), strict=True)
    assert list(zip(found["value_group"], found["value_group_zh"], strict=True)) == [VALUE_GROUPS[a] for a in above]
    assert found["value_group"].nunique() > 5  # the rarest groups are a handful of people


def test_tags_are_weighted_by_tf_idf(demo, profiles, facts, served: harness.Server) -> None:
    by_product = facts["products"].set_index("product_id")

    def tags_of(kind: str, product_id: str | None, named: str | None) -> list[str]:
        """Of a record: a view or purchase of a product, a search of a category, a ticket on a topic."""
        if kind in ("search", "topic"):
            return [f"{kind}: {named}"]
        product = by_product.loc[product_id] if product_id in by_product.index else {}
        named = product.get("category") or named
        brand = product.get("brand")
        return [f"category: {named}"] * bool(named) + [f"brand: {brand}"] * bool(brand)

    everybody = """
        with consenting as (select customer_id as id from marketing.dim_customers where can_profile)
        select event_type, product_id, category, count(*) from marketing.fct_events join consenting on customer_id = id
        where event_type = 'view' or (event_type = 'search' and category is not null) group by all
        union all
        select 'line', product_id, null, count(*)
        from marketing.fct_order_items join marketing.fct_orders using (order_id) join consenting on customer_id = id
        where not is_cancelled group by all
        union all
        select 'topic', null, topic, count(*) from marketing_staging.stg_crm__service_tickets
        join consenting on customer_id = id where topic is not null group by all"""
    totals, records = {}, 0
    for kind, product_id, named, count in served.query(everybody):
        records += count
        for tag in tags_of(kind, product_id, named):
            totals[tag] = totals.get(tag, 0) + count

    found: dict[str, list] = {}
    keys = ", ".join(f"'{key}'" for key in profiles)
    for customer_id, *row in served.query(
        f"select customer_id, tag, occurrences, weight from marketing.customer_tags where customer_id in ({keys}) "
        "order by customer_id, tag_rank"
    ):
        found.setdefault(customer_id, []).append(tuple(row))
    events = facts["events"][facts["events"]["event_type"].isin(["view", "search"])]
    events = events[(events["event_type"] == "view") | events["category"].notna()]
    own_records = pd.concat(
        [
            events.rename(columns={"event_type": "kind", "category": "named"}),
            facts["lines"].assign(kind="line", named=None),
            facts["tickets"].rename(columns={"topic": "named"}).dropna(subset=["named"]).assign(kind="topic"),
        ]
    )[["customer_id", "kind", "product_id", "named"]]
    for customer_id, own in own_records.groupby("customer_id"):
        counts: dict[str, int] = {}
        for _, kind, product_id, named in own.itertuples(index=False):
            for tag in tags_of(kind, product_id, named):
                counts[tag] = counts.get(tag, 0) + 1
        weighed = [
            (tag, count, round(count / len(own) * math.log(records / (totals[tag] + 1)), 12))
            for tag, count in counts.items()
        ]
        weighed.sort(key=lambda row: (-row[2], row[0]))
        assert [row[:2] for row in found[customer_id]] == [row[:2] for row in weighed], customer_id
        assert [row[2] for row in found[customer_id]] == pytest.approx([row[2] for row in weighed], rel=1e-9)
        top = json.loads(profiles[customer_id]["top_tags"])
        assert top == [tag for tag, *_ in weighed[:5]] and profiles[customer_id]["tags"] == len(weighed)
    assert set(found) == set(own_records["customer_id"]) and len(found) > 40
    assert {tag.split(":")[0] for rows in found.values() for tag, *_ in rows} == {
        "category",
        "brand",
        "search",
        "topic",
    }


def test_the_region_is_where_the_customer_lives(demo, facts, served: harness.Server) -> None:
    rows = served.query(
        "select home_latitude, home_longitude, region from marketing.customer_behaviour "
        "join demo_truth.customer_truth using (customer_id) where region is not null"
    )
    cities = list(facts["regions"].itertuples(index=False))
    nearest = {
        home: min(cities, key=lambda city: kilometres(home, city[1:]))[0]
        for home in {(latitude, longitude) for latitude, longitude, _ in rows}
    }
    right = sum(nearest[latitude, longitude] == found for latitude, longitude, found in rows)
    assert len(rows) > 4000 and right / len(rows) > 0.99


def test_the_heaviest_brand_is_of_the_planted_taste(demo, served: harness.Server) -> None:
    """The products of a taste group share a brand; one brand in six would be of the right group by chance."""
    ((customers, right),) = served.query(
        """with brands as (select distinct lower(brand) as brand, taste_group from demo_truth.product_truth),
        heaviest as (
            select customer_id, max_by(taste_group, weight) as taste_group, sum(occurrences) as records
            from marketing.customer_tags join brands on tag = concat('brand: ', brand) group by customer_id
        )
        select count(*), count_if(heaviest.taste_group = truth.taste_group)
        from heaviest join demo_truth.customer_truth truth using (customer_id) where records >= 20"""
    )
    assert customers > 2000 and right / customers > 0.95


def test_the_table_has_the_columns_of_the_catalogue(demo, served: harness.Server) -> None:
    columns = [(name, kind) for name, kind, _ in served.query("describe marketing.customer_360")]
    attributes = catalogue.read(harness.ROOT / catalogue.SEED)
    assert columns == [("customer_id", "string"), *((a["attribute"], a["data_type"]) for a in attributes)]


def test_only_customers_who_agreed_have_a_profile(demo, served: harness.Server) -> None:
    agreed, refused = served.query(
        "select count_if(can_profile), count_if(not can_profile) from marketing.dim_customers"
    )[0]
    assert agreed and refused
    for mart in ("customer_360", "customer_behaviour", "customer_rfm", "customer_tags"):
        customers, known = served.query(
            f"select count(distinct customer_id), count(distinct if(can_profile, customer_id, null)) "
            f"from marketing.{mart} left join marketing.dim_customers using (customer_id)"
        )[0]
        assert customers == known
        assert customers == agreed or mart == "customer_tags"  # who left no record has no tag


def test_coverage_is_what_is_filled(demo, served: harness.Server) -> None:
    rows = dict(served.query("select attribute, filled from marketing.attribute_coverage"))
    assert set(rows) == {a["attribute"] for a in catalogue.read(harness.ROOT / catalogue.SEED)}
    some = ["gender", "orders_7d", "order_interval_days", "preferred_device"]
    counted = served.query(f"select {', '.join(f'count({a})' for a in some)} from marketing.customer_360")[0]
    assert tuple(rows[a] for a in some) == counted
    lists = served.query("select count_if(size(top_brands) > 0) from marketing.customer_360")[0][0]
    assert rows["top_brands"] == lists
    mean = served.query("select avg(coverage), max(mean_coverage) from marketing.attribute_coverage")[0]
    assert mean[0] == pytest.approx(mean[1]) and mean[1] >= 0.95


def test_no_attribute_is_more_personal_than_the_catalogue_says(demo, served: harness.Server) -> None:
    """Raw columns that reach an attribute as they are make it as personal as they are."""
    levels = {a["attribute"]: a["level"] for a in catalogue.read(harness.ROOT / catalogue.SEED)}
    found = served.query(
        "select column_name, level from marketing_quality.pii_inventory "
        "where relation = 'customer_360' and treatment = 'none' and column_name <> 'customer_id'"
    )
    assert found
    assert [(name, level) for name, level in found if level > levels[name]] == []


def test_the_scorecard_has_the_goal_and_the_coverage_of_each_attribute(demo, served: harness.Server) -> None:
    assert served.query(
        "select success, severity from marketing_quality.quality_scorecard "
        "where relation = 'attribute_coverage' and kwargs like '%mean_coverage%'"
    ) == [(True, "warning")]
    coverage = dict(served.query("select attribute, coverage from marketing.attribute_coverage"))
    scored = served.query(
        "select column_name, score, success, element_count - unexpected_count, element_count, message "
        "from marketing_quality.quality_scorecard where relation = 'customer_360' and severity = 'info'"
    )
    assert len(scored) == len(coverage) and {name for name, *_ in scored} == set(coverage)
    for name, score, success, filled, customers, message in scored:
        assert score == pytest.approx(coverage[name], rel=1e-9) == filled / customers
        assert success == (filled >= 0.95 * customers)
        assert message.startswith(
            f"customer_360: expect_column_values_to_not_be_null({name}): {customers - filled:,} of "
        )
    assert 0 < sum(not success for _, _, success, *_ in scored) < len(scored)
