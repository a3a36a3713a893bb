from precision_marketing import attribution, segmentation


def model(dbt, session):
    transitions = dbt.ref("int_attribution_transitions").toPandas()
    effects = attribution.removal_effects(transitions)
    return segmentation.to_spark(session, effects, attribution.EFFECT_SCHEMA)
