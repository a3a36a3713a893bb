"""Lifetime value: CDNOW against its published estimates and its own later purchases; planted parameters; speed.

python benchmarks/lifetime.py [--data FOLDER] [--customers 1000000] [--seeds 100]

CDNOW: 23,570 customers who came in the first quarter of 1997. Published are estimates from one in ten of them and
39 weeks; the 39 weeks after are held out, for all customers, nine in ten of whom no estimate has seen. Online Retail's
99 days held out are the rise before Christmas, which a model without seasons misses. BG/NBD stands beside
PyMC-Marketing's where that is installed: it brings other versions of NumPy and pandas, so in an environment of its own,
with `PYTHONPATH=src`. Intervals are 1.96 standard errors or bootstrap quantiles. Seconds are ratios to something run
beside it.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import optimize, special

from precision_marketing.models.lifetime_value import (
    BetaGeoNBD,
    GammaGamma,
    LifetimeModels,
    fit_summary,
    holdout_metrics,
    lifetime_value,
    purchase_summary,
    score,
)

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = Path(os.environ.get("MARKETING_SHARED_DATA", ROOT.parent / "shared" / "data"))
WEEK = 7
HOLDOUT_WEEKS = 39
CDNOW_START, CDNOW_UNTIL = pd.Timestamp("1997-01-01"), pd.Timestamp("1997-09-30")
# Fader, Hardie and Lee 2005, in weeks; Fader and Hardie 2013, in dollars.
PUBLISHED = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
PUBLISHED_LOG_LIKELIHOOD = "-9582.4"
PUBLISHED_VALUE = {"p": 6.25, "q": 3.74, "gamma": 15.44}
RETAIL_UNTIL, RETAIL_HOLDOUT_DAYS = pd.Timestamp("2011-08-31"), 99


class Simulated(NamedTuple):
    """What is known of n simulated customers, all (n,), and what is not: whether they are still alive."""

    frequency: np.ndarray
    recency: np.ndarray
    age: np.ndarray
    alive: np.ndarray
    later: np.ndarray


def simulate(model: BetaGeoNBD, age: np.ndarray, rng: np.random.Generator, horizon: float = 0) -> Simulated:
    """Purchases of customers as BG/NBD tells it, one by one, and those of the ``horizon`` after their age."""
    rate, leaving = rng.gamma(model.r, 1 / model.alpha, len(age)), rng.beta(model.a, model.b, len(age))
    frequency, later = np.zeros((2, len(age)), dtype=int)
    now, recency, alive = np.zeros(len(age)), np.zeros(len(age)), np.ones(len(age), dtype=bool)
    active = np.arange(len(age))
    while len(active):
        now[active] += rng.exponential(size=len(active)) / rate[active]
        active = active[now[active] <= age[active] + horizon]
        seen = now[active] <= age[active]
        frequency[active[seen]] += 1
        recency[active[seen]] = now[active[seen]]
        later[active[~seen]] += 1
        left = rng.random(len(active)) < leaving[active]
        alive[active[left & seen]] = False
        active = active[~left]
    return Simulated(frequency, recency, age, alive, later)


def read_cdnow(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Purchases of all CDNOW customers (see ``purchase_summary``), and the summary of one in ten, in days."""
    columns = ["customer_id", "purchase_date", "cds", "value"]
    purchases = pd.read_csv(folder / "cdnow" / "CDNOW_master.txt.gz", sep=r"\s+", skiprows=1, names=columns)
    purchases["purchase_date"] = pd.to_datetime(purchases["purchase_date"].astype(str))
    summary = pd.read_csv(folder / "cdnow" / "cdnow_customers_summary.csv")
    days = summary[["recency", "T"]].mul(WEEK).round().astype(int)
    sample = summary[["frequency"]].assign(recency_days=days["recency"], age_days=days["T"])
    return purchases, sample


def sample_values(sample: pd.DataFrame, cohort: pd.DataFrame) -> pd.DataFrame:
    """Frequency, average_order_value and weight of the repeat buyers in the sample, found among all customers.

    The sample has no customer ids, but keeps those of one day in their order. So a customer is one with the same
    frequency, recency and age, after the first ones that can be all before him, before the last ones that can be all
    after him. Of 946 repeat buyers that leaves 30 with two or three candidates, who share the weight.
    """
    known = ["frequency", "recency_days", "age_days"]
    places = cohort.groupby(known).indices
    found = []
    for _, day in sample.groupby("age_days"):
        candidates = [places[tuple(row)] for row in day[known].itertuples(index=False)]
        first, last, place = [], [], -1
        for ids in candidates:
            place = ids[ids > place].min()
            first.append(place)
        place = len(cohort)
        for ids in reversed(candidates):
            place = ids[ids < place].max()
            last.append(place)
        for ids, low, high in zip(candidates, first, reversed(last), strict=True):
            ids = ids[(ids >= low) & (ids <= high)]
            found.append(cohort.iloc[ids].assign(weight=1 / len(ids)))
    found = pd.concat(found)
    return found.loc[found["frequency"] > 0, ["frequency", "average_order_value", "weight"]]


def later_purchases(purchases: pd.DataFrame, until: pd.Timestamp, days: int, customers: pd.Index) -> pd.DataFrame:
    """Purchases (days with one) and value of each customer in the ``days`` after ``until``."""
    after = purchases["purchase_date"]
    later = purchases[(after > until) & (after <= until + pd.Timedelta(days=days))]
    days = later.groupby(["customer_id", "purchase_date"])["value"].sum()
    totals = days.groupby("customer_id").agg(["size", "sum"]).set_axis(["purchases", "value"], axis=1)
    return totals.reindex(customers, fill_value=0)


def in_days(parameters: dict[str, float]) -> BetaGeoNBD:
    """The model whose parameters are given in weeks, in days."""
    return BetaGeoNBD.from_dict({**parameters, "alpha": parameters["alpha"] * WEEK})


def cumulative(model: BetaGeoNBD, purchases: pd.DataFrame, weeks: np.ndarray) -> pd.DataFrame:
    """Repeat purchases of all CDNOW customers by the end of each week: made, and expected of newcomers."""
    days = purchases.drop_duplicates(["customer_id", "purchase_date"])
    first = days.groupby("customer_id")["purchase_date"].min()
    day = (days["purchase_date"] - CDNOW_START).dt.days.to_numpy()
    arrivals = (first - CDNOW_START).dt.days.value_counts()
    made, expected = [], []
    for end in weeks * WEEK:
        come = arrivals[arrivals.index < end]
        made.append((day < end).sum() - come.sum())
        ages = np.maximum(end - 1 - come.index.to_numpy(float), 0)
        expected.append(come.to_numpy() @ model.expected_new_customer_purchases(ages))
    return pd.DataFrame({"week": weeks, "made": made, "expected": expected})


def read_online_retail(folder: Path) -> pd.DataFrame:
    """Sales of UCI Online Retail to known customers, cancellations left out (see ``purchase_summary``)."""
    lines = pd.read_csv(folder / "online_retail" / "online_retail.csv.gz", dtype={"InvoiceNo": str})
    value = lines["Quantity"] * lines["UnitPrice"]
    date = pd.to_datetime(lines["InvoiceDate"]).dt.normalize()
    sales = pd.DataFrame({"customer_id": lines["CustomerID"], "purchase_date": date, "value": value})
    return sales[(value > 0) & sales["customer_id"].notna()]


# The tables ------------------------------------------------------------------------------------------


def table(title: str, columns: list[str], rows: list[list[object]]) -> None:
    """Print a Markdown table; floats to four digits."""
    texts = [[f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    print(f"\n{title}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in texts:
        print(f"| {' | '.join(row)} |")


def estimates(model: BetaGeoNBD | GammaGamma, published: dict[str, float]) -> list[list[object]]:
    """Rows of a model's parameters beside the published ones."""
    rows = []
    for name, value in published.items():
        own, error = getattr(model, name), model.standard_errors_[name]
        rows.append([name, own, value, f"{own - 1.96 * error:.4g} to {own + 1.96 * error:.4g}"])
    return rows


def holdout_rows(model: BetaGeoNBD, summary: pd.DataFrame, later: pd.DataFrame, days: int) -> list[list[object]]:
    """Rows of ``holdout_metrics``."""
    metrics = holdout_metrics(model, summary, later["purchases"], days)
    return [[m.metric, float(m.baseline), float(m.value), f"{m.ci_low:.4g} to {m.ci_high:.4g}"] for m in metrics]


def value_rows(models: LifetimeModels, summary: pd.DataFrame, purchases: pd.DataFrame, until: pd.Timestamp, days: int):
    """Rows of the error in sales per customer in the ``days`` held out: of the run rate and of the model."""
    later = later_purchases(purchases, until, days, summary.index)["value"].to_numpy()
    spent = purchases[purchases["purchase_date"] <= until].groupby("customer_id")["value"].sum()
    run_rate = spent.to_numpy() / np.maximum(summary["age_days"].to_numpy(), 90) * days
    own = np.abs(lifetime_value(*models, summary, horizon_days=days, annual_discount_rate=0) - later)
    naive = np.abs(run_rate - later)
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, len(own), len(own)) for _ in range(500)]
    low, high = np.quantile([1 - own[draw].mean() / naive[draw].mean() for draw in draws], [0.025, 0.975])
    reduction = float(1 - own.mean() / naive.mean())
    return [
        ["sales mae", float(naive.mean()), float(own.mean()), ""],
        ["sales mae reduction", "0", reduction, f"{low:.4g} to {high:.4g}"],
    ]


def row_by_row(x: np.ndarray, recency: np.ndarray, age: np.ndarray) -> np.ndarray:
    """The textbook fit: every customer a row, no gradient (Nelder and Mead)."""

    def loss(logs: np.ndarray) -> float:
        r, alpha, a, b = np.exp(logs)
        rate = special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha) - (r + x) * np.log(alpha + age)
        odds = np.log(a / (b + np.maximum(x, 1) - 1)) + (r + x) * np.log((alpha + age) / (alpha + recency))
        return -np.sum(
            rate + special.betaln(a, b + x) - special.betaln(a, b) + np.logaddexp(0, np.where(x > 0, odds, -np.inf))
        )

    options = {"maxiter": 5_000, "xatol": 1e-6, "fatol": 1e-6}
    return np.exp(optimize.minimize(loss, np.zeros(4), method="Nelder-Mead", options=options).x)


def seconds(action, repeats: int = 3) -> float:
    """The fastest of several runs."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return min(times)


def pymc_estimates(summary: pd.DataFrame) -> dict[str, float] | None:
    """What PyMC-Marketing's BG/NBD finds most likely under flat priors; None where it is not installed."""
    try:
        from pymc_extras.prior import Prior
        from pymc_marketing.clv import BetaGeoModel
    except ImportError:
        return None
    rows = summary[["frequency", "recency", "T"]].assign(customer_id=np.arange(len(summary)))
    model = BetaGeoModel(data=rows, model_config={name: Prior("HalfFlat") for name in PUBLISHED})
    model.fit(method="map", progressbar=False)
    return {name: float(model.fit_result[name].values.ravel()[0]) for name in PUBLISHED}


def cdnow(folder: Path) -> None:
    """Published estimates, later purchases, the cumulative curve."""
    purchases, sample = read_cdnow(folder)
    cohort = purchase_summary(purchases, CDNOW_UNTIL)
    summary = pd.read_csv(folder / "cdnow" / "cdnow_customers_summary.csv")
    columns = [summary[name].to_numpy(float) for name in ("frequency", "recency", "T")]
    weekly = BetaGeoNBD().fit(*columns)
    head = ["figure", "ours", "published", "95% interval"]
    rows = [
        *estimates(weekly, PUBLISHED),
        ["log-likelihood", f"{weekly.log_likelihood_:.1f}", PUBLISHED_LOG_LIKELIHOOD, ""],
    ]
    table("CDNOW, 2,357 customers, BG/NBD in weeks", head, rows)
    if others := pymc_estimates(summary):
        rows = [[name, float(getattr(weekly, name)), value] for name, value in others.items()]
        table("The same beside PyMC-Marketing, flat priors", ["figure", "ours", "PyMC-Marketing"], rows)
    else:
        print("missing: pymc-marketing, for BG/NBD beside it (install it in an environment of its own)")
    values = sample_values(sample, cohort)
    value = GammaGamma().fit(values["frequency"], values["average_order_value"], values["weight"])
    table("CDNOW, 946 repeat buyers, Gamma-Gamma in dollars", head, estimates(value, PUBLISHED_VALUE))
    everyone = fit_summary(cohort)
    table("The same from all 23,570 customers", head, estimates(everyone.gammagamma, PUBLISHED_VALUE))

    own = in_days({name: getattr(weekly, name) for name in PUBLISHED})
    later = later_purchases(purchases, CDNOW_UNTIL, HOLDOUT_WEEKS * WEEK, cohort.index)
    head = ["figure", "naive", "ours", "95% interval", "published parameters"]
    published = holdout_rows(in_days(PUBLISHED), cohort, later, HOLDOUT_WEEKS * WEEK)
    rows = [
        [*row, other[2]]
        for row, other in zip(holdout_rows(own, cohort, later, HOLDOUT_WEEKS * WEEK), published, strict=True)
    ]
    rows += [
        [*row, ""]
        for row in value_rows(LifetimeModels(own, value), cohort, purchases, CDNOW_UNTIL, HOLDOUT_WEEKS * WEEK)
    ]
    table("CDNOW, weeks 40 to 78, estimates from one customer in ten, errors of all", head, rows)

    weeks = np.array([13, 26, 39, 52, 65, 78])
    curves = [cumulative(model, purchases, weeks) for model in (own, in_days(PUBLISHED))]
    rows = [
        [int(week), int(made), f"{expected:.0f}", f"{other:.0f}", float(expected / made)]
        for week, made, expected, other in zip(
            weeks, curves[0]["made"], curves[0]["expected"], curves[1]["expected"], strict=True
        )
    ]
    table("CDNOW, cumulative repeat purchases", ["week", "made", "ours", "published parameters", "ours / made"], rows)

    own_time, textbook = seconds(lambda: BetaGeoNBD().fit(*columns)), seconds(lambda: row_by_row(*columns), 1)
    table(
        "Fit of 2,357 customers",
        ["figure", "value"],
        [["textbook (row by row, no gradient) / ours", textbook / own_time]],
    )


def online_retail(folder: Path) -> None:
    """Later purchases of Online Retail's customers."""
    sales = read_online_retail(folder)
    summary = purchase_summary(sales, RETAIL_UNTIL)
    models = fit_summary(summary)
    later = later_purchases(sales, RETAIL_UNTIL, RETAIL_HOLDOUT_DAYS, summary.index)
    rows = holdout_rows(models.bgnbd, summary, later, RETAIL_HOLDOUT_DAYS)
    rows += value_rows(models, summary, sales, RETAIL_UNTIL, RETAIL_HOLDOUT_DAYS)
    table(
        f"Online Retail, {len(summary):,} customers, 99 days held out",
        ["figure", "naive", "ours", "95% interval"],
        rows,
    )


def recovery(seeds: int) -> None:
    """How often the planted parameters lie in their 95% intervals."""
    truth = in_days(PUBLISHED)
    found, covered = [], []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        seen = simulate(truth, rng.integers(1, 731, 3_000).astype(float), rng)
        model = BetaGeoNBD().fit(*seen[:3])
        own = np.array([getattr(model, name) for name in model.names])
        errors = np.array([model.standard_errors_[name] for name in model.names]) / own
        planted = np.array([getattr(truth, name) for name in model.names])
        found.append(own)
        covered.append(np.abs(np.log(own / planted)) <= 1.96 * errors)
    rows = [
        [name, getattr(truth, name), float(np.median(own)), f"{share:.0%}"]
        for name, own, share in zip(truth.names, np.array(found).T, np.mean(covered, axis=0), strict=True)
    ]
    head = ["parameter", "planted", "median estimate", "planted one in the 95% interval"]
    table(f"{seeds} samples of 3,000 simulated customers", head, rows)


def scale(customers: int) -> None:
    """Many customers: recovery of the parameters, whether they are alive, and the time it takes."""
    truth, value_truth = in_days(PUBLISHED), GammaGamma.from_dict(PUBLISHED_VALUE)
    rng = np.random.default_rng(0)
    seen = simulate(truth, rng.integers(1, 731, customers).astype(float), rng, horizon=90)
    daily = [seen.frequency.astype(float), np.ceil(seen.recency), seen.age]
    shape = value_truth.p * np.maximum(seen.frequency, 1)
    rate = rng.gamma(value_truth.q, 1 / value_truth.gamma, customers) * np.maximum(seen.frequency, 1)
    frame = pd.DataFrame(dict(zip(["frequency", "recency_days", "age_days"], daily, strict=True)))
    frame["average_order_value"] = rng.gamma(shape) / rate
    models = fit_summary(frame)
    planted = {name: getattr(truth, name) for name in truth.names}
    rows = [*estimates(models.bgnbd, planted), *estimates(models.gammagamma, PUBLISHED_VALUE)]
    head = ["figure", "ours", "planted", "95% interval"]
    table(f"{customers:,} simulated customers; purchases rounded to days", head, rows)

    alive = models.bgnbd.probability_alive(*daily)
    later = models.bgnbd.expected_purchases(90, *daily)
    repeat = seen.frequency > 0
    share = seen.alive[repeat].mean()
    true_alive = truth.probability_alive(*seen[:3])
    true_later = truth.expected_purchases(90, *seen[:3])
    brier = [share * (1 - share), *(np.mean((chance - seen.alive)[repeat] ** 2) for chance in (alive, true_alive))]
    mae = [np.abs(made - seen.later).mean() for made in (90 * daily[0] / seen.age, later, true_later)]
    rows = [
        ["Brier score of probability_alive, repeat buyers", *map(float, brier)],
        ["MAE of purchases in 90 days", *map(float, mae)],
    ]
    table("The same customers", ["figure", "naive", "ours", "planted parameters"], rows)

    once = seconds(lambda: truth.log_likelihood(*daily))
    rows = [
        ["fit of both models", seconds(lambda: fit_summary(frame), 1) / once],
        ["score", seconds(lambda: score(frame, models), 1) / once],
    ]
    table("Time, in evaluations of the log-likelihood of every row", ["figure", "evaluations"], rows)


def main() -> None:
    """Print all tables; those on real data only where it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED_DATA)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--seeds", type=int, default=100)
    options = parser.parse_args()
    for name, benchmark in {"cdnow": cdnow, "online_retail": online_retail}.items():
        if (options.data / name).is_dir():
            benchmark(options.data)
        else:
            print(f"missing: {options.data / name} (set --data or MARKETING_SHARED_DATA, see docs/real_data.md)")
    recovery(options.seeds)
    scale(options.customers)


if __name__ == "__main__":
    main()
