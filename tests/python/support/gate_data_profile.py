"""Rows for the suites of the customers' profiles, merged into gate_data.py."""

VALID = {
    "customer_behaviour": """
        customer_id: concat('c', id)
        recent_categories: array('kitchen')
        cart_abandons_7d: 0
        top_brands: array('acme', 'bell', 'cord')
        avg_monthly_spend: cast(id as decimal(18, 4))
        tenure_days: 300
        preferred_hour: 20
        preferred_weekday: 6
        preferred_channel: 'app'
        preferred_price_band: 'mid'
        region: 'Hangzhou'
        region_province: 'Zhejiang'
    """,
    "customer_360": """
        customer_id: concat('c', id)
        gender: 'female'
        age: 30
        city: 'Hangzhou'
        contactable_channels: 2
        value_group: 'important value'
        segment_name: 'Champions'
        orders_7d: 1L
        orders_30d: 1L
        orders_90d: 2L
        orders_365d: 3L
        orders: 3L
        last_order_date: date '2024-05-01'
        net_amount_365d: cast(id as decimal(18, 4))
        views_7d: 1L
        views_30d: id + 1
        views_90d: 250L
        views_365d: 250L
        views: 250L
        impressions: 9L
        clicks: 1L
        app_order_share: 0.5D
        session_conversion_share: 1D
        click_through_share: cast(null as double)
    """,
    "attribute_coverage": """
        attribute: concat('attribute ', id)
        type: 'dynamic'
        definition: 'Orders'
        source: 'fct_orders'
        level: 'L2'
        customers: 100L
        filled: 98L
        coverage: 0.98D
        mean_coverage: 0.98D
    """,
}

TEXT = {"customer_behaviour": "preferred_channel", "customer_360": "city", "attribute_coverage": "source"}

BROKEN = {
    ("customer_behaviour", "recent_categories, top_brands"): {"top_brands": "array('acme', 'acme')"},
    ("customer_behaviour", "tenure_days, avg_monthly_spend"): {"tenure_days": "null", "avg_monthly_spend": "1BD"},
    ("customer_behaviour", "region, region_province"): {"region_province": "null"},
    ("customer_360", "orders_7d, orders_30d, orders_90d, orders_365d, orders"): {"orders_30d": "0L"},
    ("customer_360", "views_7d, views_30d, views_90d, views_365d, views"): {"views": "249L"},
    ("customer_360", "clicks, impressions"): {"clicks": "10L"},
    ("customer_360", "last_order_date, orders"): {"last_order_date": "null"},
    ("customer_360", "app_order_share, session_conversion_share, click_through_share"): {"app_order_share": "1.1D"},
    ("attribute_coverage", "filled, customers, coverage"): {"coverage": "0.97D"},
    ("attribute_coverage", "mean_coverage"): {"mean_coverage": "0.94D"},
}

OTHERWISE = {
    ("attribute_coverage", "expect_column_values_to_be_between", "customers"): {
        "customers": "0L",
        "filled": "null",
        "coverage": "null",
    },
}
