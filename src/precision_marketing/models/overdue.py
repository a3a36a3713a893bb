"""Which open contracts will be unsettled on their due date, 30 days ahead: survival analysis of settlement.

A contract becomes *overdue* if it is not settled by the end of its due date. Time runs in days from ``AHEAD_DAYS``
before the due date; the event is settlement, so with H the cumulative hazard of settling, for a contract that is open
s days before it is due

    P(overdue) = exp(-(H(AHEAD_DAYS | x) - H(AHEAD_DAYS - s | x)))

H is Cox's model of `models.hazards` (proportional hazards tested, strata where they do not hold). The last
``AHEAD_DAYS`` days are learned in pieces of ``PIECE_DAYS``. In each a contract enters with its covariates as of the
piece's first day (left truncation), so nothing is learned from what a scoring on that day could not have known, and
each day of a contract counts once. A second such model, from the due date on, says how many days a late contract stays
open.

*Covariates*: those of `models.contracts`.

*Champion.* The model is fitted as of a day in the past and scores what was open then, 30 days ahead, and so again every
30 days until today, each time with what was known on the day. The baseline is the share of the product's contracts
that became overdue, counted by the days on which they were open. It gives way only to a gain in log loss that is sure
(`training.is_surely_ahead`, customers as the unit). Where no replay is possible, the baseline stays.

Sources: Cox 1972; Kalbfleisch and Prentice, The statistical analysis of failure time data (2002), left truncation; van
Houwelingen, Scand. J. Statist. 34 (2007), landmarks; Banasik, Crook and Thomas, J. Operational Research Society 50
(1999), credit by survival analysis; Cox, Biometrika 45 (1958), the calibration slope.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from precision_marketing.models.contracts import (
    COVARIATES,
    Past,
    beta_weight,
    checked_contracts,
    covariates,
    day_of,
    known_on,
)
from precision_marketing.models.evaluation import customer_codes, evaluate, reliability_table
from precision_marketing.models.survival import MIN_EVENTS, ChurnModel
from precision_marketing.models.training import Metric, is_surely_ahead

AHEAD_DAYS = 30
PIECE_DAYS = 10
LATE_DAYS = 90  # days late are counted up to here, and beyond as they are
REPLAYS = 6
MOMENTS = 8  # of a day; with more of them the estimate hardly changes and takes far longer
BAND_LIMITS = (0.1, 0.3)  # of overdue_probability_30d: below, low; from the second on, high
SCORE_COLUMNS = (
    "contract_id", "customer_id", "due_at", "days_to_due", "overdue_probability_30d", "overdue_probability",
    "probability_low", "probability_high", "expected_days_late", "risk_band", "method", "reason",
)  # fmt: skip
Z = float(stats.norm.ppf(0.975))


# Learning --------------------------------------------------------------------------------------------------


def _pieces(rows: pd.DataFrame, day: float) -> pd.DataFrame:
    """Contracts in pieces of the last ``AHEAD_DAYS`` before the due date, as known on a day.

    Adds entry (the day before the piece's first, open at its end), entry_days, duration_days, is_churned (settled).
    """
    parts = []
    for before in range(AHEAD_DAYS, 0, -PIECE_DAYS):
        entry = np.maximum(rows["due"] - before, rows["start"])
        last = np.minimum(rows["due"] - before + PIECE_DAYS, day)
        settled = rows["settled"] <= last
        end = last.where(~settled, rows["settled"])
        begin = rows["due"] - AHEAD_DAYS
        part = rows.assign(entry=entry, entry_days=entry - begin, duration_days=end - begin, is_churned=settled)
        parts.append(part[end > entry])
    return pd.concat(parts, ignore_index=True)


def _within_the_day(frame: pd.DataFrame) -> pd.Series:
    """duration_days (n,) with the settlements of a day spread over ``MOMENTS`` of it, in an order that says nothing.

    Many settle on the due date itself. A day on which a share p of the open contracts is settled has the hazard
    -ln(1 - p); Breslow's estimate with all of them at one moment is p.
    """
    mixed = frame.sort_values(["contract_id", "entry_days"]).sample(frac=1, random_state=0)
    settled = mixed.loc[mixed["is_churned"], "duration_days"]
    place = settled.groupby(settled).cumcount() / settled.groupby(settled).transform("size")
    spread = settled - 1 + (np.floor(place * MOMENTS) + 1) / MOMENTS
    return spread.reindex(frame.index).fillna(frame["duration_days"])


def _fitted(frame: pd.DataFrame) -> ChurnModel | None:
    """A model of settlement; None where too few were settled, or it does not converge."""
    if frame["is_churned"].sum() < MIN_EVENTS:
        return None
    spread = frame.assign(duration_days=_within_the_day(frame)).sort_values(["contract_id", "entry_days"])
    try:
        model = ChurnModel("cox", folds=0).fit(spread.drop(columns="customer_id"), list(COVARIATES))
    except ValueError as error:
        if "converge" in str(error):
            return None
        raise
    for table in model.models_["cox"]["baselines"].values():
        # Scores need whole days only, and a state is to be small.
        days = np.unique(np.append(np.arange(np.floor(table["days"][-1]) + 1), table["days"][-1]))
        hazard = np.interp(days, table["days"], table["cumulative_hazard"])
        table |= {"days": days.tolist(), "cumulative_hazard": hazard.tolist()}
    return model


def calibration_slope(y: np.ndarray, score: np.ndarray, groups: np.ndarray | None = None) -> Metric:
    """The slope of outcomes on the log odds of their scores: 1 is right, below 1 scores are too far apart.

    y (n,) 0 or 1; score (n,) chances; groups (n,) rows that may depend on each other. Logistic regression with the
    sandwich variance by group. NaN without an interval where it has no solution.
    """
    y, logits = np.asarray(y, float), special.logit(np.clip(score, 1e-6, 1 - 1e-6))
    if len(set(y)) < 2 or np.ptp(logits) == 0:
        return Metric("calibration_slope", np.nan, rows=len(y))
    x = np.column_stack([np.ones(len(y)), logits])
    found = optimize.minimize(
        lambda b: float(np.logaddexp(0, x @ b).sum() - y @ (x @ b)),
        np.array([0.0, 1.0]),
        jac=lambda b: x.T @ (special.expit(x @ b) - y),
        method="BFGS",
    ).x
    chance = special.expit(x @ found)
    scores = x * (y - chance)[:, None]
    codes = customer_codes(groups, len(y))
    summed = np.column_stack([np.bincount(codes, column) for column in scores.T])
    bread = np.linalg.pinv(x.T @ (x * (chance * (1 - chance))[:, None]))
    error = float(np.sqrt((bread @ summed.T @ summed @ bread)[1, 1]))
    return Metric(
        "calibration_slope", float(found[1]), float(found[1] - Z * error), float(found[1] + Z * error), rows=len(y)
    )


class OverdueModel:
    """The chance that open contracts become overdue, by Cox's model of settlement or by the product's rate.

    band_limits: the chances within ``AHEAD_DAYS`` at which the risk band becomes medium and high.

    After ``fit``: ``champion_``, 'cox', 'product rate' or 'none' (no contract has come due yet); ``reason_``, why;
    ``metrics_``, figures of the replay (roc_auc, brier, log_loss, log_loss_gain against the product's rate,
    calibration_slope and so on); ``reliability_``, its chances against what came; ``left_out_``, how many contracts
    were not learned from, by problem; ``rows_``, contracts that were.
    """

    def __init__(self, band_limits: tuple[float, float] = BAND_LIMITS) -> None:
        if not 0 < band_limits[0] <= band_limits[1] < 1:
            raise ValueError(f"band_limits must ascend between 0 and 1, not {band_limits}")
        self.band_limits = tuple(band_limits)

    def fit(self, contracts: pd.DataFrame, as_of: Any) -> Self:
        """Learns from contracts (``COLUMNS``) what was known at the end of as_of.

        Contracts with a problem (``checked_contracts``) are left out and counted. Raises ValueError as
        ``checked_contracts`` does.
        """
        day, rows = day_of(as_of), checked_contracts(contracts)
        self.left_out_ = rows.loc[rows["problem"] != "", "problem"].value_counts().to_dict()
        rows = rows[rows["problem"] == ""]
        self.metrics_: list[Metric] = []
        self.reliability_, self.champion_ = reliability_table(np.empty(0), np.empty(0)), "none"
        replayed = self._replay(rows, day)
        self._learn(known_on(rows, day), day)
        if not self.rows_:
            self.reason_ = "no contract has come due yet: nothing to learn from"
            return self
        self.champion_ = "product rate"
        if self.before_ is None:
            self.reason_ = f"fewer than {MIN_EVENTS} settlements, or no convergence: the product's rate"
        elif replayed is None:
            self.reason_ = "too little of the past to replay: the product's rate"
        else:
            self._judge(replayed)
        return self

    def _learn(self, rows: pd.DataFrame, day: float) -> None:
        """Rates and both models from what was known on a day."""
        due = rows[rows["due"] <= day]
        self.rows_ = len(due)
        late = (~(due["settled"] <= due["due"])).astype(float)
        by_customer = late.groupby(due["customer_id"]).agg(["sum", "count"])
        self.prior_ = (
            float(late.mean()) if len(due) else 0.0,
            beta_weight(by_customer["sum"], by_customer["count"]),
        )
        past, pieces = Past(rows), _pieces(rows, day)

        # A scoring meets a contract on any day on which it is open, so a piece counts by its days.
        finished = pieces[pieces["due"] <= day]
        is_late = (~(finished["settled"] <= finished["due"])).astype(float)
        length = finished["duration_days"] - finished["entry_days"]
        open_days, late_days = (days.groupby(finished["product"]).sum() for days in (length, length * is_late))
        counts = late.groupby(due["product"]).agg(["sum", "count"]).reindex(open_days.index)
        self.rate_ = float(late_days.sum() / open_days.sum()) if len(finished) else self.prior_[0]
        weight = beta_weight(counts["sum"], counts["count"])
        rates = (late_days / open_days * counts["count"] + weight * self.rate_) / (counts["count"] + weight)
        self.rates_ = rates.to_dict()

        self.before_: Any = None
        self.after_: Any = None
        if not self.rows_:
            return
        entry = pieces["entry"].to_numpy()
        self.before_ = _fitted(pieces.assign(**covariates(pieces, entry, past, self.prior_)))
        overdue = due[~(due["settled"] <= due["due"])]
        settled = overdue["settled"] - overdue["due"]
        overdue = overdue.assign(
            entry_days=0.0,
            duration_days=np.minimum(settled.fillna(day - overdue["due"]), LATE_DAYS),
            is_churned=settled <= LATE_DAYS,
        )
        self.after_ = _fitted(overdue.assign(**covariates(overdue, overdue["due"].to_numpy(), past, self.prior_)))

    def _replay(self, rows: pd.DataFrame, day: float) -> pd.DataFrame | None:
        """What a model of the past said on later days, and what came: score, baseline, y, customer_id."""
        dues = rows.loc[rows["due"] <= day, "due"]
        replays = min(REPLAYS, int((day - dues.median()) // AHEAD_DAYS)) if len(dues) else 0
        if replays < 1:
            return None
        cut = day - replays * AHEAD_DAYS
        self._learn(known_on(rows, cut), cut)
        if self.before_ is None:
            return None
        parts = []
        for start in np.arange(cut, day, AHEAD_DAYS):
            known = known_on(rows, start)
            soon = known["settled"].isna() & (known["due"] > start) & (known["due"] <= start + AHEAD_DAYS)
            scored = known[soon]
            found = covariates(scored, np.full(len(scored), start), Past(known), self.prior_)
            came = ~(rows.loc[scored.index, "settled"] <= scored["due"])
            parts.append(
                pd.DataFrame(
                    {
                        "score": self._chance(scored, found, start),
                        "baseline": scored["product"].map(self.rates_).fillna(self.rate_),
                        "y": came.astype(float),
                        "customer_id": scored["customer_id"].where(
                            scored["customer_id"].notna(), scored["contract_id"]
                        ),
                    }
                )
            )
        replayed = pd.concat(parts, ignore_index=True)
        return replayed if len(replayed) else None

    def _judge(self, replayed: pd.DataFrame) -> None:
        y, score = replayed["y"].to_numpy(), replayed["score"].to_numpy()
        groups = replayed["customer_id"].astype(str).to_numpy()
        self.metrics_ = evaluate(y, score, replayed["baseline"].to_numpy(), groups)
        self.metrics_.append(calibration_slope(y, score, groups))
        gain = next(metric for metric in self.metrics_ if metric.metric == "log_loss_gain")
        if is_surely_ahead(gain):
            self.champion_, self.reliability_ = "cox", reliability_table(y, score)
            self.reason_ = "surely ahead of the product's rate in the replay"
        else:
            self.reliability_ = reliability_table(y, replayed["baseline"].to_numpy())
            self.reason_ = "not surely ahead of the product's rate in the replay"

    def _chance(self, rows: pd.DataFrame, frame: pd.DataFrame, day: float) -> np.ndarray:
        """Cox's chance to be unsettled on the due date (n,), of contracts open at the end of a day."""
        if not len(rows):
            return np.empty(0)
        left = np.clip(rows["due"].to_numpy() - day, 0, AHEAD_DAYS).astype(int)
        survival = self.before_.predict_survival(frame.assign(duration_days=AHEAD_DAYS - left), range(AHEAD_DAYS + 1))
        return survival.to_numpy()[np.arange(len(rows)), left]

    def _days_late(self, frame: pd.DataFrame, since: np.ndarray) -> np.ndarray:
        """Days that a contract will be late, up to ``LATE_DAYS``, if it is so after ``since`` days (n,)."""
        if self.after_ is None or not len(frame):
            return np.where(since >= LATE_DAYS, since, np.nan)
        begun = np.minimum(since, LATE_DAYS)
        survival = self.after_.predict_survival(frame.assign(duration_days=begun), range(LATE_DAYS)).to_numpy()
        return since + np.where(np.arange(LATE_DAYS) < (LATE_DAYS - begun)[:, None], survival, 0).sum(axis=1)

    def predict(self, contracts: pd.DataFrame, as_of: Any) -> pd.DataFrame:
        """The risk of the contracts that are open at the end of as_of.

        contracts: ``COLUMNS``, the open ones and, for the earlier share of late settlements and the number of open
        contracts, the customers' others. Returns a row per open contract, in their order, with ``SCORE_COLUMNS``:
        overdue_probability_30d, the chance to become overdue within ``AHEAD_DAYS`` days, 1 if it is overdue already, 0
        if it is due later; overdue_probability, the chance to be unsettled at the end of the due date (due later: if it
        is still open ``AHEAD_DAYS`` days before, so an upper bound); probability_low and probability_high, the 95%
        interval of the share that became overdue among contracts of the replay with such a chance, missing without a
        replay; expected_days_late, on average over settling in time (0 days) and late (up to ``LATE_DAYS``);
        risk_band ('low', 'medium', 'high'; see ``band_limits``); method ('known', 'cox', 'product rate', 'none');
        reason. A contract with a problem has method 'none', no chances, and the problem as its reason.
        Raises ValueError as ``checked_contracts`` does.
        """
        day, every = day_of(as_of), checked_contracts(contracts)
        known = known_on(every, day)
        rows = known[known["settled"].isna()]
        usable = (rows["problem"] == "").to_numpy() & (self.champion_ != "none")
        days_to_due = (rows["due"] - day).to_numpy()
        is_overdue, is_later = usable & (days_to_due <= 0), usable & (days_to_due > AHEAD_DAYS)
        chance, late = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
        why = np.full(len(rows), "", dtype=object)

        own = rows[usable]
        # A contract that is due later is judged as if it were 30 days before, with what is known today.
        found = covariates(own, np.full(len(own), day), Past(known), self.prior_)
        if self.champion_ == "cox":
            chance[usable] = self._chance(own, found, day)
            why[usable] = self._why(found)
        elif self.champion_ == "product rate":
            chance[usable] = own["product"].map(self.rates_).fillna(self.rate_)
            why[usable] = "share of late settlements of product " + own["product"]
        chance[is_overdue] = 1.0
        since = np.maximum(-days_to_due[usable], 0)
        late[usable] = chance[usable] * self._days_late(found, since)
        within = np.where(is_later, 0.0, chance)
        table = pd.DataFrame({"contract_id": rows["contract_id"], "customer_id": rows["customer_id"]})
        table["due_at"] = pd.to_datetime(rows["due"], unit="D").to_numpy()
        table["days_to_due"] = pd.array(np.where(np.isnan(days_to_due), 0, days_to_due), dtype="Int64")
        table["days_to_due"] = table["days_to_due"].mask(np.isnan(days_to_due))
        table["overdue_probability_30d"], table["overdue_probability"] = within, chance
        table["probability_low"], table["probability_high"] = self._range(chance, usable & ~is_overdue)
        table["expected_days_late"] = late
        bands = np.array(["low", "medium", "high"], dtype=object)
        band = bands[np.searchsorted(self.band_limits, np.nan_to_num(within), side="right")]
        table["risk_band"] = pd.Series(band, index=table.index).mask(np.isnan(within), None)
        table["method"] = np.select([~usable, is_overdue], ["none", "known"], self.champion_)
        table["reason"] = [
            self._reason(*values)
            for values in zip(
                rows["problem"].tolist(), days_to_due.tolist(), usable.tolist(), why.tolist(), strict=True
            )
        ]
        return table[list(SCORE_COLUMNS)].reset_index(drop=True)

    def _reason(self, problem: str, days_to_due: float, is_usable: bool, why: str) -> str:
        if not is_usable:
            return problem or self.reason_
        if days_to_due == 0:
            return "due today and not settled: overdue from tomorrow on"
        if days_to_due < 0:
            return f"overdue since {-days_to_due:.0f} days"
        if days_to_due > AHEAD_DAYS:
            return f"due in {days_to_due:.0f} days, not within {AHEAD_DAYS}; if open {AHEAD_DAYS} days before: {why}"
        return f"due in {days_to_due:.0f} days; {why}"

    def _why(self, frame: pd.DataFrame) -> list[str]:
        """What moves the hazard of settling farthest from the mean contract's, one text per contract."""
        found = self.before_.explain(frame)
        texts = {
            "product": "product " + frame["product"],
            "log_amount": "the amount",
            "log_term_days": "the term",
            "late_log_odds": [
                f"{late} of {count} earlier contracts late" if count else "no earlier contract has come due"
                for late, count in zip(frame["were_late"], frame["came_due"], strict=True)
            ],
            "open_contracts": [f"{count} contracts open" for count in frame["are_open"]],
        }
        words = pd.DataFrame(texts, index=frame.index)
        names, amounts = found["covariate_1"].tolist(), found["contribution_1"].tolist()
        told = [
            " and ".join(row[part] for part in str(name).split(" x ") if part in row)
            for name, row in zip(names, words.to_dict("records"), strict=True)
        ]
        return [
            f"{text or 'nothing'} {'raises' if amount < 0 else 'lowers'} the risk"
            for text, amount in zip(told, amounts, strict=True)
        ]

    def _range(self, chance: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The interval of what came for such chances (n,), by straight lines between the bins of the replay."""
        low, high = np.full(len(chance), np.nan), np.full(len(chance), np.nan)
        table = self.reliability_
        if len(table):
            low[rows] = np.interp(chance[rows], table["mean_score"], table["ci_low"])
            high[rows] = np.interp(chance[rows], table["mean_score"], table["ci_high"])
        return low, high

    def drivers(self) -> pd.DataFrame:
        """What drives settling, as ``ChurnModel.drivers``: a hazard_ratio below 1 settles later, so is at more risk.

        No rows without a model.
        """
        return self.before_.drivers() if self.before_ is not None else pd.DataFrame()

    def to_dict(self) -> dict[str, Any]:
        """Everything that scoring needs, fit for JSON; ``from_dict`` gives a model with identical scores."""
        return {
            "band_limits": list(self.band_limits), "champion": self.champion_, "reason": self.reason_,
            "left_out": self.left_out_, "rows": self.rows_, "prior": list(self.prior_), "rates": self.rates_,
            "rate": self.rate_, "metrics": [metric._asdict() for metric in self.metrics_],
            "reliability": self.reliability_.to_dict("list"),
            "before": self.before_ and self.before_.to_dict(), "after": self.after_ and self.after_.to_dict(),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """The model that ``to_dict`` wrote."""
        model = cls(tuple(state["band_limits"]))
        model.champion_, model.reason_ = state["champion"], state["reason"]
        model.left_out_, model.rows_ = dict(state["left_out"]), state["rows"]
        model.prior_, model.rates_, model.rate_ = tuple(state["prior"]), dict(state["rates"]), state["rate"]
        model.metrics_ = [Metric(**metric) for metric in state["metrics"]]
        model.reliability_ = pd.DataFrame(state["reliability"])
        model.before_, model.after_ = (
            state[name] and ChurnModel.from_dict(state[name]) for name in ("before", "after")
        )
        return model
