"""What the warehouse hands to the models of lifetime value: gifts and refunds spoil nobody's value, and are named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from precision_marketing.models.lifetime_value import BetaGeoNBD, GammaGamma, ShrunkenMean, fit_summary
from precision_marketing.warehouse.lifetime_value import NO_VALUE, SCORE_SCHEMA, Scorer, summary


def purchases(averages: np.ndarray) -> pd.DataFrame:
    """Rows of `int_customer_purchases`: these averages of one to six repeat purchases; every tenth bought once."""
    rng = np.random.default_rng(0)
    n = len(averages)
    age = rng.integers(100, 500, n).astype(float)
    once = np.arange(n) % 10 == 0
    return pd.DataFrame(
        {
            "customer_id": [f"c{number}" for number in range(n)],
            "frequency": np.where(once, 0.0, rng.integers(1, 7, n)),
            "recency_days": np.where(once, 0.0, np.floor(age * rng.uniform(0.2, 0.9, n))),
            "age_days": age,
            "average_repeat_amount": np.where(once, np.nan, averages),
        }
    )


def scored(rows: pd.DataFrame) -> pd.DataFrame:
    models = fit_summary(summary(rows))
    assert isinstance(models.bgnbd, BetaGeoNBD)
    kind = "gamma-gamma" if isinstance(models.gammagamma, GammaGamma) else "shrunken mean"
    state = {"bgnbd": models.bgnbd.to_dict(), kind: models.gammagamma.to_dict(), "method": f"bg/nbd and {kind}"}
    found = Scorer(state, 0.1)(rows)
    assert list(found) == [column.split()[0] for column in SCORE_SCHEMA.split(", ")]
    return found


@pytest.mark.parametrize("nothing", [0.0, -250.0])
def test_who_brings_nothing_is_left_out_and_named(nothing: float) -> None:
    rng = np.random.default_rng(2)
    rows = purchases(rng.gamma(4, 25, 400))
    none = purchases(np.full(40, nothing)).assign(customer_id=lambda frame: "n" + frame["customer_id"])
    alone, together = fit_summary(summary(rows)), fit_summary(summary(pd.concat([rows, none], ignore_index=True)))
    assert isinstance(alone.gammagamma, GammaGamma) and isinstance(together.bgnbd, BetaGeoNBD)
    assert together.gammagamma.to_dict() == alone.gammagamma.to_dict()
    assert together.bgnbd.customers_ == 440
    found = scored(pd.concat([rows, none], ignore_index=True))
    named = found["value_reason"].notna()
    assert set(found["value_reason"][named]) == {NO_VALUE}
    assert named.sum() == 36 and found["customer_id"][named].str.startswith("n").all()  # four of them bought once
    assert found[["probability_alive", "expected_purchases_90d", "expected_order_value", "clv_12m"]].notna().all().all()
    assert found["expected_order_value"][named].max() < found["expected_order_value"][~named].median()


def test_values_too_unequal_say_so_and_purchases_are_foreseen_anyway() -> None:
    rows = purchases(10 ** np.random.default_rng(3).uniform(-1, 5, 400))
    assert isinstance(fit_summary(summary(rows)).gammagamma, ShrunkenMean)
    found = scored(rows)
    assert found["value_reason"].str.contains("so unequal that their mean is infinite").all()
    assert found["probability_alive"].between(0, 1).all() and (found["expected_purchases_90d"] > 0).any()


def test_all_of_no_value_are_worth_nothing() -> None:
    found = scored(purchases(np.full(100, -1.0)))
    assert (found["clv_12m"] == 0).all() and found["value_reason"].notna().all()
