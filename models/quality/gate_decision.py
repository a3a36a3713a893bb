from precision_marketing.quality import gates


def model(dbt, session):
    relations = {
        "budget_allocation": dbt.ref("budget_allocation"),
        "channel_mix": dbt.ref("channel_mix"),
        "mix_evaluations": dbt.ref("mix_evaluations"),
        "price_recommendations": dbt.ref("price_recommendations"),
        "off_peak_offers": dbt.ref("off_peak_offers"),
        "customer_offers": dbt.ref("customer_offers"),
        "offer_limits": dbt.ref("offer_limits"),
        "decision_log": dbt.ref("decision_log"),
        "decision_outcomes": dbt.ref("decision_outcomes"),
        "decision_effects": dbt.ref("decision_effects"),
    }
    return gates.run_gate(dbt, session, relations)
