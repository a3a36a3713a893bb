"""Off-peak offers: the hours of the week that are surely quiet, and whether a discount in them pays.

*Quiet.* The level of an hour of the week is its orders over the mean of all open hours, from complete weeks:
level = sum of the hour's orders / sum over weeks of (the week's orders / open hours), a ratio whose residuals of one
week are one observation, since busy weeks are busy in all hours. Intervals are of Student's t and simultaneous
(Bonferroni over the open hours): with 95% confidence no hour that counts as off-peak is an ordinary one. An hour of the
week in which nobody ever ordered is closed, not quiet.

*Pays.* With an elasticity e ~ N(m, s^2) and the margin g (a share of the price), a discount d multiplies orders by
(1 - d)^e and profit by (1 - d)^e (g - d) / g. The discount maximises the expected profit among those whose 95% interval
has no loss. Nothing in this depends on the hour: a discount that pays in quiet hours pays in all of them, and one that
pays in none is no off-peak offer either. What is special about an hour is whether its orders are new. Some are moved
from dearer hours, and moved ones only cost; ``largest_moved_share`` says up to which share of the additional orders the
offer still pays. Measure that share by an experiment before the offer is a habit. Idle staff or perishable stock, which
make a quiet hour's order cheaper than others, belong in the margin. An elasticity of one product's price against the
others (``pricing``) is an upper bound for a discount on everything, since that moves nobody from product to product.

Sources: Cochran, Sampling Techniques, 3rd ed. (1977), section 6.3, ratio estimates; Phillips, Pricing and Revenue
Optimization, 2nd ed. (2021), chapters 3 and 4.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from precision_marketing.models.inputs import require_columns

ALPHA = 0.05
MIN_WEEKS = 8
DISCOUNTS = np.arange(1, 100) / 100


def _weekly_orders(hours: pd.DataFrame) -> pd.DataFrame:
    """Orders of each complete week (rows, Monday first) in each hour of it (columns weekday, hour), zeros filled in."""
    require_columns(hours, ["date", "hour", "orders"], "the hours")
    dates, hour = pd.to_datetime(hours["date"], errors="coerce"), pd.to_numeric(hours["hour"], errors="coerce")
    orders = pd.to_numeric(hours["orders"], errors="coerce").astype(float)
    if dates.isna().any():
        raise ValueError(f"date is missing or no date in {int(dates.isna().sum())} rows of the hours")
    if not hour.isin(range(24)).all():
        raise ValueError(f"hour must be 0 to 23: it is not in {int((~hour.isin(range(24))).sum())} rows of the hours")
    if not (np.isfinite(orders) & (orders >= 0)).all():
        raise ValueError("orders must be numbers that are not negative")
    if pd.DataFrame({"date": dates, "hour": hour}).duplicated().any():
        raise ValueError("date and hour come twice in the hours")
    monday = dates - pd.to_timedelta(dates.dt.weekday, "D")
    first = dates.min() + pd.Timedelta(days=int(-dates.min().weekday() % 7)) if len(dates) else pd.NaT
    weeks = pd.date_range(first, dates.max() - pd.Timedelta(days=6), freq="7D") if len(dates) else []
    table = pd.crosstab(monday, [dates.dt.weekday, hour.astype(int)], orders, aggfunc="sum")
    return table.reindex(weeks).fillna(0.0).rename_axis(columns=["weekday", "hour"])


def _offer(elasticity: float, error: float, margin: float, largest_discount: float) -> dict[str, float]:
    """The discount whose expected profit is largest, its profit as a share and what may be moved; {} if none pays."""
    discount = DISCOUNTS[largest_discount + 1e-9 >= DISCOUNTS]
    logs, z = np.log1p(-discount), stats.norm.ppf(1 - ALPHA / 2)

    def change(log_orders: np.ndarray) -> np.ndarray:
        return np.exp(log_orders) * (margin - discount) / margin - 1

    expected = change(elasticity * logs + (error * logs) ** 2 / 2)
    ends = np.sort([change((elasticity + side * z * error) * logs) for side in (-1, 1)], axis=0)
    pays = (ends[0] >= 0) & (expected > 0)
    if not pays.any():
        return {}
    best = int(np.where(pays, expected, -np.inf).argmax())
    added = np.exp(elasticity * logs[best] + (error * logs[best]) ** 2 / 2) - 1
    return {
        "discount": discount[best], "expected_profit_change": expected[best], "profit_change_low": ends[0, best],
        "profit_change_high": ends[1, best], "largest_moved_share": min(expected[best] / added, 1.0),
    }  # fmt: skip


def off_peak(
    hours: pd.DataFrame,
    elasticity: float,
    margin: float,
    *,
    standard_error: float = 0.0,
    largest_discount: float = 0.3,
) -> pd.DataFrame:
    """Levels of the open hours of the week, those that are surely quiet, and the discount that pays in them, if any.

    hours: one row per date and hour (0 to 23, local time) with orders; hours without orders may be absent. elasticity
    and its standard_error: of orders to the price (NaN: unknown, no offer), such as ``Elasticities.overall``, which is
    cautious, for its error is that of a single category. margin: share of the price, above 0, at most 1.
    Returns one row per weekday (0 is Monday) and open hour: weekday, hour, orders (mean of a week), level (1 is the
    mean of the open hours), level_low, level_high, is_off_peak, discount (a share; NaN: none), expected_profit_change
    with profit_change_low and profit_change_high (shares of the hour's profit, if all additional orders are new),
    largest_moved_share and reason. Fewer than ``MIN_WEEKS`` complete weeks give levels without intervals.
    Raises ValueError that names the column for what is out of range, and for such an elasticity, error, margin or
    largest discount.
    """
    is_known = not (np.isnan(elasticity) or np.isnan(standard_error))
    if is_known and not (np.isfinite(elasticity) and 0 <= standard_error < np.inf):
        raise ValueError(f"elasticity must be finite, its standard_error not negative: {elasticity}, {standard_error}")
    if not 0 < margin <= 1 or not 0 < largest_discount < 1:
        raise ValueError(f"margin and largest_discount are shares of the price: {margin}, {largest_discount}")
    table = _weekly_orders(hours)
    table = table.loc[:, table.sum() > 0]
    weeks, cells = table.shape
    mean = table.mean(axis=1)
    level = table.sum() / mean.sum()
    radius = pd.Series(np.nan, level.index)
    if weeks >= MIN_WEEKS and cells > 1:
        residual = table - np.outer(mean, level)
        error = np.sqrt((residual**2).sum() * weeks / (weeks - 1)) / mean.sum()
        radius = stats.t.ppf(1 - ALPHA / 2 / cells, weeks - 1) * error
    rows = pd.DataFrame({
        "orders": table.mean(), "level": level, "level_low": (level - radius).clip(lower=0),
        "level_high": level + radius,
    })  # fmt: skip
    rows["is_off_peak"] = rows["level_high"] < 1
    offer = _offer(elasticity, standard_error, margin, largest_discount) if is_known else {}
    columns = ["discount", "expected_profit_change", "profit_change_low", "profit_change_high", "largest_moved_share"]
    for column in columns:
        rows[column] = np.where(rows["is_off_peak"], offer.get(column, np.nan), np.nan)
    pays = "pays if at most {:.0%} of the additional orders are moved from other hours"
    none = "quiet, but no offer pays" if is_known else "quiet; without an elasticity nobody knows whether an offer pays"
    text = pays.format(offer["largest_moved_share"]) if offer else none
    few = f"fewer than {MIN_WEEKS} complete weeks" if weeks < MIN_WEEKS else "not surely quieter than the mean hour"
    rows["reason"] = np.where(rows["is_off_peak"], text, few)
    return rows.reset_index().astype({"weekday": int, "hour": int})
