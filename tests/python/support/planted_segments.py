"""Customers of five planted segments, for the tests of segmentation."""

from __future__ import annotations

import numpy as np
import pandas as pd

import harness
from precision_marketing.models import segmentation as sg

STRATEGIES = pd.read_csv(harness.ROOT / "seeds" / "segment_strategies.csv")


# Median recency in days, orders, value per order, and the id of the archetype each blob should get.
PLANTED = [
    (8, 24, 120, 1),  # Champions
    (15, 2, 40, 6),  # New customers
    (35, 9, 25, 4),  # Frequent small baskets
    (150, 9, 110, 8),  # At risk
    (280, 1.6, 45, 10),  # Lost customers
]


def plant(n=3000, seed=0):
    """n buyers in five log-normal blobs; the column planted holds the blob."""
    rng = np.random.default_rng(seed)
    blob = rng.choice(len(PLANTED), n, p=[0.12, 0.25, 0.23, 0.15, 0.25])
    recency, orders, value, _ = np.array(PLANTED, float)[blob].T
    recency = np.round(recency * rng.lognormal(0, 0.3, n))
    frequency = np.maximum(1, np.round(orders * rng.lognormal(0, 0.25, n)))
    monetary = np.round(frequency * value * rng.lognormal(0, 0.25, n), 2)
    tenure = recency + frequency * 15
    return pd.DataFrame(
        {
            "customer_id": [f"c{i:06d}" for i in range(n)],
            "recency_days": recency,
            "frequency": frequency,
            "monetary": monetary,
            "clv": monetary / np.maximum(tenure, 90) * 365,
            "planted": blob,
        }
    )


def buyers(rows):
    """A frame of customers from (recency, frequency, monetary, clv) rows."""
    frame = pd.DataFrame(rows, columns=list(sg.FEATURES), dtype=float)
    return frame.assign(customer_id=[f"c{i}" for i in range(len(frame))])
