from precision_marketing import gates


def model(dbt, session):
    relations = {
        "dim_customers": dbt.ref("dim_customers"),
        "dim_products": dbt.ref("dim_products"),
        "fct_orders": dbt.ref("fct_orders"),
        "fct_order_items": dbt.ref("fct_order_items"),
        "fct_events": dbt.ref("fct_events"),
    }
    return gates.run_gate(dbt, session, relations)
