"""Channel mix: what exploring costs, whether forgetting helps, and what a log of one policy says about another.

*Regret* is the clicks that a policy forgoes against always using the best channel, over 20 seeds; every policy sees the
results of a batch only after it. Lai and Robbins (1985): no policy that is good everywhere does better in the long run
than sum of gap / KL(rate, best rate) times ln T, so a further decade of impressions costs as much as the one before.

*Open Bandit* (men): two logs of the same week, by a random policy and by Thompson sampling. Each is used to foretell
the click rate of the other policy, which its own log then shows. A policy is represented by how often it showed each
item in each of the three positions; the logged propensities themselves go into the weights only, since they are known
only for the item shown. As Thompson sampling learns, they change within the week: the mix is their average.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.dummy import DummyRegressor

from decision_parts.figure import Figure
from precision_marketing.models import bandits, off_policy

SEEDS = 20
RATES = (0.12, 0.08, 0.06, 0.04)
Shares = Callable[[np.ndarray, np.ndarray, np.random.Generator, int], np.ndarray]

# Bandits ---------------------------------------------------------------------------------------------


def uniform(n: np.ndarray, c: np.ndarray, rng: np.random.Generator, batch: int) -> np.ndarray:
    """Each policy: impressions and clicks so far (seeds, channels) to the next batch's impressions per channel."""
    return rng.multinomial(batch, np.full(n.shape, 1 / n.shape[1]))


def epsilon_greedy(n: np.ndarray, c: np.ndarray, rng: np.random.Generator, batch: int) -> np.ndarray:
    """The highest rate so far, and with 10% any channel; channels without impressions first."""
    rate = np.where(n > 0, c / np.maximum(n, 1), np.inf)
    best = rate == rate.max(axis=1, keepdims=True)
    return rng.multinomial(batch, 0.9 * best / best.sum(axis=1, keepdims=True) + 0.1 / n.shape[1])


def ucb1(n: np.ndarray, c: np.ndarray, rng: np.random.Generator, batch: int) -> np.ndarray:
    return rng.multinomial(batch, bandits.ucb_shares(n, c))


def thompson(n: np.ndarray, c: np.ndarray, rng: np.random.Generator, batch: int) -> np.ndarray:
    a, b = bandits.prior(n, c)
    drawn = rng.beta((a + c)[:, None], (b + n - c)[:, None], (len(n), batch, n.shape[1]))
    return (drawn.argmax(axis=2)[..., None] == np.arange(n.shape[1])).sum(axis=1)


POLICIES: dict[str, Shares] = {"uniform": uniform, "epsilon-greedy": epsilon_greedy, "UCB1": ucb1, "Thompson": thompson}


def regrets(
    policy: Shares, rates: np.ndarray, batch: int, *, seeds: int = SEEDS, fading: float = 1.0, seed: int = 0
) -> np.ndarray:
    """Clicks forgone, in expectation, up to the end of each batch: (steps, channels) rates to (seeds, steps).

    fading: what evidence keeps of its weight from one batch to the next.
    """
    rng = np.random.default_rng(seed)
    n, c = np.zeros((seeds, rates.shape[1])), np.zeros((seeds, rates.shape[1]))
    lost = np.zeros((seeds, len(rates)))
    for step, rate in enumerate(rates):
        shown = policy(n, c, rng, batch)
        n, c = fading * n + shown, fading * c + rng.binomial(shown, rate)
        lost[:, step] = shown @ (rate.max() - rate)
    return lost.cumsum(axis=1)


def lower_bound(rates: Sequence[float]) -> float:
    """The constant of Lai and Robbins: regret per unit of ln T that no good policy stays under."""
    best = max(rates)
    return sum(
        (best - rate) / (rate * np.log(rate / best) + (1 - rate) * np.log((1 - rate) / (1 - best)))
        for rate in rates
        if rate < best
    )


def planted_batches(rates: np.ndarray, impressions: int, seed: int, segments: int = 3) -> pd.DataFrame:
    """Daily batches of click rates (days, channels), the same impressions for each channel of each segment."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2024-01-01", periods=len(rates))
    names = [f"channel {i}" for i in range(rates.shape[1])]
    cells = pd.MultiIndex.from_product([[f"segment {i}" for i in range(segments)], days, names])
    frame = cells.set_names(["segment", "day", "channel"]).to_frame(index=False)
    frame["impressions"] = impressions
    frame["clicks"] = rng.binomial(impressions, np.tile(rates, (segments, 1)).ravel())
    return frame


def drifting_rates(days: int, seed: int) -> np.ndarray:
    """Click rates (days, 3) that wander around 5%, in logits by 0.5 on the whole; half a lead is lost in 40 days."""
    rng = np.random.default_rng(seed)
    kept = 0.5 ** (1 / 40)
    logits = rng.normal(0, 0.5, (days, 3))
    for day in range(1, days):
        logits[day] = kept * logits[day - 1] + np.sqrt(1 - kept**2) * logits[day]
    return 1 / (1 + 19 * np.exp(-logits))


# Off-policy evaluation -------------------------------------------------------------------------------


class World(NamedTuple):
    """Planted truth: click rates, logging policy and proposal, each (contexts, actions)."""

    rates: np.ndarray
    logging: np.ndarray
    proposal: np.ndarray

    @property
    def value(self) -> float:
        """The true mean reward of the proposal; contexts are equally frequent."""
        return float((self.proposal * self.rates).sum(axis=1).mean())


def planted_world(seed: int, contexts: int = 3, actions: int = 4, rate: float = 0.03) -> World:
    rng = np.random.default_rng(seed)
    rates = np.minimum(rate * np.exp(rng.normal(0, 0.6, (contexts, actions))), 1)
    logits = rng.normal(0, 0.8, (2, contexts, actions))
    logging, proposal = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    return World(rates, logging, proposal)


def planted_log(world: World, impressions: int, seed: int, per_customer: int = 1) -> pd.DataFrame:
    """A log of the world: context, action, reward, propensity, customer_id.

    A customer has one context and per_customer impressions, and a mood that decides all of their clicks.
    """
    rng = np.random.default_rng(seed)
    customer = np.arange(impressions) // per_customer
    context = rng.integers(0, len(world.rates), customer.max() + 1)[customer]
    action = (rng.random(impressions)[:, None] > world.logging.cumsum(axis=1)[context]).sum(axis=1)
    action = np.minimum(action, world.rates.shape[1] - 1)
    mood = rng.random(customer.max() + 1)[customer]
    return pd.DataFrame({
        "context": context, "action": action, "reward": (mood < world.rates[context, action]).astype(float),
        "propensity": world.logging[context, action], "customer_id": customer,
    })  # fmt: skip


def as_policy(probabilities: np.ndarray) -> pd.DataFrame:
    """A policy (contexts, actions) as a frame of context, action, probability."""
    frame = pd.DataFrame(probabilities).rename_axis(index="context", columns="action")
    return frame.stack().rename("probability").reset_index()


def estimates(world: World, logs: int, impressions: int, **settings: object) -> pd.DataFrame:
    """Evaluations of the world's proposal from so many logs: the rows of ``evaluate_policy``, with hit and error."""
    policy = as_policy(world.proposal)
    found = pd.concat([off_policy.evaluate_policy(planted_log(world, impressions, seed), policy, **settings)
                       for seed in range(logs)])  # fmt: skip
    return found.assign(error=found["value"] - world.value, hit=found["ci_low"].le(world.value)
                        & found["ci_high"].ge(world.value))  # fmt: skip


def open_bandit(data: Path) -> dict[str, pd.DataFrame]:
    """The two logs, 'random' and 'bts' (Thompson): position, action, reward, propensity, day."""
    names = {"item_id": "action", "click": "reward", "propensity_score": "propensity"}
    logs = {}
    for name in ("random", "bts"):
        log = pd.read_csv(data / "open_bandit" / name / "men.csv.gz", index_col=0).rename(columns=names)
        log["day"] = log["timestamp"].str[:10]
        logs[name] = log[["position", "day", "action", "reward", "propensity"]]
    return logs


def shown_mix(log: pd.DataFrame, contexts: Sequence[str] = ("position",)) -> pd.DataFrame:
    """How often the log's policy showed each item in each context, as a policy."""
    shares = log.groupby(list(contexts))["action"].value_counts(normalize=True)
    return shares.rename("probability").reset_index()


def even_mix() -> pd.DataFrame:
    """The random policy of the Open Bandit log: each of 34 items in each of 3 positions alike."""
    cells = pd.MultiIndex.from_product([[1, 2, 3], range(34)], names=["position", "action"])
    return cells.to_frame(index=False).assign(probability=1 / 34)


# What is shown ---------------------------------------------------------------------------------------


def _mean_interval(values: np.ndarray, digits: int = 1) -> str:
    radius = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean() - radius:.{digits}f} to {values.mean() + radius:.{digits}f}"


def _regret_figures() -> list[Figure]:
    """Regret after 1,000, 10,000 and 100,000 impressions in batches of 50."""
    ends = np.array([1_000, 10_000, 100_000]) // 50 - 1
    rates = np.tile(RATES, (ends[-1] + 1, 1))
    lost = {name: regrets(policy, rates, 50)[:, ends] for name, policy in POLICIES.items()}
    ours = lost["Thompson"]
    best = lower_bound(RATES) * np.log(10)
    others = ", ".join(f"{name} {values[:, -1].mean():.0f}" for name, values in lost.items() if name != "Thompson")
    decades = [ours[:, 1] - ours[:, 0], ours[:, 2] - ours[:, 1]]
    usual = [lost["epsilon-greedy"][:, i + 1] - lost["epsilon-greedy"][:, i] for i in (0, 1)]
    return [
        Figure("bandit: clicks forgone in 100,000 impressions, mean of 20 seeds", others,
               f"Thompson {ours[:, -1].mean():.0f}", "0", _mean_interval(ours[:, -1]), "rates 12%, 8%, 6%, 4%"),
        Figure("bandit: clicks forgone from 1,000 to 10,000, and from 10,000 to 100,000",
               f"epsilon-greedy {usual[0].mean():.0f}, {usual[1].mean():.0f}",
               f"{decades[0].mean():.1f}, {decades[1].mean():.1f}", f"{best:.1f} each in the long run",
               f"{_mean_interval(decades[0])}, {_mean_interval(decades[1])}",
               "the same in each decade: like the logarithm; best: Lai and Robbins"),
    ]  # fmt: skip


def _drift_figures() -> list[Figure]:
    """Whether forgetting is chosen where rates drift, and only there, and what it brings."""
    lost: dict[str, list[float]] = {"all": [], "chosen": [], "best": []}
    chosen = []
    for seed in range(2 * SEEDS):
        rates = drifting_rates(360, seed)
        chosen.append(bandits.choose_half_life(planted_batches(rates[:60], 2_000, seed)).days)
        by_life = {life: regrets(thompson, rates[60:], 500, seeds=4, fading=0.5 ** (1 / life), seed=seed)[:, -1].mean()
                   for life in bandits.HALF_LIVES}  # fmt: skip
        lost["all"].append(by_life[np.inf])
        lost["chosen"].append(by_life[chosen[-1]])
        lost["best"].append(min(by_life.values()))
    still = [bandits.choose_half_life(planted_batches(np.tile(RATES, (60, 1)), 2_000, seed)).days
             for seed in range(SEEDS)]  # fmt: skip
    gain = np.subtract(lost["all"], lost["chosen"])
    return [
        Figure("drift: clicks forgone in 300 days of 500 impressions, 40 worlds", f"{np.mean(lost['all']):.0f}",
               f"{np.mean(lost['chosen']):.0f}", f"{np.mean(lost['best']):.0f}", f"gain {_mean_interval(gain, 0)}",
               "baseline: nothing is forgotten; half-life chosen from 60 days before; best: in hindsight"),
        Figure("drift: forgetting chosen, in drifting and in constant worlds", "",
               f"{np.isfinite(chosen).mean():.0%}, {np.isfinite(still).mean():.0%}", "100%, 0%", "", "40, 20 worlds"),
    ]  # fmt: skip


def _planted_figures() -> list[Figure]:
    """Coverage, and the errors of the estimators with a good and with a bad model of the reward."""
    logs = 200
    rare = estimates(planted_world(1), logs, 2_000).groupby("method")["hit"].mean()
    low, high = stats.binom.ppf([0.025, 0.975], logs, 0.95) / logs
    world = planted_world(4, rate=0.4)
    good = estimates(world, logs, 1_000).groupby("method")["error"]
    bad = estimates(world, logs, 1_000, outcome_model=DummyRegressor(strategy="constant", constant=2.0))
    wrong = bad.query("method == 'doubly_robust'")["error"].to_numpy()
    rmse = good.apply(lambda error: np.sqrt((error**2).mean()))
    return [
        Figure("off-policy: coverage of 95% intervals, 2,000 impressions, click rate 3%", "",
               ", ".join(f"{name} {rare[name]:.1%}" for name in off_policy.METHODS), "95%",
               f"{low:.1%} to {high:.1%} expected", f"{logs} logs"),
        Figure("off-policy: error (root mean square), click rate 40%", f"ips {rmse['ips']:.4f}",
               f"doubly robust {rmse['doubly_robust']:.4f}", f"true value {world.value:.3f}", "",
               f"snips {rmse['snips']:.4f}"),
        Figure("off-policy: bias of doubly robust where its model says 200%", f"model alone {2-world.value:.3f}",
               f"{wrong.mean():.4f}", "0", _mean_interval(wrong, 4), "unbiased, but less exact"),
    ]  # fmt: skip


def _open_bandit_figures(data: Path) -> list[Figure]:
    logs = open_bandit(data)
    pairs = (("Thompson's click rate from the random log", "random", shown_mix(logs["bts"]), "bts"),
             ("the random policy's click rate from Thompson's log", "bts", even_mix(), "random"))  # fmt: skip
    figures = []
    for what, source, proposal, target in pairs:
        found = off_policy.evaluate_policy(logs[source], proposal, contexts=["position"]).set_index("method")
        shown = logs[target]["reward"].mean()
        inside = found["ci_low"].le(shown) & found["ci_high"].ge(shown)
        figures.append(Figure(
            f"Open Bandit: {what}", f"its own click rate {logs[source]['reward'].mean():.2%}",
            ", ".join(f"{method} {value:.3%}" for method, value in found["value"].items()), f"logged {shown:.2%}",
            f"doubly robust {found['ci_low']['doubly_robust']:.2%} to {found['ci_high']['doubly_robust']:.2%}",
            f"{inside.sum()} of {len(found)} intervals cover; effective impressions "
            f"{found['effective_sample_size'].iloc[0]:.0f}"))  # fmt: skip
    return figures


def figures(data: Path) -> list[Figure]:
    """The lines of channel mix; data: the folder that has ``open_bandit``."""
    return [*_regret_figures(), *_drift_figures(), *_planted_figures(), *_open_bandit_figures(data)]
