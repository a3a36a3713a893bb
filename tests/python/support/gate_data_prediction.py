"""Rows for the suites of the predictions, merged into gate_data.py."""

VALID = {
    "click_scores": """
        customer_id: concat('c', id)
        campaign_id: 'k1'
        channel: 'search'
        device_type: 'mobile'
        ad_position: 'top'
        click_probability: 0.1D
    """,
    "click_coefficients": """
        feature: concat('feature ', id)
        level: 'mobile'
        reference: 'desktop'
        coefficient: 0.5D
        odds_ratio: 1.6D
        ci_low: 1.2D
        ci_high: 2.1D
        p_value: 0.01D
    """,
    "purchase_propensity": """
        customer_id: concat('c', id)
        purchase_probability: 0.3D
        decile: 1
        note: 'x'
    """,
    "gender_predictions": """
        customer_id: concat('c', id)
        female_probability: 0.8D
        predicted_gender: 'female'
        note: 'x'
    """,
    "churn_risk": """
        customer_id: concat('c', id)
        survival_30d: 0.9D
        survival_60d: 0.8D
        survival_90d: 0.7D
        expected_remaining_days: 200D
        hazard_ratio: 1.1D
        risk_band: 'medium'
        note: 'x'
    """,
    "churn_drivers": """
        covariate: concat('covariate ', id)
        level: 'gold'
        hazard_ratio: 0.5D
        ci_low: 0.4D
        ci_high: 0.6D
    """,
    "churn_curves": """
        segment_type: 'segment'
        segment: 'Champions'
        day: cast(id as int)
        survival: 0.9D
        ci_low: 0.8D
        ci_high: 1D
    """,
    "contact_timing": """
        customer_id: concat('c', id)
        best_contact_date: date '2025-07-01'
        channel: 'sms'
        reason: 'membership lapses'
    """,
    "overdue_risk": """
        contract_id: concat('k', id)
        customer_id: concat('c', id)
        due_at: timestamp '2025-07-20 00:00:00'
        overdue_probability_30d: 0.2D
        overdue_probability: 0.2D
        expected_days_late: 3D
        risk_band: 'medium'
        reason: 'x'
    """,
    "customer_lifetime_value": """
        customer_id: concat('c', id)
        probability_alive: 0.9D
        expected_purchases_90d: 2D
        expected_order_value: 50D
        clv_12m: 400D
        note: 'x'
    """,
    "product_recommendations": """
        customer_id: 'c1'
        rank: cast(id + 1 as int)
        product_id: concat('p', id)
        score: 0.5D
        method: 'popular'
        note: 'x'
    """,
    "product_similarities": """
        product_id: 'a'
        neighbour_id: concat('p', id)
        similarity: 0.5D
        rank: cast(id + 1 as int)
        note: 'x'
    """,
    "sales_forecast": """
        product_id: concat('p', id)
        forecast_date: date '2025-07-01'
        forecast: 3D
        low: 1D
        high: 5D
        method: 'seasonal_naive'
    """,
    "demand_forecast": """
        series_id: concat('category: c', id)
        forecast_date: date '2025-07-01'
        forecast: 3D
        low: 1D
        high: 5D
        method: 'seasonal_naive'
    """,
    "model_verdicts": """
        model_name: concat('model ', id)
        champion: 'logistic'
        gain: 0.1D
        is_baseline: false
        verdict: 'use'
        reason: 'x'
    """,
}

TEXT = {
    "click_scores": "channel",
    "click_coefficients": "reference",
    "purchase_propensity": "note",
    "gender_predictions": "note",
    "churn_risk": "note",
    "churn_drivers": "level",
    "churn_curves": "segment_type",
    "contact_timing": "reason",
    "overdue_risk": "reason",
    "customer_lifetime_value": "note",
    "product_recommendations": "note",
    "product_similarities": "note",
    "sales_forecast": "method",
    "demand_forecast": "method",
    "model_verdicts": "reason",
}

BROKEN = {
    ("click_coefficients", "odds_ratio, ci_low, ci_high"): {"ci_low": "1.7D"},
    ("gender_predictions", "female_probability, predicted_gender"): {"female_probability": "0.4D"},
    ("churn_risk", "survival_30d, survival_60d, survival_90d"): {"survival_60d": "0.6D"},
    ("overdue_risk", "overdue_probability_30d, overdue_probability"): {"overdue_probability": "0.1D"},
    ("churn_drivers", "hazard_ratio, ci_low, ci_high"): {"ci_high": "0.45D"},
    ("churn_curves", "survival, ci_low, ci_high"): {"ci_low": "0.95D"},
    ("product_similarities", "neighbour_id, product_id"): {"product_id": "{neighbour_id}"},
    ("sales_forecast", "forecast, low, high"): {"high": "2D"},
    ("demand_forecast", "forecast, low, high"): {"high": "2D"},
    ("model_verdicts", "gain, is_baseline"): {"gain": "-0.1D"},
}

OTHERWISE = {
    ("overdue_risk", "expect_column_values_to_be_between", "overdue_probability"): {"overdue_probability": "2D"},
    ("gender_predictions", "expect_column_values_to_be_between", "female_probability"): {"female_probability": "2D"},
    ("gender_predictions", "expect_column_values_to_be_in_set", "predicted_gender"): {
        "predicted_gender": "'no such value'",
        "female_probability": "0.4D",
    },
    ("click_coefficients", "expect_column_values_to_be_between", "odds_ratio"): {"odds_ratio": "-1D", "ci_low": "-2D"},
    ("click_coefficients", "expect_column_values_to_not_be_null", "odds_ratio"): {
        "odds_ratio": "null",
        "ci_low": "null",
    },
    ("churn_risk", "expect_column_values_to_be_between", "survival_30d"): {"survival_30d": "1.1D"},
    ("churn_risk", "expect_column_values_to_be_between", "survival_60d"): {
        "survival_30d": "null",
        "survival_60d": "1.1D",
    },
    ("churn_risk", "expect_column_values_to_be_between", "survival_90d"): {"survival_90d": "-1D"},
    ("churn_drivers", "expect_column_values_to_be_between", "hazard_ratio"): {"hazard_ratio": "-1D", "ci_low": "-2D"},
    ("churn_curves", "expect_column_values_to_be_between", "survival"): {"survival": "-1D", "ci_low": "-2D"},
    ("sales_forecast", "expect_column_values_to_be_between", "forecast"): {"forecast": "-1D", "low": "-2D"},
    ("sales_forecast", "expect_column_values_to_not_be_null", "forecast"): {"forecast": "null", "low": "null"},
    ("demand_forecast", "expect_column_values_to_be_between", "forecast"): {"forecast": "-1D", "low": "-2D"},
    ("demand_forecast", "expect_column_values_to_not_be_null", "forecast"): {"forecast": "null", "low": "null"},
}
