from precision_marketing.quality import gates


def model(dbt, session):
    relations = {
        "daily_sales": dbt.ref("daily_sales"),
        "stock_alerts": dbt.ref("stock_alerts"),
        "store_audience": dbt.ref("store_audience"),
    }
    return gates.run_gate(dbt, session, relations)
