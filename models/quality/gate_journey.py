from precision_marketing.quality import gates


def model(dbt, session):
    relations = {
        "conversion_funnel": dbt.ref("conversion_funnel"),
        "cohort_retention": dbt.ref("cohort_retention"),
        "basket_affinities": dbt.ref("basket_affinities"),
    }
    return gates.run_gate(dbt, session, relations)
