from precision_marketing.quality import catalogue, gates


def model(dbt, session):
    relations = {
        "customer_behaviour": dbt.ref("customer_behaviour"),
        "customer_360": dbt.ref("customer_360"),
        "attribute_coverage": dbt.ref("attribute_coverage"),
        "int_profile_reidentification": dbt.ref("int_profile_reidentification"),
    }
    results = gates.run_gate(dbt, session, relations)
    return results.unionByName(catalogue.coverage_results(results, relations["attribute_coverage"]))
