"""Click prediction and purchase propensity against naive baselines, planted odds and a published figure.

python benchmarks/classification.py [--data FOLDER] [--quick]

- Simulated impressions with the click odds of docs/demo_data.md: the champion against the planted odds, and how often
  the 95% intervals of `odds_ratios` hold the planted coefficients, beside those of an L2-penalised fit.
- Bank Marketing (Moro, Cortez, Rita 2014) without `duration`, which is known only after the call: ROC-AUC by
  ten-fold cross-validation against scikit-learn's defaults, intervals after DeLong.
- Open Bandit, men, both policies: log loss against the constant rate, later impressions predicted from earlier ones.

It prints Markdown. `--quick` takes fewer simulations and folds.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from precision_marketing.models.classification import LogisticModel, make_model, train_candidates
from precision_marketing.models.encoding import Encoder, Features
from precision_marketing.models.evaluation import delong, evaluate
from precision_marketing.models.odds_ratios import odds_ratios

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("MARKETING_SHARED_DATA", ROOT.parent / "shared" / "data"))

# Log odds of a click, as docs/demo_data.md plants them.
INTERCEPT = -4.0
PLANTED = {
    "device_type": {"mobile": 0.9, "tablet": 0.0, "desktop": -1.6},
    "ad_position": {"top": 2.0, "middle": 0.0, "bottom": -2.0, "none": 0.0},
    "channel": {"search": 0.9, "short_video": 0.3, "push": 0.2, "feed": -0.3, "sms": -0.4, "email": -0.8},
    "segment": {
        "champions": 1.1, "loyal": 0.5, "promising": 0.1, "prospect": -0.5, "at_risk": -0.9, "occasional": -1.3,
    },
    "gender": {"female": 0.3, "male": 0.0},
}  # fmt: skip
PER_UNIT = {"age_decades": -0.35, "is_favoured_channel": 0.8}
FAVOURED = {"champions": "email", "promising": "push", "at_risk": "sms"}
IMPRESSION_FEATURES = Features(tuple(PER_UNIT), tuple(PLANTED))
# Messages have no position, so one channel or position can be told only from the others: compare with the middle.
REFERENCES = {"device_type": "tablet", "ad_position": "middle", "channel": "feed", "segment": "promising",
              "gender": "male"}  # fmt: skip


def simulate_impressions(customers: int, seed: int, per_customer: int = 22) -> pd.DataFrame:
    """Impressions of the demo's click model: features, customer_id, shown_on, click_probability, is_clicked."""
    rng = np.random.default_rng(seed)
    segments = ["champions", "loyal", "promising", "at_risk", "occasional", "prospect"]
    people = pd.DataFrame({
        "customer_id": [f"C{number:09d}" for number in range(customers)],
        "segment": rng.choice(segments, customers, p=[0.12, 0.19, 0.20, 0.20, 0.24, 0.05]),
        "gender": rng.choice(["female", "male"], customers, p=[0.55, 0.45]),
        "age_decades": (6600 + rng.uniform(size=customers) ** 1.4 * 18500) / 3652.5 - 4,
    })  # fmt: skip
    frame = people.loc[np.repeat(np.arange(customers), per_customer)].reset_index(drop=True)
    n = len(frame)
    frame["channel"] = rng.choice(list(PLANTED["channel"]), n)
    frame["device_type"] = rng.choice(["mobile", "tablet", "desktop"], n, p=[0.70, 0.10, 0.20])
    placed = rng.choice(["top", "middle", "bottom"], n, p=[0.30, 0.35, 0.35])
    frame["ad_position"] = np.where(frame["channel"].isin(["feed", "search", "short_video"]), placed, "none")
    frame["is_favoured_channel"] = (frame["segment"].map(FAVOURED) == frame["channel"]).astype(float)
    frame["shown_on"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 540, n), unit="D")
    log_odds = INTERCEPT + sum(frame[name] * value for name, value in PER_UNIT.items())
    log_odds += sum(frame[name].map(levels) for name, levels in PLANTED.items())
    frame["click_probability"] = expit(log_odds)
    frame["is_clicked"] = (rng.uniform(size=n) < frame["click_probability"]).astype(int)
    return frame


def planted_coefficient(feature: str, level: str) -> float:
    """The planted log odds of a row of ``odds_ratios`` with ``REFERENCES``."""
    if feature in PER_UNIT:
        return PER_UNIT[feature]
    return PLANTED[feature][level] - PLANTED[feature][REFERENCES[feature]]


def covered(table: pd.DataFrame) -> np.ndarray:
    """Per coefficient that could be told, whether its interval holds the planted one."""
    table = table[(table["feature"] != "(intercept)") & table["coefficient"].notna()]
    truth = np.array([planted_coefficient(row.feature, row.level) for row in table.itertuples()])
    return (np.log(table["ci_low"]) <= truth).to_numpy() & (truth <= np.log(table["ci_high"])).to_numpy()


def penalised_intervals(frame: pd.DataFrame, C: float) -> pd.DataFrame:
    """The naive way: the L2-penalised coefficients with the penalised information as their precision."""
    encoder = Encoder(*IMPRESSION_FEATURES)
    encoded, columns = encoder.fit_transform(frame), encoder.columns_
    fitted = LogisticModel(C).fit(encoded, frame["is_clicked"].to_numpy())
    chance = expit(fitted.decision_function(encoded))
    X = np.column_stack([np.ones(len(encoded)), encoded])
    penalty = np.diag(np.r_[0.0, np.full(len(columns), 1 / C)])
    inverse = np.linalg.inv((X * (chance * (1 - chance))[:, None]).T @ X + penalty)[1:, 1:]
    rows = []
    for position, column in enumerate(columns.itertuples()):
        contrast = np.zeros(len(columns))
        contrast[position] = 1 / column.scale
        if column.feature in REFERENCES:
            level = REFERENCES[column.feature]
            if column.level == level:
                continue
            contrast[(columns["feature"] == column.feature) & (columns["level"] == level)] = -1
        value, error = contrast @ fitted.coef_, np.sqrt(contrast @ inverse @ contrast)
        limits = np.exp([value - 1.96 * error, value + 1.96 * error])
        rows.append((column.feature, column.level, value, *limits))
    return pd.DataFrame(rows, columns=["feature", "level", "coefficient", "ci_low", "ci_high"])


def coverage(simulations: int, customers: int, C: float | None = None) -> tuple[float, float]:
    """Share of intervals that hold the planted coefficient, and its simulation error; C: those of the L2 fit."""
    shares = []
    for seed in range(simulations):
        frame = simulate_impressions(customers, 1_000 + seed)
        if C is None:
            table = odds_ratios(
                frame, frame["is_clicked"], IMPRESSION_FEATURES, frame["customer_id"], references=REFERENCES
            )
        else:
            table = penalised_intervals(frame, C)
        shares.append(covered(table).mean())
    return float(np.mean(shares)), float(np.std(shares, ddof=1) / np.sqrt(simulations))


def load_bank(data: Path) -> tuple[pd.DataFrame, Features]:
    """Bank Marketing in the order of its calls: target ``y`` of 0 and 1, without ``duration``."""
    frame = pd.read_csv(data / "bank_marketing" / "bank_additional_full.csv.gz", sep=";").drop(columns="duration")
    frame["y"] = (frame["y"] == "yes").astype(int)
    inputs = frame.drop(columns="y")
    numeric = tuple(inputs.select_dtypes("number"))
    return frame, Features(numeric, tuple(name for name in inputs if name not in numeric))


def load_bandit(data: Path, policy: str) -> tuple[pd.DataFrame, Features]:
    """Open Bandit, men: impressions in the order of time, with the shown item's affinity; target ``click``."""
    frame = pd.read_csv(data / "open_bandit" / policy / "men.csv.gz").sort_values("timestamp", ignore_index=True)
    affinities = frame.filter(like="user-item_affinity_")
    order = [f"user-item_affinity_{item}" for item in range(affinities.shape[1])]
    frame["affinity"] = affinities[order].to_numpy()[np.arange(len(frame)), frame["item_id"]]
    return frame, Features(("affinity",), ("position", "item_id", *(f"user_feature_{i}" for i in range(4))))


def naive_model(estimator: object, features: Features) -> Pipeline:
    """scikit-learn's estimator with its defaults, on numbers as they are and one-hot categories."""
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_pipeline(make_column_transformer((one_hot, features.categorical), remainder="passthrough"), estimator)


def out_of_fold(
    make: Callable[[], Pipeline], inputs: pd.DataFrame, y: np.ndarray, folds: int
) -> tuple[np.ndarray, float]:
    """Scores of each row by a model that did not see it, and the seconds it took."""
    score, start = np.empty(len(y)), time.perf_counter()
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=0).split(inputs, y):
        score[test] = make().fit(inputs.iloc[train], y[train]).predict_proba(inputs.iloc[test])[:, 1]
    return score, time.perf_counter() - start


def forward_scores(
    frame: pd.DataFrame, features: Features, target: str, name: str, blocks: int = 5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores and constant rates of all blocks of time but the first, each predicted from those before it."""
    edges = np.linspace(0, len(frame), blocks + 1).astype(int)
    labels, scores = frame[target].to_numpy()[edges[1] :], {name: [], "constant": []}
    for start, end in zip(edges[1:-1], edges[2:], strict=True):
        past, present = frame.iloc[:start], frame.iloc[start:end]
        for which, found in scores.items():
            found.append(make_model(which, features).fit(past, past[target]).predict_proba(present)[:, 1])
    return labels, np.concatenate(scores[name]), np.concatenate(scores["constant"])


def _row(*cells: object) -> None:
    print("| " + " | ".join(f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in cells) + " |")


def _title(title: str, *columns: str) -> None:
    print(f"\n## {title}\n")
    _row(*columns)
    _row(*("---" for _ in columns))


def report_impressions(quick: bool) -> None:
    """Planted odds: ranking and intervals."""
    frame = simulate_impressions(1_500 if quick else 5_000, 0)
    _title(f"Simulated impressions ({len(frame):,} rows, {frame['is_clicked'].mean():.1%} clicked)",
           "model", "ROC-AUC", "95% interval", "planted odds", "log loss", "constant rate")  # fmt: skip
    with_smote = importlib.util.find_spec("imblearn") is not None
    trained = train_candidates(
        frame, "is_clicked", IMPRESSION_FEATURES, "shown_on", "customer_id", references=REFERENCES,
        candidates=("logistic", "logistic_balanced", "random_forest", "gradient_boosting")
        + ("logistic_smote",) * with_smote,
    )  # fmt: skip
    held = trained.test
    oracle = float(delong(held["target"], frame.loc[held.index, "click_probability"])[0][0])
    for name, metrics in trained.metrics.items():
        found = {metric.metric: metric for metric in metrics}
        auc, loss = found["roc_auc"], found["log_loss"]
        interval = "" if auc.ci_low is None else f"{auc.ci_low:.4f} to {auc.ci_high:.4f}"
        mark = " (champion)" if name == trained.champion else ""
        _row(name + mark, auc.value, interval, oracle, loss.value, loss.baseline)
    if not with_smote:
        print("\nlogistic_smote is left out: imbalanced-learn is not installed.")

    simulations, customers = (20, 300) if quick else (200, 500)
    _title(f"Intervals of odds ratios ({simulations} simulations of {customers * 22:,} impressions)",
           "intervals", "hold the planted coefficient", "± 2 simulation errors", "nominal")  # fmt: skip
    for label, C in (("odds_ratios (Firth)", None), ("L2, C = 0.1", 0.1)):
        share, error = coverage(simulations, customers, C)
        _row(label, share, 2 * error, 0.95)


def report_bank(data: Path, quick: bool) -> None:
    """Propensity on real calls."""
    frame, features = load_bank(data)
    y, inputs, folds = frame["y"].to_numpy(), frame.drop(columns="y"), 3 if quick else 10
    naive = {
        "LogisticRegression": LogisticRegression(),
        "GradientBoostingClassifier": GradientBoostingClassifier(random_state=0),
        "HistGradientBoostingClassifier": HistGradientBoostingClassifier(random_state=0),
    }
    makers = {f"scikit-learn {name}": lambda model=model: naive_model(model, features) for name, model in naive.items()}
    for name in ("logistic", "random_forest", "gradient_boosting"):
        makers[f"ours: {name}"] = lambda name=name: make_model(name, features)
    results = {name: out_of_fold(make, inputs, y, folds) for name, make in makers.items()}
    scores = np.column_stack([score for score, _ in results.values()])
    auc, covariance = delong(y, scores)
    forest = list(results).index("ours: random_forest")
    seconds = results["scikit-learn LogisticRegression"][1]
    _title(f"Bank Marketing without duration, {folds}-fold cross-validation ({len(y):,} calls)",
           "model", "ROC-AUC", "95% interval", "our random forest minus it (95% interval)", "log loss", "Brier",
           "time, logistic default = 1")  # fmt: skip
    for position, (name, (score, took)) in enumerate(results.items()):
        half = norm.ppf(0.975) * np.sqrt(covariance[position, position])
        variance = covariance[position, position] + covariance[forest, forest] - 2 * covariance[position, forest]
        difference, spread = auc[forest] - auc[position], norm.ppf(0.975) * np.sqrt(max(variance, 0))
        found = {metric.metric: metric.value for metric in evaluate(y, score, replicates=2)}
        versus = f"{difference:+.4f} ({difference - spread:+.4f} to {difference + spread:+.4f})"
        if position == forest:
            versus = ""
        interval = f"{auc[position] - half:.4f} to {auc[position] + half:.4f}"
        _row(name, float(auc[position]), interval, versus, found["log_loss"], found["brier"], f"{took / seconds:.1f}")
    print("\nPublished for the bank's calls without duration: 0.794 (Moro, Cortez and Rita 2014; neural network on 22 "
          "features not all of which are public, on later calls, so comparable in size only).")  # fmt: skip


def report_bandit(data: Path) -> None:
    """Few clicks: can the data tell?"""
    _title("Open Bandit, men: each fifth of the time predicted from what came before",
           "policy and model", "rows", "clicks", "log loss", "constant rate", "gain (95% interval)",
           "verdict")  # fmt: skip
    champions = {}
    for policy in ("random", "bts"):
        frame, features = load_bandit(data, policy)
        for name in ("logistic", "random_forest", "gradient_boosting"):
            labels, score, constant = forward_scores(frame, features, "click", name)
            found = {metric.metric: metric for metric in evaluate(labels, score, constant, replicates=2_000)}
            loss, gain = found["log_loss"], found["log_loss_gain"]
            verdict = "better" if gain.ci_low > 0 else "worse" if gain.ci_high < 0 else "the data cannot tell"
            interval = f"{gain.value:+.5f} ({gain.ci_low:+.5f} to {gain.ci_high:+.5f})"
            _row(f"{policy}: {name}", len(labels), int(labels.sum()), loss.value, loss.baseline, interval, verdict)
        champions[policy] = train_candidates(frame, "click", features, "timestamp", None).champion
    print("\nChampions of `train_candidates`: " + ", ".join(f"{k}: {v}" for k, v in champions.items()) + ".")


def main() -> None:
    """Print all tables."""
    # scikit-learn's default logistic regression stops early on numbers that are not standardised: part of the baseline.
    warnings.simplefilter("ignore", ConvergenceWarning)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder with the real data sets, see docs/real_data.md")
    parser.add_argument("--quick", action="store_true", help="fewer simulations and folds")
    options = parser.parse_args()
    report_impressions(options.quick)
    for folder, report in (("bank_marketing", lambda: report_bank(options.data, options.quick)),
                           ("open_bandit", lambda: report_bandit(options.data))):  # fmt: skip
        if (options.data / folder).is_dir():
            report()
        else:
            print(f"\n{folder} is missing in {options.data}: set MARKETING_SHARED_DATA or --data (docs/real_data.md).")


if __name__ == "__main__":
    main()
