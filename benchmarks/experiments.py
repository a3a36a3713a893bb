"""How often an A/B test that is looked at every hour finds what is not there, and what is.

python benchmarks/experiments.py --simulations 2000

Customers arrive over three days and are followed for fourteen, as in the demo. Each orders at his own rate (gamma),
so that some order often and most never; an order's value is log-normal. In variant B each customer gives one more order
with a chance; 0 means that there is nothing to find. After every hour the test is decided anew, by the rule of the
warehouse (`precision_marketing.models.experiments`) and, as the baseline, by Welch's test as if each hour were the
only one.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from precision_marketing.models import experiments

HOURS = 14 * 24
ARRIVAL_HOURS = 3 * 24
ORDERS_PER_CUSTOMER = 0.6
METRICS = ("conversion", "orders_per_customer", "revenue_per_customer")


def _by_hour(weights: np.ndarray, simulation: np.ndarray, arm: np.ndarray, hour: np.ndarray, count: int) -> np.ndarray:
    """Running totals of ``weights`` (events,) by simulation, arm and hour: (count, 2, HOURS)."""
    cell = (simulation * 2 + arm) * HOURS + hour
    return np.bincount(cell, weights, minlength=count * 2 * HOURS).reshape(count, 2, HOURS).cumsum(axis=2)


def moments(count: int, customers: int, chance: float, rng: np.random.Generator) -> dict[str, experiments.Moments]:
    """What an analyst sees after each hour of ``count`` experiments: per metric, arrays (count, 2, HOURS)."""
    people = count * customers
    simulation = np.repeat(np.arange(count), customers)
    arm = rng.integers(0, 2, people)
    arrival = rng.uniform(0, ARRIVAL_HOURS, people)
    orders = rng.poisson(rng.gamma(0.5, ORDERS_PER_CUSTOMER / 0.5, people))
    orders += (arm == 1) & (rng.uniform(size=people) < chance)

    customer = np.repeat(np.arange(people), orders)
    hour = arrival[customer] + rng.uniform(0, HOURS, len(customer))
    order = np.lexsort((hour, customer))
    customer, hour = customer[order], hour[order]
    value = rng.lognormal(4, 0.7, len(customer))
    first = np.r_[True, customer[1:] != customer[:-1]][: len(customer)]
    number = np.arange(len(customer)) - np.maximum.accumulate(np.where(first, np.arange(len(customer)), 0))
    before = np.cumsum(value) - value
    before -= np.maximum.accumulate(np.where(first, before, 0))

    seen = hour < HOURS
    place = (simulation[customer[seen]], arm[customer[seen]], hour[seen].astype(int), count)
    n = _by_hour(np.ones(people), simulation, arm, arrival.astype(int), count)
    first, number, value, before = first[seen].astype(float), number[seen], value[seen], before[seen]
    active = _by_hour(first, *place)
    totals = {"conversion": (first, first), "orders_per_customer": (np.ones(len(first)), 2.0 * number + 1)}
    totals["revenue_per_customer"] = (value, 2 * before * value + value**2)
    return {
        metric: experiments.Moments(n, active, _by_hour(total, *place), _by_hour(square, *place))
        for metric, (total, square) in totals.items()
    }


def simulate(simulations: int, chance: float, customers: int = 1_700, seed: int = 0) -> dict[str, float]:
    """Shares of experiments in which a difference was declared, at any of the hourly looks up to the end.

    Returns the shares by each metric alone and by any of the three after Holm, always-validly; the same for the naive
    test of every hour; and ``naive_conversion_end``, the naive test of conversion looked at once, at the end, as it
    is meant to be.
    """
    rng = np.random.default_rng(seed)
    batch = 100
    found: dict[str, list[np.ndarray]] = {}
    for start in range(0, simulations, batch):
        seen = moments(min(batch, simulations - start), customers, chance, rng)
        sequential, naive = [], []
        for metric in METRICS:
            arms = [experiments.Moments(*(part[:, arm] for part in seen[metric])) for arm in (0, 1)]
            comparison = experiments.compare(*arms)
            sequential.append(experiments.sequential_p_value(comparison))
            naive.append(experiments.fixed_p_value(comparison))
            found.setdefault(f"always_valid_{metric}", []).append((sequential[-1] <= experiments.ALPHA).any(axis=1))
        holm_level = experiments.ALPHA / len(METRICS)  # where the smallest p has to lie
        found.setdefault("always_valid_any_after_holm", []).append(
            (np.min(sequential, axis=0) <= holm_level).any(axis=1)
        )
        found.setdefault("naive_conversion", []).append((naive[0] <= experiments.ALPHA).any(axis=1))
        found.setdefault("naive_any_after_holm", []).append((np.min(naive, axis=0) <= holm_level).any(axis=1))
        found.setdefault("naive_conversion_end", []).append(naive[0][:, -1] <= experiments.ALPHA)
    return {name: float(np.mean(np.concatenate(parts))) for name, parts in found.items()}


def main() -> None:
    """Print the shares as JSON: without an effect, and with the two that the demo plants."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=2_000)
    parser.add_argument("--customers", type=int, default=1_700)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    result = {
        f"chance {chance:.2f}": simulate(options.simulations, chance, options.customers, options.seed)
        for chance in (0.0, 0.06, 0.12)
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
