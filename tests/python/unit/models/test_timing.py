"""When to contact a customer, and in which hour and channel: planted hazards and answers, and edges."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from decision_parts.timing import AS_OF, chosen_days, members, simulate_answers, true_curve, true_gains
from precision_marketing.models import timing
from precision_marketing.models.hazards import Lives, breslow
from precision_marketing.models.timing import (
    Contact,
    best_contact_days,
    best_hour_and_channel,
    contact_gains,
    fit_answers,
    gamma_shape,
    losses_behind,
)


def customers(n: int, **columns) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": [f"c{place}" for place in range(n)], **columns})


def curve_from(increments: np.ndarray):
    """A curve of customers whose hazards by day are given: (n, k)."""
    total = np.column_stack([np.zeros(len(increments)), np.cumsum(increments, axis=1)])
    return lambda frame, days: total[frame.index][:, days.astype(int)]


def flat(rate: float):
    return lambda frame, days: np.tile(rate * days, (len(frame), 1))


def days_from_today(dates: pd.Series) -> list[int]:
    return (dates - AS_OF).dt.days.tolist()


# The day ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_the_gain_is_the_chance_of_survival_with_the_contact_less_that_without(seed) -> None:
    rng = np.random.default_rng(seed)
    window = int(rng.integers(1, 40))
    contact = Contact(0.4, lead_days=int(rng.integers(0, window)), window_days=window)
    hazards = rng.exponential(0.01, (4, 50 + window))
    gains = contact_gains(hazards, contact)
    assert gains.shape == (4, 50)
    for row, day in [(0, 0), (1, 17), (2, 49), (3, 30)]:
        with_contact = hazards[row].copy()
        for offset, weight in enumerate(contact.weights):
            with_contact[day + offset] *= 1 - 0.4 * weight
        reach = slice(0, day + window)
        averted = np.exp(-with_contact[reach].sum()) - np.exp(-hazards[row, reach].sum())
        assert gains[row, day] == pytest.approx(averted, rel=1e-9)


def test_a_wave_of_losses_is_met_when_the_contact_works_best() -> None:
    peaks = np.arange(20, 330, 31)
    increments = np.full((len(peaks), 400), 1e-4)
    increments[np.arange(len(peaks)), peaks] += 0.3
    found = best_contact_days(customers(len(peaks)), curve_from(increments), AS_OF)
    assert days_from_today(found["best_contact_date"]) == (peaks - Contact().lead_days).tolist()
    assert set(found["basis"]) == {"risk ahead"}
    assert (found["gain_low"] < found["expected_gain"]).all() and (found["expected_gain"] < found["gain_high"]).all()
    assert (found["expected_gain"] > 2 * found["gain_today"]).all()
    assert (found["good_from"] <= found["best_contact_date"]).all()
    assert (found["best_contact_date"] <= found["good_until"]).all()
    assert found["reason"].str.contains("losses per 100 contacts").all()


def test_a_flat_hazard_has_no_day_and_the_fallback_is_before_the_membership_ends() -> None:
    ends = AS_OF + pd.to_timedelta([100, 10, -5, 0, 800], unit="D")
    frame = customers(6, membership_expires_on=[*ends, pd.NaT])
    found = best_contact_days(frame, flat(1 / 200), AS_OF)
    assert days_from_today(found["best_contact_date"]) == [85, 0, 0, 0, 785, 0]
    member, none = "membership end", "today"
    assert found["basis"].tolist() == [member, member, none, member, member, none]
    assert found["reason"].str.startswith("no day stands out").all()
    assert np.isnan(found["expected_gain"][4])  # beyond the horizon
    earlier = best_contact_days(frame, flat(1 / 200), AS_OF, days_before=30)
    assert days_from_today(earlier["best_contact_date"])[0] == 70


def test_a_falling_hazard_is_met_today() -> None:
    falling = np.tile(0.02 * 0.97 ** np.arange(400), (2, 1))
    found = best_contact_days(customers(2), curve_from(falling), AS_OF)
    assert found["basis"].tolist() == ["risk now"] * 2 and days_from_today(found["best_contact_date"]) == [0, 0]


def test_who_runs_no_risk_is_given_no_day() -> None:
    found = best_contact_days(customers(2), flat(0), AS_OF)
    assert found["best_contact_date"].isna().all() and found["good_from"].isna().all()
    assert found["basis"].tolist() == ["nothing to avert"] * 2


def test_a_known_lapse_is_met_before_the_membership_ends() -> None:
    ends = AS_OF + pd.to_timedelta([60, 2, 200], unit="D")
    frame = customers(3, membership_expires_on=ends, lapse=[0.4, 0.4, None])
    found = best_contact_days(frame, flat(1 / 2000), AS_OF, lapse_share="lapse")
    assert days_from_today(found["best_contact_date"]) == [57, 0, 185]
    assert found["basis"].tolist() == ["risk ahead", "membership end", "membership end"]
    for_all = best_contact_days(frame, flat(1 / 2000), AS_OF, lapse_share=0.4)
    assert days_from_today(for_all["best_contact_date"]) == [57, 0, 197]


def test_bumps_that_few_losses_explain_do_not_stand_out() -> None:
    """A flat hazard, learned from 150 lives: its bumps are chance. Without the losses behind it, most are taken."""
    rng = np.random.default_rng(3)
    taken, believed = [], []
    for _ in range(20):
        life, seen = rng.exponential(400, 150), rng.uniform(30, 700, 150)
        end, lost = np.ceil(np.minimum(life, seen)), life <= seen
        table = breslow(Lives(np.zeros(150), end, lost), np.zeros(150))
        age = np.arange(60) * 5
        frame, losses = customers(60, as_of_days=age), losses_behind(end[lost])
        hazard = np.interp(np.arange(800), table["days"], table["cumulative_hazard"])
        curve = curve_from(np.diff(hazard)[age[:, None] + np.arange(400)])
        for found, given in ((taken, None), (believed, losses)):
            found.append(best_contact_days(frame, curve, AS_OF, losses=given)["basis"].str.startswith("risk").mean())
    assert np.mean(taken) > 0.3
    assert np.mean(believed) < 0.05


@pytest.fixture(scope="module")
def kept() -> dict[str, float]:
    """Planted losses averted per member, by policy."""
    frame = members(1_500, seed=1)
    gains, rows = true_gains(frame, Contact()), np.arange(1_500)
    result = {name: gains[rows, days].mean() for name, days in chosen_days(frame, seed=2, lives=3_000).items()}
    return result | {"oracle": gains.max(axis=1).mean()}


def test_the_chosen_days_keep_more_than_the_fixed_rule_and_nearly_what_the_truth_keeps(kept) -> None:
    assert kept["ours"] > 1.8 * kept["15 days before"]
    assert kept["ours"] > 3 * kept["today"]
    assert kept["ours"] > 0.93 * kept["oracle"]


def test_the_day_hardly_depends_on_the_effect() -> None:
    frame = members(500, seed=4)
    days = np.arange(600.0)
    assert (np.diff(true_curve(frame, days), axis=1) >= 0).all()
    gains = true_gains(frame, Contact())
    for effect in (0.1, 0.6):
        found = best_contact_days(frame, true_curve, AS_OF, Contact(effect, effect, effect), membership_column="none")
        chosen = (found["best_contact_date"] - AS_OF).dt.days.fillna(0).to_numpy(int)
        usual = best_contact_days(frame, true_curve, AS_OF, membership_column="none")
        same = (usual["best_contact_date"] - AS_OF).dt.days.fillna(0).to_numpy(int)
        rows = np.arange(500)
        assert gains[rows, chosen].mean() > 0.97 * gains[rows, same].mean()


def test_customers_are_taken_in_chunks_without_a_difference(monkeypatch) -> None:
    frame = members(50, seed=5)
    whole = best_contact_days(frame, true_curve, AS_OF, lapse_share=0.3)
    monkeypatch.setattr(timing, "CHUNK_CELLS", 7 * 400)
    pd.testing.assert_frame_equal(best_contact_days(frame, true_curve, AS_OF, lapse_share=0.3), whole)


def test_no_customers_no_rows_and_a_horizon_of_today() -> None:
    assert list(best_contact_days(customers(0), flat(0.01), AS_OF)) == list(timing.DAY_COLUMNS)
    assert len(best_contact_days(customers(0), flat(0.01), AS_OF)) == 0
    only = best_contact_days(customers(1), flat(0.01), AS_OF, horizon_days=0)
    assert days_from_today(only["best_contact_date"]) == [0] and only["basis"][0] == "today"


@pytest.mark.parametrize(
    ("curve", "message"),
    [
        (lambda frame, days: np.full((len(frame), len(days)), np.nan), "not finite or falls for 3"),
        (lambda frame, days: np.tile(np.where(days > 5, np.inf, days), (len(frame), 1)), "not finite"),
        (lambda frame, days: np.tile(-days, (len(frame), 1)), "falls for 3"),
        (lambda frame, days: np.zeros((len(frame), 1)), "shape"),
    ],
)
def test_a_curve_that_is_none_is_refused(curve, message) -> None:
    with pytest.raises(ValueError, match=message):
        best_contact_days(customers(3), curve, AS_OF)


def test_unusable_input_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="customer_id"):
        best_contact_days(pd.DataFrame({"customer_id": ["a", "a"]}), flat(0.1), AS_OF)
    with pytest.raises(ValueError, match="absent: lapse"):
        best_contact_days(customers(1), flat(0.1), AS_OF, lapse_share="lapse")
    for share in (1.0, -0.1, np.nan):
        with pytest.raises(ValueError, match="lapse_share"):
            best_contact_days(customers(1), flat(0.1), AS_OF, lapse_share=share)
    with pytest.raises(ValueError, match="negative"):
        best_contact_days(customers(1), flat(0.1), AS_OF, days_before=-1)
    with pytest.raises(ValueError, match="as_of"):
        best_contact_days(customers(1), flat(0.1), None)
    for wrong in ({"effect": 0.0}, {"effect": 0.9}, {"lead_days": 30}, {"window_days": 0}):
        with pytest.raises(ValueError, match="of a contact"):
            Contact(**wrong)


# Hour and channel ------------------------------------------------------------------------------------------


def counts(*rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["customer_id", "channel", "hour", "shown", "clicked"])


def consent(*rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["customer_id", "channel"])


def test_own_answers_win_where_there_are_many_and_those_of_all_elsewhere() -> None:
    crowd = [(f"x{place}", "sms", 9, 20, int(place % 3 == 0) * 2) for place in range(60)]
    crowd += [(f"x{place}", "email", 20, 20, int(place % 3 == 1) * 6) for place in range(60)]
    found = best_hour_and_channel(
        counts(*crowd, ("own", "sms", 9, 40, 30), ("own", "email", 20, 40, 0)),
        consent(("own", "sms"), ("own", "email"), ("new", "sms"), ("new", "email"), ("shy", "sms"), ("mute", None)),
    ).set_index("customer_id")
    assert found.loc["own", ["channel", "hour", "basis"]].tolist() == ["sms", 9, "own answers"]
    assert found.loc["new", ["channel", "hour", "basis"]].tolist() == ["email", 20, "all customers"]
    assert found.loc["shy", ["channel", "hour"]].tolist() == ["sms", 9]
    assert found.loc["mute", "basis"] == "no consent" and pd.isna(found.loc["mute", "hour"])
    rates = found.drop(index="mute")[["rate_low", "expected_rate", "rate_high"]]
    assert (np.diff(rates.to_numpy(float), axis=1) > 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_the_planted_hour_and_channel_answer_more_than_everybodys(seed) -> None:
    shown, allowed, rate = simulate_answers(600, seed)
    answers = fit_answers(shown)
    found = best_hour_and_channel(shown, allowed, answers)
    key = pd.MultiIndex.from_frame(found[["customer_id", "channel", "hour"]].astype({"hour": int}))
    chosen = rate.loc[key].to_numpy()
    names = found[["customer_id"]].merge(allowed).groupby("customer_id")["channel"].agg(set)
    assert all(channel in names[name] for name, channel in zip(found["customer_id"], found["channel"], strict=True))
    nothing = shown.iloc[:0]
    usual = best_hour_and_channel(nothing, allowed, answers)
    assert set(usual["basis"]) == {"all customers"}
    usual_rate = rate.loc[pd.MultiIndex.from_frame(usual[["customer_id", "channel", "hour"]].astype({"hour": int}))]
    assert chosen.mean() > 1.15 * usual_rate.mean()
    # The rate of what looked best is a little optimistic; its interval holds most truths.
    assert found["expected_rate"].mean() == pytest.approx(chosen.mean(), rel=0.2)
    assert ((found["rate_low"] <= chosen) & (chosen <= found["rate_high"])).mean() > 0.9


def test_alike_customers_are_not_told_apart() -> None:
    rng = np.random.default_rng(8)
    assert gamma_shape(rng.poisson(2.0, 3_000), np.full(3_000, 2.0)) > 50
    spread = gamma_shape(rng.poisson(2.0 * rng.gamma(1.5, 1 / 1.5, 5_000)), np.full(5_000, 2.0))
    assert spread == pytest.approx(1.5, rel=0.15)


def test_chunks_of_customers_give_the_same_answers(monkeypatch) -> None:
    shown, allowed, _ = simulate_answers(40, 1)
    whole = best_hour_and_channel(shown, allowed)
    monkeypatch.setattr(timing, "CHUNK_CELLS", 7 * 72)
    pd.testing.assert_frame_equal(best_hour_and_channel(shown, allowed), whole)


def test_without_clicks_or_messages_the_data_name_no_hour() -> None:
    agreed = consent(("a", "sms"), ("b", "push"))
    for shown in (counts(), counts(("a", "sms", 9, 10, 0)), counts(("a", "sms", 9, 0, 0))):
        found = best_hour_and_channel(shown, agreed)
        assert found["basis"].tolist() == ["no data"] * 2
        assert found["channel"].isna().all() and found["hour"].isna().all() and found["expected_rate"].isna().all()
    assert best_hour_and_channel(counts(), consent()).empty


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("a", "sms", 24, 1, 0), "hour"),
        (("a", "sms", 9.5, 1, 0), "hour"),
        (("a", "sms", 9, -1, 0), "shown"),
        (("a", "sms", 9, np.inf, 0), "shown"),
        (("a", "sms", 9, 1, 2), "clicked"),
        (("a", "sms", 9, 1, np.nan), "clicked"),
        ((None, "sms", 9, 1, 0), "customer_id or channel is missing"),
        (("z", "sms", 8, 1, 0), "come twice"),
    ],
)
def test_counts_that_are_none_are_refused(row, message) -> None:
    with pytest.raises(ValueError, match=message):
        fit_answers(counts(("z", "sms", 8, 1, 0), row))
