"""Elasticities, prices and off-peak offers on simulated shops whose demand is known.

The shop is that of the demo data: 300 products in twelve categories with planted elasticities, a price for each month
(100%, 90%, 80% or 70% of the list price), about 91,000 order lines in 78 weeks with a season, one to three units per
line, one product in twenty that hardly sells. What the demo has not is added: elasticities differ between products of a
category, and demand has shocks that last for months.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special, stats

from decision_parts.figure import Figure
from precision_marketing.models.elasticities import Elasticities, fit_elasticities
from precision_marketing.models.off_peak import off_peak
from precision_marketing.models.pricing import recommend_prices

CATEGORIES = {
    "beauty": -1.2, "womenswear": -2.2, "menswear": -2.0, "electronics": -2.6, "mother_baby": -0.8, "home": -1.6,
    "food": -1.0, "snacks": -1.8, "sports": -1.7, "health": -0.9, "books": -1.4, "pets": -1.1,
}  # fmt: skip
RATIOS, RATIO_SHARES = np.array([1.0, 0.9, 0.8, 0.7]), np.array([0.55, 0.20, 0.15, 0.10])
LIST_PRICES = np.array([28.0, 62.0, 150.0])
LINE_SHARES = np.array([0.80, 0.16, 0.04])  # lines of one, two and three units
UNITS_PER_LINE = LINE_SHARES @ [1, 2, 3]
DAYS_OUT = np.arange(7) / 7
TASTES, TASTE_FACTOR = 6, 16.0  # 3 for the category times 8 for the product, and between them
LARGEST_CHANGE, MARGIN_FLOOR = 0.15, 0.05
SEEDS = 40


class Shop(NamedTuple):
    """Sales as ``fit_elasticities`` takes them, and the truth per product: product_id, category, elasticity (its own),
    unit_cost, current_price and weekly_units (expected at that price in an average one of the last 13 weeks)."""

    sales: pd.DataFrame
    products: pd.DataFrame


def simulate(
    seed: int,
    products: int = 300,
    weeks: int = 78,
    lines: int = 91_000,
    *,
    spread: float = 0.2,
    shock: float = 0.15,
    fed_by_demand: float = 0.0,
    stock_outs: bool = False,
    choice: bool = False,
) -> Shop:
    """A shop with planted elasticities.

    spread: standard deviation of elasticities within a category. shock: that of the logarithm of monthly demand, half
    of which lasts into the next month. fed_by_demand: correlation of a price with the last month's shock (0: prices by
    lot). stock_outs: cheap weeks sell out, the cheaper the likelier, for some or all of the week's days. choice: as in
    the demo, the lines of a week are given, and customers of six tastes choose among the products.
    """
    rng = np.random.default_rng(seed)
    names = np.array(list(CATEGORIES))
    number = np.arange(products)
    category = names[number % len(names)]
    slope = np.array([CATEGORIES[name] for name in category]) + spread * rng.standard_normal(products)
    list_price = LIST_PRICES[number // len(names) % 3] * np.exp(0.15 * rng.standard_normal(products))
    cost = list_price * rng.uniform(0.45, 0.65, products)
    popularity = np.where(rng.random(products) < 0.05, 0.05, np.exp(0.5 * rng.standard_normal(products)))

    month = (np.arange(weeks) * 7 * 12 / 365.25).astype(int)
    shocks = rng.standard_normal((products, month[-1] + 2))
    for later in range(1, shocks.shape[1]):
        shocks[:, later] = 0.5 * shocks[:, later - 1] + np.sqrt(0.75) * shocks[:, later]
    lot = np.sqrt(1 - fed_by_demand**2) * rng.standard_normal((products, month[-1] + 1))
    rank = special.ndtr(lot - fed_by_demand * shocks[:, :-1])  # weak demand: a high rank, a low price
    ratio = RATIOS[np.searchsorted(RATIO_SHARES.cumsum(), rank).clip(max=3)][:, month]
    demand = np.exp(shock * shocks[:, 1:][:, month] - shock**2 / 2)
    season = 1 + 0.25 * np.cos(2 * np.pi * (np.arange(weeks) - 49) / 52.18)

    taste = np.ones((1, products))
    if choice:
        taste = np.where(number % TASTES == np.arange(TASTES)[:, None], TASTE_FACTOR, 1.0)
    attraction = popularity[:, None] * ratio ** slope[:, None]
    by_taste = taste[:, :, None] * attraction
    if choice:
        by_taste /= by_taste.sum(axis=1, keepdims=True)
    rate = by_taste.sum(axis=0) * season
    scale = lines / rate.sum()
    own_share = (by_taste**2).sum(axis=0)[:, -1] / by_taste.sum(axis=0)[:, -1] if choice else 0.0

    stocked = np.ones((products, weeks))
    if stock_outs:
        is_out = rng.random((products, weeks)) < 0.02 + 1.5 * (1 - ratio)
        stocked = np.where(is_out, rng.choice(DAYS_OUT, (products, weeks)), 1.0)
    counts = rng.poisson(rate * scale * demand * stocked)
    units = rng.multinomial(counts.ravel(), LINE_SHARES) @ [1, 2, 3]
    row, week = np.divmod(np.arange(products * weeks), weeks)
    product_id = np.array([f"P{own + 1:05d}" for own in number])
    sales = pd.DataFrame({
        "product_id": product_id[row], "category": category[row], "week": week,
        "price": np.round(list_price[:, None] * ratio, 2).ravel(), "units": units, "stocked_share": stocked.ravel(),
    })  # fmt: skip
    usual = by_taste[:, :, -1].sum(axis=0) * scale * season[-13:].mean() * UNITS_PER_LINE
    truth = pd.DataFrame({
        "product_id": product_id, "category": category, "elasticity": slope * (1 - own_share), "unit_cost": cost,
        "current_price": np.round(list_price * ratio[:, -1], 2), "weekly_units": usual,
    })  # fmt: skip
    return Shop(sales, truth)


def profit(truth: pd.DataFrame, price: np.ndarray) -> np.ndarray:
    """Weekly profit of each product (n,) or (n, prices) under the true demand, at a price changed by itself."""
    now, units, slope, cost = truth[["current_price", "weekly_units", "elasticity", "unit_cost"]].to_numpy(float).T
    return (units * (price.T / now) ** slope * (price.T - cost)).T


def best_profit(truth: pd.DataFrame) -> float:
    """The best weekly profit of all products within the bounds, knowing their demand."""
    now, cost = truth["current_price"].to_numpy(), truth["unit_cost"].to_numpy()
    steps = np.column_stack([now, now[:, None] * np.linspace(1 - LARGEST_CHANGE, 1 + LARGEST_CHANGE, 301)])
    allowed = steps >= (1 + MARGIN_FLOOR) * cost[:, None]
    allowed[:, 0] = True  # leaving a price alone is always allowed
    return float(np.where(allowed, profit(truth, steps), -np.inf).max(axis=1).sum())


def within(found: pd.DataFrame, truth: pd.Series) -> np.ndarray:
    """Whether the 95% intervals of elasticities hold the truth, in the same order."""
    return ((found["elasticity_low"] <= truth) & (truth <= found["elasticity_high"])).to_numpy()


def usual_regression(sales: pd.DataFrame) -> pd.DataFrame:
    """The baseline: per category, least squares of ln units on ln price with effects of products and weeks, weeks
    without a sale left out, errors as if weeks were independent. Columns as in ``Elasticities.categories``."""
    rows = []
    for name, own in sales[sales["units"] > 0].groupby("category"):
        values = np.log(own[["units", "price"]].to_numpy(float))
        for _ in range(50):  # sweeps out both effects
            for key in ("product_id", "week"):
                means = pd.DataFrame(values).groupby(own[key].to_numpy()).transform("mean")
                values = values - means.to_numpy()
        y, x = values.T
        slope = x @ y / (x @ x)
        freedom = len(own) - own["product_id"].nunique() - own["week"].nunique()
        error = np.sqrt(((y - slope * x) ** 2).sum() / freedom / (x @ x))
        rows.append((name, slope, slope - 1.96 * error, slope + 1.96 * error))
    return pd.DataFrame(rows, columns=["category", "elasticity", "elasticity_low", "elasticity_high"])


class Tally(NamedTuple):
    """Of the categories of one shop (12,): what is found less what is planted, and whether the interval holds it."""

    error: np.ndarray
    covered: np.ndarray


def tally(categories: pd.DataFrame, shop: Shop) -> Tally:
    """Categories against the planted means; where customers choose, against the mean of the products' own."""
    truth = categories["category"].map(CATEGORIES)
    return Tally((categories["elasticity"] - truth).to_numpy(), within(categories, truth))


def _mean_interval(values: np.ndarray, digits: int = 3) -> str:
    radius = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    low, high = np.mean(values) - radius, np.mean(values) + radius
    if np.min(values) >= 0 and np.max(values) <= 1:  # shares
        low, high = max(low, 0.0), min(high, 1.0)
    return f"{low:.{digits}f} to {high:.{digits}f}"


def _money(shop: Shop, learned: Elasticities) -> dict[str, float]:
    """Weekly profits as shares of the best possible, and how often intervals hold and recommendations lose."""
    truth = shop.products
    now = truth["current_price"].to_numpy()
    found = recommend_prices(learned, truth[["product_id", "unit_cost"]])
    advised = found["recommended_price"].notna().to_numpy()
    ours = np.where(advised, found["recommended_price"], now)
    gain = (profit(truth, ours) - profit(truth, now))[advised]
    held = (found["profit_change_low"][advised] <= gain) & (gain <= found["profit_change_high"][advised])
    best = best_profit(truth)
    return {
        "alone": profit(truth, now).sum() / best, "flat": profit(truth, now * 1.1).sum() / best,
        "ours": profit(truth, ours).sum() / best, "advised": advised.mean(),
        "losing": (gain < 0).mean() if len(gain) else 0.0, "held": held.mean() if len(gain) else np.nan,
    }  # fmt: skip


def simulate_hours(seed: int, weeks: int = 52, orders: int = 740) -> tuple[pd.DataFrame, pd.Series]:
    """Orders per date and hour, 8:00 to midnight, and the true level of each (weekday, hour): shocks per week and day,
    orders of a week on average, and hours that are 0.5 to 1.5 times as busy as the mean."""
    rng = np.random.default_rng(seed)
    cells = pd.MultiIndex.from_product([range(7), range(8, 24)], names=["weekday", "hour"])
    level = pd.Series(np.where(rng.random(len(cells)) < 0.5, 1.0, rng.uniform(0.5, 1.5, len(cells))), cells)
    level /= level.mean()
    busy = np.exp(0.15 * rng.standard_normal((weeks, 1)) + np.repeat(0.1 * rng.standard_normal((weeks, 7)), 16, axis=1))
    counts = rng.poisson(orders / len(cells) * level.to_numpy() * busy)
    days = pd.to_datetime("2024-01-01") + pd.to_timedelta(np.arange(weeks * 7).repeat(16), "D")
    return pd.DataFrame({"date": days, "hour": np.tile(range(8, 24), weeks * 7), "orders": counts.ravel()}), level


def figures(data: Path) -> list[Figure]:
    """What elasticities, recommended prices and off-peak offers bring on simulated shops. ``data`` is not read."""
    found: list[Figure] = []
    ours, usual, products, money = [], [], [], []
    for seed in range(SEEDS):
        shop = simulate(seed)
        learned = fit_elasticities(shop.sales)
        ours.append(tally(learned.categories, shop))
        products.append(within(learned.products, shop.products["elasticity"]).mean())
        money.append(_money(shop, learned))
        if seed < 10:
            usual.append(tally(usual_regression(shop.sales), shop))
    covered = np.array([own.covered.mean() for own in ours])
    found.append(Figure(
        "planted elasticities of categories inside their 95% intervals",
        f"{np.mean([own.covered for own in usual]):.3f}", f"{covered.mean():.3f}", "0.950", _mean_interval(covered),
        f"{SEEDS} shops of 12 categories; baseline: ln units on ln price, weeks without a sale left out, bias of it "
        f"{np.mean([own.error for own in usual]):+.2f}, ours {np.mean([own.error for own in ours]):+.3f}",
    ))  # fmt: skip
    found.append(Figure(
        "the same of products, after shrinkage", "", f"{np.mean(products):.3f}", "0.950",
        _mean_interval(np.array(products)),
    ))  # fmt: skip
    share = pd.DataFrame(money)
    found.append(Figure(
        "profit of recommended prices, of the best possible",
        f"{share['alone'].mean():.3f} (left alone), {share['flat'].mean():.3f} (all 10% up)",
        f"{share['ours'].mean():.3f}", "1.000", _mean_interval(share["ours"].to_numpy()),
        f"lowest of {SEEDS} shops {share['ours'].min():.3f}; a price for {share['advised'].mean():.0%} of products, "
        f"{share['losing'].mean():.1%} of them lose; intervals of the change hold {share['held'].mean():.1%}",
    ))  # fmt: skip

    blind, censored = [], []
    for seed in range(10):
        shop = simulate(seed, stock_outs=True)
        blind.append(tally(fit_elasticities(shop.sales.assign(stocked_share=np.nan)).categories, shop))
        censored.append(tally(fit_elasticities(shop.sales).categories, shop))
    found.append(Figure(
        "error of elasticities where cheap weeks sell out", f"{np.mean([own.error for own in blind]):+.2f}",
        f"{np.mean([own.error for own in censored]):+.3f}", "0",
        _mean_interval(np.array([own.error.mean() for own in censored])),
        f"baseline: stock unknown; covered {np.mean([own.covered for own in blind]):.2f} and "
        f"{np.mean([own.covered for own in censored]):.2f}",
    ))  # fmt: skip

    for strength, name in ((0.2, "a little"), (0.5, "much")):
        fed, stopped, profits = [], 0, []
        for seed in range(10):
            shop = simulate(seed, fed_by_demand=strength, shock=0.3)
            learned = fit_elasticities(shop.sales)
            fed.append(tally(learned.categories, shop).error.mean())
            own = _money(shop, learned)
            stopped += own["advised"] == 0
            profits.append(own["ours"])
        found.append(Figure(
            f"error of elasticities where prices follow last month's demand {name}", "", f"{np.mean(fed):+.2f}", "0",
            _mean_interval(np.array(fed)),
            f"prices withheld in {stopped} of 10 shops; profit {np.mean(profits):.3f} of the best",
        ))  # fmt: skip

    covered, errors = [], []
    for seed in range(10):
        shop = simulate(seed, choice=True, shock=0.0)
        learned = fit_elasticities(shop.sales)
        covered.append(within(learned.products, shop.products["elasticity"]).mean())
        errors.append((learned.products["elasticity"] - shop.products["elasticity"]).mean())
    found.append(Figure(
        "products' own elasticities inside, where customers choose among products", "", f"{np.mean(covered):.3f}",
        "0.950", _mean_interval(np.array(covered)),
        f"lines of a week given, as in the demo; own: planted x (1 - share); error {np.mean(errors):+.3f}",
    ))  # fmt: skip

    right, quiet, false = [], [], []
    for seed in range(SEEDS):
        hours, level = simulate_hours(seed)
        rows = off_peak(hours, -1.5, 0.45).set_index(["weekday", "hour"])
        truth = level.reindex(rows.index)
        right.append(((rows["level_low"] <= truth) & (truth <= rows["level_high"])).all())
        quiet.append(rows["is_off_peak"][truth < 0.75].mean())
        false.append((rows["is_off_peak"] & (truth >= 1)).any())
    found.append(Figure(
        "weeks of hours whose levels are all inside their intervals", "", f"{np.mean(right):.3f}", "0.950",
        _mean_interval(np.array(right, float)),
        f"hours below 0.75 of the mean found: {np.mean(quiet):.0%}; shops with one called quiet that is not: "
        f"{np.mean(false):.1%}; an offer at elasticity -1.5 and margin 45%: "
        f"{'one pays' if rows['discount'].notna().any() else 'none pays'}",
    ))  # fmt: skip
    return found


if __name__ == "__main__":
    for line in figures(Path()):
        print(*line, sep=" | ")
