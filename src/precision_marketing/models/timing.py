"""The day on which contacting a customer is worth most, and the hour and channel in which they answer.

*The day.* A contact on day t (today is 0) helps only a customer who is still there, and what it does fades. With H(t)
the cumulative hazard of loss from now on, S(t) = exp(-H(t)) the chance to be still there, and h(u) the hazard of day u,
the contact takes the share ``effect * w(u - t)`` off h(u). The weight w is 0 for ``lead_days``, for a message must be
read and acted upon, then falls from 1 in a straight line to 0 at ``window_days``. So

    A(t)    = sum over u of w(u - t) h(u)                       the hazard within reach of a contact on day t
    gain(t) = S(t + window_days) (exp(effect * A(t)) - 1)       the chance that the contact averts a loss

gain(t) is the chance to be still there at the end of the window with the contact, less the same chance without.
A membership's end is a hazard of -ln(1 - lapse_share) on its last day, where the share that lapses is known and the
curve does not hold it already. The best day is the one with the highest gain. It hardly depends on ``effect``, which is
an assumption until an experiment has measured it; the gain does, and so comes with the effect's interval.

A day *stands out* if its gain exceeds that of acting today by ``MARGIN`` (today: if the hazard within reach exceeds its
mean over the horizon by as much) and, where the losses that the curve was learned from are given, by more than chance
explains: a hazard estimated from n losses has the relative error 1 / sqrt(n). Otherwise no day stands out, and the
fallback is a fixed number of days before the membership's end, else today.

*Hour and channel.* Clicks are Poisson with the mean rate(channel, hour) times three factors of the customer: one of
their own, one for the channel, one for the hour within the channel. Each has a gamma distribution with mean 1, whose
shape is estimated by maximum likelihood from all customers (empirical Bayes): who has been shown little gets the answer
of all customers, who has clicked often their own. The rates of the hours are shrunk to that of their channel likewise.

Sources: Kalbfleisch and Prentice, The statistical analysis of failure time data (2002), the hazard; Broadbent, "One way
TV advertisements work", J. Market Research Society 21 (1979), effects that fade; Robbins, "An empirical Bayes approach
to statistics", Proc. Third Berkeley Symposium (1956); Clayton and Kaldor, Biometrics 43 (1987), gamma-Poisson rates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import ndimage, optimize, special, stats

from precision_marketing.models.inputs import require_columns, require_unique_customers
from precision_marketing.models.survival import ChurnModel

HORIZON_DAYS = 365
DAYS_BEFORE = 15
MARGIN = 0.1
NEARLY_BEST = 0.95
LEAST_GAIN = 0.001  # below one loss averted per thousand contacts a contact has nothing to avert
CHUNK_CELLS = 2_000_000  # customers times days held at once: 16 MB per array
HOURS = 24
# The best of about a dozen separate windows is compared, so the level is that of one in twelve (Bonferroni).
Z_BEST = float(stats.norm.ppf(1 - 0.05 / 12))
DAY_COLUMNS = (
    "customer_id", "best_contact_date", "basis", "reason", "expected_gain", "gain_low", "gain_high", "gain_today",
    "good_from", "good_until",
)  # fmt: skip
ANSWER_COLUMNS = ("customer_id", "channel", "hour", "expected_rate", "rate_low", "rate_high", "basis", "reason")

Curve = Callable[[pd.DataFrame, np.ndarray], np.ndarray]
"""From n customers and days (k,) from now, in ascending order, to a cumulative figure (n, k)."""


# The day ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Contact:
    """What a contact is taken to do.

    effect: the share of the hazard that it removes at first, with its interval effect_low to effect_high; lead_days:
    from the contact until it works; window_days: from the contact until it has faded.
    """

    effect: float = 0.3
    effect_low: float = 0.1
    effect_high: float = 0.5
    lead_days: int = 3
    window_days: int = 30

    def __post_init__(self) -> None:
        if not 0 < self.effect_low <= self.effect <= self.effect_high <= 1:
            raise ValueError("effect_low, effect and effect_high of a contact must ascend between 0 and 1")
        if not 0 <= self.lead_days < self.window_days:
            raise ValueError("lead_days of a contact must lie between 0 and window_days")

    @property
    def weights(self) -> np.ndarray:
        """The part of the effect that is felt on each day from the contact on: (window_days,)."""
        days = np.arange(self.window_days)
        fading = 1 - (days - self.lead_days) / (self.window_days - self.lead_days)
        return np.where(days < self.lead_days, 0.0, fading)


def curve_of(model: ChurnModel) -> Curve:
    """The cumulative hazard of a fitted model, for customers as its ``predict_survival`` takes them."""

    def hazard(frame: pd.DataFrame, days: np.ndarray) -> np.ndarray:
        survival = model.predict_survival(frame, days.tolist()).to_numpy()
        return -np.log(np.maximum(survival, np.finfo(float).tiny))

    return hazard


def losses_behind(loss_days: Sequence[float] | np.ndarray) -> Curve:
    """How many losses a curve was learned from, by day: for ``losses`` of ``best_contact_days``.

    loss_days: duration_days of the customers who were lost, of the training. The customers who are scored need
    as_of_days, the days since their entry, or duration_days.
    """
    sorted_days = np.sort(np.asarray(loss_days, dtype=float))

    def losses(frame: pd.DataFrame, days: np.ndarray) -> np.ndarray:
        age = frame["as_of_days" if "as_of_days" in frame.columns else "duration_days"].to_numpy(float)
        return np.searchsorted(sorted_days, age[:, None] + days, side="right").astype(float)

    return losses


def hazard_within_reach(increments: np.ndarray, contact: Contact) -> np.ndarray:
    """A(t) of the module's head: (n, days + window_days) hazards by day to (n, days)."""
    days = increments.shape[1] - contact.window_days
    # correlate1d centres its window; the origin moves its first weight onto day t.
    origin = -(contact.window_days // 2)
    reach = ndimage.correlate1d(increments, contact.weights, axis=1, mode="constant", origin=origin)
    return np.maximum(reach[:, :days], 0)


def contact_gains(increments: np.ndarray, contact: Contact, effect: float | None = None) -> np.ndarray:
    """gain(t) of the module's head: (n, days + window_days) hazards by day to (n, days) chances."""
    survival = np.exp(-np.cumsum(increments, axis=1))[:, contact.window_days - 1 : -1]
    return survival * np.expm1(
        (contact.effect if effect is None else effect) * hazard_within_reach(increments, contact)
    )


class _Chosen(NamedTuple):
    """Per customer: the day, its gain with interval, today's gain, the days nearly as good, and what decided."""

    day: np.ndarray
    gain: np.ndarray
    low: np.ndarray
    high: np.ndarray
    today: np.ndarray
    first: np.ndarray
    last: np.ndarray
    stands_out: np.ndarray
    before_end: np.ndarray


def best_contact_days(
    customers: pd.DataFrame,
    curve: Curve,
    as_of: Any,
    contact: Contact | None = None,
    *,
    losses: Curve | None = None,
    lapse_share: float | str | None = None,
    days_before: int = DAYS_BEFORE,
    horizon_days: int = HORIZON_DAYS,
    membership_column: str = "membership_expires_on",
) -> pd.DataFrame:
    """The day on which contacting each customer averts most, see the head of the module.

    customers: customer_id, what the curve needs, and if there are memberships their last day in ``membership_column``
    (missing or past: none). curve: the cumulative hazard from now on, such as ``curve_of(model)``. losses: how many
    losses the curve rests on, such as ``losses_behind(days)``; None to take the curve as it is. lapse_share: of
    memberships, those not renewed, where the curve does not hold them: a number or a column (missing: none), from 0 to
    below 1. days_before: the fallback. horizon_days: the last day that is considered.

    Returns a row per customer, in their order, with ``DAY_COLUMNS``: best_contact_date; basis ('risk ahead', 'risk
    now', 'membership end', 'today', or 'nothing to avert', then without a date); reason; expected_gain, the chance that
    the contact averts a loss, with gain_low and gain_high at the ends of the effect's interval; gain_today; good_from
    and good_until, the days around it with at least ``NEARLY_BEST`` of the gain.
    The gain of a day chosen for its gain is on average too high, the more the fewer losses the curve rests on.
    Raises ValueError for absent columns, customers that are missing or come twice, a curve that is not finite or falls,
    shares outside 0 to 1, negative days.
    """
    contact = contact or Contact()
    require_columns(customers, ["customer_id", *([lapse_share] if isinstance(lapse_share, str) else [])])
    require_unique_customers(customers)
    if days_before < 0 or horizon_days < 0:
        raise ValueError("days_before and horizon_days must not be negative")
    today = pd.Timestamp(as_of)
    if today is pd.NaT:
        raise ValueError("as_of is missing")
    today = today.normalize()
    ends = _membership_days(customers, membership_column, today)
    lapses = _lapse_shares(customers, lapse_share)
    size = max(1, CHUNK_CELLS // (horizon_days + contact.window_days + 2))
    parts = [
        _choose(
            customers.iloc[start : start + size], curve, losses, contact, ends[start : start + size],
            lapses[start : start + size], days_before, horizon_days,
        )
        for start in range(0, len(customers), size)
    ]  # fmt: skip
    if not parts:
        return pd.DataFrame({name: [] for name in DAY_COLUMNS})
    chosen = _Chosen(*(np.concatenate(values) for values in zip(*parts, strict=True)))
    return _described(customers["customer_id"].to_numpy(), chosen, today, contact, days_before)


def _membership_days(customers: pd.DataFrame, column: str, today: pd.Timestamp) -> np.ndarray:
    """Days until the membership's last day, NaN without one (n,)."""
    if column not in customers.columns:
        return np.full(len(customers), np.nan)
    days = (pd.to_datetime(customers[column]).dt.normalize() - today).dt.days.to_numpy(float)
    return np.where(days >= 0, days, np.nan)


def _lapse_shares(customers: pd.DataFrame, lapse_share: float | str | None) -> np.ndarray:
    if isinstance(lapse_share, str):
        shares = pd.to_numeric(customers[lapse_share]).fillna(0).to_numpy(float)
    else:
        shares = np.full(len(customers), 0.0 if lapse_share is None else float(lapse_share))
    wrong = ~((shares >= 0) & (shares < 1))
    if wrong.any():
        raise ValueError(f"lapse_share must lie between 0 and 1, 1 left out: not so in {int(wrong.sum())} rows")
    return shares


def _hazards(frame: pd.DataFrame, curve: Curve, days: np.ndarray) -> np.ndarray:
    """Hazard by day from now on (n, k - 1), from a curve that is checked."""
    hazard = np.asarray(curve(frame, days), dtype=float)
    if hazard.shape != (len(frame), len(days)):
        raise ValueError(f"the curve has the shape {hazard.shape}, not {(len(frame), len(days))}")
    increments = np.diff(hazard, axis=1)
    wrong = ~np.isfinite(hazard).all(axis=1) | (np.nan_to_num(increments, nan=-1) < -1e-9).any(axis=1)
    if wrong.any():
        raise ValueError(f"the cumulative hazard is not finite or falls for {int(wrong.sum())} customers")
    return np.maximum(increments, 0)


def _choose(
    frame: pd.DataFrame,
    curve: Curve,
    losses: Curve | None,
    contact: Contact,
    ends: np.ndarray,
    lapses: np.ndarray,
    days_before: int,
    horizon_days: int,
) -> _Chosen:
    days = np.arange(horizon_days + contact.window_days + 2, dtype=float)
    increments = _hazards(frame, curve, days)
    lapsing = np.flatnonzero((ends < increments.shape[1]) & (lapses > 0))
    increments[lapsing, ends[lapsing].astype(int)] += -np.log1p(-lapses[lapsing])
    gains, reach = contact_gains(increments, contact), hazard_within_reach(increments, contact)
    rows, best = np.arange(len(frame)), gains.argmax(axis=1)

    # Today against the mean of all days, another day against today.
    now = best == 0
    with np.errstate(divide="ignore", invalid="ignore"):
        ahead = np.where(now, np.log(reach[:, 0] / reach.mean(axis=1)), np.log(gains[rows, best] / gains[:, 0]))
    noise = np.zeros(len(frame))
    if losses is not None:
        counts = np.asarray(losses(frame, days), dtype=float)
        weights = contact.weights
        # Unequal weights make a window as unsure as one of fewer losses (Kish's effective size).
        size = weights.sum() ** 2 / (weights**2).sum() / contact.window_days
        seen = size * (counts[:, contact.window_days :] - counts[:, : -contact.window_days]) + 0.5
        noise = np.sqrt(1 / seen[rows, best] + np.where(now, 0, 1 / seen[:, 0]))
        # A lapse is known from memberships, not from the losses of the curve.
        known = np.zeros(len(frame), dtype=bool)
        known[lapsing] = (best[lapsing] <= ends[lapsing]) & (ends[lapsing] < best[lapsing] + contact.window_days)
        noise = np.where(known, 0.0, noise)
    worthwhile = gains[rows, best] >= LEAST_GAIN
    stands_out = worthwhile & (ahead > np.log1p(MARGIN)) & (ahead > Z_BEST * noise)
    before_end = ~stands_out & np.isfinite(ends)
    fallback = np.where(before_end, np.maximum(np.nan_to_num(ends) - days_before, 0), 0)
    day = np.where(stands_out, best, fallback).astype(int)
    at = np.minimum(day, horizon_days)  # a membership's end may lie beyond the horizon
    beyond = day > horizon_days

    own, places = gains[rows, at], np.arange(gains.shape[1])
    worse = gains < NEARLY_BEST * own[:, None]
    first = np.where(worse & (places < at[:, None]), places, -1).max(axis=1) + 1
    last = np.where(worse & (places > at[:, None]), places, gains.shape[1]).min(axis=1) - 1
    low, high = (
        contact_gains(increments, contact, effect)[rows, at] for effect in (contact.effect_low, contact.effect_high)
    )
    nothing = ~worthwhile & ~before_end
    return _Chosen(
        np.where(nothing, -1, day),
        np.where(beyond, np.nan, own),
        np.where(beyond, np.nan, low),
        np.where(beyond, np.nan, high),
        gains[:, 0],
        np.where(beyond, day, first),
        np.where(beyond, day, last),
        stands_out,
        before_end,
    )


def _described(
    customer_id: np.ndarray,
    chosen: _Chosen,
    today: pd.Timestamp,
    contact: Contact,
    days_before: int,
) -> pd.DataFrame:
    """The rows that ``best_contact_days`` returns."""
    none = chosen.day < 0
    basis = np.select(
        [none, chosen.stands_out & (chosen.day > 0), chosen.stands_out, chosen.before_end],
        ["nothing to avert", "risk ahead", "risk now", "membership end"],
        "today",
    )

    def reason(kind: str, day: int, gain: float, now: float) -> str:
        averts = f"averts {100 * gain:.1f} losses per 100 contacts"
        return {
            "nothing to avert": f"a contact averts under {100 * LEAST_GAIN:.1f} losses per 100 on any day",
            "risk ahead": f"the risk peaks ahead: a contact in {day} days {averts}, today {100 * now:.1f}",
            "risk now": f"the risk is highest in the next {contact.window_days} days: a contact today {averts}",
            "membership end": f"no day stands out: {days_before} days before the membership ends, or today",
            "today": f"no day stands out: a contact today {averts}, later ones no more",
        }[kind]

    def dates(days: np.ndarray) -> pd.Series:
        return pd.Series(today + pd.to_timedelta(np.maximum(days, 0), unit="D")).mask(none)

    reasons = [reason(*row) for row in zip(basis.tolist(), chosen.day, chosen.gain, chosen.today, strict=True)]
    values = (
        customer_id, dates(chosen.day), basis, reasons, chosen.gain, chosen.low, chosen.high, chosen.today,
        dates(chosen.first), dates(chosen.last),
    )  # fmt: skip
    return pd.DataFrame(dict(zip(DAY_COLUMNS, values, strict=True)))


# Hour and channel ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AnswerRates:
    """What all customers answer: plain numbers, learned once, with which any customers are scored.

    channels: (c,); rates: (c, 24) clicks per message, NaN where nothing was shown; shapes: of the customer's factor,
    that for the channel and that for the hour (the higher, the more alike customers are).
    """

    channels: tuple[str, ...]
    rates: tuple[tuple[float, ...], ...]
    shapes: tuple[float, float, float]


def _checked_counts(counts: pd.DataFrame) -> pd.DataFrame:
    require_columns(counts, ["customer_id", "channel", "hour", "shown", "clicked"])
    hour, shown, clicked = (pd.to_numeric(counts[name]) for name in ("hour", "shown", "clicked"))
    key = counts[["customer_id", "channel", "hour"]]
    for what, wrong in {
        "customer_id or channel is missing": counts[["customer_id", "channel"]].isna().any(axis=1),
        "hour is not a whole number from 0 to 23": ~hour.isin(range(HOURS)),
        "shown is missing, negative or infinite": ~(np.isfinite(shown) & (shown >= 0)),
        "clicked is not between 0 and shown": ~((clicked >= 0) & (clicked <= shown)),
        "customer_id, channel and hour come twice": key.duplicated(),
    }.items():
        if wrong.any():
            raise ValueError(f"{what} in {int(wrong.sum())} rows")
    return key.assign(hour=hour.astype(int), shown=shown.astype(float), clicked=clicked.astype(float))


def gamma_shape(clicked: np.ndarray, expected: np.ndarray) -> float:
    """The shape of a gamma factor of mean 1 of which counts (n,) with expectations (n,) show the spread.

    Maximum likelihood of the negative binomial; between 0.05 and 10,000, the latter where counts show no spread.
    """
    seen = expected > 0
    y, mean = np.asarray(clicked, float)[seen], np.asarray(expected, float)[seen]
    if len(y) < 2 or y.sum() == 0:
        return 1e4

    def loss(log_shape: float) -> float:
        k = np.exp(log_shape)
        return -float((special.gammaln(y + k) - special.gammaln(k) + k * np.log(k) - (y + k) * np.log(mean + k)).sum())

    return float(np.exp(optimize.minimize_scalar(loss, bounds=np.log([0.05, 1e4]), method="bounded").x))


def fit_answers(counts: pd.DataFrame) -> AnswerRates:
    """What all customers answer.

    counts: a row per customer, channel and hour (0 to 23): customer_id, channel, hour, shown, clicked (at most shown).
    Raises ValueError for absent columns, keys that are missing or come twice, and counts that are none.
    """
    rows = _checked_counts(counts)
    channels = tuple(sorted(rows["channel"].unique()))
    totals = rows.groupby(["channel", "hour"])[["shown", "clicked"]].sum()
    totals = totals.reindex(pd.MultiIndex.from_product([channels, range(HOURS)]), fill_value=0.0)
    shown, clicked = (totals[name].to_numpy().reshape(len(channels), HOURS) for name in ("shown", "clicked"))
    overall = clicked.sum(axis=1, keepdims=True) / np.maximum(shown.sum(axis=1, keepdims=True), 1)
    shape = gamma_shape(clicked.ravel(), (shown * overall).ravel())
    rates = np.where(shown > 0, overall * (clicked + shape) / (shown * overall + shape), np.nan)

    cell = (rows["channel"].map({name: place for place, name in enumerate(channels)}), rows["hour"])
    expected = rows["shown"] * np.nan_to_num(rates[tuple(part.to_numpy(int) for part in cell)])
    shapes = []
    for key in (["customer_id"], ["customer_id", "channel"], ["customer_id", "channel", "hour"]):
        groups = [rows[name] for name in key]
        y, mean = (values.groupby(groups).transform("sum").to_numpy() for values in (rows["clicked"], expected))
        first = ~rows.duplicated(key).to_numpy()
        shapes.append(gamma_shape(y[first], mean[first]))
        expected = expected * (y + shapes[-1]) / (mean + shapes[-1])
    return AnswerRates(channels, tuple(map(tuple, rates.tolist())), (shapes[0], shapes[1], shapes[2]))


def best_hour_and_channel(
    counts: pd.DataFrame, consent: pd.DataFrame, answers: AnswerRates | None = None
) -> pd.DataFrame:
    """The channel and hour in which each customer is likeliest to answer, within consent.

    counts: as for ``fit_answers``, of any customers; those who are not in consent are passed over. consent: a row per
    customer and channel that may be used: customer_id, channel (missing: the customer allows none). Leave out channels
    whose cap is reached. answers: of ``fit_answers``; by default learned from counts.

    Returns a row per customer of consent, in order of appearance, with ``ANSWER_COLUMNS``: channel and hour (missing
    where the data name none), expected_rate (clicks per message) with its 95% interval, basis ('own answers' where the
    choice rests on a click of the customer there or differs from that of all customers; 'all customers'; 'no data'; 'no
    consent') and reason. Raises ValueError as ``fit_answers`` does.
    """
    answers = answers or fit_answers(counts)
    require_columns(consent, ["customer_id", "channel"], "consent")
    if consent["customer_id"].isna().any():
        raise ValueError(f"customer_id of consent is missing in {int(consent['customer_id'].isna().sum())} rows")
    rows, names = _checked_counts(counts), consent["customer_id"].drop_duplicates().to_numpy()
    size = max(1, CHUNK_CELLS // (HOURS * max(len(answers.channels), 1)))
    parts = []
    for start in range(0, len(names), size):
        own = names[start : start + size]
        parts.append(
            _answers(rows[rows["customer_id"].isin(own)], consent[consent["customer_id"].isin(own)], own, answers)
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({name: [] for name in ANSWER_COLUMNS})


def _answers(rows: pd.DataFrame, consent: pd.DataFrame, names: np.ndarray, answers: AnswerRates) -> pd.DataFrame:
    channels = answers.channels or ("",)  # nobody was shown anything
    shape = (len(names), len(channels), HOURS)
    customer, channel = pd.Index(names), pd.Index(channels, dtype=object)
    rates = np.array(answers.rates or [[np.nan] * HOURS], dtype=float)
    shown, clicked = np.zeros(shape), np.zeros(shape)
    rows = rows[rows["channel"].isin(channels)]
    cells = (customer.get_indexer(rows["customer_id"]), channel.get_indexer(rows["channel"]), rows["hour"].to_numpy())
    shown[cells], clicked[cells] = rows["shown"], rows["clicked"]

    expected, square, factor = shown * np.nan_to_num(rates), np.ones(shape), np.ones(shape)
    for axes, k in zip(((1, 2), (2,), ()), answers.shapes, strict=True):
        y, mean = (values.sum(axis=axes, keepdims=True) for values in (clicked, expected * factor))
        factor, square = factor * (y + k) / (mean + k), square * (1 + 1 / (y + k))
    predicted = np.minimum(rates * factor, 1)

    allowed = np.zeros(shape[:2], dtype=bool)
    known = consent[consent["channel"].isin(channels)]
    allowed[customer.get_indexer(known["customer_id"]), channel.get_indexer(known["channel"])] = True
    usable = allowed[:, :, None] & np.isfinite(rates)
    at = np.arange(len(names))
    place, usual = (np.where(usable, values, -1).reshape(len(at), -1).argmax(axis=1) for values in (predicted, rates))
    best, squared, own_clicks = (
        values.reshape(len(at), -1)[at, place] for values in (np.where(usable, predicted, 0), square, clicked)
    )
    # The product of three gamma factors has about the quantiles of one gamma with the same relative variance.
    sure = 1 / (squared - 1)
    low, high = (np.minimum(best * stats.gamma.ppf(level, sure) / sure, 1) for level in (0.025, 0.975))

    agreed = consent.groupby("customer_id")["channel"].count().reindex(names).to_numpy() > 0
    chosen = agreed & (best > 0)  # where nobody has clicked, all rates are 0
    basis = np.select(
        [~agreed, ~chosen, (own_clicks > 0) | (place != usual)],
        ["no consent", "no data", "own answers"],
        "all customers",
    )
    labels = np.where(chosen, np.array(channels, dtype=object)[place // HOURS], None)
    hours = np.where(chosen, place % HOURS, -1)

    def reason(kind: str, label: str, hour: int, rate: float) -> str:
        return {
            "no consent": "the customer allows no channel",
            "no data": "nobody has clicked in a channel that the customer allows: the data name no hour",
            "own answers": f"the customer's own clicks: {label} at {hour}, {rate:.1%} expected",
            "all customers": f"too few own clicks; all customers answer most: {label} at {hour}, {rate:.1%} expected",
        }[kind]

    hour = pd.Series(hours, dtype="Int64").mask(~chosen)
    rates_known = (np.where(chosen, rate, np.nan) for rate in (best, low, high))
    why = pd.DataFrame({"basis": basis, "label": labels, "hour": hours, "rate": best})
    reasons = [reason(*row) for row in why.itertuples(index=False, name=None)]
    values = (names, labels, hour, *rates_known, basis, reasons)
    return pd.DataFrame(dict(zip(ANSWER_COLUMNS, values, strict=True)))
