from precision_marketing.warehouse import pricing
from precision_marketing.warehouse.frames import to_spark


def model(dbt, session):
    margins = dbt.ref("int_gross_margin").collect()
    found = pricing.quiet_hours(
        dbt.ref("int_order_hours"),
        dbt.ref("int_product_weeks"),
        margins[0].gross_margin,
        float(dbt.config.get("off_peak_max_discount")),
    )
    return to_spark(session, found, pricing.HOUR_SCHEMA)
