from precision_marketing.quality import gates


def model(dbt, session):
    relations = {
        "customer_rfm": dbt.ref("customer_rfm"),
        "customer_tags": dbt.ref("customer_tags"),
    }
    return gates.run_gate(dbt, session, relations)
