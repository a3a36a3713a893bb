from precision_marketing.quality import gates


def model(dbt, session):
    relations = {
        "dim_customers": dbt.ref("dim_customers"),
        "dim_products": dbt.ref("dim_products"),
        "fct_orders": dbt.ref("fct_orders"),
        "fct_order_items": dbt.ref("fct_order_items"),
        "fct_refunds": dbt.ref("fct_refunds"),
        "fct_events": dbt.ref("fct_events"),
        "dim_campaigns": dbt.ref("dim_campaigns"),
        "dim_stores": dbt.ref("dim_stores"),
        "customer_identities": dbt.ref("customer_identities"),
        "customer_history": dbt.ref("customer_history"),
        "fct_sessions": dbt.ref("fct_sessions"),
        "fct_ad_impressions": dbt.ref("fct_ad_impressions"),
        "dim_dates": dbt.ref("dim_dates"),
        "int_core_reidentification": dbt.ref("int_core_reidentification"),
    }
    return gates.run_gate(dbt, session, relations)
