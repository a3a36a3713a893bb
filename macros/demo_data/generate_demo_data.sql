{#- Fills the raw tables with made-up data whose truth is known, and writes that truth to the database demo_truth:
    dbt run-operation generate_demo_data --args '{customers: 5000}'
    The same arguments give the same rows on every engine. See docs/demo_data.md.
    Small tables are joined with a broadcast hint: Spark takes the size of an exploded table for that of the table before,
    and would broadcast the millions of rows instead. -#}
{%- macro generate_demo_data(customers=5000, end_date='2025-06-30', months=18, force=false, only_if_empty=false) -%}
{%- if execute -%}
{%- set demo = demo_settings(customers, end_date, months) -%}
{%- set found = demo_find_rows() -%}
{%- if only_if_empty and (found.foreign or (found.demo and demo_is_complete())) -%}
    {%- do log('Demo data: nothing to do, ' ~ (found.foreign or found.demo) ~ ' already holds rows.', info=true) -%}
{%- elif only_if_empty and not demo_raw_exists() and demo_other_databases() -%}
    {%- do exceptions.raise_compiler_error("The raw database '" ~ demo_raw_database() ~ "' does not exist, but there are "
        ~ demo_other_databases()[:10] | join(', ') ~ '. Correct raw_database, or make it with demo data: dbt run-operation generate_demo_data') -%}
{%- elif found.foreign and not force -%}
    {%- do exceptions.raise_compiler_error('generate_demo_data would replace ' ~ found.foreign ~ ', which holds rows that are no demo data; name another raw_database, or pass force: true to lose them.') -%}
{%- else -%}
    {%- do log('Demo data: ' ~ demo.customers ~ ' customers, ' ~ demo.start ~ ' to ' ~ demo.end ~ ' ...', info=true) -%}
    {%- do run_query('create database if not exists ' ~ demo_raw_database()) -%}
    {%- do run_query('create database if not exists demo_truth') -%}
    {%- do run_query('drop table if exists demo_truth.demo_load') -%}
    {%- do demo_write_truth_constants() -%}
    {%- do demo_write_calendar(demo) -%}
    {%- do log('Demo data: places and products (1 of 6)', info=true) -%}
    {%- do demo_write_regions() -%}
    {%- do demo_write_products(demo) -%}
    {%- do log('Demo data: customers (2 of 6)', info=true) -%}
    {%- do demo_write_customers(demo) -%}
    {%- do demo_write_contracts(demo) -%}
    {%- do log('Demo data: campaigns and impressions (3 of 6)', info=true) -%}
    {%- do demo_write_ads(demo) -%}
    {%- do log('Demo data: orders (4 of 6)', info=true) -%}
    {%- do demo_write_orders(demo) -%}
    {%- do log('Demo data: app events (5 of 6)', info=true) -%}
    {%- do demo_write_events(demo) -%}
    {%- do log('Demo data: partners and planted defects (6 of 6)', info=true) -%}
    {%- do demo_write_partners(demo) -%}
    {%- do demo_write_dirt(demo) -%}
    {#- The last step: where this row is, the load is complete. -#}
    {%- do demo_write_truth('demo_load', 'customers bigint, end_date date, months int, generator_version string',
        "select bigint(" ~ demo.customers ~ "), date'" ~ demo.end ~ "', " ~ demo.months ~ ", '" ~ demo_generator_version() ~ "'") -%}
    {%- do log('Demo data: done.', info=true) -%}
{%- endif -%}
{%- endif -%}
{%- endmacro -%}


{#- Checks the arguments; returns them with the first day of the history, its length and the last day a customer can be lost on. -#}
{%- macro demo_settings(customers, end_date, months) -%}
{%- if customers is not integer or customers < 1 or customers > 99999999 -%}
    {%- do exceptions.raise_compiler_error('generate_demo_data: customers must be a whole number from 1 to 99999999, got ' ~ customers ~ '.') -%}
{%- endif -%}
{%- if months is not integer or months < 6 or months > 60 -%}
    {%- do exceptions.raise_compiler_error('generate_demo_data: months must be a whole number from 6 to 60, got ' ~ months ~ '.') -%}
{%- endif -%}
{%- set end_text = end_date | string -%}
{%- set part = modules.re.match('^((?:19|20)\\d\\d)-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])$', end_text) -%}
{%- set ends = namespace(ok=false) -%}
{%- if part -%}
    {%- set year, month, day = part.group(1) | int, part.group(2) | int, part.group(3) | int -%}
    {%- set leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) -%}
    {%- set ends.ok = year >= 1980 and day <= [31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] -%}
{%- endif -%}
{%- if not ends.ok -%}
    {%- do exceptions.raise_compiler_error("generate_demo_data: end_date must be a day such as '2025-06-30', got '" ~ end_text ~ "'.") -%}
{%- endif -%}
{%- set year, month, day = part.group(1) | int, part.group(2) | int, part.group(3) | int -%}
{%- set first_month = year * 12 + month - 1 - months -%}
{%- set end = modules.datetime.date(year, month, day) -%}
{%- set start = modules.datetime.date(first_month // 12, first_month % 12 + 1, [day, 28] | min) -%}
{{ return({
    'customers': customers,
    'months': months,
    'start': start | string,
    'end': end | string,
    'days': (end - start).days,
    'lost_until': (end - modules.datetime.timedelta(days=demo_churn_days())) | string,
}) }}
{%- endmacro -%}


{#- The first raw table with rows that this generator wrote (`demo`) and that it did not write (`foreign`), or none.
    Tables of the generator carry the property demo_data. -#}
{%- macro demo_find_rows() -%}
{%- set found = {'demo': none, 'foreign': none} -%}
{%- if demo_raw_exists() -%}
    {%- for row in run_query('show tables in ' ~ demo_raw_database()).rows if row['tableName'] in demo_raw_columns() -%}
        {%- set relation = demo_raw(row['tableName']) -%}
        {%- set key = 'demo' if 'demo_data' in (run_query('show tblproperties ' ~ relation).columns[0].values()) else 'foreign' -%}
        {%- if not found[key] and run_query('select 1 as one from ' ~ relation ~ ' limit 1').rows | length -%}
            {%- do found.update({key: relation}) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endif -%}
{{ return(found) }}
{%- endmacro -%}


{#- The database of the raw tables. -#}
{%- macro demo_raw_database() -%}
{{ return(demo_raw_name(var('raw_database', 'raw'))) }}
{%- endmacro -%}


{#- The name of a database as it was given; an error for what is none. -#}
{%- macro demo_raw_name(name) -%}
{%- if not modules.re.match('[A-Za-z_][A-Za-z0-9_]*$', name | string) -%}
    {%- do exceptions.raise_compiler_error('generate_demo_data: raw_database is no name of a database: ' ~ name) -%}
{%- endif -%}
{{ return(name) }}
{%- endmacro -%}


{%- macro demo_raw_exists() -%}
{{ return(run_query("show databases like '" ~ demo_raw_database() ~ "'").rows | length > 0) }}
{%- endmacro -%}


{#- Databases of a warehouse in use: all but the one that is in each metastore. -#}
{%- macro demo_other_databases() -%}
{{ return(run_query('show databases').columns[0].values() | reject('equalto', 'default') | list) }}
{%- endmacro -%}


{#- Whether the last load reached its end. -#}
{%- macro demo_is_complete() -%}
{{ return(run_query("show databases like 'demo_truth'").rows | length > 0
    and run_query("show tables in demo_truth like 'demo_load'").rows | length > 0) }}
{%- endmacro -%}


{#- Every planted defect, one row each. -#}
{%- macro demo_write_dirt(demo) -%}
{%- set parts = [
    demo_dirt_of('crm_customers', demo_customer_rows(demo), 'customer_id'),
    demo_dirt_of('crm_consents', demo_consent_rows(demo), "concat(customer_id, '|', purpose, '|', channel, '|', cast(recorded_on as string))"),
    demo_dirt_of('crm_service_tickets', demo_ticket_rows(demo), 'ticket_id'),
    demo_dirt_of('shop_products', demo_product_rows(), 'product_id'),
    demo_dirt_of('shop_orders', demo_order_rows(), 'order_id'),
    demo_dirt_of('shop_order_items', demo_order_line_rows(), 'order_item_id'),
    demo_dirt_of('shop_inventory', demo_inventory_rows(demo), "concat(store_id, '|', product_id, '|', cast(stock_date as string))"),
    demo_dirt_of('app_events', demo_event_key_rows(demo), 'event_id'),
    demo_dirt_of('ads_impressions', demo_impression_rows(), 'impression_id'),
    demo_dirt_of('partner_members', demo_partner_rows(demo), "concat(partner, '|', member_id)"),
] -%}
{%- do demo_write_truth('dirt', 'table_name string, kind string, row_key string, raw_rows int', parts | join('\nunion all\n')) -%}
{%- endmacro -%}
