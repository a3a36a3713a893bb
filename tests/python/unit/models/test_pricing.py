"""Elasticities and prices: planted ones are found, other ways to compute them agree, and no price is made up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import PoissonRegressor

from decision_parts.prices import CATEGORIES, RATIO_SHARES, RATIOS, best_profit, profit, simulate, tally, within
from precision_marketing.models import elasticities
from precision_marketing.models.elasticities import SALES_COLUMNS, fit_elasticities
from precision_marketing.models.pricing import recommend_prices

SEEDS = range(6)


@pytest.fixture(scope="module")
def shops():
    made = [simulate(seed) for seed in SEEDS]
    return [(shop, fit_elasticities(shop.sales)) for shop in made]


def small_shop(seed: int = 0, **kwargs):
    return simulate(seed, products=36, weeks=52, lines=12_000, **kwargs)


def costs(shop) -> pd.DataFrame:
    return shop.products[["product_id", "unit_cost"]]


# Elasticities ----------------------------------------------------------------------------------------


def test_planted_elasticities_are_inside_their_intervals(shops) -> None:
    """benchmarks/decision_parts/prices.py has the figures of 40 shops; here chance may take a few from 95%."""
    categories = [tally(learned.categories, shop) for shop, learned in shops]
    assert 0.88 < np.mean([own.covered for own in categories]) <= 1
    assert abs(np.mean([own.error for own in categories])) < 0.05
    products = [within(learned.products, shop.products["elasticity"]).mean() for shop, learned in shops]
    assert 0.91 < np.mean(products) < 0.99
    own = [(learned.products["own_elasticity"] - shop.products["elasticity"]) / learned.products["own_standard_error"]
           for shop, learned in shops]  # fmt: skip
    assert 0.93 < (np.abs(np.concatenate(own)) < 1.96).mean() < 0.97, "standard errors before shrinkage"


def test_shrunk_elasticities_are_nearer_the_truth_than_own_and_category_ones(shops) -> None:
    errors = []
    for shop, learned in shops:
        truth = shop.products["elasticity"].to_numpy()
        category = learned.products["category"].map(learned.categories.set_index("category")["elasticity"])
        candidates = (learned.products["elasticity"], learned.products["own_elasticity"], category)
        errors.append([np.sqrt(np.mean((found.to_numpy() - truth) ** 2)) for found in candidates])
    shrunk, own, category = np.mean(errors, axis=0)
    assert shrunk < 0.4 * own and shrunk < category


def test_spreads_are_found(shops) -> None:
    spreads = pd.concat([learned.overall for _, learned in shops])
    assert spreads["product_spread"].mean() == pytest.approx(0.2, abs=0.07)
    assert spreads["category_spread"].mean() == pytest.approx(np.std(list(CATEGORIES.values()), ddof=1), abs=0.15)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # scikit-learn's first steps overshoot
def test_own_elasticities_are_those_of_a_poisson_regression() -> None:
    """With many units the prior has no say, so scikit-learn's fit with all the effects as columns agrees."""
    rng = np.random.default_rng(3)
    n, t = 6, 30
    log_price = np.log(rng.choice([1.0, 0.9, 0.8], (n, t)))
    mean = np.exp(9 + rng.standard_normal((n, 1)) + 0.3 * rng.standard_normal(t) - 1.5 * log_price)
    row, week = np.divmod(np.arange(n * t), t)
    sales = pd.DataFrame({
        "product_id": row, "category": "all", "week": week, "price": 5 * np.exp(log_price).ravel(),
        "units": rng.poisson(mean).ravel(), "stocked_share": None,
    })  # fmt: skip
    found = fit_elasticities(sales).products["own_elasticity"]
    columns = np.column_stack([np.eye(n)[row], np.eye(t)[week][:, 1:], np.eye(n)[row] * log_price.ravel()[:, None]])
    usual = PoissonRegressor(alpha=0, fit_intercept=False, solver="newton-cholesky", tol=1e-10, max_iter=500)
    assert found.to_numpy() == pytest.approx(usual.fit(columns, sales["units"]).coef_[-n:], abs=0.005)


def test_weeks_out_of_stock_do_not_count_as_weak_demand() -> None:
    shop = simulate(1, stock_outs=True)
    seen = tally(fit_elasticities(shop.sales).categories, shop)
    blind = tally(fit_elasticities(shop.sales.assign(stocked_share=np.nan)).categories, shop)
    assert abs(seen.error.mean()) < 0.15 and seen.covered.mean() > 0.7
    assert blind.error.mean() > 0.6 and blind.covered.mean() < 0.2


def test_what_is_counted_without_stock_has_no_effect() -> None:
    sales = small_shop(1, stock_outs=True).sales
    changed = sales.assign(units=sales["units"].where(sales["stocked_share"] > 0, 99))
    pd.testing.assert_frame_equal(fit_elasticities(changed).products, fit_elasticities(sales).products)


def test_prices_that_follow_demand_are_noticed_and_no_price_is_recommended() -> None:
    shop = simulate(1, fed_by_demand=0.5, shock=0.3)
    learned = fit_elasticities(shop.sales)
    assert tally(learned.categories, shop).error.mean() > 0.2, "the bias is there"
    assert learned.follows_demand[1] < 1e-6
    found = recommend_prices(learned, costs(shop))
    assert found["recommended_price"].isna().all()
    assert found["reason"].str.contains("past prices followed sales").all()


def seen_in_sales(sales: pd.DataFrame) -> pd.DataFrame:
    """The sales with the price of the last sale in weeks without one, and without the weeks up to the first sale."""
    sold = sales["units"] > 0
    first = sales["week"].where(sold).groupby(sales["product_id"]).transform("min")
    price = sales["price"].where(sold).groupby(sales["product_id"]).ffill()
    return sales.assign(price=price)[sales["week"] > first]


def test_prices_seen_in_too_few_sales_support_none() -> None:
    shop = simulate(0, products=48, weeks=52, lines=500)
    every, seen = fit_elasticities(shop.sales), fit_elasticities(seen_in_sales(shop.sales))
    assert seen.overall["elasticity"][0] > every.overall["elasticity"][0] + 0.5, "the bias is there"
    assert every.categories["unseen_share"].mean() < 0.15 < 0.25 < seen.categories["unseen_share"].mean()
    found = recommend_prices(seen, costs(shop))
    is_told = found["reason"].str.contains("seen in sales only, too few")
    assert found["recommended_price"].isna().all() and is_told.mean() > 0.5


def test_the_unseen_share_counts_the_weeks_before_a_sale_at_another_price() -> None:
    sales = pd.DataFrame({
        "product_id": "a", "category": "x", "week": range(8), "price": [5.0, 5, 5, 4, 4, 4, 4, 4],
        "units": [1, 0, 0, 2, 0, 3, 0, 0], "stocked_share": None,
    })  # fmt: skip
    learned = fit_elasticities(sales)
    assert learned.products["unseen_share"].tolist() == [2 / 8] == learned.categories["unseen_share"].tolist()


def test_sales_that_do_not_surely_fall_support_no_price(shops) -> None:
    shop, learned = shops[0]
    unsure = {"elasticity": -0.5, "elasticity_low": -1.3, "elasticity_high": 0.3, "standard_error": 0.4}
    category = learned.products["category"].iloc[0]
    own = learned.products["category"] == category
    doubted = learned._replace(
        products=learned.products.assign(**{name: learned.products[name].mask(own, x) for name, x in unsure.items()}),
        categories=learned.categories.assign(
            elasticity_high=learned.categories["elasticity_high"].mask(learned.categories["category"] == category, 0.3)
        ),
    )
    found, before = recommend_prices(doubted, costs(shop)), recommend_prices(learned, costs(shop))
    assert found.loc[own, "recommended_price"].isna().all() and before.loc[own, "recommended_price"].notna().any()
    assert found.loc[own, "reason"].str.contains("do not surely fall").all()
    pd.testing.assert_frame_equal(found[~own], before[~own])


def test_a_category_that_cannot_be_fitted_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = small_shop(2).sales
    shop = shop.assign(category=np.where(shop["category"].isin(list(CATEGORIES)[:6]), "first", "second"))
    fit = elasticities._fit_panel
    first = lambda panel, *rest: fit(panel, *rest) if 0 in panel.products else None  # noqa: E731
    monkeypatch.setattr(elasticities, "_fit_panel", first)
    learned = fit_elasticities(shop)
    lost = learned.products["category"] == learned.products.loc[~learned.products["is_fitted"], "category"].iloc[0]
    assert (learned.products["is_fitted"] == ~lost).all() and 0 < lost.mean() < 1
    found = recommend_prices(learned, learned.products[["product_id"]].assign(unit_cost=1.0))
    assert found.loc[lost, "reason"].str.contains("could not be fitted").all()
    assert not found.loc[~lost, "reason"].str.contains("could not be fitted").any()


def test_prices_by_lot_are_not_suspected(shops) -> None:
    p_values = [learned.follows_demand[1] for _, learned in shops]
    assert min(p_values) > 0.001 and max(p_values) > 0.2


def test_the_season_of_a_category_is_no_elasticity() -> None:
    """A category whose price falls in the season in which it sells: week effects of all products would mistake that."""
    shop = small_shop(4, spread=0.0, shock=0.0)
    wave = 1 + 0.8 * np.sin(np.arange(52) / 52 * 2 * np.pi)
    one = shop.sales["category"].isin(["books", "pets"])
    rng = np.random.default_rng(0)
    factor = wave[shop.sales["week"]]
    sales = shop.sales.assign(
        category=np.where(one, "seasonal", "other"),
        price=np.where(one, shop.sales["price"] * factor**-0.3, shop.sales["price"]),
        units=np.where(one, rng.poisson(shop.sales["units"] * factor), shop.sales["units"]),
    )
    found = fit_elasticities(sales).categories.set_index("category")["elasticity"]
    assert found["seasonal"] == pytest.approx(-1.25, abs=0.45)


def promoted_together(seed: int, share: float):
    """A shop whose categories are promoted as one in this share of the months, with demand shocks of the category."""
    shop, rng = simulate(seed), np.random.default_rng(seed)
    products, weeks, months = len(shop.products), 78, 18
    category, month = pd.factorize(shop.products["category"])[0], np.arange(weeks) * 7 * 12 // 366
    is_common = rng.random((products, months)) < share
    common, own = (rng.choice(RATIOS, (rows, months), p=RATIO_SHARES) for rows in (len(CATEGORIES), products))
    ratio = np.where(is_common, common[category], own)[:, month]
    shock = np.exp(0.2 * rng.standard_normal((len(CATEGORIES), months)))[category][:, month]
    usual, slope = shop.products[["weekly_units", "elasticity"]].to_numpy().T[:, :, None]
    units = rng.poisson(usual * shock * ratio**slope).ravel()
    return shop, shop.sales.assign(price=(50 * ratio).ravel(), units=units)


def test_what_products_have_in_common_makes_a_category_less_sure() -> None:
    found = []
    for seed in range(4):
        shop, sales = promoted_together(seed, 0.9)
        learned = fit_elasticities(sales)
        found.append((tally(learned.categories, shop).covered.mean(), learned.categories["standard_error"].mean()))
    covered, error = np.mean(found, axis=0)
    assert covered > 0.9 and error > 0.15


def test_where_a_categorys_prices_move_as_one_there_is_no_elasticity() -> None:
    shop, sales = promoted_together(0, 1.0)
    learned = fit_elasticities(sales)
    assert learned.products["elasticity"].isna().all() and learned.categories["elasticity"].isna().all()
    found = recommend_prices(learned, costs(shop))
    assert found["recommended_price"].isna().all()
    assert set(found["reason"]) == {"no recommendation: no price tells demand apart from the season"}


def test_a_product_that_sold_only_while_cheap_has_a_finite_elasticity() -> None:
    shop = small_shop(1)
    first = shop.sales["product_id"] == "P00001"
    cheap = shop.sales["price"] < shop.sales.loc[first, "price"].max()
    units = np.where(first, np.where(cheap, 3, 0), shop.sales["units"])
    found = fit_elasticities(shop.sales.assign(units=units)).products.set_index("product_id")
    assert np.isfinite(found.loc["P00001", ["elasticity", "standard_error"]].astype(float)).all()
    assert -6 < found.loc["P00001", "elasticity"] < found["elasticity"].drop("P00001").median()


def test_what_never_changed_its_price_has_its_categorys_elasticity_and_no_price() -> None:
    shop = small_shop(2)
    sales = shop.sales.copy()
    still = sales["product_id"].isin(["P00001", "P00002"])
    sales.loc[still, "price"] = 10.0
    learned = fit_elasticities(sales)
    products = learned.products.set_index("product_id")
    categories = learned.categories.set_index("category")
    for name in ("P00001", "P00002"):
        own, category = products.loc[name], categories.loc[products.loc[name, "category"]]
        assert own["elasticity"] == pytest.approx(category["elasticity"])
        assert own["standard_error"] > category["standard_error"] and np.isnan(own["own_elasticity"])
    found = recommend_prices(learned, costs(shop)).set_index("product_id")
    assert found.loc[["P00001", "P00002"], "recommended_price"].isna().all()
    assert found.loc["P00001", "reason"].startswith("no recommendation: the price never varied")


def test_an_elasticity_lies_between_its_own_and_its_category(shops) -> None:
    _, learned = shops[0]
    products = learned.products
    category = products["category"].map(learned.categories.set_index("category")["elasticity"])
    low, high = np.minimum(products["own_elasticity"], category), np.maximum(products["own_elasticity"], category)
    # The weights are averaged over spreads, which may move the sum by a little.
    assert products["elasticity"].between(low - 0.05, high + 0.05).all()
    assert products["own_weight"].between(0, 1).all()
    assert (products["standard_error"] < products["own_standard_error"]).all()


def test_neither_currency_nor_order_nor_kind_of_week_matters() -> None:
    shop = small_shop(3)
    expected = fit_elasticities(shop.sales).products
    changed = shop.sales.sample(frac=1, random_state=1).assign(
        price=lambda rows: rows["price"] * 7,
        week=lambda rows: pd.Timestamp("2024-01-01") + 7 * pd.to_timedelta(rows["week"], "D"),
    )
    found = fit_elasticities(changed).products
    columns = ["product_id", "elasticity", "standard_error", "weekly_units", "price_changes"]
    pd.testing.assert_frame_equal(found[columns], expected[columns], rtol=1e-4)


def test_longer_lasting_shocks_make_it_less_sure() -> None:
    calm, rough = (fit_elasticities(small_shop(5, shock=shock).sales) for shock in (0.0, 0.5))
    assert rough.dispersion > 1.5 * calm.dispersion > 1.5
    errors = [learned.products["own_standard_error"].median() for learned in (calm, rough)]
    assert errors[1] > 1.3 * errors[0]


# Prices ----------------------------------------------------------------------------------------------


def test_recommended_prices_earn_nearly_the_best_possible(shops) -> None:
    for shop, learned in shops:
        truth, now = shop.products, shop.products["current_price"].to_numpy()
        found = recommend_prices(learned, costs(shop))
        ours = found["recommended_price"].fillna(found["current_price"]).to_numpy()
        best = best_profit(truth)
        assert profit(truth, ours).sum() > 0.98 * best
        assert profit(truth, ours).sum() > profit(truth, now * 1.1).sum() > profit(truth, now).sum()
        gain = profit(truth, ours) - profit(truth, now)
        assert gain.sum() == pytest.approx(found["expected_profit_change"].sum(), rel=0.15)


def test_intervals_of_the_change_in_profit_hold_it(shops) -> None:
    held, losing = [], []
    for shop, learned in shops:
        found = recommend_prices(learned, costs(shop))
        advised = found["recommended_price"].notna().to_numpy()
        gain = profit(shop.products, found["recommended_price"].to_numpy()) - profit(
            shop.products, shop.products["current_price"].to_numpy()
        )
        held += [*((found["profit_change_low"] <= gain) & (gain <= found["profit_change_high"]))[advised]]
        losing += [*(gain[advised] < 0)]
    assert 0.9 < np.mean(held) < 0.99 and np.mean(losing) < 0.03


@pytest.mark.parametrize("seed", range(4))
def test_a_price_keeps_to_bounds_floor_and_step_and_no_other_is_expected_to_earn_more(seed: int, shops) -> None:
    shop, learned = shops[seed]
    rng = np.random.default_rng(seed)
    change, floor, step = rng.uniform(0.03, 0.3), rng.uniform(0, 0.8), rng.choice([0.01, 0.1, 0.5])
    cost = shop.products["unit_cost"] * rng.uniform(0.2, 1.6, len(shop.products))
    products = costs(shop).assign(unit_cost=cost)
    found = recommend_prices(learned, products, largest_change=change, margin_floor=floor, price_step=step)
    assert found["product_id"].tolist() == products["product_id"].tolist()
    given = found["recommended_price"].notna()
    assert 20 < given.sum() < 300
    money = found[["expected_profit_change", "profit_change_low", "profit_change_high"]]
    assert (money.notna().all(axis=1) == given).all() and (money.isna().all(axis=1) == ~given).all()
    rows, cost = found[given], cost[given]
    assert (rows["recommended_price"] / rows["current_price"] - 1).abs().max() <= change + 1e-9
    assert (rows["recommended_price"] >= cost * (1 + floor) - 1e-6).all()
    steps = rows["recommended_price"].to_numpy() / step
    assert steps == pytest.approx(np.round(steps), abs=1e-6)
    assert (rows["profit_change_low"] >= 0).all()
    assert (rows["expected_profit_change"].between(rows["profit_change_low"], rows["profit_change_high"])).all()
    assert found["reason"].str.startswith("no recommendation").eq(~given).all()
    # By quadrature: the expected change at the price, and at others that may be chosen too.
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    own = learned.products[given.to_numpy()]
    slopes = own["elasticity"].to_numpy()[:, None] + own["standard_error"].to_numpy()[:, None] * nodes

    def expected(price: pd.Series) -> np.ndarray:
        factor = (price / rows["current_price"]).to_numpy()[:, None] ** slopes @ weights / weights.sum()
        return own["weekly_units"] * ((price - cost) * factor - (rows["current_price"] - cost))

    money = rows["expected_profit_change"].to_numpy()
    assert expected(rows["recommended_price"]).to_numpy() == pytest.approx(money, rel=1e-6)
    toward = rows["current_price"] + (rows["recommended_price"] - rows["current_price"]) * 0.5
    allowed = toward >= cost * (1 + floor)
    assert (expected(toward) < rows["expected_profit_change"] * 1.03)[allowed].all()


def test_each_reason_is_named() -> None:
    shop = small_shop(6)
    sales = shop.sales.copy()
    sales.loc[sales["product_id"] == "P00003", "units"] = 0
    sales = sales[(sales["product_id"] != "P00004") | (sales["week"] > 44)]
    products = costs(shop)
    products.loc[0, "unit_cost"] = np.nan
    products.loc[1, "unit_cost"] = 1e6
    unknown = pd.DataFrame({"product_id": ["new", "odd"], "unit_cost": 1.0, "category": ["books", "unheard of"]})
    learned = fit_elasticities(sales)
    found = recommend_prices(learned, pd.concat([products, unknown], ignore_index=True)).set_index("product_id")
    reasons = found["reason"].str.removeprefix("no recommendation: ")
    assert reasons["P00001"] == "the unit cost is unknown"
    assert reasons["P00002"] == "no price within the bounds keeps the margin floor"
    assert reasons["P00003"] == reasons["new"] == "the product has no sales"
    assert reasons["P00004"] == "fewer than 12 weeks in stock"
    assert found.loc[["P00001", "P00002", "P00003", "P00004", "new"], "recommended_price"].isna().all()
    books = learned.categories.set_index("category").loc["books"]
    assert found.loc["new", "elasticity"] == pytest.approx(books["elasticity"])
    assert found.loc["odd", "elasticity"] == pytest.approx(learned.overall["elasticity"][0])


def test_lost_units_that_stay_in_the_shop_make_rises_worth_more(shops) -> None:
    shop, learned = shops[0]
    alone, half = (recommend_prices(learned, costs(shop), diversion=share) for share in (0.0, 0.5))
    rise = (alone["recommended_price"] > alone["current_price"]) & half["recommended_price"].notna()
    assert rise.sum() > 50
    assert (half["expected_profit_change"] > alone["expected_profit_change"])[rise].all()


def test_a_price_given_today_replaces_the_last_one() -> None:
    shop = small_shop(7)
    learned = fit_elasticities(shop.sales)
    dearer = costs(shop).assign(current_price=shop.products["current_price"] * 1.1)
    found = recommend_prices(learned, dearer)
    assert found["current_price"].to_numpy() == pytest.approx(dearer["current_price"])
    given = found[found["recommended_price"].notna()]
    assert len(given) and (given["recommended_price"] <= 1.15 * given["current_price"] + 1e-9).all()


# Little and wrong input ------------------------------------------------------------------------------


def rows(*values) -> pd.DataFrame:
    return pd.DataFrame(values, columns=list(SALES_COLUMNS))


@pytest.mark.parametrize(
    "sales",
    [
        rows(),
        rows(("a", "x", 1, 5.0, 3, None)),
        rows(("a", "x", 1, 5.0, 0, 1.0), ("a", "x", 2, 4.0, 0, 1.0)),
        rows(*(("a", "x", week, 5.0 - week % 2, week % 3, None) for week in range(30))),
        rows(*(("a", "x", week, 5.0 - week % 2, 3, 0.0) for week in range(30))),
        rows(*((name, "x", week, 5.0, week % 3, None) for name in "ab" for week in range(30))),
    ],
    ids=["nothing", "one row", "no units", "one product", "never in stock", "no price varied"],
)
def test_too_little_to_learn_from_recommends_nothing(sales: pd.DataFrame) -> None:
    learned = fit_elasticities(sales)
    assert learned.products["elasticity"].isna().all()
    products = pd.DataFrame({"product_id": sales["product_id"].unique(), "unit_cost": 1.0})
    found = recommend_prices(learned, products)
    assert len(found) == len(products) and found["recommended_price"].isna().all()
    assert all(reason.startswith("no recommendation: ") for reason in found["reason"])


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("product_id", None, "product_id is missing in 1 rows"),
        ("category", None, "category is missing in 1 rows"),
        ("week", None, "week is missing in 1 rows"),
        ("price", 0.0, "price must be a positive number"),
        ("price", None, "carry the last price"),
        ("price", np.inf, "price must be a positive number"),
        ("units", -1, "units must be a number that is not negative"),
        ("units", np.nan, "units must be a number that is not negative"),
        ("units", "many", "units must be a number that is not negative"),
        ("stocked_share", 1.5, "stocked_share must be between 0 and 1"),
        ("week", 2, "product_id and week come twice: a, 2"),
        ("category", "y", "product_id has several values of category: a"),
    ],
)
def test_wrong_sales_are_refused_by_name(column: str, value: object, message: str) -> None:
    sales = rows(("a", "x", 1, 5.0, 3, None), ("a", "x", 2, 4.0, 4, 1.0)).astype(object)
    sales.loc[0, column] = value
    with pytest.raises(ValueError, match=message):
        fit_elasticities(sales)


def test_sales_without_weeks_that_sold_nothing_are_refused() -> None:
    shop = small_shop(0)
    with pytest.raises(ValueError, match="units are never 0, where about [0-9]+ weeks without a sale are expected"):
        fit_elasticities(shop.sales[shop.sales["units"] > 0])
    with pytest.raises(ValueError, match="columns of the sales are absent: stocked_share"):
        fit_elasticities(shop.sales.drop(columns="stocked_share"))


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        ({"unit_cost": -1.0}, {}, "unit_cost must not be negative"),
        ({"unit_cost": np.inf}, {}, "unit_cost must not be negative or infinite"),
        ({"current_price": 0.0}, {}, "current_price must be a positive number"),
        ({"product_id": "P00001"}, {}, "product_id of the products is missing or comes twice"),
        ({}, {"largest_change": 1.0}, "largest_change must lie between 0 and 1, not 1.0"),
        ({}, {"margin_floor": -0.1}, "margin_floor must not be negative"),
        ({}, {"price_step": 0.0}, "price_step be positive"),
        ({}, {"diversion": 2.0}, "diversion must be 0 to 1, not 2.0"),
    ],
)
def test_wrong_products_and_settings_are_refused(change, settings, message, shops) -> None:
    shop, learned = shops[0]
    with pytest.raises(ValueError, match=message):
        recommend_prices(learned, costs(shop).assign(**change), **settings)


def test_weeks_that_no_product_tells_apart_are_no_obstacle() -> None:
    """Products of one half of the year and of the other: which half sold more by its weeks, nobody can say."""
    rng = np.random.default_rng(3)
    rows = []
    for product in range(40):
        first = 0 if product % 2 else 26
        for week in range(first, first + 26):
            price = float(rng.choice([8.0, 10.0, 12.0]))
            rows.append((f"p{product}", "a", week, price, rng.poisson(20 * (price / 10) ** -1.5), 1.0))
    columns = ["product_id", "category", "week", "price", "units", "stocked_share"]
    found = fit_elasticities(pd.DataFrame(rows, columns=columns))
    assert found.products["elasticity"].between(-1.9, -1.1).all()
