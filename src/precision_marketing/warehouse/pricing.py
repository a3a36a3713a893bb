"""Prices in the warehouse: what the dbt Python models in models/ml/prices call. The models are in
`models.elasticities`, `models.pricing` and `models.off_peak`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from precision_marketing.models.elasticities import Elasticities, fit_elasticities
from precision_marketing.models.inputs import column_names
from precision_marketing.models.off_peak import off_peak
from precision_marketing.models.pricing import recommend_prices
from precision_marketing.warehouse import registry

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkDataFrame

PANEL_ROWS = 1_000_000
PRICE_SCHEMA = (
    "product_id string, category string, current_price double, recommended_price double, elasticity double, "
    "elasticity_low double, elasticity_high double, expected_profit_change double, profit_change_low double, "
    "profit_change_high double, is_beyond_seen boolean, weeks bigint, price_changes bigint, reason string"
)
HOUR_SCHEMA = (
    "weekday int, hour int, orders double, level double, level_low double, level_high double, is_off_peak boolean, "
    "discount double, expected_profit_change double, profit_change_low double, profit_change_high double, "
    "largest_moved_share double, reason string"
)
COLUMNS = column_names(PRICE_SCHEMA)


def recommended(
    weeks: SparkDataFrame, products: SparkDataFrame, largest_change: float, margin_floor: float
) -> pd.DataFrame:
    """A row per product of `dim_products` (columns product_id, category, unit_cost) with ``PRICE_SCHEMA``.

    weeks: `int_product_weeks`. Elasticities are learned from at most ``PANEL_ROWS`` of its rows, whole products by
    hash; a product left out has its category's. No products give no rows; where nothing can be learned from the weeks,
    the rows say why.
    """
    listed: pd.DataFrame = products.toPandas()
    listed = listed.sort_values("product_id", ignore_index=True)
    if listed.empty:
        return pd.DataFrame(columns=COLUMNS)
    listed["unit_cost"] = pd.to_numeric(listed["unit_cost"])
    listed["category"] = listed["category"].fillna("(none)")
    learned, failure = _elasticities(weeks)
    if learned is None:
        nothing = {"is_beyond_seen": False, "weeks": 0, "price_changes": 0, "reason": f"no recommendation: {failure}"}
        return listed[["product_id", "category"]].assign(**nothing).reindex(columns=COLUMNS)
    found = recommend_prices(learned, listed, largest_change=largest_change, margin_floor=margin_floor)
    known = learned.products[["product_id", "weeks", "price_changes"]]
    found = found.merge(listed[["product_id", "category"]], on="product_id").merge(known, on="product_id", how="left")
    found[["weeks", "price_changes"]] = found[["weeks", "price_changes"]].fillna(0).astype(int)
    return found[COLUMNS]


def quiet_hours(
    hours: SparkDataFrame, weeks: SparkDataFrame, gross_margin: float | None, largest_discount: float
) -> pd.DataFrame:
    """A row per weekday and open hour with ``HOUR_SCHEMA``, from `int_order_hours`; none without orders, or without a
    known margin between 0 and 1, for then nobody can say what pays."""
    counted: pd.DataFrame = hours.toPandas()
    columns = column_names(HOUR_SCHEMA)
    if counted.empty or gross_margin is None or not 0 < gross_margin <= 1:
        return pd.DataFrame(columns=columns)
    learned, _ = _elasticities(weeks)
    overall = {"elasticity": np.nan, "standard_error": np.nan} if learned is None else learned.overall.iloc[0]
    found = off_peak(
        counted,
        float(overall["elasticity"]),
        gross_margin,
        standard_error=float(overall["standard_error"]),
        largest_discount=largest_discount,
    )
    return found[columns]


def _elasticities(weeks: SparkDataFrame) -> tuple[Elasticities | None, str]:
    """What the weeks teach; None where they cannot be learned from, and why."""
    sales = registry.sample(weeks, "product_id", PANEL_ROWS, ["product_id", "week_start_date"])
    sales = sales.rename(columns={"week_start_date": "week"})
    try:
        return fit_elasticities(sales.assign(category=sales["category"].fillna("(none)"))), ""
    except (ValueError, ArithmeticError, RuntimeError) as error:
        return None, str(error)
