"""Lifetime value: CDNOW against its published estimates and its own later purchases; planted parameters; speed.

python benchmarks/lifetime.py [--data FOLDER] [--customers 1000000] [--seeds 100] [--shops 20] [--only SECTION]

CDNOW: 23,570 customers who came in the first quarter of 1997. Published are estimates from one in ten of them and
39 weeks; the 39 weeks after are held out, for all customers, nine in ten of whom no estimate has seen. Online Retail's
99 days held out are the rise before Christmas, which a model without seasons misses. BG/NBD stands beside
PyMC-Marketing's where that is installed: it brings other versions of NumPy and pandas, so in an environment of its own,
with `PYTHONPATH=src`. Seasons are shown in simulated shops of three years, whose last autumn is held out and whose next
year is known. Intervals are 1.96 standard errors or bootstrap quantiles. Seconds are ratios to something run
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
from precision_marketing.models.training import Training
from precision_marketing.warehouse.lifetime_value import Scorer, learn

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
SHOP_FROM, SHOP_AS_OF, SHOP_UNTIL = (pd.Timestamp(day) for day in ("2021-01-01", "2023-12-31", "2024-12-31"))
SHOP_HOLDOUT_DAYS = 90


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


# Seasons ---------------------------------------------------------------------------------------------


def pace(kind: str, days: pd.DatetimeIndex, rng: np.random.Generator) -> np.ndarray:
    """(days,) what multiplies the rate of every customer on each day.

    season: around 11 December, for some weeks, up to 3.4 times what it is in summer; trend: 30% less each year; shocks:
    each month up or down by 15% or so, never the same again; none: 1.
    """
    if kind == "season":
        from_peak = (days.dayofyear.to_numpy() - 345 + 182) % 365 - 182
        return 0.8 + 1.9 * np.exp(-0.5 * (from_peak / 22) ** 2)
    if kind == "trend":
        return 0.7 ** (np.arange(len(days)) / 365)
    month = days.year.to_numpy() * 12 + days.month.to_numpy()
    month -= month.min()
    return np.exp(rng.normal(0, 0.15, month.max() + 1))[month] if kind == "shocks" else np.ones(len(days))


def simulate_shop(kind: str, rng: np.random.Generator, customers: int = 3_000) -> pd.DataFrame:
    """Purchases (see ``purchase_summary``) of customers who come, buy and leave at a ``pace``, by CDNOW's BG/NBD."""
    truth, worth = in_days(PUBLISHED), GammaGamma.from_dict(PUBLISHED_VALUE)
    days = pd.date_range(SHOP_FROM, SHOP_UNTIL)
    speed = pace(kind, days, rng)
    edges, passed = np.arange(len(days) + 1), np.append(0, np.cumsum(speed))
    first = rng.choice(len(days), customers, p=speed / speed.sum())
    rate, leaving = rng.gamma(truth.r, 1 / truth.alpha, customers), rng.beta(truth.a, truth.b, customers)
    clock, active = np.interp(first + rng.random(customers), edges, passed), np.arange(customers)
    found = [(active, first)]
    while len(active):
        clock[active] += rng.exponential(size=len(active)) / rate[active]
        active = active[clock[active] < passed[-1]]
        found.append((active, np.interp(clock[active], passed, edges).astype(int)))
        active = active[rng.random(len(active)) >= leaving[active]]
    customer, day = (np.concatenate(part) for part in zip(*found, strict=True))
    scale = rng.gamma(worth.q, 1 / worth.gamma, customers)
    value = rng.gamma(worth.p, 1 / scale[customer])
    return pd.DataFrame({"customer_id": customer, "purchase_date": days[day], "value": value})


def warehouse_rows(purchases: pd.DataFrame, as_of: pd.Timestamp, holdout_days: int) -> list[pd.DataFrame]:
    """Rows of `int_customer_purchases` and of `int_purchase_days`, as the warehouse has them on a day."""
    known = purchases[purchases["purchase_date"] <= as_of].drop_duplicates(["customer_id", "purchase_date"])
    first = known.groupby("customer_id")["purchase_date"].min()
    is_new = known["purchase_date"] == known["customer_id"].map(first)
    days = pd.DataFrame({"new_customers": is_new, "repeat_purchases": ~is_new}).groupby(known["purchase_date"]).sum()
    cutoff = as_of - pd.Timedelta(days=holdout_days)
    rows, then = purchase_summary(purchases, as_of), purchase_summary(purchases, cutoff)
    rows = rows.rename(columns={"average_order_value": "average_repeat_amount"})
    rows = rows.assign(first_order_date=first, as_of_date=as_of)
    for name in ("frequency", "recency_days", "age_days"):
        rows[f"earlier_{name}"] = then[name].reindex(rows.index)
    rows["later_purchases"] = later_purchases(purchases, cutoff, holdout_days, rows.index)["purchases"]
    return [rows.reset_index(), days.reset_index()]


def figures(training: Training, method: str) -> dict[str, float]:
    """Figures of a candidate by name, {} where it did not compete."""
    found = [candidate for candidate in training.candidates if candidate.algorithm.startswith(method)]
    return {metric.metric: metric.value for candidate in found for metric in candidate.metrics}


def shop_row(kind: str, seed: int) -> dict[str, float]:
    """What is foreseen of one shop's held-out autumn, what is chosen by it, and how well that foresees what follows."""
    purchases = simulate_shop(kind, np.random.default_rng(seed))
    rows, days = warehouse_rows(purchases, SHOP_AS_OF, SHOP_HOLDOUT_DAYS)
    training = learn(rows, days, SHOP_HOLDOUT_DAYS)
    plain, seasonal = figures(training, "bg/nbd"), figures(training, "seasonal")
    then = rows[rows["earlier_frequency"].notna()]
    rate = then["earlier_frequency"] / then["earlier_age_days"].clip(lower=1) * SHOP_HOLDOUT_DAYS
    models = {candidate.algorithm: candidate.model for candidate in training.candidates}
    usual = next(model for name, model in models.items() if name.startswith("bg/nbd"))
    chosen = training.champion.startswith("seasonal")
    found = {
        "total, mean rate": rate.sum() / then["later_purchases"].sum(),
        "total, BG/NBD": plain["total_ratio"],
        "total, with seasons": seasonal.get("total_ratio", np.nan),
        "rmse, mean rate": float(np.sqrt(np.mean((rate - then["later_purchases"]) ** 2))),
        "rmse, BG/NBD": plain["rmse"],
        "rmse, with seasons": seasonal.get("rmse", np.nan),
        "competes": float(bool(seasonal)),
        "chosen": float(chosen),
    }
    for name, horizon, column in (("90 days", 90, "purchases"), ("year", 365, "value")):
        later = later_purchases(purchases, SHOP_AS_OF, horizon, pd.Index(rows["customer_id"]))[column].to_numpy()
        for model, key in ((usual, "BG/NBD"), (models[training.champion], "published")):
            scored = Scorer(model, 0)(rows)[{"purchases": "expected_purchases_90d", "value": "clv_12m"}[column]]
            found[f"next {name}, total, {key}"] = scored.sum() / later.sum()
            found[f"next {name}, rmse, {key}"] = float(np.sqrt(np.mean((scored - later) ** 2)))
    return found


def seasons(shops: int) -> None:
    """What seasons add where there are any, and how often they are seen where there are none."""
    columns = {}
    for kind in ("season", "none", "trend", "shocks"):
        found = pd.DataFrame([shop_row(kind, seed) for seed in range(shops)])
        column = {name: float(found[name].mean()) if found[name].notna().any() else "" for name in found}
        for name in ("competes", "chosen"):
            column[name] = f"{found[name].sum():.0f} of {shops}"
        columns[kind] = column
    rows = [[name, *(column[name] for column in columns.values())] for name in columns["season"]]
    table(f"{shops} simulated shops each, means; totals are expected / made", ["figure", *columns], rows)


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
    parser.add_argument("--shops", type=int, default=20)
    parser.add_argument("--only", choices=["cdnow", "online_retail", "recovery", "scale", "seasons"])
    options = parser.parse_args()
    for name, benchmark in {"cdnow": cdnow, "online_retail": online_retail}.items():
        if options.only not in (None, name):
            continue
        if (options.data / name).is_dir():
            benchmark(options.data)
        else:
            print(f"missing: {options.data / name} (set --data or MARKETING_SHARED_DATA, see docs/real_data.md)")
    for section, size in ((recovery, options.seeds), (scale, options.customers), (seasons, options.shops)):
        if options.only in (None, section.__name__):
            section(size)


if __name__ == "__main__":
    main()
