"""When to contact and which contracts become overdue, on simulated data whose truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from decision_parts.figure import Figure
from precision_marketing.models.contracts import COLUMNS
from precision_marketing.models.evaluation import evaluate
from precision_marketing.models.overdue import OverdueModel, calibration_slope
from precision_marketing.models.survival import ChurnModel
from precision_marketing.models.timing import (
    Contact,
    best_contact_days,
    best_hour_and_channel,
    contact_gains,
    curve_of,
    fit_answers,
    losses_behind,
)

AS_OF = pd.Timestamp("2025-06-30")
HORIZON_DAYS = 365

# Members: kind -> (day of tenure around which they leave, its standard deviation, cumulative hazard of that wave).
WAVES = {"trial": (60.0, 6.0, 0.7), "yearly": (365.0, 10.0, 0.9), "steady": (1.0, 1.0, 0.0), "lapser": (1.0, 1.0, 0.0)}
DAILY_HAZARD = 1 / 900
LAPSE_SHARE = {"trial": 0.0, "yearly": 0.0, "steady": 0.0, "lapser": 0.4}


def members(n: int, seed: int) -> pd.DataFrame:
    """Members alive today: customer_id, kind, as_of_days and duration_days (of tenure), membership_expires_on."""
    rng = np.random.default_rng(seed)
    tenure = rng.integers(0, 300, n)
    left = rng.integers(0, rng.choice([90, 180, 365], n))
    return pd.DataFrame(
        {
            "customer_id": np.arange(n),
            "kind": rng.choice(list(WAVES), n),
            "as_of_days": tenure,
            "duration_days": tenure,
            "membership_expires_on": AS_OF + pd.to_timedelta(left, unit="D"),
        }
    )


def true_hazard(kind: pd.Series, days: np.ndarray) -> np.ndarray:
    """Planted cumulative hazard, lapses apart, of n members on days of their tenure (n, k): (n, k)."""
    day, spread, height = (np.array([WAVES[name][place] for name in kind])[:, None] for place in range(3))
    wave = stats.norm.cdf((days - day) / spread) - stats.norm.cdf(-day / spread)
    return DAILY_HAZARD * days + height * wave


def true_curve(frame: pd.DataFrame, days: np.ndarray) -> np.ndarray:
    """The planted curve, for ``best_contact_days``."""
    tenure = frame["as_of_days"].to_numpy()[:, None]
    return true_hazard(frame["kind"], tenure + days) - true_hazard(frame["kind"], tenure)


def past_lives(n: int, seed: int) -> pd.DataFrame:
    """Members of the past, for training; who lapsed or is still there is censored."""
    rng = np.random.default_rng(seed)
    kind = pd.Series(rng.choice(list(WAVES), n))
    grid = np.arange(800.0)
    hazard = {name: true_hazard(pd.Series([name]), grid[None, :])[0] for name in WAVES}
    draw = rng.exponential(size=n)
    life = np.array([np.searchsorted(hazard[name], value) for name, value in zip(kind, draw, strict=True)], dtype=float)
    seen = rng.integers(30, 750, n)
    return pd.DataFrame(
        {
            "customer_id": np.arange(n),
            "kind": kind,
            "duration_days": np.minimum(life, seen),
            "is_churned": life <= seen,
        }
    )


def true_gains(frame: pd.DataFrame, contact: Contact, at_horizon: bool = False) -> np.ndarray:
    """The planted gain of a contact on each day (n, HORIZON_DAYS + 1), at its window's end or at the horizon."""
    days = np.arange(HORIZON_DAYS + contact.window_days + 2.0)
    increments = np.diff(true_curve(frame, days), axis=1)
    ends = (frame["membership_expires_on"] - AS_OF).dt.days.to_numpy()
    increments[np.arange(len(frame)), ends] -= np.log1p(-frame["kind"].map(LAPSE_SHARE).to_numpy())
    gains = contact_gains(increments, contact)
    if not at_horizon:
        return gains
    survival = np.exp(-np.cumsum(increments, axis=1))
    return gains / survival[:, contact.window_days - 1 : -1] * survival[:, -1:]


def chosen_days(frame: pd.DataFrame, seed: int, lives: int = 4_000) -> dict[str, np.ndarray]:
    """Days from today (n,) by policy: 'today', '15 days before', and 'ours', from a model of simulated lives."""
    past = past_lives(lives, seed)
    model = ChurnModel("cox", folds=0).fit(past, ["kind"])
    shares = frame["kind"].map(LAPSE_SHARE)
    behind = losses_behind(past.loc[past["is_churned"], "duration_days"])
    found = best_contact_days(
        frame.assign(lapse_share=shares), curve_of(model), AS_OF, losses=behind, lapse_share="lapse_share",
        horizon_days=HORIZON_DAYS,
    )  # fmt: skip
    ends = (frame["membership_expires_on"] - AS_OF).dt.days.to_numpy()
    ours = (found["best_contact_date"] - AS_OF).dt.days.fillna(0).to_numpy(int)
    return {"today": np.zeros(len(frame), int), "15 days before": np.maximum(ends - 15, 0), "ours": ours}


def simulate_answers(n: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    """Messages and clicks of n customers with habits of their own, their consent, and the true rates.

    Returns counts (customer_id, channel, hour, shown, clicked), consent (customer_id, channel) and the chance of a
    click by customer_id, channel and hour. Six hours are in use; each customer prefers a channel and an hour.
    """
    rng = np.random.default_rng(seed)
    channels, hours = ["email", "push", "sms"], [8, 10, 12, 15, 18, 21]
    index = pd.MultiIndex.from_product(
        [[f"c{place:06d}" for place in range(n)], channels, hours], names=["customer_id", "channel", "hour"]
    )
    base = 0.03 * np.array([1.0, 0.8, 1.3])[:, None] * np.array([0.6, 0.8, 1.1, 0.9, 1.4, 1.2])
    own = rng.gamma(2, 1 / 2, (n, 1, 1)) * rng.gamma(2, 1 / 2, (n, 3, 1)) * rng.gamma(3, 1 / 3, (n, 3, 6))
    rate = pd.Series(np.minimum(base * own, 0.9).ravel(), index=index)
    shown = rng.poisson(rng.gamma(1, 8, n).repeat(18))
    counts = rate.index.to_frame(index=False).assign(shown=shown, clicked=rng.binomial(shown, rate))
    pairs = counts[["customer_id", "channel"]].drop_duplicates()
    return counts[counts["shown"] > 0], pairs[rng.random(len(pairs)) < 0.8].reset_index(drop=True), rate


# Contracts: days before the due date -> daily hazard of settling, of the mean contract of a mean customer.
PRODUCTS = {"invoice": 0.4, "loan": 0.0, "lease": -0.3, "instalment": -0.7}
HABIT = 0.7  # standard deviation over customers of the log hazard of settling
BEFORE_DAYS = 400


def _settling(days_before: np.ndarray) -> np.ndarray:
    """Daily hazard of settling on the day that many days before the due date, below 0 after it."""
    steps = [days_before > 30, days_before > 10, days_before > 2, days_before >= 0, days_before > -30]
    return np.select(steps, [0.002, 0.015, 0.06, 0.4, 0.06], 0.02)


def simulate_contracts(n: int, seed: int, as_of: pd.Timestamp = AS_OF) -> pd.DataFrame:
    """``n`` contracts of n / 8 customers, begun in the 900 days before as_of, in the shape of `crm_contracts`.

    settled_at is missing where it lies after as_of. Beside the raw columns the truth: log_hazard, of settling, and
    true_settled_at. The habit of a customer, part of log_hazard, shows only in their other contracts.
    """
    rng = np.random.default_rng(seed)
    customer = rng.integers(0, max(n // 8, 1), n)
    habit = rng.normal(0, HABIT, max(n // 8, 1))
    product, term = rng.choice(list(PRODUCTS), n), rng.choice([30, 60, 90, 180], n)
    log_amount = rng.normal(7, 1, n)
    log_hazard = pd.Series(product).map(PRODUCTS).to_numpy() + habit[customer]
    log_hazard = log_hazard - 0.25 * (log_amount - 7) - 0.2 * np.log(term / 75)
    start = as_of - pd.to_timedelta(rng.integers(0, 900, n), unit="D")
    hazard = _settling(np.arange(BEFORE_DAYS, -BEFORE_DAYS, -1))
    cumulative = np.r_[0, np.cumsum(hazard)]  # before each of the days
    begun = cumulative[BEFORE_DAYS - term + 1]  # nothing is settled on the first day
    place = np.searchsorted(cumulative, begun + rng.exponential(size=n) / np.exp(log_hazard)) - 1
    due = start + pd.to_timedelta(term, unit="D")
    settled = pd.Series(due + pd.to_timedelta(np.minimum(place, 2 * BEFORE_DAYS - 1) - BEFORE_DAYS, unit="D"))
    return pd.DataFrame(
        {
            "contract_id": [f"k{place:06d}" for place in range(n)],
            "customer_id": [f"c{place:05d}" for place in customer],
            "product": product,
            "started_at": start,
            "due_at": due,
            "settled_at": settled.where(settled <= as_of),
            "amount": np.exp(log_amount).round(2),
            "log_hazard": log_hazard,
            "true_settled_at": settled,
        }
    )


def true_overdue_probability(contracts: pd.DataFrame, as_of: pd.Timestamp = AS_OF) -> np.ndarray:
    """The planted chance to be unsettled at the end of the due date, of contracts open at the end of as_of (n,)."""
    left = (contracts["due_at"] - as_of).dt.days.to_numpy()
    reach = np.cumsum(_settling(np.arange(BEFORE_DAYS)))  # of 1, 2, ... last days, the due date's first
    return np.exp(-np.where(left > 0, reach[np.clip(left, 1, BEFORE_DAYS) - 1], 0) * np.exp(contracts["log_hazard"]))


# Figures -----------------------------------------------------------------------------------------------------


class SteadyContact(Contact):
    """A contact whose effect neither waits nor fades: not what the decision takes it to do."""

    @property
    def weights(self) -> np.ndarray:
        """As ``Contact.weights``, all of them 1."""
        return np.ones(self.window_days)


def _interval(differences: list[float], form: str = "{:+.1f}") -> str:
    """95% t interval of the mean of independent repetitions."""
    half = stats.t.ppf(0.975, len(differences) - 1) * stats.sem(differences)
    return " to ".join(form.format(float(np.mean(differences)) + sign * half) for sign in (-1, 1))


def _kept(name: str, seeds: range, lives: int, contact: Contact, at_horizon: bool, note: str) -> list[Figure]:
    """Customers kept per 1,000 contacts, against the fixed rule and against acting today."""
    table = []
    for seed in seeds:
        frame = members(1_500, seed)
        gains, rows = 1_000 * true_gains(frame, contact, at_horizon), np.arange(1_500)
        days = chosen_days(frame, 100 + seed, lives)
        table.append({rule: gains[rows, day].mean() for rule, day in days.items()} | {"best": gains.max(axis=1).mean()})
    means = pd.DataFrame(table)
    return [
        Figure(
            f"timing: {name}",
            f"{means[rule].mean():.1f} ({rule})",
            f"{means['ours'].mean():.1f}",
            f"{means['best'].mean():.1f} (true hazard)",
            f"{_interval((means['ours'] - means[rule]).tolist())} over the baseline",
            note,
        )
        for rule in ("15 days before", "today")
    ]


def _false_alarms() -> Figure:
    """How often a day stands out although the hazard is flat: curves learned from 150 lives."""
    shares: dict[str, list[float]] = {"all": [], "guarded": []}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        life, seen = rng.exponential(400, 150), rng.uniform(30, 700, 150)
        lives = pd.DataFrame({"duration_days": np.ceil(np.minimum(life, seen)), "is_churned": life <= seen})
        curve = curve_of(ChurnModel("cox", folds=0).fit(lives.assign(side=rng.choice(["a", "b"], 150)), ["side"]))
        age = np.arange(60) * 5
        frame = pd.DataFrame({"customer_id": age, "side": "a", "duration_days": age, "as_of_days": age})
        behind = losses_behind(lives.loc[lives["is_churned"], "duration_days"])
        for name, losses in (("all", None), ("guarded", behind)):
            basis = best_contact_days(frame, curve, AS_OF, losses=losses)["basis"]
            shares[name].append(100 * basis.str.startswith("risk").mean())
    return Figure(
        "timing: a day stands out of a flat hazard, % of customers",
        f"{np.mean(shares['all']):.0f} (losses behind the curve not told)",
        f"{np.mean(shares['guarded']):.1f}",
        "0",
        f"{np.quantile(shares['guarded'], 0.025):.0f} to {np.quantile(shares['guarded'], 0.975):.0f} over curves",
        "curves from 150 lives",
    )


def _answers(seeds: range) -> Figure:
    """True clicks per 100 messages in the chosen hour and channel."""
    table = []
    for seed in seeds:
        shown, allowed, rate = simulate_answers(2_000, seed)
        answers = fit_answers(shown)

        def clicks(counts: pd.DataFrame, allowed=allowed, rate=rate, answers=answers) -> float:
            found = best_hour_and_channel(counts, allowed, answers)
            key = found.loc[found["hour"].notna(), ["customer_id", "channel", "hour"]].astype({"hour": int})
            return 100 * float(rate.loc[pd.MultiIndex.from_frame(key)].mean())

        best = allowed.merge(rate.rename("rate").reset_index()).groupby("customer_id")["rate"].max().mean()
        table.append({"usual": clicks(shown.iloc[:0]), "ours": clicks(shown), "best": 100 * best})
    means = pd.DataFrame(table)
    return Figure(
        "timing: clicks per 100 messages, hour and channel",
        f"{means['usual'].mean():.2f} (the best of all customers)",
        f"{means['ours'].mean():.2f}",
        f"{means['best'].mean():.2f} (true rates)",
        f"{_interval((means['ours'] - means['usual']).tolist(), '{:+.2f}')} over the baseline",
        "consent kept; about 8 messages per channel and hour",
    )


def _overdue(seeds: range, contracts: int) -> list[Figure]:
    """Chances 30 days ahead, as of 60 days ago, of contracts that have come due since, beside the true ones."""
    day, parts = AS_OF - pd.Timedelta(days=60), []
    for seed in seeds:
        truth = simulate_contracts(contracts, seed)
        raw = truth[list(COLUMNS)]
        model = OverdueModel().fit(raw, day)
        found = model.predict(raw, day).merge(truth.drop(columns=["customer_id", "due_at"]), on="contract_id")
        found = found[found["days_to_due"].between(1, 30)]
        parts.append(
            found.assign(
                y=(found["true_settled_at"] > found["due_at"]).astype(float),
                truth=true_overdue_probability(found, day),
                naive=found["product"].map(model.rates_),
                customer=f"{seed} " + found["customer_id"],
            )
        )
    rows = pd.concat(parts, ignore_index=True)
    y, groups, ours = rows["y"].to_numpy(), rows["customer"].to_numpy(), "overdue_probability_30d"
    scored = {
        name: {metric.metric: metric for metric in evaluate(y, rows[name].to_numpy(), rows["naive"].to_numpy(), groups)}
        | {"calibration_slope": calibration_slope(y, rows[name].to_numpy(), groups)}
        for name in (ours, "truth", "naive")
    }
    labels = {"roc_auc": "concordance (AUC)", "brier": "Brier score", "log_loss": "log loss",
              "calibration_slope": "calibration slope"}  # fmt: skip
    figures = []
    for metric, label in labels.items():
        own, note = scored[ours][metric], f"{len(rows)} contracts of {len(seeds)} simulations, {y.mean():.0%} overdue"
        figures.append(
            Figure(
                f"overdue: {label}, 30 days ahead",
                f"{scored['naive'][metric].value:.3f} (product's rate)",
                f"{own.value:.3f}",
                f"{scored['truth'][metric].value:.3f} (true chances, which know each customer's habit)",
                f"{own.ci_low:.3f} to {own.ci_high:.3f}",
                note,
            )
        )
    error = (rows[ours] - rows["truth"]).groupby(rows["customer"].str.split().str[0]).mean()
    figures.append(
        Figure(
            "overdue: mean chance less mean true chance, points",
            f"{100 * (rows['naive'] - rows['truth']).mean():+.1f} (product's rate)",
            f"{100 * error.mean():+.1f}",
            "0",
            _interval((100 * error).tolist()),
        )
    )
    return figures


def figures(data: Path) -> list[Figure]:
    """What the decision benchmark shows of contact timing and overdue warnings; data is not used."""
    fading, steady = Contact(), SteadyContact(0.3)
    at_end = "customers kept per 1,000 contacts, 30 days after the contact"
    return [
        *_kept(at_end, range(6), 3_000, fading, False, "planted waves at day 60 or 365, lapses, none; 3,000 lives"),
        *_kept("the same, a year ahead", range(6), 3_000, fading, True, "not what is maximised"),
        *_kept("the same, from 400 lives", range(6), 400, fading, False, "the curve is unsure"),
        *_kept("the same, the effect does not fade", range(6), 3_000, steady, False, "the decision assumes it fades"),
        _false_alarms(),
        _answers(range(6)),
        *_overdue(range(6), 4_000),
    ]
