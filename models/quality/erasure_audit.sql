{{ config(materialized='view') }}

with

requests as (
    select * from {{ ref('erasure_requests') }}
),

removals as (
    select * from {{ source('hooks', 'erasure_removals') }}
),

checks as (
    select * from {{ source('hooks', 'erasure_checks') }}
),

-- A version of a table, and the months it is made of, count as that table. A run that was killed may have found the same rows before.
removed as (
    select
        request_id,
        concat_ws(', ', array_sort(collect_set(regexp_replace(table_name, '{{ stored_name_pattern() }}', '')))) as tables_touched,
        sum(rows_removed) as rows_removed
    from (
        select request_id, table_name, max(rows_removed) as rows_removed
        from removals
        group by request_id, table_name
    ) as by_table
    group by request_id
),

checked as (
    select
        request_id,
        max_by(tables_searched, checked_at) as tables_searched,
        max_by(rows_left, checked_at) as rows_left,
        min(checked_at) filter (where rows_left = 0) as verified_at
    from checks
    group by request_id
)

select
    requests.request_id,
    requests.customer_hash,
    requests.requested_at,
    coalesce(removed.tables_touched, '') as tables_touched,
    coalesce(removed.rows_removed, 0) as rows_removed,
    checked.tables_searched,
    checked.rows_left,
    checked.verified_at is not null as verified,
    checked.verified_at
from requests
left join removed on requests.request_id = removed.request_id
left join checked on requests.request_id = checked.request_id
