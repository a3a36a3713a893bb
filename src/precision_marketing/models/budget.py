"""How to split a budget over marketing channels: a linear program, why its plan is what it is, and how sure.

    maximise    sum of return_per_unit * volume
    subject to  sum of unit_cost * volume <= budget,   lower <= volume <= upper

for every channel and period; a channel may also have to bring a minimum contribution or keep to a share of the spend.
Money that is not spent is worth nothing here: where it should count, give ``return_per_unit`` net of ``unit_cost``.
Diminishing returns are *pieces*: several rows of a channel, each with a volume and a return that falls from piece to
piece (``response.concave_pieces`` makes them). The cheapest way to a given return then fills the pieces in order, so
no binary variable is needed.

*Robust plan.* At most ``protection`` channels fall to ``return_low`` at once, whichever hurt most (a part of a channel
counts in part). Its dual makes a linear program of it, with one row per channel c:

    maximise  sum of return * volume - protection * z - sum of p_c,   z + p_c >= (return - return_low) * volume of c

Only the objective is protected; minimum contributions are asked of the expected return.

``budget_program`` has the program, its conflicts, prices and ranges.

Source: Bertsimas and Sim, "The price of robustness", Operations Research 52 (2004), theorem 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from precision_marketing.models.budget_program import (
    EXACT,
    LOOSE,
    SECONDS,
    Duals,
    Program,
    duals_at,
    minimal_conflict,
    price_until,
    program_of,
    solve,
)
from precision_marketing.models.inputs import numbers, require_columns

REQUIRED = ("channel", "unit_cost", "return_per_unit")
PER_CHANNEL = ("lower", "minimum_contribution", "minimum_share", "maximum_share")
ALLOCATION_COLUMNS = (
    "plan", "period", "channel", "volume", "spend", "expected_return", "return_low", "return_high", "return_per_unit",
    "stays_from", "stays_to", "reduced_cost", "shadow_price", "prices_of", "reason", "verdict",
)  # fmt: skip
SUMMARY_COLUMNS = (
    "plan", "status", "budget", "spend", "expected_return", "return_low", "return_high", "protection", "worst_return",
    "shadow_price", "shadow_price_until", "gap", "robustness_cost", "worst_case_gain",
)  # fmt: skip
SUPPORTED, UNDECIDED, UNMEASURED = "supported", "the data cannot tell", "no interval"


class ConflictError(ValueError):
    """No plan meets all constraints; ``conflict`` names a minimal set: without any one of them there is a plan."""

    def __init__(self, conflict: Sequence[str]) -> None:
        self.conflict = tuple(conflict)
        super().__init__("these cannot all hold: " + "; ".join(self.conflict))


class UnboundedError(ValueError):
    """The return has no limit; ``channels`` names those that cost nothing and have no upper volume."""

    def __init__(self, channels: Sequence[str]) -> None:
        self.channels = tuple(channels)
        super().__init__(f"return without limit: {', '.join(self.channels)} cost nothing and have no upper volume")


class Plan(NamedTuple):
    """A nominal plan and, if asked for, a robust one: ``ALLOCATION_COLUMNS`` and ``SUMMARY_COLUMNS``."""

    allocation: pd.DataFrame
    summary: pd.DataFrame


def allocate(
    channels: pd.DataFrame,
    budget: float,
    *,
    periods: int = 1,
    period_budgets: Sequence[float] | None = None,
    carry_over: float = 1.0,
    whole_units: bool = False,
    protection: float = 0.0,
) -> Plan:
    """The plan that returns most, and beside it, if ``protection`` > 0, the one that returns most in the worst case.

    channels: one row per channel, or per channel and piece, or also per period.

    - channel, unit_cost (money per unit, 0 or more), return_per_unit (any sign): required, no nulls.
    - upper: the largest volume, of the piece where there are pieces; null for none (only the last piece). lower: the
      smallest volume of the channel; null for 0.
    - minimum_contribution: the expected return that the channel must bring; minimum_share, maximum_share: 0 to 1, of
      the spend of its period. These and lower stand in one of a channel's rows, or alike in all.
    - return_low, return_high: the interval of return_per_unit; needed for every channel if ``protection`` > 0.
    - piece: their order (1, 2, ...); returns must not rise from piece to piece, and the unit cost must stay.
    - period: 1 to ``periods``; null, or no such column, for all of them. Bounds hold in each period by itself.

    budget: money for all periods. period_budgets: further limits per period; ``carry_over`` is the share, 0 to 1, of
    what one leaves that the next may spend. whole_units: volumes are whole numbers. protection: the number of channels
    whose return, in all periods, may be ``return_low`` at once; parts are allowed.

    Returns a Plan. allocation: one row per plan, period and channel.

    - volume, spend, expected_return; return_low and return_high with the channel's return at either end (NaN if not
      given); return_per_unit, the mean over the volume, or of the first piece.
    - stays_from, stays_to: this plan stays the best while return_per_unit is between them, everything else as it is
      (all pieces, and return_low with it, shifted alike; a minimum contribution judged as before); infinite for no
      limit.
    - reduced_cost: what one more unit of the channel adds to the return of the plan (negative: takes from it).
    - shadow_price: return per further unit of money in that period.
    - prices_of: 'plan', or 'relaxation' for whole units: those columns then belong to the plan in parts of units.
    - reason: what holds the volume where it is. verdict: 'supported' if the plan stays the best wherever in its
      interval this return is, 'the data cannot tell' if not, 'no interval' if there is none.

    summary: one row per plan. Status is 'optimal', 'no channels', or what a search cut off after ``SECONDS`` gives; gap
    is the part of the bound by which a plan in whole units may fall short; worst_return is the return at the worst of
    what ``protection`` allows; return_low and return_high have all channels at that end at once; the shadow price of
    the budget holds up to the budget shadow_price_until. robustness_cost is the expected return that the robust plan
    gives up, worst_case_gain what it adds to the worst return. No channels give an empty allocation.

    Raises ConflictError or UnboundedError if there is no best plan; ValueError, naming the column, for input that is
    absent, not a number, negative or contradictory, or if shares leave no way to spend money.
    """
    budgets = _checked_settings(budget, periods, period_budgets, carry_over, protection)
    pieces = _checked_pieces(channels, periods, needs_intervals=protection > 0)
    if pieces.empty:
        nothing = pd.DataFrame([{"plan": "nominal", "status": "no channels", "budget": budget, "protection": 0.0}])
        amounts = ["spend", "expected_return", "return_low", "return_high", "worst_return", "shadow_price", "gap"]
        return Plan(
            pd.DataFrame(columns=list(ALLOCATION_COLUMNS)),
            nothing.assign(**dict.fromkeys(amounts, 0.0)).reindex(columns=list(SUMMARY_COLUMNS)),
        )
    made = []
    for name, allowed in [("nominal", 0.0), ("robust", protection)][: 2 if protection > 0 else 1]:
        program = program_of(pieces, budget, budgets, carry_over, whole_units, allowed)
        made.append(_plan(name, program, pieces, budget, protection))
    summary = pd.concat([plan.summary for plan in made], ignore_index=True)
    summary["robustness_cost"] = summary["expected_return"].iloc[0] - summary["expected_return"]
    summary["worst_case_gain"] = summary["worst_return"] - summary["worst_return"].iloc[0]
    allocation = pd.concat([plan.allocation for plan in made], ignore_index=True)
    return Plan(allocation[list(ALLOCATION_COLUMNS)], summary[list(SUMMARY_COLUMNS)])


def worst_case_loss(losses: np.ndarray, protection: float) -> float:
    """The most that is lost if at most ``protection`` of the losses (k,), 0 or more, happen: the largest of them."""
    ordered = np.sort(losses)[::-1]
    return float(ordered @ np.clip(protection - np.arange(len(ordered)), 0, 1))


# What is handed over ---------------------------------------------------------------------------------


def _checked_settings(
    budget: float, periods: int, period_budgets: Sequence[float] | None, carry_over: float, protection: float
) -> np.ndarray | None:
    """The budgets per period, None without."""
    for name, value in (("budget", budget), ("protection", protection)):
        if not (np.isfinite(value) and value >= 0):
            raise ValueError(f"{name} must be a finite number, 0 or more, not {value}")
    if not 0 <= carry_over <= 1:
        raise ValueError(f"carry_over must lie between 0 and 1, not {carry_over}")
    if periods < 1 or periods != int(periods):
        raise ValueError(f"periods must be a whole number, 1 or more, not {periods}")
    if period_budgets is None:
        return None
    budgets = np.asarray(period_budgets, float)
    if budgets.shape != (periods,) or not (np.isfinite(budgets) & (budgets >= 0)).all():
        raise ValueError(f"period_budgets must be {periods} finite numbers, 0 or more, not {list(period_budgets)}")
    return budgets


def _checked_pieces(channels: pd.DataFrame, periods: int = 1, needs_intervals: bool = False) -> pd.DataFrame:
    """One row per period, channel and piece, in that order, with all columns of ``allocate`` as checked numbers.

    Raises ValueError, naming the column and the channel.
    """
    require_columns(channels, REQUIRED, "channels")
    if needs_intervals:
        require_columns(channels, ["return_low"], "channels, which a robust plan needs")
    if channels["channel"].isna().any():
        raise ValueError("channel is missing in some rows")
    names, needed = channels["channel"].astype(str).to_numpy(object), [*REQUIRED[1:], *["return_low"] * needs_intervals]

    def refuse(column: str, unusable: np.ndarray, why: str) -> None:
        if unusable.any():
            raise ValueError(f"{column} {why}: {', '.join(dict.fromkeys(names[unusable]))}")

    read = {}
    for column in [*REQUIRED[1:], "upper", *PER_CHANNEL, "return_low", "return_high", "piece", "period"]:
        read[column] = np.full(len(channels), np.nan)
        if column not in channels:
            continue
        values = numbers(channels[column])
        refuse(column, np.isnan(values) & channels[column].notna().to_numpy(), "is not a number")
        refuse(column, np.isneginf(values) if column == "upper" else np.isinf(values), "is infinite")
        refuse(column, np.isnan(values) & (column in needed), "is missing")
        refuse(column, (values < 0) & (not column.startswith("return")), "is negative")
        refuse(column, (values > 1) & column.endswith("share"), "is more than 1")
        read[column] = values
    refuse("return_low", read["return_low"] > read["return_per_unit"], "exceeds return_per_unit")
    refuse("return_high", read["return_high"] < read["return_per_unit"], "is below return_per_unit")
    refuse("minimum_share", read["minimum_share"] > read["maximum_share"], "exceeds maximum_share")
    is_free = (read["minimum_share"] > 0) & (read["unit_cost"] == 0)
    refuse("minimum_share", is_free, "is asked of a channel that costs nothing")
    period, piece = read.pop("period"), np.nan_to_num(read["piece"], nan=1.0)
    refuse("period", ~(np.isnan(period) | np.isin(period, range(1, periods + 1))), f"is none of 1 to {periods}")

    order = pd.factorize(names)[0]  # as given, so that a plan reads like its input
    places = [np.flatnonzero(np.isnan(period) | (period == t)) for t in range(1, periods + 1)]
    places = [where[np.lexsort((piece[where], order[where]))] for where in places]
    rows, at = np.concatenate(places), np.repeat(range(1, periods + 1), [len(where) for where in places])
    pieces = pd.DataFrame({"channel": names, **read, "piece": piece}).iloc[rows].reset_index(drop=True)
    pieces, names = pieces.assign(period=at, upper=pieces["upper"].fillna(np.inf)), names[rows]
    key, alike = ["period", "channel"], ["unit_cost", *PER_CHANNEL]
    refuse("piece", pieces.duplicated([*key, "piece"]).to_numpy(), "or channel comes twice")
    is_last = ~pieces.duplicated(key, keep="last")
    refuse("upper", (np.isinf(pieces["upper"]) & ~is_last).to_numpy(), "is missing in a piece that is not the last")
    given = pieces.groupby(key, sort=False)[alike].transform("first")  # which is not null
    for column in alike:
        differs = pieces[column].notna() & (pieces[column] != given[column])
        refuse(column, differs.to_numpy(), "differs between rows of one channel")
    pieces[alike] = given.fillna({"lower": 0.0})
    for column in ("return_per_unit", "return_low"):
        rises = (pieces[column].diff() > EXACT) & pieces.duplicated(key)
        refuse(column, rises.to_numpy(), "rises from piece to piece, take a concave envelope")
    paid = pieces[is_last & (pieces["unit_cost"] > 0)].fillna({"maximum_share": 1.0})
    shares = paid.groupby("period")[["minimum_share", "maximum_share"]].sum()
    if (shares["minimum_share"] > 1 + EXACT).any():
        raise ValueError("minimum_share adds up to more than 1")
    if (shares["maximum_share"] < 1 - EXACT).any():
        raise ValueError("maximum_share adds up to less than 1, so no money can be spent")
    return pieces


# The plan --------------------------------------------------------------------------------------------


def _plan(name: str, program: Program, pieces: pd.DataFrame, budget: float, protection: float) -> Plan:
    """The plan of a program. Raises ConflictError or UnboundedError."""
    free = (pieces["unit_cost"] == 0) & (pieces["return_per_unit"] > 0) & np.isinf(pieces["upper"])
    solved = solve(program, is_whole=True, objective=not free.any())
    if solved is None:
        raise ConflictError(minimal_conflict(program))
    if free.any():
        raise UnboundedError(list(dict.fromkeys(pieces.loc[free, "channel"])))
    is_proven, x = solved
    is_relaxed = bool(program.whole.any())
    _, relaxed = (solve(program, is_whole=False) if is_relaxed else None) or solved
    bound = float(program.gains @ relaxed)

    found = pieces.assign(amount=x[: len(pieces)], spend=x[: len(pieces)] * pieces["unit_cost"])
    for column in ("return_per_unit", "return_low", "return_high"):
        found[f"{column}_sum"] = found["amount"] * found[column]
    found["loss"] = found["return_per_unit_sum"] - found["return_low_sum"]
    duals = duals_at(program, relaxed)
    allocation = _allocation(found, program, relaxed, duals)
    allocation = allocation.assign(plan=name, reason=_reasons(allocation, found, program, x))
    is_money = (program.rows["kind"] == "budget").to_numpy(float)
    price = 0.0
    if is_money.any():
        price, _ = duals.extreme(is_money, 0 * x)
    until = budget + price_until(program, relaxed, is_money, price) if is_money.any() else np.inf
    until = float(f"{until:.6g}")  # it is known to about so many digits
    value, expected = float(program.gains @ x), allocation["expected_return"].sum()
    summary = {
        "plan": name,
        "status": "optimal" if is_proven else f"the best found in {SECONDS} seconds",
        "budget": float(budget),
        "spend": allocation["spend"].sum(),
        "expected_return": expected,
        "return_low": allocation["return_low"].sum(skipna=False),
        "return_high": allocation["return_high"].sum(skipna=False),
        "protection": float(protection),
        "worst_return": expected - worst_case_loss(found.groupby("channel")["loss"].sum().to_numpy(), protection),
        "shadow_price": price,
        "shadow_price_until": until,
        "gap": max(bound - value, 0.0) / abs(bound) if is_relaxed and bound else 0.0,
    }
    return Plan(allocation, pd.DataFrame([summary]))


def _allocation(found: pd.DataFrame, program: Program, relaxed: np.ndarray, duals: Duals) -> pd.DataFrame:
    """One row per period and channel, without plan and reason; prices and ranges are those at ``relaxed``."""
    nothing = np.zeros(len(program.limits))
    kinds, at, channel = (program.rows[column].to_numpy() for column in ("kind", "period", "channel"))
    prices: dict[int, tuple[float, np.ndarray]] = {}
    rows = []
    for (period, name), own in found.groupby(["period", "channel"], sort=False):
        if period not in prices:
            money = (kinds == "budget") | ((kinds == "period budget") & (at == period))
            prices[period] = duals.extreme(money.astype(float), 0 * relaxed)
        price, y = prices[period]
        members, first = own.index.to_numpy(), own.iloc[0]
        volume = own["amount"].sum()
        totals = own[["return_per_unit_sum", "return_low_sum", "return_high_sum"]].sum(skipna=False)
        per_unit, low, high = totals / volume if volume > 0 else first[["return_per_unit", "return_low", "return_high"]]
        shift = np.zeros(len(relaxed))
        shift[members] = 1.0
        down, up = duals.extreme(nothing, shift, 1.0)[0], -duals.extreme(nothing, shift, -1.0)[0]
        here = (at == period) & (channel == name)
        reduced = program.gains[members[0]] - program.matrix[:, members[0]] @ y
        reduced += y[here & (kinds == "upper")].sum() - y[here & (kinds == "lower")].sum()
        slack = LOOSE * (1 + abs(per_unit))
        stays = per_unit + down <= low + slack and high - slack <= per_unit + up
        rows.append({
            "period": period, "channel": name, "volume": round(volume) if program.whole.any() else volume,
            "spend": own["spend"].sum(), "expected_return": totals.iloc[0], "return_low": totals.iloc[1],
            "return_high": totals.iloc[2], "return_per_unit": per_unit, "stays_from": per_unit + down,
            "stays_to": per_unit + up, "reduced_cost": reduced, "shadow_price": price,
            "prices_of": "relaxation" if program.whole.any() else "plan",
            "verdict": UNMEASURED if np.isnan(low) or np.isnan(high) else SUPPORTED if stays else UNDECIDED,
        })  # fmt: skip
    return pd.DataFrame(rows).astype({"volume": float})


def _reasons(allocation: pd.DataFrame, found: pd.DataFrame, program: Program, x: np.ndarray) -> list[str]:
    """What holds each volume where it is, in words."""
    size = np.abs(program.matrix) @ x + np.abs(program.limits)
    active = program.rows[program.limits - program.matrix @ x <= LOOSE * (1e-3 + size)]
    is_robust = (program.rows["kind"] == "worst case").any()
    kinds, periods = program.rows["kind"].to_numpy(), program.rows["period"].to_numpy()
    places = found.groupby(["period", "channel"], sort=False).groups
    reasons = []
    for row in allocation.itertuples():
        here = (active["channel"] == row.channel) & (active["period"] == row.period)
        own = found.loc[places[row.period, row.channel]]
        bound = set(active.loc[here, "kind"])
        is_money_short = row.shadow_price > 0
        limits = [program.limits[(kinds == kind) & (periods <= row.period)] for kind in ("budget", "period budget")]
        has_money = all(limit.max() > 0 for limit in limits if len(limit))
        gain, upper = own["return_per_unit"].iloc[0], own["upper"].sum()
        if upper == 0:
            reason = "its upper volume is zero"
        elif {"upper", "lower"} <= bound:
            reason = "its lower and upper volumes are the same"
        elif "upper" in bound:
            reason = "at its upper volume"
        elif "lower" in bound:
            reason = "at its lower volume"
        elif "contribution" in bound:
            reason = "brings its minimum contribution"
        elif "maximum share" in bound and row.volume > 0:
            reason = "at its maximum share of spend"
        elif "minimum share" in bound and row.volume > 0:
            reason = "at its minimum share of spend"
        elif row.volume <= EXACT and gain <= 0:
            reason = "returns nothing"
        elif row.volume <= EXACT and is_money_short and not has_money:
            reason = "no budget"
        elif row.volume <= EXACT and is_money_short:
            reason = "the money brings more elsewhere"
        elif "piece" in bound and is_money_short:
            reason = "its next units return less than the money brings elsewhere"
        elif is_robust:
            reason = "spreads the risk of low returns"
        elif is_money_short:
            reason = "takes what the budget leaves"
        else:
            reason = "held by the shares of spend or the rounding of units"
        reasons.append(reason)
    return reasons
