"""Budgets: the published example, random programs against SciPy, prices and ranges against brute force, bad input."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pulp
import pytest

from decision_parts.budget import (
    ARTICLE,
    ARTICLE_BUDGET,
    PUBLISHED,
    best_return,
    compare_with_scipy,
    random_channels,
    uncertain_channels,
    worst_by_enumeration,
)  # fmt: skip
from precision_marketing.models.budget import (
    ALLOCATION_COLUMNS,
    SUMMARY_COLUMNS,
    ConflictError,
    Plan,
    UnboundedError,
    allocate,
    worst_case_loss,
)


def channels(**columns: list) -> pd.DataFrame:
    """Channels a, b, ... of the columns given; a unit costs 1 and returns 1 unless they say otherwise."""
    n = len(next(iter(columns.values())))
    return pd.DataFrame({"channel": list("abcdef"[:n]), "unit_cost": 1.0, "return_per_unit": 1.0} | columns)


@pytest.fixture(scope="module")
def feasible() -> list[tuple[pd.DataFrame, float, Plan]]:
    """Random channels without minimum contributions, their budget and plan, where there is one."""
    rng, found = np.random.default_rng(1), []
    while len(found) < 14:
        made, budget = random_channels(rng)
        made["minimum_contribution"] = np.nan
        if best_return(made, budget) is not None:
            found.append((made, budget, allocate(made, budget)))
    return found


def test_the_published_example_is_feasible_and_not_the_best() -> None:
    plan = allocate(ARTICLE, ARTICLE_BUDGET)
    found = plan.allocation.set_index("channel")
    assert found["volume"].tolist() == pytest.approx([10_000, 2_250, 15_000])
    assert plan.summary["expected_return"][0] == pytest.approx(84_125)
    assert PUBLISHED @ ARTICLE["unit_cost"] == ARTICLE_BUDGET
    assert ((PUBLISHED >= ARTICLE["lower"]) & (PUBLISHED <= ARTICLE["upper"])).all()
    assert PUBLISHED @ ARTICLE["return_per_unit"] == 73_000
    # By hand: a unit of money in search returns 4.5 / 80, and the others may fall until they return as little.
    assert plan.summary["shadow_price"][0] == pytest.approx(4.5 / 80)
    assert plan.summary["shadow_price_until"][0] == pytest.approx(ARTICLE_BUDGET + 80 * (6_000 - 2_250))
    assert found["stays_from"].tolist() == pytest.approx([50 * 4.5 / 80, 0, 30 * 4.5 / 80])
    assert found["stays_to"].tolist() == pytest.approx([np.inf, 80 * 3.2 / 50, np.inf])
    assert found["reduced_cost"].tolist() == pytest.approx([3.2 - 50 * 4.5 / 80, 0, 2.8 - 30 * 4.5 / 80])
    assert found["reason"].to_dict() == {
        "feed": "at its upper volume",
        "search": "takes what the budget leaves",
        "short video": "at its upper volume",
    }
    assert list(plan.allocation) == list(ALLOCATION_COLUMNS) and list(plan.summary) == list(SUMMARY_COLUMNS)


@pytest.mark.parametrize("failure", ["raises", "finds nothing"])
def test_cbc_stands_in_where_highs_is_missing_or_fails(monkeypatch: pytest.MonkeyPatch, failure: str) -> None:
    def fail(self, lp, **_) -> int:
        if failure == "raises":
            raise pulp.PulpSolverError("no HiGHS")
        lp.assignStatus(pulp.LpStatusNotSolved)
        return pulp.LpStatusNotSolved

    monkeypatch.setattr(pulp.HiGHS, "actualSolve", fail)
    plan = allocate(ARTICLE, ARTICLE_BUDGET)
    assert plan.summary["expected_return"][0] == pytest.approx(84_125)
    with pytest.raises(ConflictError):
        allocate(ARTICLE, 1_000)
    monkeypatch.setattr(pulp.PULP_CBC_CMD, "actualSolve", fail)
    with pytest.raises(RuntimeError, match="neither HiGHS nor CBC"):
        allocate(ARTICLE, ARTICLE_BUDGET)


def test_random_programs_agree_with_scipy_and_conflicts_are_minimal() -> None:
    """benchmarks/decisions.py does the same with 1,000."""
    found = compare_with_scipy(200)
    assert found["feasible"] > 50 and found["infeasible"] > 50, "the draw has both kinds"
    assert found["disagreed"] == 0 and found["largest"] <= 1e-6
    assert found["minimal"] == found["infeasible"]


def test_a_plan_keeps_its_constraints_and_adds_up(feasible) -> None:
    for made, budget, plan in feasible:
        found = plan.allocation.set_index("channel")
        own = made.groupby("channel")
        first, upper = own.first(), own["upper"].sum().where(own["upper"].apply(lambda x: x.notna().all()), np.inf)
        near = 1e-6 * (1 + found["spend"].sum())
        assert found["spend"].sum() <= budget + near
        assert (found["volume"] >= first["lower"].fillna(0) - near).all() and (found["volume"] <= upper + near).all()
        assert (found["spend"] >= first["minimum_share"].fillna(0) * found["spend"].sum() - near).all()
        assert (found["spend"] <= first["maximum_share"].fillna(1) * found["spend"].sum() + near).all()
        assert found["spend"].to_numpy() == pytest.approx((found["volume"] * first["unit_cost"]).to_numpy())
        for channel, pieces in own:  # filled in order
            ends = np.append(0, pieces["upper"].fillna(np.inf).cumsum())
            amounts = np.clip(found.at[channel, "volume"] - ends[:-1], 0, np.diff(ends))
            assert found.at[channel, "expected_return"] == pytest.approx(amounts @ pieces["return_per_unit"], abs=near)


def shifted(made: pd.DataFrame, channel: str, by: float) -> pd.DataFrame:
    return made.assign(return_per_unit=made["return_per_unit"] + by * (made["channel"] == channel))


def test_ranges_are_exactly_those_within_which_the_plan_stays(feasible) -> None:
    """Within, no other plan is better; a little outside, one is."""
    inside = outside = 0
    for made, budget, plan in feasible:
        best = plan.summary["expected_return"][0]
        for row in plan.allocation.itertuples():
            for end, way in ((row.stays_from, -1), (row.stays_to, 1)):
                reach = min(abs(end - row.return_per_unit), 10.0)
                near = best_return(shifted(made, row.channel, way * reach * 0.999), budget)
                assert near == pytest.approx(best + way * reach * 0.999 * row.volume, rel=1e-7, abs=1e-6)
                inside += 1
                if np.isfinite(end):
                    far = way * (abs(end - row.return_per_unit) + 0.01)
                    assert best_return(shifted(made, row.channel, far), budget) > best + far * row.volume + 1e-7
                    outside += 1
    assert inside > 70 and outside > 25


def test_shadow_prices_and_reduced_costs_are_what_a_little_more_brings(feasible) -> None:
    """Also where the budget is spent exactly where a channel fills up, and so has many dual prices."""
    checked = 0
    for made, budget, plan in feasible:
        more = plan.summary["shadow_price"][0], plan.summary["shadow_price_until"][0]
        best, step = plan.summary["expected_return"][0], 1e-3
        assert best_return(made, budget + step) - best == pytest.approx(more[0] * step, abs=1e-7)
        if np.isfinite(more[1]) and more[1] > budget * (1 + 1e-5) + 1:
            assert best_return(made, more[1]) == pytest.approx(best + more[0] * (more[1] - budget), rel=1e-5, abs=1e-2)
            assert best_return(made, more[1] + 50) < best + more[0] * (more[1] + 50 - budget) - 1e-6
            checked += 1
    assert checked > 3
    two = channels(return_per_unit=[2.0, 1.0], upper=[100, 100])
    plan = allocate(two, 100)
    assert plan.summary["shadow_price"][0] == pytest.approx(1) and plan.summary["shadow_price_until"][0] == 200
    assert allocate(two, 200).summary["shadow_price"][0] == 0
    assert allocate(two, 99).summary["shadow_price"][0] == pytest.approx(2)
    held = allocate(channels(return_per_unit=[2.0, 1.0, 0.5], upper=[10, 100, 100], lower=[0, 0, 7]), 60).allocation
    assert held["reduced_cost"].tolist() == pytest.approx([1, 0, -0.5])


def test_the_robust_plan_is_the_best_of_all_worst_cases() -> None:
    rng, gains = np.random.default_rng(4), []
    for protection in (1, 2, 1.5, 3, 9):
        for _ in range(2):
            made = uncertain_channels(rng)
            plan = allocate(made, 400, protection=protection)
            nominal, robust = plan.summary.itertuples(index=False)
            assert (nominal.plan, robust.plan) == ("nominal", "robust")
            assert robust.worst_return == pytest.approx(worst_by_enumeration(made, 400, protection))
            volumes = plan.allocation.query("plan == 'nominal'")["volume"].to_numpy()
            losses = volumes * (made["return_per_unit"] - made["return_low"]).to_numpy()
            assert nominal.worst_return == pytest.approx(nominal.expected_return - worst_case_loss(losses, protection))
            assert robust.robustness_cost == pytest.approx(nominal.expected_return - robust.expected_return)
            assert robust.robustness_cost >= -1e-9 and robust.worst_case_gain >= -1e-9
            gains.append(robust.worst_case_gain)
    assert max(gains) > 1, "in some of them hedging pays"


def test_whole_units_by_enumeration() -> None:
    rng, gaps = np.random.default_rng(5), []
    for _ in range(8):
        made = channels(
            unit_cost=list(rng.integers(3, 20, 3)), return_per_unit=list(rng.uniform(1, 5, 3)), upper=[4.5, 3, 5],
            lower=[0.5, 0, 0],
        )  # fmt: skip
        budget = float(rng.integers(25, 90))
        plan = allocate(made, budget, whole_units=True)
        tried = np.array(list(product(range(1, 5), range(4), range(6))))
        best = (tried @ made["return_per_unit"])[tried @ made["unit_cost"] <= budget].max()
        summary = plan.summary.iloc[0]
        assert summary["expected_return"] == pytest.approx(best)
        assert (plan.allocation["volume"] % 1 == 0).all() and plan.allocation["prices_of"].eq("relaxation").all()
        relaxed = best_return(
            made.assign(minimum_contribution=np.nan, minimum_share=np.nan, maximum_share=np.nan), budget
        )
        assert summary["gap"] == pytest.approx(1 - best / relaxed)
        gaps.append(summary["gap"])
    assert max(gaps) > 0
    # Pieces need not be whole themselves.
    pieces = channels(channel=["a", "a"], piece=[1, 2], return_per_unit=[2.0, 1.0], upper=[1.5, 1.5])
    assert allocate(pieces, 2, whole_units=True).summary["expected_return"][0] == pytest.approx(3.5)


def test_money_moves_on_between_periods() -> None:
    """By hand: 10 and 30 to spend, at most 8 units in the first period, and half of what is left moves on."""
    one = channels(return_per_unit=[2.0], upper=[np.nan])
    early = pd.concat([one.assign(period=1, upper=8), one.assign(period=2, return_per_unit=3)])
    for carry_over, second in ((0.0, 30), (0.5, 31), (1.0, 32)):
        plan = allocate(early, 40, periods=2, period_budgets=[10, 30], carry_over=carry_over)
        # Where all moves on, a unit returns more in the second period, so nothing is spent in the first.
        volumes = [8, second] if carry_over < 1 else [0, 40]
        assert plan.allocation["volume"].tolist() == pytest.approx(volumes)
    assert plan.allocation["shadow_price"].tolist() == pytest.approx([3, 3])
    assert plan.allocation["reason"].tolist() == ["the money brings more elsewhere", "takes what the budget leaves"]
    total = allocate(early, 33, periods=2, period_budgets=[10, 30], carry_over=0.0)
    assert total.allocation["volume"].tolist() == pytest.approx([3, 30])
    assert total.summary["shadow_price"][0] == pytest.approx(2)
    both = allocate(one.assign(upper=4.0, lower=1), 6, periods=2)
    assert both.summary["expected_return"][0] == pytest.approx(12) and both.allocation["volume"].between(1, 4).all()


def test_verdicts_say_whether_the_interval_of_a_return_leaves_the_plan() -> None:
    sure = ARTICLE.assign(return_low=[3.0, 2, 2.0], return_high=[4.0, 5, 3.5])
    assert set(allocate(sure, ARTICLE_BUDGET).allocation["verdict"]) == {"supported"}
    unsure = sure.assign(return_low=[2.8, 2, 2.0])  # feed stays from 2.8125
    assert allocate(unsure, ARTICLE_BUDGET).allocation["verdict"].tolist() == [
        "the data cannot tell", "supported", "supported",
    ]  # fmt: skip
    for absent in (["return_low"], ["return_high"], ["return_low", "return_high"]):
        plan = allocate(sure.drop(columns=absent), ARTICLE_BUDGET)
        assert set(plan.allocation["verdict"]) == {"no interval"}


@pytest.mark.parametrize(
    ("made", "budget", "conflict"),
    [
        (channels(lower=[5], upper=[3]), 9, {"a: at most 3 units", "a: at least 5 units"}),
        (channels(lower=[5, 6]), 0, {"budget: at most 0", "b: at least 6 units"}),
        (channels(lower=[6, 6, 1]), 10, {"budget: at most 10", "a: at least 6 units", "b: at least 6 units"}),
        (channels(minimum_contribution=[50, 0], upper=[20, 5]), 99,
         {"a: a return of at least 50", "a: at most 20 units"}),
        (
            channels(minimum_share=[0.6, np.nan], lower=[np.nan, 30], upper=[40, np.nan]),
            99,
            {"a: at least 60% of the spend", "b: at least 30 units", "a: at most 40 units"},
        ),
        (channels(minimum_contribution=[3], return_per_unit=[-1.0]), 9, {"a: a return of at least 3"}),
    ],
)  # fmt: skip
def test_conflicts_in_words(made: pd.DataFrame, budget: float, conflict: set[str]) -> None:
    with pytest.raises(ConflictError, match="these cannot all hold") as caught:
        allocate(made, budget)
    assert set(caught.value.conflict) == conflict


def test_conflicts_of_periods_and_of_whole_units() -> None:
    with pytest.raises(ConflictError) as caught:
        allocate(channels(lower=[6.0]), 100, periods=2, period_budgets=[4, 50])
    assert set(caught.value.conflict) == {"budget of period 1: at most 4", "a in period 1: at least 6 units"}
    with pytest.raises(ConflictError) as caught:
        allocate(channels(lower=[2.2, 0], upper=[2.8, 9]), 100, whole_units=True)
    assert set(caught.value.conflict) == {"a: at most 2.8 units", "a: at least 2.2 units", "whole units only"}


def test_return_without_limit_names_the_channel() -> None:
    with pytest.raises(UnboundedError, match="return without limit: a cost nothing") as caught:
        allocate(channels(unit_cost=[0, 1]), 10)
    assert caught.value.channels == ("a",)
    with pytest.raises(ConflictError, match="b: at least 20 units"):  # no plan comes before no limit
        allocate(channels(unit_cost=[0, 1], lower=[0, 20]), 10)
    assert allocate(channels(unit_cost=[0, 1], upper=[7, 99]), 10).allocation["volume"].tolist() == [7, 10]
    assert allocate(channels(unit_cost=[0], return_per_unit=[0]), 10).summary["expected_return"][0] == 0


def test_little_to_decide_is_no_error() -> None:
    empty = allocate(ARTICLE.iloc[:0], 100)
    assert list(empty.allocation) == list(ALLOCATION_COLUMNS) and empty.allocation.empty
    assert empty.summary["status"].tolist() == ["no channels"] and empty.summary["expected_return"][0] == 0
    nothing = allocate(ARTICLE.assign(lower=0), 0)
    assert nothing.allocation["reason"].eq("no budget").all() and nothing.summary["spend"][0] == 0
    assert nothing.summary["shadow_price"][0] == pytest.approx(2.8 / 30), "what the first unit of money would bring"
    one = allocate(ARTICLE.iloc[[1]], 200_000)
    assert one.allocation["volume"].tolist() == pytest.approx([2_500])
    losing = allocate(channels(return_per_unit=[-1.0, 2], upper=[5, 5]), 100)
    assert losing.allocation["reason"].tolist() == ["returns nothing", "at its upper volume"]
    closed = allocate(channels(upper=[0, 5], lower=[0, 5]), 100).allocation["reason"]
    assert closed.tolist() == ["its upper volume is zero", "its lower and upper volumes are the same"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"unit_cost": [-1, 1]}, "unit_cost is negative: a"),
        ({"unit_cost": [1, np.nan]}, "unit_cost is missing: b"),
        ({"unit_cost": [1, np.inf]}, "unit_cost is infinite: b"),
        ({"return_per_unit": [np.nan, 1]}, "return_per_unit is missing: a"),
        ({"return_per_unit": ["many", 1]}, "return_per_unit is not a number: a"),
        ({"lower": [-1, 1]}, "lower is negative: a"),
        ({"upper": [-1, 1]}, "upper is negative: a"),
        ({"lower": [np.inf, 1]}, "lower is infinite: a"),
        ({"channel": ["a", None]}, "channel is missing"),
        ({"channel": ["a", "a"]}, "piece or channel comes twice: a"),
        ({"channel": ["a", "a"], "piece": [1, 2], "upper": [1, 1], "return_per_unit": [1, 2]}, "return_per_unit rises"),
        ({"channel": ["a", "a"], "piece": [1, 2], "upper": [1, 1], "unit_cost": [1, 2]}, "unit_cost differs"),
        ({"channel": ["a", "a"], "piece": [1, 2], "upper": [1, 1], "lower": [1, 2]}, "lower differs"),
        ({"channel": ["a", "a"], "piece": [1, 2]}, "upper is missing in a piece that is not the last: a"),
        ({"minimum_share": [0.6, 0.6]}, "minimum_share adds up to more than 1"),
        ({"maximum_share": [0.3, 0.6]}, "maximum_share adds up to less than 1"),
        ({"minimum_share": [0.6, 0], "maximum_share": [0.5, 1]}, "minimum_share exceeds maximum_share: a"),
        ({"maximum_share": [1.5, 1]}, "maximum_share is more than 1: a"),
        ({"minimum_share": [0.2, 0], "unit_cost": [0, 1]}, "minimum_share is asked of a channel that costs nothing: a"),
        ({"return_low": [2, 0]}, "return_low exceeds return_per_unit: a"),
        ({"return_high": [0, 2]}, "return_high is below return_per_unit: a"),
        ({"period": [1, 2]}, "period is none of 1 to 1: b"),
    ],
)
def test_unusable_channels_are_refused(columns: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        allocate(channels(**columns), 10)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"budget": -1}, "budget must be a finite number, 0 or more, not -1"),
        ({"budget": np.nan}, "budget must be a finite"),
        ({"budget": np.inf}, "budget must be a finite"),
        ({"protection": -1}, "protection must be a finite"),
        ({"protection": 1}, "columns of channels, which a robust plan needs are absent: return_low"),
        ({"carry_over": 2}, "carry_over must lie between 0 and 1"),
        ({"periods": 0}, "periods must be a whole number"),
        ({"periods": 2, "period_budgets": [1]}, "period_budgets must be 2 finite numbers"),
        ({"period_budgets": [np.nan]}, "period_budgets must be 1 finite numbers"),
    ],
)
def test_unusable_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        allocate(ARTICLE, **{"budget": 1e6, **settings})
    with pytest.raises(ValueError, match="return_low is missing: search"):
        allocate(ARTICLE.assign(return_low=[1, None, 1]), 1e6, protection=1)
    with pytest.raises(ValueError, match="columns of channels are absent: unit_cost"):
        allocate(ARTICLE.drop(columns="unit_cost"), 1e6)
