from precision_marketing.warehouse.imputation import estimate_missing


def model(dbt, session):
    dbt.config(pickle_by_value=["precision_marketing"])
    return estimate_missing(
        dbt.ref("base_shop__products").where("_reject_reason is null and _row_rank = 1"),
        key="product_id",
        target="unit_cost",
        numeric=["list_price"],
        categorical=["category", "brand"],
    )
