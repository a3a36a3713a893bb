{#-
  Erasure. Staging withholds every row of a customer with a request, so whatever a build computes anew is free of them.
  What is kept from earlier builds, the versions of marts and ML tables, is scrubbed at the start of the next run, also
  the published ones, and at its end every table is searched. `erasure_audit` shows both.
-#}

{% macro erasure_table(name) -%}
    {{ return(raw_relation(contract_of('hooks', name))) }}
{%- endmacro %}


{#-
  Query of the requests that no run has found fulfilled yet: request_id, customer_id. A request without an id of its own,
  because it is missing or names several customers, stays pending: what was found for one customer proves nothing for another.
-#}
{% macro pending_requests() -%}
    select requests.request_id, requests.customer_id
    from (
        select request_id, customer_id, count(*) over (partition by request_id) as customers
        from (
            select distinct
                coalesce(request_id, 'without id') as request_id,
                customer_id
            from {{ read_columns(
                raw_relation(contract_of('crm', 'crm_erasure_requests')), {'request_id': 'key', 'customer_id': 'key'}
            ) }} as requests
        ) as given
        where customer_id is not null
    ) as requests
    left anti join {{ erasure_table('erasure_checks') }} as checks
        on requests.request_id = checks.request_id and checks.rows_left = 0
        and requests.customers = 1 and requests.request_id <> 'without id'
{%- endmacro %}


{#-
  The customers with a pending request, and their orders, as two short-lived tables: what is to be searched for by the
  key that a table may have. Both are gone at the end of the run.
-#}
{% macro pending_keys(key) -%}
    {{ return(api.Relation.create(schema=target.schema ~ '_staging', identifier='pending_erasure_' ~ key, type='table')) }}
{%- endmacro %}


{% macro write_pending_keys() -%}
    {%- do drop_pending_keys() -%}
    {%- do run_query('create database if not exists ' ~ target.schema ~ '_staging') -%}
    {%- do run_query('create table ' ~ pending_keys('customer_id') ~ ' using parquet as ' ~ pending_requests()) -%}
    {%- do run_query(
        'create table ' ~ pending_keys('order_id') ~ ' using parquet as select distinct pending.request_id, orders.order_id from '
        ~ read_columns(raw_relation(contract_of('shop', 'shop_orders')), {'order_id': 'key', 'customer_id': 'key'}) ~ ' as orders inner join '
        ~ pending_keys('customer_id') ~ ' as pending on orders.customer_id = pending.customer_id'
    ) -%}
{%- endmacro %}


{% macro drop_pending_keys() -%}
    {%- for key in ['customer_id', 'order_id'] -%}
        {%- do run_query('drop table if exists ' ~ pending_keys(key)) -%}
    {%- endfor -%}
{%- endmacro %}


{#-
  Every table that has rows of customers, with the key they are found by: (relation, key). A version that is put together
  from months of other tables (macros/publishing/shared_months.sql) is left out: these tables are searched themselves.
-#}
{% macro tables_with_customers() -%}
    {%- set found = [] -%}
    {%- for suffix in ['_staging', '_vault', '_build', '_quality'] if adapter.check_schema_exists(none, target.schema ~ suffix) -%}
        {%- for row in run_query('show table extended in ' ~ target.schema ~ suffix ~ " like '*'").rows -%}
            {%- set columns = modules.re.findall('(?m)^ [|]-- ([^:]+):', row['information']) -%}
            {%- set keys = ['customer_id', 'order_id'] | select('in', columns) | list -%}
            {%- if keys and 'pending_erasure_' not in row['tableName'] and not modules.re.search('(?m)^Type: VIEW', row['information']) -%}
                {%- set table = api.Relation.create(schema=target.schema ~ suffix, identifier=row['tableName'], type='table') -%}
                {%- if not modules.re.search('(?m)^Type: EXTERNAL', row['information']) or not is_assembled(table) -%}
                    {%- do found.append((table, keys[0])) -%}
                {%- endif -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}


{#- Query of request_id, table_name and n, the rows of customers with a pending request in all tables. -#}
{% macro rows_of_pending(tables) -%}
    {%- for key in ['customer_id', 'order_id'] %}
    select keys.request_id, tables.table_name, count(*) as n
    from (
        {%- for table, column in tables if column == key %}
        select '{{ table.schema }}.{{ table.identifier }}' as table_name, {{ key }} from {{ table }} union all
        {%- endfor %}
        select '' as table_name, cast(null as string) as {{ key }} where false
    ) as tables
    inner join {{ pending_keys(key) }} as keys on tables.{{ key }} = keys.{{ key }}
    group by keys.request_id, tables.table_name
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{#- on-run-start: scrub what earlier builds left of customers with a pending request. -#}
{% macro erase_customers() -%}
    {%- if execute and flags.WHICH in ['run', 'build'] -%}
        {%- do create_hook_table('erasure_removals') -%}
        {%- do create_hook_table('erasure_checks') -%}
        {%- if run_query(pending_requests() ~ ' limit 1').rows | length -%}
            {%- do write_pending_keys() -%}
            {%- do finish_scrubbing() -%}
            {%- set tables = tables_with_customers() -%}
            {%- set found = run_query(rows_of_pending(tables)).rows -%}
            {%- set touched = [] -%}
            {%- set rows = [] -%}
            {%- for row in found -%}
                {%- do touched.append(row['table_name']) -%}
                {%- do rows.append("(" ~ text_literal(row['request_id']) ~ ", '" ~ row['table_name'] ~ "', "
                    ~ row['n'] ~ ", '" ~ invocation_id ~ "', current_timestamp())") -%}
            {%- endfor -%}
            {%- for table, key in tables if table.schema ~ '.' ~ table.identifier in touched -%}
                {%- for node in versioned_nodes() if is_version_of(table, node) -%}
                    {%- do scrub(node, table, key) -%}
                {%- endfor -%}
            {%- endfor -%}
            {%- do scrub_all_months(tables, touched) -%}
            {%- if rows -%}
                {%- do run_query('insert into ' ~ erasure_table('erasure_removals') ~ ' values ' ~ rows | join(', ')) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{#- Scrub the months that models share between their versions. -#}
{% macro scrub_all_months(tables, touched) -%}
    {%- set existing, files = existing_versions(), existing_files() -%}
    {%- for node in versioned_nodes() if node.name in files -%}
        {%- set scrubbed = [] -%}
        {%- for table, key in tables if table in files[node.name] and table.schema ~ '.' ~ table.identifier in touched -%}
            {%- do scrubbed.append((table, key)) -%}
        {%- endfor -%}
        {%- if scrubbed -%}
            {%- do scrub_months(node, scrubbed, existing.get(node.name, [])) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}


{#- Whether a table is a version whose rows lie in other tables. -#}
{% macro is_assembled(table) -%}
    {%- for node in versioned_nodes() if shares_months(node) and is_version_of(table, node) -%}
        {{ return(true) }}
    {%- endfor -%}
    {{ return(false) }}
{%- endmacro %}


{% macro is_version_of(table, node, suffix='') -%}
    {{ return(table.schema == node.schema and modules.re.fullmatch(node.alias ~ version_pattern() ~ suffix, table.identifier) is not none) }}
{%- endmacro %}


{#-
  Rewrite a version without the rows of customers to be erased. Views stand on a copy meanwhile, so readers meet no gap;
  a query that is reading the version at that moment may fail, as erasing must not wait for it.
-#}
{% macro scrub(node, table, key) -%}
    {%- set copy = table.incorporate(path={'identifier': table.identifier ~ '__scrubbed'}) -%}
    {%- do run_query(
        'create table ' ~ copy ~ ' using parquet as select kept.* from ' ~ table ~ ' as kept left anti join '
        ~ pending_keys(key) ~ ' as keys on kept.' ~ key ~ ' = keys.' ~ key
    ) -%}
    {%- do put_back(node, table, copy) -%}
{%- endmacro %}


{% macro put_back(node, table, copy) -%}
    {%- set version = table.identifier[node.alias | length + 2:] -%}
    {%- set views = [] -%}
    {%- for view, is_published in [(build_view(node), false), (published_relation(node), true)] if shown_version(view) in [version, version ~ '__scrubbed'] -%}
        {%- set columns = published_columns(node, copy) if is_published else '*' -%}
        {%- do views.append((view, columns)) -%}
        {%- do point_view(view, copy, columns) -%}
    {%- endfor -%}
    {%- do run_query('truncate table ' ~ table) -%}
    {%- do run_query('insert into ' ~ table ~ ' by name select * from ' ~ copy) -%}
    {%- for view, columns in views -%}
        {%- do point_view(view, table, columns) -%}
    {%- endfor -%}
    {%- do run_query('drop table ' ~ copy) -%}
{%- endmacro %}


{#- A copy that is there was completed by a run that was killed before it could put it back. -#}
{% macro finish_scrubbing() -%}
    {%- for table, key in tables_with_customers() -%}
        {%- for node in versioned_nodes() if is_version_of(table, node, '__scrubbed') -%}
            {%- set version = table.incorporate(path={'identifier': table.identifier | replace('__scrubbed', '')}) -%}
            {%- do put_back(node, version, table) -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endmacro %}


{#- on-run-end: search every table for the customers with a pending request, and record what was found. -#}
{% macro check_erasure() -%}
    {%- if execute and flags.WHICH in ['run', 'build'] and exists_now(pending_keys('customer_id')) -%}
        {%- set tables = tables_with_customers() -%}
        {%- do run_query(
            'insert into ' ~ erasure_table('erasure_checks') ~ ' select pending.request_id, ' ~ tables | length
            ~ ", coalesce(sum(found.n), 0), '" ~ invocation_id ~ "', current_timestamp() from (select distinct request_id from "
            ~ pending_keys('customer_id') ~ ') as pending left join (' ~ rows_of_pending(tables)
            ~ ') as found on pending.request_id = found.request_id group by pending.request_id'
        ) -%}
        {%- do drop_pending_keys() -%}
    {%- endif -%}
{%- endmacro %}
