"""Gate data of the domains journey and merchandising; see gate_data.py."""

VALID = {
    "conversion_funnel": """
        funnel_date: date '2024-05-01'
        funnel: 'behaviour'
        channel: 'mobile'
        segment_name: concat('segment ', id)
        step: 'view'
        step_rank: 1
        customers: cast(2 as bigint)
        touchpoints: cast(3 as bigint)
        customers_in_any_order: cast(2 as bigint)
        touchpoints_in_any_order: cast(3 as bigint)
        exceeds_earlier_step: false
        conversion_rate: 0.4D
        drop_off: 0.6D
    """,
    "cohort_retention": """
        cohort_month: date '2024-01-01'
        month_number: cast(id + 1 as int)
        cohort_customers: cast(10 as bigint)
        active_customers: cast(5 as bigint)
        retention_rate: 0.5D
        revenue: cast(100 as decimal(18, 4))
    """,
    "basket_affinities": """
        product_id: 'p'
        neighbour_id: concat('p', id)
        baskets_together: cast(2 as bigint)
        product_baskets: cast(4 as bigint)
        neighbour_baskets: cast(5 as bigint)
        all_baskets: cast(20 as bigint)
        support: 0.1D
        confidence: 0.5D
        lift: 2D
    """,
    "daily_sales": """
        sales_date: date '2024-05-01'
        store_id: 's1'
        product_id: concat('p', id)
        orders: cast(1 as bigint)
        quantity: cast(2 as decimal(18, 4))
        gross_amount: cast(10 as decimal(18, 4))
        discount_amount: cast(1 as decimal(18, 4))
        refunded_amount: cast(3 as decimal(18, 4))
        net_amount: cast(6 as decimal(18, 4))
    """,
    "stock_alerts": """
        store_id: 's1'
        product_id: concat('p', id)
        alert: 'ok'
        days_of_cover: 20D
        mean_daily_sales: 0.5D
        on_hand: cast(10 as decimal(18, 4))
        on_order: cast(0 as decimal(18, 4))
        stock_date: date '2024-05-01'
        as_of_date: date '2024-05-02'
    """,
    "store_audience": """
        store_id: 's1'
        customer_id: concat('c', id)
        distance_km: 1.5D
        is_nearest_store: true
    """,
}

BROKEN = {
    ("conversion_funnel", "step_rank, customers, touchpoints"): {"touchpoints": "1L"},
    ("conversion_funnel", "customers, customers_in_any_order, touchpoints, touchpoints_in_any_order"): {
        "touchpoints_in_any_order": "2L",
    },
    ("conversion_funnel", "exceeds_earlier_step"): {"exceeds_earlier_step": "true"},
    ("conversion_funnel", "conversion_rate, drop_off"): {"conversion_rate": "1.2D", "drop_off": "-0.2D"},
    ("cohort_retention", "active_customers, cohort_customers"): {
        "active_customers": "11L",
        "retention_rate": "1.1D",
    },
    ("cohort_retention", "month_number, active_customers, cohort_customers"): {"month_number": "0"},
    ("cohort_retention", "retention_rate, active_customers, cohort_customers"): {"retention_rate": "0.51D"},
    ("basket_affinities", "neighbour_id, product_id"): {"neighbour_id": "'p'"},
    ("basket_affinities", "baskets_together, product_baskets, neighbour_baskets, all_baskets"): {
        "baskets_together": "0L",
        "support": "0D",
        "confidence": "0D",
        "lift": "0D",
    },
    ("basket_affinities", "support, baskets_together, all_baskets"): {"support": "0.2D"},
    ("basket_affinities", "confidence, baskets_together, product_baskets"): {"confidence": "0.4D", "lift": "1.6D"},
    ("basket_affinities", "lift, confidence, neighbour_baskets, all_baskets"): {"lift": "2.1D"},
    ("daily_sales", "gross_amount, discount_amount, refunded_amount, net_amount"): {
        "discount_amount": "cast(2 as decimal(18, 4))"
    },
    ("stock_alerts", "alert, on_hand"): {"alert": "'out of stock'"},
    ("stock_alerts", "alert, days_of_cover"): {
        "alert": "'low cover'",
        "days_of_cover": "null",
        "mean_daily_sales": "0D",
    },
    ("stock_alerts", "days_of_cover, mean_daily_sales, on_hand"): {"days_of_cover": "21D"},
    ("stock_alerts", "stock_date, as_of_date"): {"stock_date": "date '2024-05-03'"},
}

OTHERWISE = {
    ("conversion_funnel", "expect_column_values_to_be_between", "touchpoints"): {
        "touchpoints": "-1L",
        "step_rank": "2",
    },
    # With a negative rate the stock lasts a negative time.
    ("stock_alerts", "expect_column_values_to_be_between", "mean_daily_sales"): {
        "mean_daily_sales": "-1D",
        "days_of_cover": "-10D",
    },
}
