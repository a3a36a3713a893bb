"""Decisions on the demo, against what was planted in it."""

from __future__ import annotations

import harness

# The true click rate per segment and channel.
TRUE_RATES = """
    select s.segment_name as segment, i.channel, avg(i.click_probability) as rate
    from demo_truth.impression_truth as i
    inner join demo_truth.customer_truth as c on i.customer_no = c.customer_no
    inner join marketing.customer_segments as s on c.customer_id = s.customer_id
    group by s.segment_name, i.channel
"""


def test_the_intervals_of_click_rates_hold_the_planted_ones(served: harness.Server) -> None:
    inside, rows = served.query(
        f"""select count_if(t.rate between m.ci_low and m.ci_high), count(*)
        from marketing.channel_mix as m inner join ({TRUE_RATES}) as t using (segment, channel)"""
    )[0]
    assert rows >= 30 and inside >= 0.85 * rows
    sums = served.query("select segment, sum(share), min(share) from marketing.channel_mix group by segment")
    assert all(abs(total - 1) < 1e-9 and least >= 0.0199 for _, total, least in sums)


def test_a_mix_is_worth_what_its_evaluation_says(served: harness.Server) -> None:
    """Of nearly every segment that can be judged the interval holds the true value of its shares."""
    rows = served.query(
        f"""select e.segment, e.ci_low, e.ci_high, v.value
        from marketing.mix_evaluations as e inner join (
            select m.segment, sum(m.share * t.rate) as value
            from marketing.channel_mix as m inner join ({TRUE_RATES}) as t using (segment, channel) group by m.segment
        ) as v on e.segment = v.segment where e.mix = 'channel_mix' and e.method = 'doubly_robust'"""
    )
    assert len(rows) >= 4 and sum(low <= value <= high for _, low, high, value in rows) >= len(rows) - 1
    now, new = (
        served.query(f"select estimate from marketing.mix_evaluations where segment = 'all' and {which}")[0][0]
        for which in ("mix = 'as logged'", "mix = 'channel_mix' and method = 'snips'")
    )
    assert new > 1.5 * now


def test_elasticities_are_those_planted(served: harness.Server) -> None:
    """A category's products, against the planted value less what a choice among products takes from it (a tenth)."""
    rows = served.query(
        """select t.category, avg(p.elasticity), avg(p.elasticity_low), avg(p.elasticity_high), any_value(t.elasticity)
        from marketing.price_recommendations as p inner join demo_truth.price_elasticities as t using (category)
        group by t.category"""
    )
    assert len(rows) == 12
    assert sum(low < 0.95 * truth < high for _, _, low, high, truth in rows) >= 11, rows
    found = {category: value for category, value, *_ in rows}
    assert found["electronics"] < found["beauty"] < found["mother_baby"]


def test_a_price_stays_within_its_bounds_and_says_why_not(served: harness.Server) -> None:
    wrong, without, priced = served.query(
        """select count_if(recommended_price not between 0.8499 * current_price and 1.1501 * current_price
                or profit_change_low < 0), count_if(recommended_price is null and reason not like 'no recommendation%'),
            count(recommended_price)
        from marketing.price_recommendations"""
    )[0]
    assert (wrong, without) == (0, 0) and priced > 100


def test_offers_keep_to_consent_caps_and_limits(served: harness.Server) -> None:
    rows, refused, doubled = served.query(
        """select count(*), count_if(not coalesce(case o.channel when 'sms' then d.can_sms when 'push' then d.can_push
                when 'email' then d.can_email else d.can_profile end and d.can_profile, false)),
            count(*) - count(distinct o.customer_id)
        from marketing.customer_offers as o left join marketing.dim_customers as d on o.customer_id = d.customer_id"""
    )[0]
    assert rows > 500 and (refused, doubled) == (0, 0)
    for name, capacity, used in served.query("select limit_name, capacity, used from marketing.offer_limits"):
        assert capacity is None or used <= capacity * (1 + 1e-9), name
    gap = served.query("select gap, expected_profit, bound from marketing.offer_limits where gap is not null")[0]
    assert gap[0] < 0.01 and gap[1] <= gap[2]


def test_a_tenth_is_held_out_and_logged(served: harness.Server) -> None:
    offered, held_out, wrong = served.query(
        """select count_if(choice <> 'none'), count_if(choice = 'none'),
            count_if(abs(propensity - if(choice = 'none', 0.1, 0.9)) > 1e-9)
        from marketing.decision_log where kind = 'offer'"""
    )[0]
    assert wrong == 0 and offered == served.query("select count(*) from marketing.customer_offers")[0][0]
    assert 0.07 < held_out / (offered + held_out) < 0.13
    kinds = {kind for (kind,) in served.query("select distinct kind from marketing.decision_log")}
    assert kinds == {"offer", "contact", "budget", "mix", "price"}


def test_the_budget_is_spent_where_it_returns_most(served: harness.Server) -> None:
    rows = served.query(
        "select return_per_unit * volume / spend, reason from marketing.budget_allocation where plan = 'nominal'"
    )
    assert len(rows) == 6
    full = [per_money for per_money, reason in rows if reason == "at its upper volume"]
    others = [per_money for per_money, reason in rows if reason != "at its upper volume"]
    assert full and others and min(full) >= max(others)


def test_overdue_contracts_come_as_often_as_foretold(served: harness.Server) -> None:
    rows, foretold, came, error = served.query(
        """select count(*), sum(r.overdue_probability), sum(if(t.settled_on > t.due_on, 1, 0)),
            sqrt(sum(r.overdue_probability * (1 - r.overdue_probability)))
        from marketing.overdue_risk as r inner join demo_truth.contract_truth as t using (contract_id)
        where r.days_to_due between 1 and 30"""
    )[0]
    assert rows > 100 and abs(foretold - came) < 3 * error
    late, others = (
        served.query(
            f"""select avg(if(t.settled_on > t.due_on, 1, 0))
            from marketing.overdue_risk as r inner join demo_truth.contract_truth as t using (contract_id)
            where r.days_to_due between 1 and 30 and r.risk_band {band}"""
        )[0][0]
        for band in ("= 'high'", "= 'low'")
    )
    assert late > 3 * others


def test_contacts_keep_to_consent_and_cap(served: harness.Server) -> None:
    rows, refused, early = served.query(
        """select count(*), count_if(c.channel is not null and not case c.channel when 'sms' then d.can_sms
                when 'push' then d.can_push else d.can_email end),
            count_if(c.best_contact_date < (select max(as_of_date) from marketing.customer_rfm))
        from marketing.contact_timing as c left join marketing.dim_customers as d on c.customer_id = d.customer_id"""
    )[0]
    assert rows > 1_000 and (refused, early) == (0, 0)
