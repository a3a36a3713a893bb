from precision_marketing import gates


def model(dbt, session):
    relations = {
        "customer_behaviour": dbt.ref("customer_behaviour"),
        "customer_360": dbt.ref("customer_360"),
        "attribute_coverage": dbt.ref("attribute_coverage"),
    }
    return gates.run_gate(dbt, session, relations)
