"""The demo's costs, estimated from the nearest products.

``pytest tests/python/warehouse/test_imputation.py -s`` prints the table of docs/cleaning.md.
"""

from __future__ import annotations

import pandas as pd

import harness
from imputed_products import held_out_errors


def test_the_demos_costs_are_estimated_better_than_by_means(served: harness.Server) -> None:
    rows = served.query(
        "select cast(unit_cost as double), cast(list_price as double), category, brand "
        "from marketing_staging.stg_shop__products order by product_id"
    )
    frame = pd.DataFrame(rows, columns=["unit_cost", "list_price", "category", "brand"])
    errors = held_out_errors(frame, "unit_cost", ["list_price"], ["category", "brand"])
    print("\n" + "\n".join(f"| {method} | {error:.2f} |" for method, error in errors.items()))
    assert errors["nearest rows"] < 0.5 * min(errors["group mean"], errors["mean"])
