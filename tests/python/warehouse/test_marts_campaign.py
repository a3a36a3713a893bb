"""The campaign marts on the demo, against what was planted there."""

from __future__ import annotations

import harness
from intervals import Z99, wilson


def test_click_rates_per_channel_are_the_planted_ones(demo, served: harness.Server) -> None:
    found = served.query(
        """select p.channel, sum(p.clicks), sum(p.impressions), max(t.probability)
        from marketing.campaign_performance p
        join (select channel, avg(click_probability) as probability from demo_truth.impression_truth group by channel) t
            on p.channel = t.channel
        group by p.channel"""
    )
    assert len(found) == 6
    for channel, clicks, impressions, truth in found:
        low, high = wilson(clicks, impressions)
        assert low <= truth <= high, channel


def test_performance_adds_up_to_the_raw_impressions(demo, served: harness.Server) -> None:
    """Impressions of every campaign that was planted, apart from those with defects and of erased customers."""
    found = dict(served.query("select campaign_id, sum(impressions) from marketing.campaign_performance group by 1"))
    truth = dict(served.query("select campaign_id, count(*) from demo_truth.impression_truth group by 1"))
    assert set(truth) <= set(found) <= {*truth, "unknown"}
    for campaign, count in truth.items():
        assert 0.95 * count <= found[campaign] <= count, campaign


def test_all_methods_share_out_the_same_orders(demo, served: harness.Server) -> None:
    found = served.query(
        "select method, sum(conversions), sum(revenue) from marketing.channel_attribution group by method"
    )
    assert {method for method, _, _ in found} == {
        "last_click", "first_click", "linear", "time_decay", "position", "markov",
    }  # fmt: skip
    # Which orders those are, found again: not cancelled, with a click of the customer in the 30 days before.
    orders, revenue = served.query(
        """select count(*), sum(net_amount) from marketing.fct_orders o
        where not is_cancelled and exists (
            select 1 from marketing.fct_ad_impressions i
            where i.customer_id = o.customer_id and i.clicked_at <= o.ordered_at
                and i.clicked_at > o.ordered_at - interval 30 days)"""
    )[0]
    assert orders > 1_000
    assert {(conversions, money) for _, conversions, money in found} == {(orders, revenue)}


def test_planted_experiment_effects_come_back(demo, served: harness.Server) -> None:
    """B adds an order with a chance, so the share who order rises from p to p + chance x (1 - p)."""
    found = served.query(
        """select b.experiment_id, b.lift, b.standard_error, b.decision, a.mean, t.extra_order_probability
        from marketing.experiment_results b
        join marketing.experiment_results a
            on a.experiment_id = b.experiment_id and a.metric = b.metric and a.variant = 'A'
        join demo_truth.experiment_effects t on t.experiment_id = b.experiment_id
        where b.variant = 'B' and b.metric = 'conversion'"""
    )
    assert len(found) == 3
    for experiment, lift, error, _, share, chance in found:
        assert abs(lift - float(chance) * (1 - share)) <= Z99 * error, experiment
    decisions = {row[0]: row[3] for row in found}
    assert decisions["one_page_checkout"] == "winner"


def test_what_has_no_effect_is_declared_no_winner(demo, served: harness.Server) -> None:
    found = served.query(
        "select decision from marketing.experiment_results where experiment_id = 'banner_colour' and variant = 'B'"
    )
    assert found == [("undecided",)] * 5


def test_a_coupon_without_effect_only_costs_its_discount(demo, served: harness.Server) -> None:
    """WELCOME is planted on six of a hundred orders at random and takes off 3: nothing else changes."""
    uplift, low, high = served.query(
        "select uplift, uplift_low, uplift_high from marketing.coupon_uplift where coupon_id = 'WELCOME'"
    )[0]
    error = (high - low) / 2 / 1.96
    assert error < 60 and abs(uplift + 3) <= Z99 * error


def test_scorecard_and_goals_know_everything_of_the_demo(demo, served: harness.Server) -> None:
    values = {
        metric: (level, value, met)
        for metric, level, value, met in served.query("select metric, level, value, met from marketing.value_scorecard")
    }
    assert {level for level, _, _ in values.values()} == {"process", "effect", "business"}
    stored = served.query(
        """select value from marketing_quality.model_metrics
        where model_name = 'click' and metric = 'roc_auc' and segment = '' and is_champion"""
    )
    assert values["click_model_auc"][:2] == ("process", stored[0][0])
    # No offer of the first build has run its time.
    assert [metric for metric, (_, value, _) in values.items() if value is None] == ["offer_revenue_effect"]
    goals = served.query("select goal, status from marketing.goal_gaps")
    assert len(goals) == 7
    assert [goal for goal, status in goals if status == "no data"] == ["Revenue that offers bring"]
