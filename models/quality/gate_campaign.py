from precision_marketing.quality import gates


def model(dbt, session):
    relations = {
        "campaign_performance": dbt.ref("campaign_performance"),
        "channel_attribution": dbt.ref("channel_attribution"),
        "experiment_results": dbt.ref("experiment_results"),
        "coupon_uplift": dbt.ref("coupon_uplift"),
        "goal_gaps": dbt.ref("goal_gaps"),
        "value_scorecard": dbt.ref("value_scorecard"),
    }
    return gates.run_gate(dbt, session, relations)
