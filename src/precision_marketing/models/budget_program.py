"""The linear program of a budget: its rows by name, its solution, its conflicts, its prices and ranges.

*Prices and ranges* come from the whole set of optimal dual solutions, not from the one at which a solver stops: a
budget that is spent to the last unit exactly where a channel fills up has many, and a solver's own ranging then shows
too little. With x the plan and Y the dual solutions complementary to x,

    shadow price      = min over Y of the price of the budget   (the return of one more unit of money)
    range of a return = all shifts d for which the program with return + d has a dual solution complementary to x

*Conflicts.* If no plan fits, constraints are dropped one after another wherever the rest still clashes. What is left is
a minimal conflict: without any one of them there is a plan (deletion filter).

Sources: Chinneck and Dravnieks, "Locating minimal infeasible constraint sets in linear programs", ORSA J. Computing 3
(1991); Jansen, de Jong, Roos and Terlaky, "Sensitivity analysis in linear programming: just be careful!", European J.
Operational Research 101 (1997); Huangfu and Hall, "Parallelizing the dual revised simplex method", Math. Programming
Computation 10 (2018), which is HiGHS.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pulp
from scipy import sparse
from scipy.optimize import LinearConstraint, linprog, milp

SECONDS = 30  # the longest search for a plan in whole units
EXACT = 1e-9  # relative; HiGHS ends in a vertex, whose active rows are met to rounding
LOOSE = 1e-6  # relative; the tolerance to which a solver promises them


class Program(NamedTuple):
    """maximise gains @ x, matrix @ x <= limits, x >= 0. Columns: pieces, money left per period, robust variables,
    volumes of several pieces that must be whole.

    rows: kind, channel, period and name of each constraint; a name of '' is part of the model, not of a conflict.
    whole: which columns must be whole numbers.
    """

    gains: np.ndarray
    matrix: np.ndarray
    limits: np.ndarray
    rows: pd.DataFrame
    whole: np.ndarray


def _number(value: float) -> str:
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def program_of(
    pieces: pd.DataFrame,
    budget: float,
    period_budgets: np.ndarray | None,
    carry_over: float,
    whole_units: bool,
    protection: float,
) -> Program:
    """The program of checked pieces; the budget of all periods is left out where those of the periods imply it."""
    costs, gains = pieces["unit_cost"].to_numpy(), pieces["return_per_unit"].to_numpy()
    period, names = pieces["period"].to_numpy(), pieces["channel"].to_numpy()
    hedged = list(dict.fromkeys(names)) if protection > 0 else []
    n, left = len(pieces), 0 if period_budgets is None else len(period_budgets)
    groups = [own.to_numpy() for own in pieces.groupby(["period", "channel"], sort=False).groups.values()]
    totals = [members for members in groups if whole_units and len(members) > 1]
    start = n + left + (1 + len(hedged) if hedged else 0)
    width = start + len(totals)
    rows: list[tuple[str, Any, int, str]] = []
    matrix: list[np.ndarray] = []
    limits: list[float] = []

    def add(kind: str, channel: Any, at: int, name: str, limit: float, *parts: tuple[Any, Any]) -> None:
        row = np.zeros(width)
        for where, values in parts:
            row[where] = values
        rows.append((kind, channel, at, name))
        matrix.append(row)
        limits.append(limit)

    if period_budgets is None or budget < period_budgets.sum():
        add("budget", None, 0, f"budget: at most {_number(budget)}", budget, (slice(n), costs))
    for t in range(left):
        assert period_budgets is not None
        carried = [(n + t - 1, -carry_over)] if t and carry_over else []
        name = f"budget of period {t + 1}: at most {_number(period_budgets[t])}"
        name += " and what is carried over" if carried else ""
        spent = (slice(n), np.where(period == t + 1, costs, 0))
        add("period budget", None, t + 1, name, period_budgets[t], spent, (n + t, 1.0), *carried)
    for (at, channel), own in pieces.groupby(["period", "channel"], sort=False):
        members, first = own.index.to_numpy(), own.iloc[0]
        where = f"{channel} in period {at}" if pieces["period"].max() > 1 else str(channel)
        upper, lower, least = own["upper"].sum(), first["lower"], first["minimum_contribution"]
        if np.isfinite(upper):
            add("upper", channel, at, f"{where}: at most {_number(upper)} units", upper, (members, 1.0))
        if lower > 0:
            add("lower", channel, at, f"{where}: at least {_number(lower)} units", -lower, (members, -1.0))
        if least > 0:
            returns = (members, -gains[members])
            add("contribution", channel, at, f"{where}: a return of at least {_number(least)}", -least, returns)
        of_period, share = np.where(period == at, costs, 0), np.where(np.isin(np.arange(n), members), costs, 0)
        if first["minimum_share"] > 0:
            name = f"{where}: at least {_number(100 * first['minimum_share'])}% of the spend"
            add("minimum share", channel, at, name, 0.0, (slice(n), first["minimum_share"] * of_period - share))
        if first["maximum_share"] < 1:
            name = f"{where}: at most {_number(100 * first['maximum_share'])}% of the spend"
            add("maximum share", channel, at, name, 0.0, (slice(n), share - first["maximum_share"] * of_period))
        for member in members[:-1]:
            add("piece", channel, at, "", own.at[member, "upper"], (member, 1.0))
    deviations = gains - pieces["return_low"].to_numpy()
    for place, channel in enumerate(hedged):
        own_deviation = (slice(n), np.where(names == channel, deviations, 0))
        add("worst case", channel, 0, "", 0.0, own_deviation, ([n + left, n + left + 1 + place], -1.0))
    for place, members in enumerate(totals):
        add("whole", None, 0, "", 0.0, (members, 1.0), (start + place, -1.0))
        add("whole", None, 0, "", 0.0, (members, -1.0), (start + place, 1.0))
    whole = np.zeros(width, bool)
    whole[[*(members[0] for members in groups if whole_units and len(members) == 1), *range(start, width)]] = True
    robust = [-protection, *-np.ones(len(hedged))] if hedged else []
    objective = np.concatenate([gains, np.zeros(left), robust, np.zeros(len(totals))])
    frame = pd.DataFrame(rows, columns=["kind", "channel", "period", "name"])
    return Program(objective, np.array(matrix), np.array(limits), frame, whole)


def solve(program: Program, is_whole: bool, objective: bool = True) -> tuple[bool, np.ndarray] | None:
    """Whether x is proven optimal, and x (n,); None if nothing fits.

    By HiGHS; by CBC where that is missing or fails. Raises RuntimeError if both fail.
    """
    problem = pulp.LpProblem("budget", pulp.LpMaximize)
    whole = program.whole & is_whole
    x = [
        problem.add_variable(f"x{j}", 0, cat="Integer" if integer else "Continuous") for j, integer in enumerate(whole)
    ]
    problem += pulp.LpAffineExpression(list(zip(x, program.gains * objective, strict=True)))
    for i, (row, limit) in enumerate(zip(program.matrix, program.limits, strict=True)):
        terms = pulp.LpAffineExpression([(x[j], row[j]) for j in np.flatnonzero(row)])
        problem.addConstraint(terms <= limit, f"r{i}")
    for solver in (pulp.HiGHS, pulp.PULP_CBC_CMD):
        try:
            status = problem.solve(solver(msg=False, gapRel=EXACT, timeLimit=SECONDS))
        except pulp.PulpSolverError:
            continue
        if status == pulp.LpStatusInfeasible:
            return None
        if status == pulp.LpStatusOptimal:
            found = np.maximum([variable.value() or 0.0 for variable in x], 0.0)
            return problem.sol_status == pulp.LpSolutionOptimal, found
    raise RuntimeError(f"neither HiGHS nor CBC solved the program: {pulp.LpStatus[problem.status]}")


def minimal_conflict(program: Program) -> list[str]:
    """Names of a minimal set of constraints that cannot hold together (deletion filter)."""
    is_named = (program.rows["name"] != "").to_numpy()
    kept, matrix = np.ones(len(is_named), bool), sparse.csr_array(program.matrix)

    def is_feasible(whole: np.ndarray) -> bool:
        constraints = LinearConstraint(matrix[kept], ub=program.limits[kept])
        return milp(np.zeros(len(whole)), integrality=whole, constraints=constraints).status != 2

    needs_whole = program.whole & is_feasible(0 * program.whole)
    if is_feasible(needs_whole):
        raise RuntimeError("whether a plan exists hangs on the solver's rounding: widen a bound a little")
    for i in np.flatnonzero(is_named):
        kept[i] = False
        kept[i] = is_feasible(needs_whole)
    names = program.rows.loc[kept & is_named, "name"].tolist()
    return [*names, "whole units only"] if needs_whole.any() else names


# Prices and ranges -----------------------------------------------------------------------------------


class Duals:
    """All dual solutions complementary to an optimal x (n,): y >= 0, matrix' y >= gains, with equality where x > 0."""

    def __init__(self, program: Program, x: np.ndarray, tolerance: float = EXACT) -> None:
        self.program = program
        size = np.abs(program.matrix) @ x + np.abs(program.limits)
        self.active = np.flatnonzero(program.limits - program.matrix @ x <= tolerance * (1 + size))
        self.used = x > tolerance * (1 + x.max())
        self.rows = sparse.csr_array(program.matrix[self.active].T)

    def extreme(self, of_prices: np.ndarray, shifted: np.ndarray, of_shift: float = 0.0) -> tuple[float, np.ndarray]:
        """The least ``of_prices`` @ y + ``of_shift`` * d, and y (m,); gains are shifted by d on the columns given.

        The value is -inf where there is none, NaN where no dual solution is found.
        """
        columns = sparse.hstack([self.rows, -shifted[:, None]], format="csr")
        cost = np.append(of_prices[self.active], of_shift)
        free = (None, None) if of_shift else (0, 0)
        gains, prices = self.program.gains, np.full(len(of_prices), np.nan)
        found = linprog(
            cost, -columns[~self.used], -gains[~self.used], columns[self.used], gains[self.used],
            [(0, None)] * len(self.active) + [free],
        )  # fmt: skip
        if found.status == 3:
            return -np.inf, prices
        if not found.success:
            return np.nan, prices
        prices[:] = 0.0
        prices[self.active] = found.x[:-1]
        return float(found.fun), prices


def duals_at(program: Program, x: np.ndarray) -> Duals:
    """Those with the exact tolerance, or the loose one where that finds no dual solution."""
    duals = Duals(program, x)
    value, _ = duals.extreme(np.zeros(len(program.limits)), np.zeros(len(x)))
    return duals if np.isfinite(value) else Duals(program, x, LOOSE)


def price_until(program: Program, x: np.ndarray, is_money: np.ndarray, price: float) -> float:
    """How much more money returns ``price`` per unit: the most by which the limits of ``is_money`` rows may grow."""
    value = program.gains @ x
    matrix = np.vstack([np.column_stack([program.matrix, -is_money]), np.append(-program.gains, price)])
    limits = np.append(program.limits, -value + EXACT * abs(value))
    found = linprog(np.append(0 * program.gains, -1), matrix, limits)
    return np.inf if found.status == 3 else float(-found.fun) if found.success else np.nan
