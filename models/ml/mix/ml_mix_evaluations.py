from precision_marketing.warehouse import mix
from precision_marketing.warehouse.frames import to_spark


def model(dbt, session):
    found = mix.evaluations(
        dbt.ref("int_logged_choices"),
        dbt.ref("ml_channel_mix").toPandas(),
        dbt.ref("proposed_mix").toPandas(),
    )
    return to_spark(session, found, mix.EVALUATION_SCHEMA)
