"""Valid rows for every suite, and for every expectation what breaks it: the data of test_gates.py.

Expressions are Spark SQL over the row number ``id``, which runs from 0.
"""

import gate_data_campaign
import gate_data_dates
import gate_data_decision
import gate_data_journey
import gate_data_prediction
import gate_data_profile
import gate_data_sources

# relation -> its columns, one per line as "name: expression"
VALID = {
    "stg_crm__customers": """
        customer_id: concat('c', id)
        name_masked: '张**'
        phone_masked: '138****5678'
        phone_hash: sha2(cast(id as string), 256)
        email_masked: 'a***@example.com'
        id_number_masked: '110***********1234'
        gender: if(id % 2 = 0, 'female', 'male')
        birth_date: date '1980-02-29'
        province: 'Zhejiang'
        city: 'Hangzhou'
        membership_level: 'gold'
        membership_expires_at: timestamp '2025-01-01 00:00:00'
        registered_at: timestamp '2020-01-01 00:00:00'
        updated_at: timestamp '2021-01-01 00:00:00'
    """,
    "stg_crm__consents": """
        customer_id: concat('c', id)
        purpose: 'marketing'
        channel: 'any'
        granted: true
        recorded_at: timestamp '2023-01-01 00:00:00'
    """,
    "stg_crm__erasure_requests": """
        request_id: concat('e', id)
        requested_at: timestamp '2023-01-01 00:00:00'
    """,
    "stg_crm__service_tickets": """
        ticket_id: concat('t', id)
        customer_id: concat('c', id)
        opened_at: timestamp '2023-01-01 00:00:00'
        closed_at: timestamp '2023-01-02 00:00:00'
        topic: 'delivery'
        satisfaction: cast(id % 5 + 1 as decimal(18, 4))
        is_filled_satisfaction: false
    """,
    "stg_crm__contracts": """
        contract_id: concat('k', id)
        customer_id: concat('c', id)
        is_unknown_customer: false
        product: 'instalment'
        started_at: timestamp '2024-01-01 00:00:00'
        due_at: timestamp '2024-03-31 00:00:00'
        settled_at: timestamp '2024-03-01 00:00:00'
        amount: cast(800 as decimal(18, 4))
    """,
    "stg_shop__orders": """
        order_id: cast(id as string)
        customer_id: concat('c', id)
        store_id: 's1'
        channel: 'web'
        status: 'paid'
        ordered_at: timestamp '2024-05-01 10:00:00'
        paid_at: timestamp '2024-05-01 10:05:00'
        discount_amount: cast(0 as decimal(18, 4))
        shipping_amount: cast(5 as decimal(18, 4))
        coupon_id: cast(null as string)
        is_unknown_customer: false
    """,
    "stg_shop__order_items": """
        order_item_id: cast(id as string)
        order_id: cast(id as string)
        product_id: 'p1'
        quantity: cast(if(id = 1, -1, 2) as decimal(18, 4))
        unit_price: cast(9.5 as decimal(18, 4))
        is_outlier_unit_price: false
    """,
    "stg_shop__products": """
        product_id: concat('p', id)
        product_name: 'Mug'
        category: 'kitchen'
        brand: 'acme'
        list_price: cast(10 as decimal(18, 4))
        is_filled_list_price: false
        is_filled_unit_cost: false
        unit_cost: cast(4 as decimal(18, 4))
        launched_at: timestamp '2023-01-01 00:00:00'
    """,
    "stg_shop__stores": """
        store_id: concat('s', id)
        store_name: 'North'
        city: 'Hangzhou'
        latitude: 30.2D
        longitude: 120.1D
    """,
    "stg_shop__refunds": """
        refund_id: concat('r', id)
        order_id: cast(id as string)
        amount: cast(5 as decimal(18, 4))
        refunded_at: timestamp '2024-05-03 10:00:00'
    """,
    "stg_shop__inventory": """
        store_id: 's1'
        product_id: concat('p', id)
        stock_date: date '2024-05-01'
        on_hand: cast(id as decimal(18, 4))
        on_order: cast(1 as decimal(18, 4))
    """,
    "stg_app__events": """
        event_id: concat('e', id)
        customer_id: concat('c', id)
        anonymous_id: 'a1'
        event_type: 'view'
        product_id: 'p1'
        category: 'kitchen'
        occurred_at: timestamp '2024-05-01 10:00:00'
        device_type: 'mobile'
        is_unknown_customer: false
        latitude: 30.2D
        longitude: 120.1D
    """,
    "stg_app__experiments": """
        experiment_id: 'x1'
        customer_id: concat('c', id)
        variant: if(id % 2 = 0, 'a', 'b')
        assigned_at: timestamp '2024-05-01 10:00:00'
    """,
    "stg_ads__campaigns": """
        campaign_id: concat('a', id)
        campaign_name: 'Spring'
        channel: 'search'
        objective: 'sales'
        budget: cast(100 as decimal(18, 4))
        starts_at: timestamp '2024-04-01 00:00:00'
        ends_at: timestamp '2024-05-01 00:00:00'
    """,
    "stg_ads__impressions": """
        impression_id: concat('i', id)
        customer_id: concat('c', id)
        is_unknown_customer: false
        campaign_id: 'a1'
        is_unknown_campaign: false
        channel: 'search'
        shown_at: timestamp '2024-05-01 10:00:00'
        clicked_at: timestamp '2024-05-01 10:00:05'
        cost: cast(id as decimal(18, 4))
        is_unusable_propensity: false
    """,
    "stg_fx__rates": """
        currency: 'USD'
        rate_date: date_add(date '2024-01-01', cast(id as int))
        rate: 0.9D
    """,
    "stg_partner__members": """
        partner: 'airline'
        member_id: concat('m', id)
        phone_hash: sha2(cast(id as string), 256)
        tier: 'silver'
        points: cast(10 as bigint)
    """,
    "stg_geo__regions": """
        city: concat('city ', id)
        province: 'Zhejiang'
        latitude: 30.2D
        longitude: 120.1D
        city_tier: 'tier 1'
        population: cast(1000000 as bigint)
        income_index: cast(100 as decimal(18, 4))
    """,
    "dim_customers": """
        customer_id: concat('c', id)
        gender: if(id % 2 = 0, 'female', 'male')
        age: cast(30 + id % 50 as int)
        age_band: '30-39'
        province: 'Zhejiang'
        city: 'Hangzhou'
        can_sms: true
        can_push: false
        can_email: false
    """,
    "dim_products": """
        product_id: concat('p', id)
        product_name: 'Mug'
        category: 'kitchen'
        brand: 'acme'
        list_price: cast(10 as decimal(18, 4))
    """,
    "fct_orders": """
        order_id: cast(id as string)
        customer_id: concat('c', id)
        store_id: 's1'
        channel: 'web'
        status: 'paid'
        ordered_at: timestamp '2024-05-01 10:00:00'
        order_date: date '2024-05-01'
        gross_amount: cast(19 as decimal(18, 4))
        discount_amount: cast(1 as decimal(18, 4))
        net_amount: cast(18 as decimal(18, 4))
        refunded_amount: cast(5 as decimal(18, 4))
        is_cancelled: false
    """,
    "fct_refunds": """
        refund_id: concat('r', id)
        order_id: cast(id as string)
        amount: cast(5 as decimal(18, 4))
        refund_date: date '2024-05-03'
        order_date: date '2024-05-01'
    """,
    "fct_order_items": """
        order_item_id: cast(id as string)
        order_id: cast(id as string)
        product_id: 'p1'
        quantity: cast(2 as decimal(18, 4))
        unit_price: cast(9.5 as decimal(18, 4))
        gross_amount: cast(19 as decimal(18, 4))
        net_amount: cast(18 as decimal(18, 4))
        note: 'none'
    """,
    "fct_events": """
        event_id: concat('e', id)
        customer_id: concat('c', id)
        anonymous_id: 'a1'
        session_id: md5(cast(id as string))
        event_type: 'view'
        product_id: 'p1'
        category: 'kitchen'
        device_type: 'mobile'
        occurred_at: timestamp '2024-05-01 10:00:00'
        event_date: date '2024-05-01'
    """,
    "dim_campaigns": """
        campaign_id: concat('k', id)
        channel: 'search'
        budget: cast(1000 as decimal(18, 4))
        starts_at: timestamp '2024-04-01 00:00:00'
        ends_at: timestamp '2024-04-28 00:00:00'
    """,
    "dim_stores": """
        store_id: concat('s', id)
        store_name: 'High Street'
        city: 'Hangzhou'
        latitude: 30.25D
        longitude: 120.17D
    """,
    "customer_identities": """
        source: 'crm'
        source_id: concat('c', id)
        customer_id: concat('c', id)
        rule: 'own record'
    """,
    "customer_history": """
        customer_id: concat('c', id)
        valid_from: timestamp '2024-01-01 00:00:00'
        valid_to: cast(null as timestamp)
        is_current: true
        city: 'Hangzhou'
    """,
    "fct_sessions": """
        session_id: md5(cast(id as string))
        customer_id: concat('c', id)
        identified_by: 'login'
        session_date: date '2024-05-01'
        started_at: timestamp '2024-05-01 10:00:00'
        ended_at: timestamp '2024-05-01 10:05:00'
        events: 5
        views: 2
        searches: 0
        favourites: 0
        carts: 1
        removals: 0
        purchases: 1
        converted: true
    """,
    "fct_ad_impressions": """
        impression_id: concat('i', id)
        channel: 'search'
        shown_at: timestamp '2024-05-01 10:00:00'
        clicked_at: timestamp '2024-05-01 10:00:09'
        is_clicked: true
        is_converted: true
        orders: 1
        cost: cast(0.5 as decimal(18, 4))
        revenue: cast(20 as decimal(18, 4))
        shown_date: date '2024-05-01'
    """,
    "customer_rfm": """
        customer_id: concat('c', id)
        recency_days: cast(id as int)
        frequency: 2
        monetary: cast(id as decimal(18, 4))
        r_score: 5
        f_score: 3
        m_score: 1
        rfm_cell: '531'
        value_group: 'general develop'
        first_order_date: date '2024-01-01'
        last_order_date: date '2024-05-01'
    """,
    "customer_tags": """
        customer_id: concat('c', id)
        tag: 'category: kitchen'
        occurrences: cast(2 as bigint)
        tf: 0.5D
        idf: 1.5D
        weight: 0.75D
        tag_rank: 1
    """,
    "customer_segments": """
        customer_id: concat('c', id)
        segment_id: cast(1 as bigint)
        segment_name: 'Champions'
        segment_name_zh: '核心价值客户'
        strategy: 'Reward and keep'
        distance: 0.5D
    """,
    "segment_profiles": """
        segment_id: id
        segment_name: concat('segment ', id)
        strategy: 'Reward and keep'
        customers: cast(5 as bigint)
        customer_share: 0.05D
    """,
    "segment_selection": """
        k: id % 10 + 1
        wcss: 10D
        silhouette: 0.4D
        rule: 'elbow'
    """,
    "segment_validation": """
        metric: element_at(array('recency_days', 'frequency', 'monetary', 'clv'), cast(id + 1 as int))
        f_value: 3D
        p_value: 0.01D
        eta_squared: 0.4D
        significant: true
        note: 'none'
    """,
}
VALID |= {
    f"{relation}__rejected": "reject_reason: 'key: missing'\nraw_row: '{}'"
    for relation in VALID
    if relation[:4] == "stg_"
}

# Relations that cannot have 200 rows; of 200 staged rows, 20 rejected ones go with them.
ROWS = {"segment_selection": 10, "segment_validation": 4, "off_peak_offers": 168}

# A text column that no other expectation is about.
TEXT = {
    "stg_crm__customers": "city", "stg_partner__members": "partner", "dim_customers": "city", "dim_products": "brand",
    "fct_orders": "channel", "fct_order_items": "note", "fct_events": "category", "customer_rfm": "value_group",
    "customer_tags": "tag", "customer_segments": "strategy", "segment_profiles": "strategy",
    "segment_selection": "rule", "segment_validation": "note",
}  # fmt: skip

# What breaks a condition, and no other expectation, by relation and the columns that the condition names.
BROKEN = {
    ("stg_crm__customers", "registered_at, updated_at"): {"updated_at": "timestamp '2019-01-01 00:00:00'"},
    ("stg_crm__service_tickets", "opened_at, closed_at"): {"closed_at": "timestamp '2022-12-31 00:00:00'"},
    ("stg_crm__contracts", "started_at, due_at, settled_at, amount"): {"amount": "cast(-1 as decimal(18, 4))"},
    ("stg_crm__contracts", "customer_id, is_unknown_customer"): {"is_unknown_customer": "true"},
    ("stg_ads__impressions", "is_unusable_propensity"): {"is_unusable_propensity": "true"},
    ("stg_shop__orders", "ordered_at, paid_at"): {"paid_at": "timestamp '2024-05-01 09:59:59'"},
    ("stg_shop__order_items", "is_outlier_unit_price"): {"is_outlier_unit_price": "true"},
    ("stg_shop__products", "unit_cost, list_price"): {"unit_cost": "cast(10.0001 as decimal(18, 4))"},
    ("stg_shop__products", "is_filled_list_price"): {"is_filled_list_price": "true"},
    ("stg_app__events", "customer_id, anonymous_id"): {"customer_id": "null", "anonymous_id": "null"},
    ("stg_app__events", "event_type, product_id"): {"product_id": "null"},
    ("stg_ads__campaigns", "starts_at, ends_at"): {"ends_at": "timestamp '2024-03-31 00:00:00'"},
    ("stg_ads__impressions", "shown_at, clicked_at"): {"clicked_at": "timestamp '2024-05-01 09:59:59'"},
    ("stg_shop__orders", "is_unknown_customer"): {"is_unknown_customer": "true"},
    ("stg_app__events", "is_unknown_customer"): {"is_unknown_customer": "true"},
    ("stg_ads__impressions", "is_unknown_customer"): {"is_unknown_customer": "true"},
    ("stg_ads__impressions", "is_unknown_campaign"): {"is_unknown_campaign": "true"},
    ("stg_shop__products", "is_filled_unit_cost"): {"is_filled_unit_cost": "true"},
    ("stg_crm__service_tickets", "is_filled_satisfaction"): {"is_filled_satisfaction": "true"},
    ("dim_customers", "age, age_band"): {"age": "null"},
    ("dim_customers", "can_sms, can_push, can_email"): {"can_email": "null"},
    ("fct_orders", "net_amount, gross_amount, discount_amount"): {"discount_amount": "cast(2 as decimal(18, 4))"},
    ("fct_orders", "refunded_amount, net_amount"): {"refunded_amount": "cast(18.0001 as decimal(18, 4))"},
    ("fct_refunds", "refund_date, order_date"): {"refund_date": "date '2024-04-30'"},
    ("fct_orders", "status, is_cancelled"): {"is_cancelled": "true"},
    ("fct_order_items", "gross_amount, quantity, unit_price"): {"quantity": "cast(3 as decimal(18, 4))"},
    ("dim_campaigns", "starts_at, ends_at"): {"ends_at": "timestamp '2024-03-31 00:00:00'"},
    ("customer_identities", "rule, customer_id"): {"rule": "'no match'"},
    ("customer_history", "valid_from, valid_to"): {
        "valid_to": "timestamp '2024-01-01 00:00:00'",
        "is_current": "false",
    },
    ("customer_history", "is_current, valid_to"): {"is_current": "false"},
    ("fct_sessions", "started_at, ended_at"): {"ended_at": "timestamp '2024-05-01 09:59:59'"},
    ("fct_sessions", "events, views, searches, favourites, carts, removals, purchases"): {"views": "5"},
    ("fct_sessions", "converted, purchases"): {"converted": "false"},
    ("fct_sessions", "customer_id, identified_by"): {"identified_by": "null"},
    ("fct_ad_impressions", "is_clicked, clicked_at"): {"clicked_at": "null"},
    ("fct_ad_impressions", "is_converted, is_clicked, orders"): {"is_converted": "false"},
    ("fct_ad_impressions", "orders, revenue"): {"orders": "0", "is_converted": "false"},
    ("customer_rfm", "r_score, f_score, m_score"): {"r_score": "6", "rfm_cell": "'631'"},
    ("customer_rfm", "rfm_cell, r_score, f_score, m_score"): {"rfm_cell": "'135'"},
    ("customer_rfm", "frequency, monetary"): {"frequency": "0", "monetary": "cast(1 as decimal(18, 4))"},
    ("customer_rfm", "first_order_date, last_order_date"): {"first_order_date": "date '2024-05-02'"},
    ("customer_tags", "weight, tf, idf"): {"weight": "0.76D"},
    ("customer_segments", "segment_id, distance"): {"distance": "null"},
    ("segment_validation", "significant, p_value"): {"significant": "false"},
}
BROKEN |= {
    (relation, "reject_reason, raw_row"): {"reject_reason": "'withheld: erased'"}
    for relation in VALID
    if relation.endswith("__rejected")
}

# The same for expectations of other types than test_gates.py can break by itself, by relation, type and columns.
OTHERWISE = {
    ("stg_crm__customers", "expect_column_values_to_match_regex", "phone_hash"): {"phone_hash": "'no hash'"},
    ("stg_partner__members", "expect_column_values_to_match_regex", "phone_hash"): {"phone_hash": "'no hash'"},
    ("stg_fx__rates", "expect_column_values_to_match_regex", "currency"): {"currency": "'dollars'"},
    ("dim_customers", "expect_column_values_to_not_match_regex", "customer_id"): {
        "customer_id": "cast(13800138000 + id as string)"
    },
    ("stg_shop__products", "expect_column_values_to_be_between", "list_price"): {
        "list_price": "-1",
        "unit_cost": "null",
    },
    ("customer_rfm", "expect_column_values_to_be_between", "frequency"): {"frequency": "-1", "monetary": "0BD"},
    ("customer_tags", "expect_column_values_to_be_between", "tf"): {"tf": "2D", "weight": "3D"},
    # The model's own arithmetic still holds: only the lines know.
    ("fct_orders", "expect_columns_to_equal_sums_of_other_table", "gross_amount, net_amount"): {
        "gross_amount": "cast(20 as decimal(18, 4))",
        "net_amount": "cast(19 as decimal(18, 4))",
    },
}

# Domains that keep theirs in a module of their own.
for domain in (
    gate_data_campaign,
    gate_data_dates,
    gate_data_decision,
    gate_data_journey,
    gate_data_prediction,
    gate_data_profile,
    gate_data_sources,
):
    for name in ("VALID", "TEXT", "BROKEN", "OTHERWISE"):
        globals()[name].update(getattr(domain, name, {}))
