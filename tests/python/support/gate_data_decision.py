"""Rows for the suites of the decisions, merged into gate_data.py."""

VALID = {
    "budget_allocation": """
        plan: 'nominal'
        period: 1
        channel: concat('channel ', id)
        volume: 100D
        spend: 50D
        expected_return: 200D
        return_low: 150D
        return_high: 250D
        status: 'optimal'
        reason: 'at its upper volume'
    """,
    "channel_mix": """
        segment: 'champions'
        channel: concat('channel ', id)
        share: 0.01D
        expected_rate: 0.05D
        ci_low: 0.04D
        ci_high: 0.06D
        decision: 'undecided'
        reason: 'x'
    """,
    "mix_evaluations": """
        mix: concat('mix ', id)
        segment: 'all'
        method: 'doubly_robust'
        estimate: 0.05D
        ci_low: 0.04D
        ci_high: 0.06D
        reason: 'x'
    """,
    "price_recommendations": """
        product_id: concat('p', id)
        current_price: 10D
        recommended_price: 11D
        elasticity: -1.5D
        elasticity_low: -2D
        elasticity_high: -1D
        profit_change_low: 1D
        reason: 'x'
    """,
    "off_peak_offers": """
        weekday: cast(id div 24 as int)
        hour: cast(id % 24 as int)
        discount: 0.1D
        is_off_peak: true
        reason: 'x'
    """,
    "customer_offers": """
        customer_id: concat('c', id)
        campaign_id: 'k1'
        discount: 0.1D
        valid_until_date: date '2025-07-07'
        expected_profit: 2D
        profit_low: 1D
        cost: 0.5D
        basis: 'assumed'
        reason: 'x'
    """,
    "offer_limits": """
        limit_name: concat('stock of ', id)
        capacity: 10D
        used: 9D
        shadow_price: 0.5D
        gap: 0.001D
        note: 'x'
    """,
    "decision_log": """
        decision_id: concat('d', id)
        kind: 'offer'
        customer_id: concat('c', id)
        campaign_id: 'k1'
        channel: 'sms'
        choice: 'coupon'
        propensity: 0.9D
        decided_at: timestamp '2025-07-01 00:00:00'
    """,
    "decision_outcomes": """
        decision_id: concat('d', id)
        customer_id: concat('c', id)
        campaign_id: 'k1'
        choice: 'coupon'
        outcome: 'orders'
        value: 1D
        window_starts_on: date '2025-07-02'
        window_ends_on: date '2025-07-08'
    """,
    "decision_effects": """
        campaign_id: concat('k', id)
        outcome: 'orders'
        effect: 0.1D
        ci_low: 0.05D
        ci_high: 0.15D
        verdict: 'it brings more'
    """,
}

TEXT = {
    "budget_allocation": "reason",
    "channel_mix": "reason",
    "mix_evaluations": "reason",
    "price_recommendations": "reason",
    "off_peak_offers": "reason",
    "customer_offers": "reason",
    "offer_limits": "note",
    "decision_log": "choice",
    "decision_outcomes": "choice",
    "decision_effects": "outcome",
}

BROKEN = {
    ("budget_allocation", "return_low, expected_return, return_high"): {"return_high": "199D"},
    ("budget_allocation", "status, volume"): {"volume": "null"},
    ("budget_allocation", "status"): {"status": "'infeasible'"},
    ("channel_mix", "expected_rate, ci_low, ci_high"): {"ci_high": "0.045D"},
    ("mix_evaluations", "estimate, ci_low, ci_high"): {"ci_low": "0.055D"},
    ("mix_evaluations", "method, estimate"): {"estimate": "null"},
    ("price_recommendations", "elasticity, elasticity_low, elasticity_high"): {"elasticity_low": "-1.4D"},
    ("price_recommendations", "recommended_price, profit_change_low"): {"profit_change_low": "-1D"},
    ("off_peak_offers", "discount, is_off_peak"): {"is_off_peak": "false"},
    ("customer_offers", "expected_profit"): {"expected_profit": "0D"},
    ("customer_offers", "basis"): {"basis": "'guessed'"},
    ("offer_limits", "used, capacity"): {"used": "11D"},
    ("offer_limits", "gap"): {"gap": "0.03D"},
    ("decision_log", "propensity"): {"propensity": "1.1D"},
    ("decision_log", "kind, customer_id"): {"customer_id": "null"},
    ("decision_outcomes", "window_starts_on, window_ends_on"): {"window_starts_on": "date '2025-07-09'"},
    ("decision_effects", "effect, ci_low, ci_high"): {"ci_low": "0.12D"},
    ("decision_effects", "verdict"): {"verdict": "'it brings less'"},
}

OTHERWISE = {
    ("off_peak_offers", "expect_column_values_to_be_between", "weekday"): {"weekday": "7"},
    ("offer_limits", "expect_column_values_to_be_between", "gap"): {"gap": "-1D"},
    ("decision_log", "expect_column_values_to_not_be_null", "propensity"): {"propensity": "cast(null as double)"},
    ("decision_effects", "expect_column_values_to_not_be_null", "verdict"): {"verdict": "cast(null as string)"},
}
