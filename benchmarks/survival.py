"""Churn models: Telco churn against lifelines alone, and planted hazards against their truth.

python benchmarks/survival.py [--data FOLDER] [--seeds 20]

Telco churn (7,043 customers, IBM's sample): concordance on the same five folds of lifelines' own defaults, with one-hot
columns, and of the models here. TotalCharges is left out, for it is the outcome in disguise: months times monthly
charges; the last rows have it nevertheless. The hazards of docs/demo_data.md are simulated: how often the truth lies in
the 95% interval of a hazard ratio, how near the model comes to the concordance of the true hazard, and what left
truncation does when it is not told.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter
from lifelines.utils import concordance_index
from scipy import stats

from precision_marketing.models import survival
from precision_marketing.models.hazards import observed_lives
from precision_marketing.models.survival import ChurnModel

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = Path(os.environ.get("MARKETING_SHARED_DATA", ROOT.parent / "shared" / "data"))
LEVELS = {"normal": 0.0, "silver": -0.3, "gold": -0.7, "platinum": -1.2}
DISSATISFIED, TENURE_YEAR = 0.8, -0.15
SHAPE, SCALE_DAYS = 1.2, 320
COVARIATES = ["membership_level", "is_dissatisfied", "tenure_years"]
REFERENCES = {"membership_level": "normal"}


def planted(customers: int, seed: int) -> pd.DataFrame:
    """Lives with the hazards of the demo, observed for up to 450 days, with the true log hazard ratio."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "customer_id": np.arange(customers),
            "membership_level": rng.choice(list(LEVELS), customers, p=[0.5, 0.25, 0.15, 0.1]),
            "is_dissatisfied": rng.random(customers) < 0.15,
            "tenure_years": rng.uniform(0, 4, customers),
        }
    )
    ratio = frame["membership_level"].map(LEVELS) + DISSATISFIED * frame["is_dissatisfied"]
    ratio = ratio + TENURE_YEAR * frame["tenure_years"]
    life = SCALE_DAYS * (rng.exponential(size=customers) / np.exp(ratio)) ** (1 / SHAPE)
    seen = rng.uniform(30, 450, customers)
    return frame.assign(
        duration_days=np.minimum(life, seen), is_churned=life <= seen, life=life, log_hazard_ratio=ratio
    )


def truth(driver: pd.Series) -> float:
    """The planted coefficient of a row of ``drivers``."""
    planted_ones = {"is_dissatisfied": DISSATISFIED, "tenure_years": TENURE_YEAR}
    return LEVELS[driver["level"]] if driver["covariate"] == "membership_level" else planted_ones[driver["covariate"]]


def row(figure: str, baseline: str, ours: str, known: str, interval: str, seconds: str = "") -> None:
    print(f"| {figure} | {baseline} | {ours} | {known} | {interval} | {seconds} |", flush=True)


def telco(path: Path) -> None:
    """Concordance out of fold beside lifelines', and the contract's hazard ratios."""
    raw = pd.read_csv(path).rename(columns={"customerID": "customer_id"})
    raw["TotalCharges"] = pd.to_numeric(raw["TotalCharges"], errors="coerce")
    raw = raw.assign(duration_days=raw["tenure"] * 30.4375, is_churned=raw["Churn"] == "Yes")
    raw = raw[raw["duration_days"] > 0].sort_values("customer_id", ignore_index=True)
    outcome = ["customer_id", "tenure", "Churn", "duration_days", "is_churned"]
    for left_out, name in ((["TotalCharges"], "Telco"), ([], "Telco with TotalCharges")):
        covariates = [column for column in raw.columns if column not in outcome + left_out]
        # lifelines does not converge with the columns that follow from InternetService and PhoneService.
        dummies = pd.get_dummies(raw[covariates], drop_first=True).astype(float)
        dummies = dummies.drop(columns=[c for c in dummies if c.endswith(("internet service", "phone service"))])
        fold = survival.fold_numbers(raw["is_churned"].to_numpy(), 5, 0)
        right, pairs, started = 0.0, 0.0, time.perf_counter()
        for number in range(5):
            train, test = fold != number, fold == number
            data = dummies[train].assign(T=raw["duration_days"], E=raw["is_churned"])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                theirs = CoxPHFitter().fit(data, "T", "E")
            seen = raw[test]
            lives, _ = observed_lives(seen)
            concordant, counted = survival._pairs(theirs.predict_log_partial_hazard(dummies[test]).to_numpy(), lives)
            right, pairs = right + concordant.sum(), pairs + counted.sum()
        lifelines_seconds = time.perf_counter() - started
        started = time.perf_counter()
        model = ChurnModel().fit(raw, covariates)
        ratio = f"x {(time.perf_counter() - started) / lifelines_seconds:.0f} (both models, checks, final fit)"
        for metric in model.metrics_:
            if metric.metric.startswith("concordance"):
                interval = f"{metric.ci_low:.4f} to {metric.ci_high:.4f}"
                label = f"{name}: {metric.metric.replace('_', ' of ')}, 5-fold"
                row(label, "0.5 (constant)", f"{metric.value:.4f}", f"{right / pairs:.4f} (lifelines)", interval, ratio)
                ratio = ""
        if left_out:
            for metric in model.metrics_:
                if metric.metric == f"observed_to_expected_{model.champion_}":
                    interval = f"{metric.ci_low:.2f} to {metric.ci_high:.2f}"
                    label = f"{name}: losses seen / expected, {metric.segment} ({model.champion_}, the champion)"
                    row(label, f"{metric.baseline:.2f} (all alike)", f"{metric.value:.2f}", "1", interval)
            for _, driver in model.drivers().query("covariate == 'Contract'").iterrows():
                interval = f"{driver['ci_low']:.3f} to {driver['ci_high']:.3f}"
                label = f"{name}: hazard ratio, contract {driver['level']} / {driver['reference']}"
                row(label, "1", f"{driver['hazard_ratio']:.3f}", "", interval)


def coverage(seeds: int, customers: int) -> None:
    """Share of the 95% intervals of hazard ratios that hold the planted one, and concordance beside the truth's."""
    inside: dict[str, list[bool]] = {"cox": [], "weibull": []}
    strata, found, oracle, champions = 0, [], [], []
    for seed in range(seeds):
        model = ChurnModel(references=REFERENCES, folds=0).fit(planted(customers, seed), COVARIATES)
        strata += bool(model.models_["cox"]["strata"])
        for name, hits in inside.items():
            for _, driver in model.drivers(name).iterrows():
                hits.append(bool(driver["ci_low"] < np.exp(truth(driver)) < driver["ci_high"]))
        new = planted(customers, 10_000 + seed)
        hazard = np.log(model.predict(new)["hazard_ratio"])
        for values, scores in ((found, hazard), (oracle, new["log_hazard_ratio"])):
            values.append(concordance_index(new["duration_days"], -scores, new["is_churned"]))
        if seed < 5:
            champions.append(ChurnModel(references=REFERENCES).fit(planted(customers, seed), COVARIATES).champion_)
    for name, hits in inside.items():
        low, high = stats.binomtest(sum(hits), len(hits)).proportion_ci(method="exact")
        label = f"planted: intervals of {name} that hold the true hazard ratio, of {len(hits)}"
        row(label, "", f"{np.mean(hits):.3f}", "0.95", f"{low:.3f} to {high:.3f}")
    row("planted: fits in which a (proportional) covariate was stratified", "", f"{strata / seeds:.2f}", "0.05", "")
    gap = np.array(found) - np.array(oracle)
    margin = stats.t.ppf(0.975, seeds - 1) * gap.std(ddof=1) / np.sqrt(seeds)
    interval = f"{np.mean(found) - margin:.4f} to {np.mean(found) + margin:.4f} (paired)"
    label = "planted: concordance of Weibull on new customers"
    row(label, "0.5 (constant)", f"{np.mean(found):.4f}", f"{np.mean(oracle):.4f} (true hazard)", interval)
    row("planted: champions that are Weibull, the truth", "", f"{champions.count('weibull')} of 5", "5 of 5", "")


def left_truncation(seeds: int, customers: int) -> None:
    """Survival of 320 days from customers who came under observation late, with entry_days and without."""
    error: dict[str, list[float]] = {"cox": [], "weibull": [], "untold": []}
    for seed in range(seeds):
        everybody = planted(customers, 500 + seed)
        entry = np.random.default_rng(seed).uniform(0, 600, customers)
        end = np.minimum(everybody["life"], entry + 300)
        seen = everybody.assign(entry_days=entry, duration_days=end, is_churned=everybody["life"] <= end)
        seen = seen[everybody["life"] > entry]
        new = everybody.assign(duration_days=0.0)
        true = np.exp(-((320 / SCALE_DAYS) ** SHAPE) * np.exp(new["log_hazard_ratio"]))
        for name in error:
            rows = seen.drop(columns="entry_days") if name == "untold" else seen
            kind = "weibull" if name == "untold" else name
            model = ChurnModel(kind, REFERENCES, folds=0).fit(rows, COVARIATES)
            error[name].append(float((model.predict_survival(new, [320]).iloc[:, 0] - true).mean()))
    for name in ("cox", "weibull"):
        mean = np.mean(error[name])
        margin = stats.t.ppf(0.975, seeds - 1) * np.std(error[name], ddof=1) / np.sqrt(seeds)
        untold = f"{np.mean(error['untold']):+.3f} (entry ignored)"
        interval = f"{mean - margin:+.3f} to {mean + margin:+.3f}"
        row(f"left truncation: bias of {name}'s survival of 320 days", untold, f"{mean:+.3f}", "0", interval)


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED_DATA, help="folder with telco_churn/telco_churn.csv.gz")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--customers", type=int, default=3_000)
    options = parser.parse_args()
    print("| figure | naive baseline | ours | published, oracle or alone | 95% interval | seconds |")
    print("|---|---|---|---|---|---|")
    coverage(options.seeds, options.customers)
    left_truncation(options.seeds, options.customers)
    path = options.data / "telco_churn" / "telco_churn.csv.gz"
    if path.exists():
        telco(path)
    else:
        print(f"\nTelco churn is missing: {path} does not exist (--data or MARKETING_SHARED_DATA)")


if __name__ == "__main__":
    main()
