from dbt_common.invocation import get_invocation_id

from precision_marketing import gates


def model(dbt, session):
    dbt.config(
        materialized="incremental",
        incremental_strategy="append",
        on_schema_change="append_new_columns",
        full_refresh=False,  # the history of results outlives a --full-refresh
    )
    rows = gates.run_suites(
        "gate_shop",
        {
            "stg_shop__orders": dbt.ref("stg_shop__orders"),
            "stg_shop__order_items": dbt.ref("stg_shop__order_items"),
            "stg_shop__orders__rejected": dbt.ref("stg_shop__orders__rejected"),
            "stg_shop__order_items__rejected": dbt.ref("stg_shop__order_items__rejected"),
        },
        run_id=get_invocation_id(),
        max_rejected_share=float(dbt.config.meta_get("max_rejected_share")),
    )
    return session.createDataFrame(rows, gates.RESULT_SCHEMA)
