"""Missing numbers estimated in Spark as in pandas."""

from __future__ import annotations

import pytest
from pyspark import cloudpickle

import precision_marketing
from imputed_products import fitted, products
from precision_marketing.warehouse.imputation import estimate_missing


def test_spark_estimates_what_pandas_does(spark) -> None:
    """As the model calls it: decimals in Spark, estimates for rows without a cost alone; none if no cost is known."""
    cloudpickle.register_pickle_by_value(precision_marketing)  # as pickle_by_value of the model does
    rows = products(200).round(2).assign(product_id=[f"p{number}" for number in range(200)])
    rows["given"] = rows["cost"].where(rows.index % 4 > 0)
    table = spark.createDataFrame(rows[["product_id", "price", "category"]].assign(cost=rows["given"].astype(str)))
    typed = table.selectExpr("product_id", "price", "category", "cast(nullif(cost, 'nan') as decimal(18, 4)) as cost")
    found = estimate_missing(typed, "product_id", "cost", ["price"], ["category"]).toPandas()
    missing = rows[rows["given"].isna()]
    expected = fitted(rows.assign(cost=rows["given"])).predict(missing)
    assert found.set_index("product_id")["cost"][missing["product_id"]].to_numpy() == pytest.approx(expected)
    assert len(found) == len(missing) == 50
    unknown = typed.selectExpr("product_id", "price", "category", "cast(null as decimal(18, 4)) as cost")
    assert estimate_missing(unknown, "product_id", "cost", ["price"], ["category"]).count() == 0
