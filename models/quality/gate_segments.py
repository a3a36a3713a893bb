from precision_marketing.quality import gates


def model(dbt, session):
    relations = {
        "customer_segments": dbt.ref("customer_segments"),
        "segment_profiles": dbt.ref("segment_profiles"),
        "segment_selection": dbt.ref("segment_selection"),
        "segment_validation": dbt.ref("segment_validation"),
    }
    return gates.run_gate(dbt, session, relations)
