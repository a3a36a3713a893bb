"""Valid rows for every suite, and for every expectation what breaks it: the data of test_gates.py.

Expressions are Spark SQL over the row number ``id``, which runs from 0.
"""

import gate_data_campaign
import gate_data_dates
import gate_data_journey
import gate_data_profile

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
        name_masked: '张**'
        phone_masked: '138****5678'
        email_masked: 'a***@example.com'
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
        is_cancelled: false
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

# Domains that keep theirs in a module of their own.
for domain in (gate_data_campaign, gate_data_dates, gate_data_journey, gate_data_profile):
    for name in ("VALID", "TEXT", "BROKEN", "OTHERWISE"):
        globals()[name].update(getattr(domain, name, {}))
