from precision_marketing.warehouse import mix
from precision_marketing.warehouse.frames import to_spark


def model(dbt, session):
    half_life = str(dbt.config.get("mix_half_life_days"))
    found = mix.shares(
        dbt.ref("int_channel_days"),
        half_life_days=None if half_life.lower() == "none" else float(half_life),
        minimum_share=float(dbt.config.get("mix_minimum_share")),
    )
    return to_spark(session, found, mix.MIX_SCHEMA)
