"""Budgets against an independent optimum, brute force and a plant: what `models.budget` and `models.response` do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import signal, stats
from scipy.optimize import linprog

from decision_parts.figure import Figure
from precision_marketing.models.budget import ConflictError, allocate
from precision_marketing.models.response import (
    IDENTIFIED,
    Curve,
    carried_over,
    concave_pieces,
    fit_response,
    response_table,
)

ARTICLE = pd.DataFrame(
    {
        "channel": ["feed", "search", "short video"],
        "unit_cost": [50.0, 80.0, 30.0],
        "return_per_unit": [3.2, 4.5, 2.8],
        "lower": [2_000.0, 1_500.0, 3_000.0],
        "upper": [10_000.0, 6_000.0, 15_000.0],
    }
)
ARTICLE_BUDGET = 1_130_000
PUBLISHED = np.array([10_000.0, 6_000.0, 5_000.0])


def random_channels(rng: np.random.Generator) -> tuple[pd.DataFrame, float]:
    """Channels and a budget: one to six channels, some in pieces, some bounds absent; about a third has no plan."""
    rows = []
    for k in range(rng.integers(1, 7)):
        pieces = rng.integers(1, 4)
        returns = np.sort(rng.uniform(-0.5, 5, pieces).round(2))[::-1]
        volumes = rng.integers(0, 400, pieces).astype(float)
        volumes[-1] = np.nan if rng.random() < 0.2 else volumes[-1]
        cost = float(rng.integers(0, 60)) if np.isfinite(volumes[-1]) else float(rng.integers(1, 60))
        bounds = {
            "lower": float(rng.integers(1, 300)) if rng.random() < 0.5 else np.nan,
            "minimum_contribution": float(rng.integers(1, 400)) if rng.random() < 0.2 else np.nan,
            "minimum_share": rng.integers(1, 15) / 100 if rng.random() < 0.2 and cost else np.nan,
            "maximum_share": rng.integers(30, 100) / 100 if rng.random() < 0.2 and k else np.nan,
        }
        for place in range(pieces):
            one = {"channel": f"c{k}", "piece": place + 1, "unit_cost": cost, "return_per_unit": returns[place]}
            rows.append({**one, "upper": volumes[place], **bounds})
    return pd.DataFrame(rows), float(rng.integers(0, 20_000))


def named_constraints(channels: pd.DataFrame, budget: float) -> dict[str, tuple[np.ndarray, float]]:
    """The constraints of a program of one period in words: row @ x <= limit, x the volumes of the pieces."""
    optional = ["lower", "minimum_contribution", "minimum_share", "maximum_share"]
    channels = channels.reindex(columns=channels.columns.union(optional))
    costs, returns = channels["unit_cost"].to_numpy(), channels["return_per_unit"].to_numpy()
    named = {f"budget: at most {budget:,.0f}": (costs, budget)}
    for channel, own in channels.groupby("channel"):
        mine, first = (channels["channel"] == channel).to_numpy(float), own.iloc[0]
        if own["upper"].notna().all():
            named[f"{channel}: at most {own['upper'].sum():,.0f} units"] = mine, own["upper"].sum()
        if first["lower"] > 0:
            named[f"{channel}: at least {first['lower']:,.0f} units"] = -mine, -first["lower"]
        if first["minimum_contribution"] > 0:
            words = f"{channel}: a return of at least {first['minimum_contribution']:,.0f}"
            named[words] = -mine * returns, -first["minimum_contribution"]
        if first["minimum_share"] > 0:
            words = f"{channel}: at least {100 * first['minimum_share']:.0f}% of the spend"
            named[words] = first["minimum_share"] * costs - mine * costs, 0.0
        if first["maximum_share"] < 1:
            words = f"{channel}: at most {100 * first['maximum_share']:.0f}% of the spend"
            named[words] = mine * costs - first["maximum_share"] * costs, 0.0
    return named


def _optimum(channels: pd.DataFrame, rows: Collection[tuple[np.ndarray, float]], objective: np.ndarray) -> float | None:
    is_last = ~channels.duplicated("channel", keep="last")
    bounds = [(0, None if last else upper) for last, upper in zip(is_last, channels["upper"], strict=True)]
    matrix, limits = (np.array(part) for part in zip(*rows, strict=True)) if rows else (None, None)
    found = linprog(-objective, matrix, limits, bounds=bounds)
    return float(-found.fun) if found.status == 0 else None


def best_return(channels: pd.DataFrame, budget: float) -> float | None:
    """The optimum of one period by SciPy, straight from the table; None if there is no plan."""
    return _optimum(channels, named_constraints(channels, budget).values(), channels["return_per_unit"].to_numpy())


def is_minimal(conflict: Collection[str], channels: pd.DataFrame, budget: float) -> bool:
    """Whether the constraints cannot hold together, but do without any one of them."""
    named, nothing = named_constraints(channels, budget), np.zeros(len(channels))
    without = [[named[name] for name in conflict if name != one] for one in conflict]
    together = _optimum(channels, [named[name] for name in conflict], nothing)
    return together is None and all(_optimum(channels, rows, nothing) is not None for rows in without)


def compare_with_scipy(programs: int, seed: int = 0) -> dict[str, Any]:
    """Random programs here and by SciPy: how many, the largest relative difference, how many conflicts are minimal."""
    rng = np.random.default_rng(seed)
    differences, conflicts, disagreed = [], [], 0
    for _ in range(programs):
        channels, budget = random_channels(rng)
        best = best_return(channels, budget)
        try:
            found = allocate(channels, budget).summary["expected_return"][0]
        except ConflictError as error:
            disagreed += best is not None
            conflicts.append(is_minimal(error.conflict, channels, budget))
            continue
        disagreed += best is None
        differences.append(abs(found - best) / max(1, abs(best)) if best is not None else np.inf)
    return {"feasible": len(differences), "largest": max(differences), "infeasible": len(conflicts),
            "minimal": sum(conflicts), "disagreed": disagreed}  # fmt: skip


def uncertain_channels(rng: np.random.Generator) -> pd.DataFrame:
    """One to five channels with bounds and a lower end of their returns."""
    n = int(rng.integers(1, 6))
    returns = rng.uniform(1, 5, n)
    return pd.DataFrame(
        {
            "channel": [f"c{k}" for k in range(n)],
            "unit_cost": rng.uniform(1, 9, n),
            "return_per_unit": returns,
            "return_low": returns * rng.uniform(-0.2, 1, n),
            "lower": rng.uniform(0, 5, n),
            "upper": rng.uniform(10, 99, n),
        }
    )


def worst_by_enumeration(made: pd.DataFrame, budget: float, protection: float) -> float:
    """The best worst case, each set of falling returns a row of its own: maximise t <= return of each."""
    n, deviation = len(made), (made["return_per_unit"] - made["return_low"]).to_numpy()
    whole, part = int(protection), protection % 1
    falls = []
    for chosen in combinations(range(n), min(whole, n)):
        fallen = np.zeros(n)
        fallen[list(chosen)] = 1
        rest = [j for j in range(n) if not fallen[j]]
        falls += [fallen + part * np.eye(n)[j] for j in rest] if part and rest else [fallen]
    matrix = [np.append(-(made["return_per_unit"].to_numpy() - fallen * deviation), 1) for fallen in falls]
    bounds = [*zip(made["lower"], made["upper"], strict=True), (None, None)]
    found = linprog(
        np.append(np.zeros(n), -1),
        [*matrix, np.append(made["unit_cost"], 0)],
        [0] * len(matrix) + [budget],
        bounds=bounds,
    )
    return float(-found.fun)


# Response curves with a plant -------------------------------------------------------------------------


class Plant(NamedTuple):
    """A channel whose response is known: of a mean weekly spend of 1,000, with a base revenue of 4,000 a week."""

    shape: str = "exponential"
    ceiling: float = 6_000.0  # of a line: the return per unit of money
    half_spend: float = 1_000.0
    exponent: float = 2.0
    carry_over: float = 0.5

    def value(self, spend: np.ndarray) -> np.ndarray:
        """The weekly return (k,) of a constant weekly spend (k,), by the textbook."""
        if self.shape == "line":
            return self.ceiling * spend
        if self.shape == "exponential":
            return self.ceiling * (1 - 0.5 ** (spend / self.half_spend))
        return self.ceiling / (1 + (self.half_spend / np.maximum(spend, 1e-9)) ** self.exponent)

    def truth(self, spend: float) -> dict[str, float]:
        """The parameters, and the marginal return at a weekly spend, by the names of ``response_table``."""
        known = {"carry_over": self.carry_over}
        if self.shape != "line":
            known |= {"ceiling": self.ceiling, "half_spend": self.half_spend}
        if self.shape == "hill":
            known |= {"exponent": self.exponent}
        around = self.value(spend * np.array([0.999, 1.001]))
        return {**known, "marginal_return": float((around[1] - around[0]) / (0.002 * spend))}


def simulate_weeks(plant: Plant, weeks: int, spread: float, seed: int, channel: str = "a", noise: float = 400.0):
    """week, channel, spend, revenue: spend is log-normal with a standard deviation of the logarithm of ``spread``;
    revenue has a trend, a yearly wave and noise with an autocorrelation of 0.3."""
    rng, t = np.random.default_rng(seed), np.arange(weeks)
    spend = 1_000 * np.exp(spread * rng.normal(size=weeks) - spread**2 / 2)
    errors = noise * np.sqrt(1 - 0.3**2) * signal.lfilter([1], [1, -0.3], rng.normal(size=weeks))
    base = 4_000 + 400 * t / weeks + 300 * np.sin(2 * np.pi * t / 52.18)
    earned = plant.value(carried_over(spend, plant.carry_over))
    return pd.DataFrame({"week": t, "channel": channel, "spend": spend, "revenue": base + earned + errors})


def coverage(plant: Plant, weeks: int, spread: float, runs: int, seed: int = 0) -> dict[str, Any]:
    """How often 95% intervals hold the truth, by parameter, among runs in which there is one; the share identified."""
    covered: Counter[str] = Counter()
    known: Counter[str] = Counter()
    identified = 0
    for run in range(runs):
        curve = fit_response(simulate_weeks(plant, weeks, spread, seed + run))["a"]
        row = response_table({"a": curve}).iloc[0]
        identified += curve.verdict == IDENTIFIED
        for name, truth in plant.truth(curve.mean_spend).items():
            known[name] += bool(np.isfinite(row[name]))
            covered[name] += bool(row[f"{name}_low"] <= truth <= row[f"{name}_high"])
    return {
        "identified": identified / runs,
        "covered": {name: covered[name] / known[name] for name in known if known[name]},
    }


PLANTS = {
    "feed": Plant("exponential", ceiling=4_000, half_spend=500, carry_over=0.3),
    "search": Plant("hill", ceiling=7_000, half_spend=1_500, exponent=1.8, carry_over=0.1),
    "short video": Plant("exponential", ceiling=9_000, half_spend=2_500, carry_over=0.6),
}
WEEKLY_BUDGET = 3_000


def true_return(spend: dict[str, float]) -> float:
    """What a constant weekly spend per channel of ``PLANTS`` returns a week."""
    return float(sum(PLANTS[name].value(np.array([amount]))[0] for name, amount in spend.items()))


def best_split() -> float:
    """The best true return of the weekly budget, to 10 of money, by trying all."""
    amounts = np.arange(0, WEEKLY_BUDGET + 1, 10)
    feed, search, video = (plant.value(amounts.astype(float)) for plant in PLANTS.values())
    two = np.array([(feed[: k + 1] + search[: k + 1][::-1]).max() for k in range(len(amounts))])
    return float((two + video[::-1]).max())


def decide_by_curves(weeks: int, seed: int) -> tuple[float, float]:
    """True weekly returns of the plan by fitted pieces, and of the plan by mean revenue per unit of money."""
    frame = pd.concat(
        simulate_weeks(plant, weeks, 0.7, 100 * seed + place, name)
        for place, (name, plant) in enumerate(PLANTS.items())
    )
    curves: dict[str, Curve] = fit_response(frame)
    upper = 2_000.0
    pieces = pd.concat(concave_pieces(curve, upper, 8) for curve in curves.values())
    sums = frame.groupby("channel")[["revenue", "spend"]].sum()
    plain = pd.DataFrame({"channel": sums.index, "unit_cost": 1.0, "upper": upper})
    plain["return_per_unit"] = (sums["revenue"] / sums["spend"]).to_numpy()
    plans = [allocate(table, WEEKLY_BUDGET).allocation for table in (pieces, plain)]
    ours, baseline = (true_return(dict(zip(plan["channel"], plan["spend"], strict=True))) for plan in plans)
    return ours, baseline


# The table ---------------------------------------------------------------------------------------------


def _share(part: float, n: int) -> str:
    """The exact 95% interval of a share."""
    interval = stats.binomtest(round(part * n), n).proportion_ci()
    return f"{interval.low:.1%} to {interval.high:.1%}"


def _interval(values: np.ndarray) -> str:
    """The 95% interval of the mean (n,), by the bootstrap."""
    drawn = np.random.default_rng(0).choice(values, (2_000, len(values))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{low:.1%} to {high:.1%}"


def _robust(programs: int) -> Figure:
    rng, worst, costs = np.random.default_rng(1), [], []
    for _ in range(programs):
        made = uncertain_channels(rng)
        plans = allocate(made, 400, protection=1).summary
        worst.append([*plans["worst_return"], worst_by_enumeration(made, 400, 1)])
        costs.append(plans["robustness_cost"][1] / plans["expected_return"][0])
    nominal, robust, best = np.sum(worst, axis=0)
    return Figure(
        "worst return of the plan, one channel at its low end", f"{nominal / best:.1%} (nominal plan)",
        f"{robust / best:.1%}", "100% (all cases enumerated)",
        f"costs {np.mean(costs):.1%} of the expected return ({_interval(np.array(costs))})",
        f"sum over {programs} random programs",
    )  # fmt: skip


def figures(data: Path) -> list[Figure]:
    """``data`` is not needed: all is simulated or published."""
    plan = allocate(ARTICLE, ARTICLE_BUDGET)
    volumes = " / ".join(f"{volume:,.0f}" for volume in plan.allocation["volume"])
    best = best_return(ARTICLE, ARTICLE_BUDGET)
    same = compare_with_scipy(1_000)
    conflicts = same["infeasible"]
    found = [
        Figure(
            "published example, return of 1,130,000", f"{PUBLISHED @ ARTICLE['return_per_unit']:,.0f}",
            f"{plan.summary['expected_return'][0]:,.0f} ({volumes})", f"{best:,.0f} (SciPy)", "exact",
            "return per unit of money: short video 0.093, feed 0.064, search 0.056",
        ),
        Figure(
            "random programs, largest relative difference from SciPy", "", f"{same['largest']:.1e}", "0",
            f"{same['feasible']} feasible", f"{same['disagreed']} where only one finds a plan",
        ),
        Figure(
            "infeasible programs whose named conflict is minimal", "all constraints named: 0",
            f"{same['minimal']} of {conflicts}", str(conflicts), _share(same["minimal"] / conflicts, conflicts),
        ),
        _robust(60),
    ]  # fmt: skip
    runs = 50
    for label, plant in (("exponential", Plant()), ("hill, exponent 2", Plant("hill"))):
        covered = coverage(plant, 520, 0.8, runs)["covered"]
        for name, share in covered.items():
            found.append(
                Figure(f"95% interval of {name} holds the truth, {label}, ten years", "", f"{share:.0%}", "95%",
                       _share(share, runs), f"{runs} simulations")
            )  # fmt: skip
    for label, plant, spread, best_share in (
        ("straight line, spending varied", Plant("line", 3.0), 0.6, "5% or less"),
        ("bent, spending steady within 10%", Plant(), 0.1, "5% or less"),
        ("bent, spending varied", Plant(), 0.8, "100%"),
    ):
        share = coverage(plant, 104, spread, runs)["identified"]
        found.append(
            Figure(f"called identified after two years: {label}", "always: 100%", f"{share:.0%}", best_share,
                   _share(share, runs), f"{runs} simulations")
        )  # fmt: skip
    top, seeds = best_split(), 12
    earned = np.array([decide_by_curves(156, seed) for seed in range(seeds)]) / top
    found.append(
        Figure("true weekly return of the plan after three years, of the best possible",
               f"{earned[:, 1].mean():.1%} (mean revenue per money)", f"{earned[:, 0].mean():.1%}",
               f"100% = {top:,.0f}",
               _interval(earned[:, 0]), f"{seeds} simulations of three channels")
    )  # fmt: skip
    return found
