from precision_marketing.warehouse import pricing
from precision_marketing.warehouse.frames import to_spark


def model(dbt, session):
    found = pricing.recommended(
        dbt.ref("int_product_weeks"),
        dbt.ref("int_priced_products"),
        largest_change=float(dbt.config.get("price_max_change")),
        margin_floor=float(dbt.config.get("price_margin_floor")),
    )
    return to_spark(session, found, pricing.PRICE_SCHEMA)
