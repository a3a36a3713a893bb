"""The part of gate_data.py for the domain campaign, in its format."""

VALID = {
    "campaign_performance": """
        campaign_id: concat('k', id)
        channel: 'search'
        performance_date: date '2024-05-01'
        impressions: cast(10 as bigint)
        clicks: cast(4 as bigint)
        ctr: 0.4D
        conversions: cast(2 as bigint)
        conversion_rate: 0.5D
        cost: cast(8 as decimal(18, 4))
        revenue: cast(20 as decimal(18, 4))
        roi: 2.5D
        acquisition_cost: 4D
        note: 'none'
    """,
    "channel_attribution": """
        method: 'linear'
        channel: concat('channel ', id)
        conversions: cast(1.5 as decimal(18, 4))
        revenue: cast(20 as decimal(18, 4))
        note: 'none'
    """,
    "experiment_results": """
        experiment_id: concat('x', id)
        variant: 'B'
        metric: 'conversion'
        compared_with: 'A'
        n: cast(100 as bigint)
        mean: 0.3D
        lift: 0.05D
        variance_spared: 0.1D
        ci_low: -0.01D
        ci_high: 0.11D
        p_value: 0.4D
        decision: 'undecided'
        note: 'none'
    """,
    "coupon_uplift": """
        coupon_id: concat('ck', id)
        first_used_on: date '2024-05-01'
        last_used_on: date '2024-06-01'
        orders: cast(3 as bigint)
        customers: cast(2 as bigint)
        redemption_rate: 0.1D
        net_revenue: cast(10 as decimal(18, 4))
        average_order_value: cast(3.3333 as decimal(18, 4))
        uplift: 1D
        uplift_low: -1D
        uplift_high: 3D
        note: 'none'
    """,
    "goal_gaps": """
        goal: concat('goal ', id)
        metric: 'orders'
        period_start_date: date '2024-05-01'
        direction: 'at_least'
        target: 100D
        actual: 90D
        gap: -10D
        attainment: 0.9D
        status: 'close'
        reason: 'none'
    """,
    "value_scorecard": """
        level: 'business'
        metric: concat('metric ', id)
        value: 5D
        target: 4D
        met: true
        reason: 'none'
    """,
}

TEXT = {
    "campaign_performance": "note", "channel_attribution": "note", "experiment_results": "note",
    "coupon_uplift": "note", "goal_gaps": "reason", "value_scorecard": "reason",
}  # fmt: skip

BROKEN = {
    ("campaign_performance", "roi, revenue, cost"): {"roi": "2.4D"},
    ("campaign_performance", "clicks, impressions"): {"clicks": "cast(11 as bigint)"},
    ("campaign_performance", "conversions, clicks"): {"conversions": "cast(5 as bigint)"},
    ("campaign_performance", "ctr"): {"ctr": "1.1D"},
    ("campaign_performance", "acquisition_cost, conversions"): {"acquisition_cost": "cast(null as double)"},
    ("experiment_results", "decision, ci_low, ci_high"): {"decision": "'winner'"},
    ("experiment_results", "ci_low, lift, ci_high"): {"lift": "0.2D"},
    ("experiment_results", "decision"): {
        "decision": "'broken split'",
        "ci_low": "cast(null as double)",
        "ci_high": "cast(null as double)",
    },
    ("experiment_results", "p_value"): {"p_value": "1.1D"},
    ("experiment_results", "variance_spared"): {"variance_spared": "1.1D"},
    ("experiment_results", "mean, metric"): {"mean": "1.1D"},
    ("coupon_uplift", "customers, orders"): {"customers": "cast(4 as bigint)"},
    ("coupon_uplift", "redemption_rate"): {"redemption_rate": "1.1D"},
    ("coupon_uplift", "first_used_on, last_used_on"): {"last_used_on": "date '2024-04-30'"},
    ("coupon_uplift", "uplift_low, uplift, uplift_high"): {"uplift": "4D"},
    ("coupon_uplift", "average_order_value, net_revenue, orders"): {"net_revenue": "cast(11 as decimal(18, 4))"},
    ("goal_gaps", "gap, actual, target"): {"gap": "10D"},
    ("goal_gaps", "status, attainment, actual, target"): {"status": "'reached'"},
    ("value_scorecard", "met, value"): {"met": "cast(null as boolean)"},
}

OTHERWISE = {
    ("campaign_performance", "expect_column_values_to_be_between", "impressions"): {
        "impressions": "0", "clicks": "0", "conversions": "0", "acquisition_cost": "cast(null as double)",
    },
    ("campaign_performance", "expect_column_values_to_be_between", "cost"): {
        "cost": "cast(-8 as decimal(18, 4))", "roi": "-2.5D",
    },
    ("experiment_results", "expect_column_values_to_be_in_set", "decision"): {
        "decision": "'no such value'", "lift": "cast(null as double)", "ci_low": "cast(null as double)",
    },
    ("coupon_uplift", "expect_column_values_to_be_between", "orders"): {
        "orders": "0", "customers": "0", "net_revenue": "0BD",
    },
}  # fmt: skip
