"""The price per product that maximises expected profit, from elasticities, or the reason why there is none.

With an elasticity e ~ N(m, s^2), q units per week at today's price p0 and unit cost k, the expected profit at
p is (p - k) q exp(m L + s^2 L^2 / 2), L = ln(p / p0). The recommended price maximises it among the prices within the
bounds, above the floor, and whose interval of the change in profit has no loss.

Whether units lost to a higher price are bought as another product (``diversion``) does not show in past sales of one
product; that is an assumption of whoever asks. No price is recommended where the elasticity is not to be believed:
where past prices surely followed past sales, or were seen only in sales too few to say when they changed
(``LARGEST_UNSEEN_SHARE``), both of which bring it too close to 0; where the demand of the category could not be fitted;
and where sales do not surely fall as the price rises, by the interval of the product or that of its category's mean.

Source: Phillips, Pricing and Revenue Optimization, 2nd ed. (2021), chapters 3 and 4.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from precision_marketing.models.elasticities import Elasticities, Z, with_interval
from precision_marketing.models.inputs import require_columns

MIN_WEEKS = 12
MIN_PRICE_RANGE = 0.01  # a highest price less than this share above the lowest is a price that never varied
FOLLOWS_DEMAND_ALPHA, FOLLOWS_DEMAND_SIZE = 0.01, 0.1  # a weaker correlation biases elasticities by little
# Of a category's weeks. In simulated shops whose prices are seen in sales alone, elasticities come out 0.15 too high at
# a share of 0.15, 0.6 too high at 0.35 and about 0 at 0.4.
LARGEST_UNSEEN_SHARE = 0.25
PRICE_STEPS = 301


def _known_products(products: pd.DataFrame, learned: Elasticities) -> pd.DataFrame:
    """What is known of the products, in their order, with price and cost; raises ValueError for what cannot be.

    A product without sales has the elasticity of one of its category, or of any category, not seen yet.
    """
    require_columns(products, ["product_id", "unit_cost"], "the products")
    if products["product_id"].isna().any() or products["product_id"].duplicated().any():
        raise ValueError("product_id of the products is missing or comes twice")
    nothing = pd.Series(np.nan, products.index)
    found = products[["product_id"]].merge(learned.products, on="product_id", how="left")
    cost = pd.to_numeric(products["unit_cost"], errors="coerce").to_numpy(float)
    given = pd.to_numeric(products.get("current_price", nothing), errors="coerce").to_numpy(float)
    price = np.where(np.isnan(given), found["last_price"].to_numpy(float), given)
    if (cost < 0).any() or np.isinf(cost).any():
        raise ValueError("unit_cost must not be negative or infinite")
    if (price <= 0).any() or np.isinf(price).any():
        raise ValueError("current_price must be a positive number")
    moments = pd.concat([learned.categories, learned.overall])[["elasticity", "standard_error"]].to_numpy(float)
    names = pd.Index(learned.categories["category"])
    mean, error = moments[names.get_indexer(products.get("category", nothing))].T  # -1 is the last row: any category
    unseen = with_interval(found, mean, error**2 + learned.overall["product_spread"].iloc[0] ** 2)
    columns = ["elasticity", "standard_error", "elasticity_low", "elasticity_high"]
    found[columns] = found[columns].where(found["elasticity"].notna(), unseen[columns])
    units = found["weekly_units"] * (price / found["last_price"]) ** found["elasticity"]
    own = learned.categories.set_index("category").reindex(found["category"])
    return found.assign(
        price=price, cost=cost, units_now=units, category_high=own["elasticity_high"].to_numpy(float),
        category_unseen_share=own["unseen_share"].to_numpy(float),
    )  # fmt: skip


class _Options(NamedTuple):
    """Prices a product may have (n, steps): whether it may, and the weekly profit that each adds: expected, and the
    95% interval from the elasticity."""

    price: np.ndarray
    allowed: np.ndarray
    expected: np.ndarray
    low: np.ndarray
    high: np.ndarray


def _options(
    known: pd.DataFrame, largest_change: float, margin_floor: float, price_step: float, diversion: float
) -> _Options:
    """The prices of ``PRICE_STEPS`` equal steps within the bounds, rounded to the price step."""
    price, cost, units, slope, error = known[["price", "cost", "units_now", "elasticity", "standard_error"]].to_numpy(
        float
    ).T[:, :, None]  # fmt: skip
    sold = known[["cost", "units_now"]].notna().all(axis=1) & (known["units_now"] > 0)
    margin = np.average((known["price"] - known["cost"])[sold], weights=known["units_now"][sold]) if sold.any() else 0.0
    steps = np.round(price * np.linspace(1 - largest_change, 1 + largest_change, PRICE_STEPS) / price_step) * price_step
    allowed = (steps >= np.maximum(price * (1 - largest_change), cost * (1 + margin_floor)) - 1e-9 * price) & (
        steps <= price * (1 + largest_change + 1e-9)
    )
    log_ratio = np.log(np.where(steps > 0, steps, np.nan) / price)

    def change(log_demand: np.ndarray) -> np.ndarray:
        factor = np.exp(log_demand)
        return units * ((steps - cost) * factor - (price - cost) - diversion * margin * (factor - 1))

    expected = change(slope * log_ratio + (error * log_ratio) ** 2 / 2)
    ends = [change((slope + side * Z * error) * log_ratio) for side in (-1, 1)]
    return _Options(steps, allowed & (np.abs(log_ratio) > 1e-9), expected, np.minimum(*ends), np.maximum(*ends))


def _reasons_against(known: pd.DataFrame, options: _Options, safe: np.ndarray, is_trusted: bool) -> np.ndarray:
    """Why a product gets no recommendation (n,), '' where it gets one; the first reason that holds."""
    reasons = {
        "no recommendation: the product has no sales": ~(known["units"] > 0),
        "no recommendation: the unit cost is unknown": known["cost"].isna(),
        f"no recommendation: fewer than {MIN_WEEKS} weeks in stock": known["weeks"] < MIN_WEEKS,
        "no recommendation: the price never varied, the elasticity is that of other products": ~(
            known["highest_price"] / known["lowest_price"] - 1 >= MIN_PRICE_RANGE
        ),
        "no recommendation: the demand of the category could not be fitted": known["is_fitted"].eq(False),
        "no recommendation: no price tells demand apart from the season": known["elasticity"].isna(),
        "no recommendation: past prices followed sales, so elasticities look closer to 0 than they are": np.full(
            len(known), not is_trusted
        ),
        "no recommendation: prices are seen in sales only, too few to say when they changed: elasticities look closer "
        "to 0 than they are": known["category_unseen_share"] > LARGEST_UNSEEN_SHARE,
        "no recommendation: no price within the bounds keeps the margin floor": ~options.allowed.any(axis=1),
        "no recommendation: sales do not surely fall as the price rises": ~(
            (known["elasticity"] < 0) & (known[["elasticity_high", "category_high"]].min(axis=1) < 0)
        ),
        "no recommendation: the 95% interval of every change includes a loss": ~safe.any(axis=1),
    }
    return np.select([np.asarray(holds, bool) for holds in reasons.values()], list(reasons), "")


def recommend_prices(
    elasticities: Elasticities,
    products: pd.DataFrame,
    *,
    largest_change: float = 0.15,
    margin_floor: float = 0.05,
    price_step: float = 0.01,
    diversion: float = 0.0,
) -> pd.DataFrame:
    """The price per product that maximises expected profit, or the reason why there is none.

    products: product_id, unit_cost (money; null: unknown) and, optionally, current_price (null: the last one of the
    sales) and category (for products without sales). largest_change: of the price, as a share of it; margin_floor: a
    price is at least unit cost * (1 + this); price_step: prices are multiples of it; diversion: the share (0 to 1) of
    the units lost to a higher price that are bought as another product of the shop, and the other way round, at the
    mean margin of all units with a known cost.

    Returns one row per product of ``products`` in its order: product_id, current_price, recommended_price (NaN: none),
    elasticity, elasticity_low, elasticity_high, expected_profit_change (money per week), profit_change_low,
    profit_change_high (95%; all three NaN without a recommendation), is_beyond_seen (whether the price is outside those
    of the past) and reason.
    Raises ValueError for a product given twice, a cost that is negative or infinite, a price that is not positive, and
    settings out of range.
    """
    if not 0 < largest_change < 1:
        raise ValueError(f"largest_change must lie between 0 and 1, not {largest_change}")
    if not 0 <= diversion <= 1:
        raise ValueError(f"diversion must be 0 to 1, not {diversion}")
    if not margin_floor >= 0 or not price_step > 0:
        raise ValueError(f"margin_floor must not be negative and price_step be positive: {margin_floor}, {price_step}")
    known = _known_products(products, elasticities)
    options = _options(known, largest_change, margin_floor, price_step, diversion)
    safe = options.allowed & (options.low >= 0) & (options.expected > 0)
    correlation, p_value = elasticities.follows_demand
    is_trusted = not (p_value < FOLLOWS_DEMAND_ALPHA and correlation >= FOLLOWS_DEMAND_SIZE)
    against = _reasons_against(known, options, safe, is_trusted)
    best = np.where(safe, options.expected, -np.inf).argmax(axis=1)[:, None]
    price, _, expected, low, high = (
        np.where(against == "", np.take_along_axis(values, best, axis=1)[:, 0].astype(float), np.nan)
        for values in options
    )
    # Units scale a gain without changing its sign, so what is unknown of them widens the interval in logarithms.
    with np.errstate(divide="ignore"):
        units_radius = Z * known["weekly_units_error"].to_numpy(float)
        below, above = (np.hypot(np.log(end / expected), units_radius) for end in (low, high))
    is_beyond = (price > known["highest_price"] * (1 + 1e-9)) | (price < known["lowest_price"] * (1 - 1e-9))
    reasons = [
        why
        or f"a {'higher' if is_higher else 'lower'} price earns more: 1% of price changes demand by {slope:.2f}%, the "
        f"margin is {1 - cost:.0%}"
        + ("; no such price was seen before" if beyond else "")
        for why, is_higher, slope, cost, beyond in zip(
            against, price > known["price"], known["elasticity"], known["cost"] / known["price"], is_beyond, strict=True
        )
    ]
    return pd.DataFrame({
        "product_id": products["product_id"].to_numpy(), "current_price": known["price"], "recommended_price": price,
        "elasticity": known["elasticity"], "elasticity_low": known["elasticity_low"],
        "elasticity_high": known["elasticity_high"], "expected_profit_change": expected,
        "profit_change_low": expected * np.exp(-below), "profit_change_high": expected * np.exp(above),
        "is_beyond_seen": is_beyond, "reason": reasons,
    })  # fmt: skip
