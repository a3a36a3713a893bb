from precision_marketing.models import attribution
from precision_marketing.warehouse.frames import to_spark


def model(dbt, session):
    transitions = dbt.ref("int_attribution_transitions").toPandas()
    effects = attribution.removal_effects(transitions)
    return to_spark(session, effects, attribution.EFFECT_SCHEMA)
