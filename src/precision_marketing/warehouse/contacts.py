"""Where customers answer: what `ml_contact_answers` calls. The mathematics is in `models.timing`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from precision_marketing.models.timing import best_hour_and_channel, fit_answers
from precision_marketing.warehouse import registry
from precision_marketing.warehouse.frames import typed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkDataFrame

ANSWER_SCHEMA = (
    "customer_id string, channel string, hour int, expected_rate double, rate_low double, rate_high double, "
    "basis string, reason string"
)
ANSWER_SAMPLE = 200_000
BUCKET_ROWS = 50_000


def answers(messages: SparkDataFrame) -> SparkDataFrame:
    """The channel and hour in which each customer is likeliest to answer, with ``ANSWER_SCHEMA``.

    messages: `int_contact_answers`, whose rows without an hour say which channels a customer allows. What all customers
    answer is learned from at most ``ANSWER_SAMPLE`` rows; a customer's rows are scored together.
    """
    sample = registry.sample(messages, "customer_id", ANSWER_SAMPLE, ["customer_id", "channel", "hour"])
    learned = fit_answers(sample[sample["hour"].notna()].astype({"hour": int}))

    def score_bucket(frame: pd.DataFrame) -> pd.DataFrame:
        counts = frame[frame["hour"].notna()].astype({"hour": int})
        consent = frame[["customer_id", "channel"]].drop_duplicates()
        return typed(best_hour_and_channel(counts, consent, learned), ANSWER_SCHEMA)

    return registry.score_together(messages, "customer_id", BUCKET_ROWS, ANSWER_SCHEMA, score_bucket)
