"""The journey and merchandising marts on the demo, against what was planted there and against pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import harness
from intervals import wilson


def table(server: harness.Server, name: str, columns: str, where: str = "true") -> pd.DataFrame:
    return pd.DataFrame(server.query(f"select {columns} from {name} where {where}"), columns=columns.split(", "))


def planted_rate(server: harness.Server, step: str) -> float:
    return server.query(f"select rate from demo_truth.funnel_rates where step = '{step}'")[0][0]


def visits(server: harness.Server, step: str, where: str) -> int:
    return server.query(
        f"""select sum(touchpoints) from marketing.conversion_funnel
        where funnel = 'behaviour' and step = '{step}' and {where}"""
    )[0][0]


@pytest.mark.parametrize(
    "step, before, where",
    [
        # Prospects do not follow the planted rates; visits of nobody known are planted as views without a cart.
        ("cart", "view", "segment_name <> 'Prospects'"),
        # A cart under a customer number that is an orphan can find no order.
        ("order", "cart", "segment_name not in ('Prospects', 'not profiled')"),
    ],
)
def test_planted_rates_of_visits_come_back(demo, served: harness.Server, step, before, where) -> None:
    """As does cart abandonment, which is one less the rate from cart to order."""
    came, started = visits(served, step, where), visits(served, before, where)
    low, high = wilson(came, started)
    assert started > 40_000 and low <= planted_rate(served, step) <= high


def test_the_planted_rate_of_payment_comes_back(demo, served: harness.Server) -> None:
    """Over the orders that may fail: those between the first and the last of a customer."""
    paid, orders = served.query(
        """select sum(int(v.is_paid)), count(*)
        from marketing_build.int_order_visits v
        join demo_truth.order_truth o on o.order_id = v.order_id
        join demo_truth.customer_truth c on c.customer_id = o.customer_id
        where o.kind = 'base' and o.order_no % 1000 between 2 and c.order_count - 1"""
    )[0]
    low, high = wilson(paid, orders)
    assert orders > 10_000 and low <= planted_rate(served, "pay") <= high


def test_as_many_customers_come_back_as_planted(demo, served: harness.Server) -> None:
    repeated, buyers = served.query(
        "select sum(int(frequency > 1)), count(*) from marketing.customer_rfm where frequency > 0"
    )[0]
    truth = served.query(
        """select avg(int(orders > 1)) from (
            select count(*) as orders from demo_truth.order_truth where status <> 'cancelled' group by customer_id)"""
    )[0][0]
    low, high = wilson(repeated, buyers)
    assert low <= truth <= high


def test_impressions_and_clicks_of_the_funnel_are_those_of_the_campaigns(demo, served: harness.Server) -> None:
    funnel = dict(
        served.query(
            "select step, sum(touchpoints) from marketing.conversion_funnel where funnel = 'advertising' group by step"
        )
    )
    campaigns = served.query(
        "select sum(impressions), sum(clicks), sum(conversions) from marketing.campaign_performance"
    )[0]
    assert (funnel["impression"], funnel["click"], funnel["conversion"]) == campaigns


def test_cohorts_equal_pandas(demo, served: harness.Server) -> None:
    orders = table(
        served, "marketing.fct_orders", "customer_id, order_date", "not is_cancelled and customer_id is not null"
    )
    months = pd.PeriodIndex(pd.to_datetime(orders["order_date"]), freq="M")
    orders["month"] = months.year * 12 + months.month
    orders["cohort"] = orders.groupby("customer_id")["month"].transform("min")
    expected = orders.assign(number=orders["month"] - orders["cohort"]).groupby(["cohort", "number"])
    expected = expected["customer_id"].nunique()
    found = table(
        served, "marketing.cohort_retention", "cohort_month, month_number, cohort_customers, active_customers"
    )
    month = pd.PeriodIndex(pd.to_datetime(found["cohort_month"]), freq="M")
    found = found.assign(cohort=month.year * 12 + month.month).set_index(["cohort", "month_number"])
    assert len(expected) > 50 and set(expected.index) <= set(found.index)
    assert (found["active_customers"] == expected.reindex(found.index, fill_value=0)).all()
    sizes = expected.xs(0, level="number")
    assert (found["cohort_customers"] == found.index.get_level_values("cohort").map(sizes)).all()


def test_affinities_equal_pandas_and_find_the_planted_tastes(demo, served: harness.Server) -> None:
    lines = table(
        served,
        "marketing.fct_order_items i join marketing.fct_orders o on i.order_id = o.order_id",
        "i.order_id, i.product_id",
        "not o.is_cancelled and i.quantity > 0",
    ).drop_duplicates()
    lines.columns = ["order_id", "product_id"]
    baskets = pd.crosstab(lines["order_id"], lines["product_id"]).astype(int)
    together = pd.DataFrame(baskets.T.to_numpy() @ baskets.to_numpy(), baskets.columns, baskets.columns)
    least = max(5, 0.0001 * len(baskets))
    found = table(
        served, "marketing.basket_affinities",
        "product_id, neighbour_id, baskets_together, product_baskets, all_baskets, support, confidence, lift",
    )  # fmt: skip
    counts = together.to_numpy().copy()
    np.fill_diagonal(counts, 0)
    assert len(found) == (counts >= least).sum() > 1_000
    assert (found["all_baskets"] == len(baskets)).all()
    of = {product: n for n, product in enumerate(together.columns)}
    one, other = found["product_id"].map(of), found["neighbour_id"].map(of)
    matrix, single = together.to_numpy(), np.diag(together.to_numpy())
    assert (found["baskets_together"] == matrix[one, other]).all()
    assert (found["product_baskets"] == single[one]).all()
    np.testing.assert_allclose(found["support"], matrix[one, other] / len(baskets))
    np.testing.assert_allclose(found["confidence"], matrix[one, other] / single[one])
    np.testing.assert_allclose(found["lift"], matrix[one, other] * len(baskets) / (single[one] * single[other]))
    taste = dict(served.query("select product_id, taste_group from demo_truth.product_truth"))
    strongest = found.nlargest(200, "lift")
    same = strongest["product_id"].map(taste) == strongest["neighbour_id"].map(taste)
    assert same.mean() > 0.8  # one in six by chance


def test_daily_sales_add_up_to_the_order_lines(demo, served: harness.Server) -> None:
    by_day = "select {0}, sum({1}quantity), sum({1}gross_amount), sum({1}net_amount) from {2} group by 1 order by 1"
    expected = served.query(
        by_day.format("o.order_date", "i.", "marketing.fct_order_items i join marketing.fct_orders o using (order_id)"
                      " where not o.is_cancelled")
    )  # fmt: skip
    found = served.query(by_day.format("sales_date", "", "marketing.daily_sales"))
    assert len(found) > 300 and found == expected
    assert served.query("select sum(net_amount) from marketing.daily_sales") == served.query(
        "select sum(net_amount) from marketing.fct_orders where not is_cancelled"
    )


def test_stock_alerts_equal_pandas_and_find_what_was_planted(demo, served: harness.Server) -> None:
    found = table(
        served, "marketing.stock_alerts",
        "store_id, product_id, alert, days_of_cover, mean_daily_sales, on_hand, stock_date, as_of_date",
    )  # fmt: skip
    as_of = pd.Timestamp(found["as_of_date"][0])
    counts = table(served, "marketing_staging.stg_shop__inventory", "store_id, product_id, stock_date, on_hand")
    counts = counts.sort_values("stock_date").groupby(["store_id", "product_id"]).last()
    sales = table(served, "marketing.daily_sales", "sales_date, store_id, product_id, quantity")
    sales = sales[pd.to_datetime(sales["sales_date"]) > as_of - pd.Timedelta(days=28)]
    units = sales["quantity"].astype(float).groupby([sales["store_id"], sales["product_id"]]).sum().clip(lower=0)
    by_product, by_store = units.groupby("product_id").sum(), units.groupby("store_id").sum()
    found = found.set_index(["store_id", "product_id"])
    assert set(found.index) == set(counts.index) and len(found) > 1_000
    stock = counts["on_hand"].astype(float).reindex(found.index)
    product = found.index.get_level_values("product_id").map(by_product).fillna(0).to_numpy()
    store = found.index.get_level_values("store_id").map(by_store).fillna(0).to_numpy()
    expected = product * store / by_store.sum()
    daily = expected * (units.reindex(found.index, fill_value=0) + 5) / (expected + 5) / 28
    np.testing.assert_allclose(found["mean_daily_sales"], daily)
    cover = stock.clip(lower=0) / daily.where(daily > 0)
    np.testing.assert_allclose(found["days_of_cover"].astype(float), cover)
    median_stock = stock.groupby("store_id").transform("median")
    stocked = found.index.get_level_values("product_id").unique()
    slow = product <= 0.2 * by_product.reindex(stocked, fill_value=0).median()
    alert = np.select(
        [stock <= 0, (stock > 2 * median_stock) & ~(cover <= 180), slow, cover < 14],
        ["out of stock", "overstock", "slow mover", "low cover"],
        "ok",
    )
    assert (found["alert"] == alert).all()

    planted = table(served, "demo_truth.product_truth", "product_id, is_slow_moving, is_out_of_stock")
    planted = planted.set_index("product_id").reindex(found.index.get_level_values("product_id"))
    counted = pd.to_datetime(found["stock_date"]).to_numpy() == pd.to_datetime(found["stock_date"]).max()
    gone = planted["is_out_of_stock"].to_numpy() & counted
    assert gone.sum() > 100 and (found["alert"][gone] == "out of stock").all()
    hoarded = planted["is_slow_moving"].to_numpy() & ~gone
    assert hoarded.sum() > 100 and found["alert"][hoarded].isin(["overstock", "slow mover"]).mean() > 0.95


def test_the_audience_of_stores_is_what_a_search_of_all_pairs_finds(demo, served: harness.Server) -> None:
    stores = table(served, "marketing.dim_stores", "store_id, latitude, longitude", "latitude is not null")
    people = table(served, "marketing_build.int_customer_positions", "customer_id, latitude, longitude")
    one, other = (np.radians(x[["latitude", "longitude"]].to_numpy(float)) for x in (stores, people))
    across = (
        np.sin((other[None, :, 0] - one[:, None, 0]) / 2) ** 2
        + np.cos(one[:, None, 0]) * np.cos(other[None, :, 0]) * np.sin((other[None, :, 1] - one[:, None, 1]) / 2) ** 2
    )
    distance = 2 * 6371.0088 * np.arcsin(np.sqrt(across))
    near = {
        (stores["store_id"][s], people["customer_id"][c]): distance[s, c]
        for s, c in zip(*np.nonzero(distance < 3.005), strict=True)
    }
    found = table(served, "marketing.store_audience", "store_id, customer_id, distance_km, is_nearest_store")
    pairs = list(zip(found["store_id"], found["customer_id"], strict=True))
    assert len(pairs) > 100 and set(pairs) <= set(near)
    assert all(near[pair] > 2.994 for pair in set(near) - set(pairs))
    assert np.abs(found["distance_km"] - [near[pair] for pair in pairs]).max() < 0.006
    nearest = found[found["is_nearest_store"]].set_index("customer_id")["distance_km"]
    assert (nearest == found.groupby("customer_id")["distance_km"].min().reindex(nearest.index)).all()
    assert set(nearest.index) == set(found["customer_id"])
