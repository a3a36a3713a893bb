"""Channel mix: what share of a segment's messages goes to which channel, learned from daily batches of clicks.

*Evidence.* Rates drift, so a day counts less the older it is: with half-life H, a day that lies d days before the
reference day has the weight 2^(-d / H), and of a channel n impressions and c clicks remain after weighting.
``choose_half_life`` says whether forgetting is worth it: each day is foretold from the days before it, and the log
loss decides. Forgetting has to beat remembering everything by more than chance explains.

*Posterior.* Clicks are binomial, the prior is a beta distribution, the posterior Beta(a0 + c, b0 + n - c). The prior
has the rate of all evidence together as its mean and is worth one click (or one impression without a click, where
those are rarer). So a channel without impressions starts where the others are, with an interval that says how little
is known, and it is tried.

*Dispersion.* Clicks come in clusters: one customer sees several messages, a sale lifts a whole day. Then rates vary
from day to day by phi times the binomial variance, and n impressions say no more than n / phi independent ones. phi is
estimated from successive days, which a slow drift hardly touches (after von Neumann), and evidence is divided by it:

    phi = mean of (rate_t - rate_s)^2 / (p (1 - p) (1 / n_t + 1 / n_s)),   p the rate of days s and t together

*Shares.* Thompson sampling gives each message to the channel that is best in one draw from the posterior, so the share
of a channel is the probability that it is the best:

    P(i is best) = integral of  f_i(x) * product over j != i of F_j(x)  dx

computed on a grid of quantiles of all channels, not by drawing. The same grid gives the expected loss of a channel,
E[max_j rate_j] - E[rate_i]: clicks per impression that are forgone by using it alone.

*UCB* is the other school: use the channel with the largest mean + sqrt(2 ln N / n). It stands beside the shares as a
second opinion. The index is that of rewards anywhere in [0, 1], so with click rates of a few per cent it explores long.

Sources: Thompson, Biometrika 25 (1933); Chapelle and Li, "An empirical evaluation of Thompson sampling", NeurIPS 24
(2011), with batches; Kaufmann, Korda and Munos, ALT (2012), regret of the order of the logarithm; Auer, Cesa-Bianchi
and Fischer, Machine Learning 47 (2002), UCB1; Garivier and Moulines, "On upper-confidence bound policies for switching
bandit problems", ALT (2011), and Raj and Kalyani, "Taming non-stationary bandits" (2017), discounted evidence; Scott,
"A modern Bayesian look at the multi-armed bandit", Appl. Stoch. Models Bus. Ind. 26 (2010), shares and expected loss;
von Neumann, Ann. Math. Statist. 12 (1941), successive differences; Dawid, "The prequential approach", J. R. Statist.
Soc. A 147 (1984), prediction day by day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special, stats

from precision_marketing.models.inputs import require_columns

CONFIDENCE = 0.95
HALF_LIVES = (3.0, 7.0, 14.0, 28.0, 56.0, np.inf)
FEWEST_DAYS = 14  # to foretell, before a half-life is chosen; pairs of days, before clusters are allowed for
QUANTILES = 400  # per channel: shares are within 1e-4 of the exact ones (measured in the tests)
KEY = ["segment", "channel"]
BATCH_COLUMNS = (*KEY, "day", "impressions", "clicks")
MIX_COLUMNS = (*KEY, "share", "expected_rate", "ci_low", "ci_high", "impressions", "clicks", "probability_best",
               "expected_loss", "ucb_share", "half_life_days", "dispersion", "decision", "reason")  # fmt: skip


class HalfLife(NamedTuple):
    """The half-life chosen, in days (infinite: nothing is forgotten), why, and how each candidate foretold.

    losses: one row per candidate: half_life_days, log_loss (nats per impression), gain over remembering everything,
    with an interval ci_low to ci_high that holds for all candidates together (95%); days: that were foretold.
    """

    days: float
    reason: str
    losses: pd.DataFrame


# The posterior ---------------------------------------------------------------------------------------


def prior(impressions: np.ndarray, clicks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The beta prior (a, b) that evidence suggests: arrays (..., channels) to (..., 1) each.

    Its mean is the rate of all channels together, half a click in one impression added; the smaller of a and b is 1.
    """
    mean = (clicks.sum(-1, keepdims=True) + 0.5) / (impressions.sum(-1, keepdims=True) + 1)
    strength = 1 / np.minimum(mean, 1 - mean)
    return mean * strength, (1 - mean) * strength


def probabilities_best(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For channels with posteriors Beta(a, b), (k,) each: the probability that each has the highest rate, and its loss.

    Returns two arrays (k,): probabilities, which add up to 1; expected losses in reward per impression, not negative.
    Raises ValueError if a or b is not positive and finite.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if not (np.isfinite(a) & np.isfinite(b) & (a > 0) & (b > 0)).all():
        raise ValueError("the parameters of a beta distribution must be positive and finite")
    levels = special.ndtr(np.linspace(-6, 6, QUANTILES))  # even in normal deviates: the tails count in the maximum
    grid = np.unique(special.betaincinv(a[:, None], b[:, None], levels))
    grid = np.concatenate([[0.0], grid, [1.0]])
    below = special.betainc(a[:, None], b[:, None], grid)
    with np.errstate(divide="ignore"):
        logs = np.log(below)
    others = np.exp(np.stack([np.delete(logs, i, axis=0).sum(axis=0) for i in range(len(a))]))
    best = (np.diff(below) * (others[:, 1:] + others[:, :-1]) / 2).sum(axis=1)
    all_below = np.exp(logs.sum(axis=0))
    highest = (np.diff(all_below) * (grid[1:] + grid[:-1]) / 2).sum()
    return best / best.sum(), np.maximum(highest - a / (a + b), 0)


def ucb_shares(impressions: np.ndarray, clicks: np.ndarray) -> np.ndarray:
    """What UCB1 chooses: (..., channels) to (..., channels) that add up to 1; ties share equally.

    A channel without impressions comes first.
    """
    impressions, clicks = np.asarray(impressions, float), np.asarray(clicks, float)
    seen = impressions > 0
    n = np.where(seen, impressions, 1)
    total = np.maximum(impressions.sum(-1, keepdims=True), 1)
    index = np.where(seen, clicks / n + np.sqrt(2 * np.log(total) / n), np.inf)
    chosen = index == index.max(-1, keepdims=True)
    return chosen / chosen.sum(-1, keepdims=True)


def dispersion(batches: pd.DataFrame) -> float:
    """How many times the binomial variance rates vary by from one day to the next, at least 1.

    batches: ``BATCH_COLUMNS``. 1 where fewer than ``FEWEST_DAYS`` pairs of days have clicks.
    """
    return _dispersion(_checked(batches))


def _dispersion(checked: pd.DataFrame) -> float:
    days = checked[checked["impressions"] > 0].sort_values([*KEY, "day"])
    before = days.groupby(KEY)[["impressions", "clicks"]].shift()
    n, c, m, d = (x.to_numpy() for x in (days["impressions"], days["clicks"], before["impressions"], before["clicks"]))
    rate = (c + d) / (n + m)
    usable = rate * (1 - rate) > 0  # no for the first day of a channel, whose rate is NaN
    if usable.sum() < FEWEST_DAYS:
        return 1.0
    n, c, m, d, rate = n[usable], c[usable], m[usable], d[usable], rate[usable]
    # The variance of a difference around its own mean rate lacks one degree of freedom of the n + m impressions.
    expected = rate * (1 - rate) * (1 / n + 1 / m) * (n + m) / np.maximum(n + m - 1, 1)
    return float(max(1.0, np.average((c / n - d / m) ** 2 / expected)))


# The mix ---------------------------------------------------------------------------------------------


def channel_mix(
    batches: pd.DataFrame,
    *,
    half_life_days: float | None = None,
    minimum_share: float = 0.0,
    reference: dt.date | None = None,
) -> pd.DataFrame:
    """The share of each channel in each segment, with what is known of it and the reason.

    batches: ``BATCH_COLUMNS``, one row per segment, channel and day; a row with 0 impressions says that the channel
    may be used. half_life_days: after which a day counts half, infinite for never; by default that of
    ``choose_half_life``. minimum_share: that each channel keeps, 0 to 1 / channels; the rest is divided by the
    probabilities. reference: the day for which the mix is made; later days are left out. By default the last day.

    Returns ``MIX_COLUMNS``, one row per segment and channel, sorted by them: share, which adds up to 1 in a segment;
    expected_rate with its 95% credible interval, in clicks per impression; impressions and clicks after weighting and
    division by the dispersion, so the interval is that of so many independent impressions; probability_best;
    expected_loss, in clicks per impression, of using that channel alone; ucb_share, what UCB1 would do;
    half_life_days, NaN where nothing is forgotten; dispersion, at least 1; decision: 'best', 'behind', 'undecided' or
    'only channel'; reason. A segment is decided where one channel is the best with 95%. Empty input gives an empty
    table.

    The interval is that of the weighted mean rate. Where rates drift fast, today's rate lies outside more often.
    Raises ValueError, which names the column, for input that cannot be: absent columns, missing keys, a day twice,
    numbers that are missing, infinite or negative, more clicks than impressions, a half-life that is not positive, a
    minimum share that the channels cannot all have.
    """
    batches = _checked(batches)
    if half_life_days is not None and not half_life_days > 0:
        raise ValueError(f"half_life_days must be positive, not {half_life_days}")
    if not 0 <= minimum_share <= 1:
        raise ValueError(f"minimum_share must lie between 0 and 1, not {minimum_share}")
    if reference is not None:
        batches = batches[batches["day"] <= _timestamp(reference)]
    if batches.empty:
        return pd.DataFrame({name: pd.Series(dtype=object if name in (*KEY, "decision", "reason") else float)
                             for name in MIX_COLUMNS})  # fmt: skip
    half_life = choose_half_life(batches).days if half_life_days is None else float(half_life_days)
    until = batches["day"].max() if reference is None else _timestamp(reference)
    weight = 0.5 ** ((until - batches["day"]).dt.days / half_life)
    phi = _dispersion(batches)
    counts = batches[["impressions", "clicks"]].mul(weight / phi, axis=0)
    cells = counts.groupby([batches["segment"], batches["channel"]]).sum().reset_index()
    # Whether a channel was ever used is a matter of raw counts: an old day's weight may be next to nothing.
    cells["used"] = batches.groupby(KEY)["impressions"].sum().to_numpy() > 0
    a0, b0 = prior(cells["impressions"].to_numpy(), cells["clicks"].to_numpy())
    cells["a"], cells["b"] = a0 + cells["clicks"], b0 + cells["impressions"] - cells["clicks"]
    mixes = [_mix_of_segment(own, minimum_share) for _, own in cells.groupby("segment")]
    mix = pd.concat(mixes, ignore_index=True)
    mix["half_life_days"], mix["dispersion"] = half_life if np.isfinite(half_life) else np.nan, phi
    return mix[list(MIX_COLUMNS)]


def _mix_of_segment(cells: pd.DataFrame, minimum_share: float) -> pd.DataFrame:
    a, b = cells["a"].to_numpy(), cells["b"].to_numpy()
    if minimum_share * len(a) > 1 + 1e-9:
        segment = cells["segment"].iloc[0]
        raise ValueError(f"minimum_share {minimum_share} is too large for the {len(a)} channels of segment {segment}")
    best, loss = probabilities_best(a, b)
    tail = (1 - CONFIDENCE) / 2
    decisions, reasons = _reasons(cells["channel"].to_numpy(), cells["used"].to_numpy(), best)
    return cells.assign(
        share=minimum_share + (1 - minimum_share * len(a)) * best,
        expected_rate=a / (a + b),
        ci_low=special.betaincinv(a, b, tail),
        ci_high=special.betaincinv(a, b, 1 - tail),
        probability_best=best,
        expected_loss=loss,
        ucb_share=ucb_shares(cells["impressions"].to_numpy(), cells["clicks"].to_numpy()),
        decision=decisions,
        reason=reasons,
    )


def _reasons(channels: np.ndarray, used: np.ndarray, best: np.ndarray) -> tuple[list[str], list[str]]:
    """Per channel of a segment the decision and the reason in words."""
    if len(channels) == 1:
        suffix = "" if used[0] else ", no impressions yet"
        return ["only channel"], [f"the only channel of the segment{suffix}"]
    if not used.any():
        return ["undecided"] * len(best), ["no impressions yet: the share explores"] * len(best)
    leader = int(best.argmax())
    # Rounded down, and never certain.
    percent = f"{min(np.floor(best[leader] * 1000) / 10, 99.9):g}%"
    decided = best[leader] >= CONFIDENCE
    decisions, reasons = [], []
    for i in range(len(channels)):
        decisions.append(("best" if i == leader else "behind") if decided else "undecided")
        if not used[i]:
            reasons.append("no impressions yet: the share explores")
        elif decided:
            reasons.append(f"ahead with {percent}" if i == leader else f"behind {channels[leader]} with {percent}")
        else:
            reasons.append(f"the data does not support a choice: {channels[leader]} leads with {percent}")
    return decisions, reasons


# Whether to forget -----------------------------------------------------------------------------------


def choose_half_life(batches: pd.DataFrame, candidates: Sequence[float] = HALF_LIVES) -> HalfLife:
    """The half-life whose forecasts of the next day's clicks are best, where forgetting is worth it.

    batches: ``BATCH_COLUMNS``. candidates: days; the infinite one, remember everything, always takes part. Each day
    after the first is foretold by the posterior means of the days before it. The best candidate is taken if its gain in
    log loss, day against day in pairs, exceeds 0 with 95% confidence, Bonferroni over the candidates; else nothing is
    forgotten. A day's losses are one observation, as channels of a day go up and down together.
    Raises ValueError as ``channel_mix`` does, and for candidates that are not positive.
    """
    batches = _checked(batches)
    finite = sorted({float(c) for c in candidates if np.isfinite(c)})
    if not finite or finite[0] <= 0 or np.isnan(list(candidates)).any():
        raise ValueError("candidates must be positive numbers of days, one of them finite")
    lives = np.array([*finite, np.inf])
    losses, impressions = _losses_by_day(batches, lives)
    days = int((impressions > 0).sum())
    total = max(impressions.sum(), 1)
    # Gains per impression; a day weighs as many impressions as it has.
    gains = (losses[:, -1:] - losses) / total
    gain, centred = gains.sum(axis=0), gains - gains.sum(axis=0) * (impressions / total)[:, None]
    enough = days >= FEWEST_DAYS
    error = np.sqrt((centred**2).sum(axis=0) * days / max(days - 1, 1))
    radius = stats.t.ppf(1 - (1 - CONFIDENCE) / 2 / len(finite), max(days - 1, 1)) * error if enough else np.nan
    table = pd.DataFrame({"half_life_days": lives, "log_loss": losses.sum(axis=0) / total, "gain": gain,
                          "ci_low": gain - radius, "ci_high": gain + radius, "days": days})  # fmt: skip
    if not enough:
        return HalfLife(np.inf, f"{days} days to foretell, fewer than {FEWEST_DAYS}: nothing is forgotten", table)
    winner = int(gain.argmax())
    if winner == len(finite):
        return HalfLife(np.inf, "nothing is forgotten: no half-life foretells better", table)
    if table["ci_low"][winner] <= 0:
        return HalfLife(np.inf, f"nothing is forgotten: the gain of {lives[winner]:g} days may be chance", table)
    return HalfLife(float(lives[winner]), f"{lives[winner]:g} days foretell surely better than no forgetting", table)


def _losses_by_day(batches: pd.DataFrame, lives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log losses of the days after the first, (days - 1, lives), in nats, and the days' impressions (days - 1,)."""
    if batches.empty:
        return np.zeros((0, len(lives))), np.zeros(0)
    table = batches.pivot_table(index="day", columns=KEY, values=["impressions", "clicks"], aggfunc="sum", fill_value=0)
    n, c = table["impressions"].to_numpy(float), table["clicks"].to_numpy(float)
    gaps = np.diff(table.index.to_numpy()) / np.timedelta64(1, "D")
    seen, clicked = np.zeros((len(lives), n.shape[1])), np.zeros((len(lives), n.shape[1]))
    losses = np.zeros((len(gaps), len(lives)))
    for i, gap in enumerate(gaps):
        fading = (0.5 ** (gap / lives))[:, None]
        seen, clicked = (seen + n[i]) * fading, (clicked + c[i]) * fading
        a, b = prior(seen, clicked)
        rate = (a + clicked) / (a + b + seen)
        losses[i] = -(c[i + 1] * np.log(rate) + (n[i + 1] - c[i + 1]) * np.log1p(-rate)).sum(axis=1)
    return losses, n[1:].sum(axis=1)


# Input -----------------------------------------------------------------------------------------------


def _timestamp(day: dt.date) -> pd.Timestamp:
    return pd.Timestamp(day).normalize()


def _checked(batches: pd.DataFrame) -> pd.DataFrame:
    """The batches with days as timestamps and counts as floats, or a ValueError."""
    require_columns(batches, BATCH_COLUMNS, "the batches")
    missing = [name for name in (*KEY, "day") if batches[name].isna().any()]
    if missing:
        raise ValueError(f"{missing[0]} is missing in {int(batches[missing[0]].isna().sum())} rows of the batches")
    days = pd.to_datetime(batches["day"], errors="coerce", utc=True).dt.tz_localize(None).dt.normalize()
    if days.isna().any():
        raise ValueError(f"day is not a date in {int(days.isna().sum())} rows of the batches")
    checked = batches[list(BATCH_COLUMNS)].assign(day=days)
    for name in ("impressions", "clicks"):
        values = pd.to_numeric(batches[name], errors="coerce").astype(float)
        unusable = int((~(np.isfinite(values) & (values >= 0))).sum())
        if unusable:
            raise ValueError(f"{name} is missing, infinite or negative in {unusable} rows of the batches")
        checked[name] = values
    if (checked["clicks"] > checked["impressions"]).any():
        row = checked[checked["clicks"] > checked["impressions"]].iloc[0]
        raise ValueError(f"clicks exceed impressions: {row['segment']}, {row['channel']}, {row['day'].date()}")
    doubled = checked[checked.duplicated([*KEY, "day"])]
    if len(doubled):
        row = doubled.iloc[0]
        raise ValueError(
            f"segment, channel and day come twice: {row['segment']}, {row['channel']}, {row['day'].date()}"
        )
    return checked
