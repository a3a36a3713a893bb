"""Channel mix in the warehouse: what the dbt Python models in models/ml/mix call. The mathematics is in
`models.bandits` and `models.off_policy`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from precision_marketing.models.bandits import MIX_COLUMNS, channel_mix
from precision_marketing.models.inputs import column_names
from precision_marketing.models.off_policy import evaluate_policy, skewed_interval
from precision_marketing.warehouse import registry

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkDataFrame

LOGGED_ROWS = 500_000
ALL = "all"
EVALUATION_SCHEMA = (
    "mix string, segment string, method string, estimate double, ci_low double, ci_high double, gain double, "
    "gain_low double, gain_high double, impressions bigint, effective_impressions double, decision string, "
    "reason string"
)
MIX_SCHEMA = (
    "segment string, channel string, share double, expected_rate double, ci_low double, ci_high double, "
    "impressions double, clicks double, probability_best double, expected_loss double, ucb_share double, "
    "half_life_days double, dispersion double, decision string, reason string"
)


def shares(days: SparkDataFrame, half_life_days: float | None, minimum_share: float) -> pd.DataFrame:
    """The mix of each segment from `int_channel_days`, with ``MIX_SCHEMA``.

    Every channel may be used in every segment, also where it has not been; the minimum share shrinks where there are
    too many channels for it.
    """
    batches: pd.DataFrame = days.toPandas()
    batches = batches.rename(columns={"shown_date": "day"})
    if batches.empty:
        return pd.DataFrame(columns=list(MIX_COLUMNS))
    segments, channels = sorted(batches["segment"].unique()), sorted(batches["channel"].unique())
    used = set(zip(batches["segment"], batches["channel"], strict=True))
    unused = [
        (segment, channel, batches["day"].max(), 0, 0)
        for segment in segments
        for channel in channels
        if (segment, channel) not in used
    ]
    batches = pd.concat([batches, pd.DataFrame(unused, columns=["segment", "channel", "day", "impressions", "clicks"])])
    return channel_mix(batches, half_life_days=half_life_days, minimum_share=min(minimum_share, 1 / len(channels)))


def evaluations(logged: SparkDataFrame, mix: pd.DataFrame, proposed: pd.DataFrame) -> pd.DataFrame:
    """What other mixes would have brought, from logged propensities, with ``EVALUATION_SCHEMA``.

    logged: `int_logged_choices`; at most ``LOGGED_ROWS`` are used, whole customers by hash. mix: `channel_mix`.
    proposed: seeds/proposed_mix.csv. Judged are that table, equal shares, and each proposal, per segment and for all
    segments together that can be judged. What cannot be judged, or is no mix, has the method 'none' and the reason;
    without propensities everything has.
    """
    names = column_names(EVALUATION_SCHEMA)
    log = registry.sample(logged, "customer_id", LOGGED_ROWS, ["customer_id", "impression_id"])
    log = log.rename(columns={"segment": "context", "channel": "action"})
    log["reward"] = log["is_clicked"].astype(float)
    policies = {}
    if len(mix):
        policies["channel_mix"] = mix[["segment", "channel", "share"]]
        shares_of = mix.groupby("segment")["channel"].transform("size")
        policies["uniform"] = mix.assign(share=1 / shares_of)[["segment", "channel", "share"]]
    for name, own in proposed.groupby("proposal", sort=True):
        policies[str(name)] = own[["segment", "channel", "share"]]
    parts = [_as_logged(log)] if len(log) else []
    for name, policy in policies.items():
        policy = policy.rename(columns={"segment": "context", "channel": "action", "share": "probability"})
        parts += _by_segment(name, log, policy)
    return pd.concat(parts, ignore_index=True).reindex(columns=names) if parts else pd.DataFrame(columns=names)


def _by_segment(name: str, log: pd.DataFrame, policy: pd.DataFrame) -> list[pd.DataFrame]:
    """Estimates of one mix per segment that it names, and for all those together that can be judged."""
    parts, refused = [], []
    for segment in sorted(policy["context"].unique()):
        own = log[log["context"] == segment]
        rows = _judged(own, policy[policy["context"] == segment])
        parts.append(rows.assign(mix=name, segment=segment, impressions=len(own)))
        if (rows["method"] == "none").any():
            refused.append(segment)
    known = policy[~policy["context"].isin(refused)]
    rest = log[log["context"].isin(known["context"])]
    rows = _judged(rest, known) if len(known) else _judged(log.head(0), policy)
    if len(known):
        left_out = sorted({*refused, *(set(log["context"]) - set(policy["context"]))})
        rows["reason"] += "; without " + ", ".join(left_out) if left_out else ""
    elif len(log):
        rows["reason"] = "no segment can be judged"
    return [*parts, rows.assign(mix=name, segment=ALL, impressions=len(rest))]


def _as_logged(log: pd.DataFrame) -> pd.DataFrame:
    mean = skewed_interval(log["reward"].to_numpy(), pd.factorize(log["customer_id"])[0])
    row = {
        "mix": "as logged", "segment": ALL, "method": "logged", "estimate": log["reward"].mean(), "ci_low": mean.low,
        "ci_high": mean.high, "impressions": len(log), "effective_impressions": float(len(log)), "decision": "now",
        "reason": "what was clicked",
    }  # fmt: skip
    return pd.DataFrame([row])


def _judged(log: pd.DataFrame, policy: pd.DataFrame) -> pd.DataFrame:
    """Estimates of one mix, or the row that says why there is none."""
    try:
        if log.empty:
            raise ValueError("no propensities: nothing says with which chance a channel was chosen")
        found = evaluate_policy(log, policy)
    except ValueError as error:
        return pd.DataFrame([{"method": "none", "decision": "none", "reason": str(error)}])
    found = found.rename(columns={"value": "estimate", "effective_sample_size": "effective_impressions"})
    return found.replace([np.inf, -np.inf], np.nan)
