{#-
  Facts that grow are written a month at a time, and a version shares with the one before it the months that did not change.

  `<model>__files__v<run>` is a table with the months that one run wrote; Spark deletes their files with it. A version,
  `<model>__v<run>`, is an external table, partitioned by month like the other: each of its partitions names the folder in
  which the month lies, its own run's or an older one's. Dropping a version deletes no file; a month's files go when
  no version that is kept names them (drop_unused_months).

  A model takes part by
    partition_by      one column, `month`
    meta.takes_over   month      the column with the first day of the row's month (`month_of`)
                      day        the column with the row's day
                      days       so many of the newest days are built again, for rows that arrive late
                      retention  the raw table whose retention_days end the life of old rows
                      instant    the column that retention looks at
  and selects, beside what it builds anew, the rows that `taken_over` gives.
-#}

{#- Formats whose tables are folders of files. Delta and Iceberg keep a list of their own; a version of theirs is a full copy. -#}
{% macro sharing_formats() -%}
    {{ return(['parquet', 'orc']) }}
{%- endmacro %}


{% macro shares_months(node) -%}
    {{ return(node.config.meta.get('takes_over') is not none and node.config.get('file_format') in sharing_formats()) }}
{%- endmacro %}


{#- The first day of the month of a day. -#}
{% macro month_of(day) -%}
    cast(trunc({{ day }}, 'MM') as date)
{%- endmacro %}


{% macro files_relation(node, version, copy=none) -%}
    {{ return(api.Relation.create(
        schema=node.schema, identifier=node.alias ~ '__files__' ~ version ~ ('_' ~ copy if copy else ''), type='table'
    )) }}
{%- endmacro %}


{#-
  Query of one row: `first_day` that a run builds again, and `keep_from`, the oldest instant that may be kept. Without an
  approved version everything is built. `retention` and `approved` are relations.
-#}
{% macro rebuild_limits(approved, takes_over, retention) -%}
    select
        {% if approved -%}
        coalesce(
            date_sub((
                select max({{ takes_over.day }}) from {{ approved }} as approved
                where {{ takes_over.month }} = (select max({{ takes_over.month }}) from {{ approved }} as approved)
            ), {{ takes_over.days }}),
            date '1900-01-01'
        ) as first_day,
        {%- else -%}
        date '1900-01-01' as first_day,
        {%- endif %}
        coalesce(
            (select max(keep_from) from {{ retention }} where table_name = '{{ takes_over.retention }}'), timestamp '1900-01-01'
        ) as keep_from
{%- endmacro %}


{#-
  Condition under which an older row of the approved version is written again: it is in a month of which a part is built
  anew or has expired. Expects the CTE `limits`. The other months are shared, or gone with the retention. The subqueries
  let Spark read those months alone. In a format that shares nothing, every row that may be kept is written again.
-#}
{% macro is_taken_over(takes_over) -%}
    {% if config.get('file_format', 'parquet') in sharing_formats() -%}
    ({{ takes_over.month }} >= (select {{ month_of('first_day') }} from limits)
        or {{ takes_over.month }} = (select {{ month_of(business_date('keep_from')) }} from limits))
    and {% endif -%}
    {{ takes_over.day }} < (select first_day from limits)
    and {{ takes_over.instant }} >= (select keep_from from limits)
{%- endmacro %}


{#-
  Query of the months of a table that have rows: `month`, `folder` in which it lies (a URI) and `location` (the same as a
  path, as the clause `location` wants it). Read from the files themselves, so there is no list that could be wrong.
-#}
{% macro months_of(table, month) -%}
    select month, folder, url_decode(replace(folder, '+', '%2B')) as location
    from (select distinct {{ month }} as month, regexp_replace(_metadata.file_path, '/[^/]*$', '') as folder from {{ table }})
{%- endmacro %}


{#- Make the version of a run: the months that it wrote, and those of the approved version that are neither built anew nor expired. -#}
{% macro assemble_version(version, written) -%}
    {%- set takes_over = config.get('meta').takes_over -%}
    {%- set month = takes_over.month -%}
    {%- set approved = approved_version() -%}
    {%- set months = run_query(months_of(written, month)).rows | list -%}
    {%- if approved -%}
        {%- do months.extend(run_query(
            'with limits as (' ~ rebuild_limits(approved, takes_over, ref('stg_retention_limits')) ~ '), older as ('
            ~ months_of(approved, month) ~ ') select month, folder, location from older cross join limits where month < '
            ~ month_of('first_day') ~ ' and month > ' ~ month_of(business_date('keep_from'))
        ).rows) -%}
    {%- endif -%}
    {%- set location = run_query('describe formatted ' ~ written).rows | selectattr('col_name', 'equalto', 'Location') | map(attribute='data_type') | first -%}
    {%- do run_query('drop table if exists ' ~ version) -%}
    {%- do run_query('create table ' ~ version ~ ' like ' ~ written ~ ' location ' ~ comment_literal(location)) -%}
    {%- do add_months(version, month, months) -%}
    {%- if var('as_of_date') -%}
        {%- do run_query('alter table ' ~ version ~ " set tblproperties ('as_of_date' = " ~ text_literal(var('as_of_date')) ~ ')') -%}
    {%- endif -%}
{%- endmacro %}


{% macro add_months(version, month, months) -%}
    {%- set partitions = [] -%}
    {%- for row in months -%}
        {%- do partitions.append(month_partition(month, row['month']) ~ ' location ' ~ comment_literal(row['location'])) -%}
    {%- endfor -%}
    {%- if partitions -%}
        {%- do run_query('alter table ' ~ version ~ ' add ' ~ partitions | join(' ')) -%}
    {%- endif -%}
{%- endmacro %}


{% macro month_partition(month, value) -%}
    partition ({{ month }} = date '{{ value }}')
{%- endmacro %}


{#- Tables with the months that runs wrote, also runs that failed or were killed, by name of the model. -#}
{% macro existing_files() -%}
    {%- set existing = {} -%}
    {%- for name, tables in stored_tables(files_pattern()).items() -%}
        {%- for node, suffix in tables if shares_months(node) -%}
            {%- do existing.setdefault(name, []).append(api.Relation.create(schema=node.schema, identifier=node.alias ~ suffix, type='table')) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(existing) }}
{%- endmacro %}


{#- What a table of `files_relation` is called after its model, as a regular expression of Python and of Java. -#}
{% macro files_pattern() -%}
    {{ return('__files' ~ version_pattern() ~ '(_[0-9]+)?') }}
{%- endmacro %}


{#- What follows the name of a model in the names of the tables that hold its rows, as a regular expression. -#}
{% macro stored_name_pattern() -%}
    {{ return('(' ~ version_pattern() ~ '|' ~ files_pattern() ~ ')$') }}
{%- endmacro %}


{#- Delete the months that none of the `versions` of a model names, with their files. -#}
{% macro drop_unused_months(node, versions, files) -%}
    {%- set month = node.config.meta.takes_over.month -%}
    {%- set named, held = [], [] -%}
    {%- for version in versions -%} {%- do named.append(months_of(version_relation(node, version), month)) -%} {%- endfor -%}
    {%- for table in files -%}
        {%- do held.append("select '" ~ table.identifier ~ "' as identifier, month, folder from (" ~ months_of(table, month) ~ ')') -%}
    {%- endfor -%}
    {%- set found = run_query(
        'select held.identifier, held.month, named.folder is not null as is_named from (' ~ held | join(' union all ')
        ~ ') as held left join (select distinct folder from (' ~ (named or ["select '' as folder"]) | join(' union all ')
        ~ ')) as named on held.folder = named.folder'
    ).rows -%}
    {%- for table in files -%}
        {%- set months = found | selectattr('identifier', 'equalto', table.identifier) | list -%}
        {%- if not months | selectattr('is_named') | list -%}
            {%- do run_query('drop table if exists ' ~ table) -%}
        {%- else -%}
            {%- for row in months | rejectattr('is_named') -%}
                {%- do run_query('alter table ' ~ table ~ ' drop if exists ' ~ month_partition(month, row['month'])) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}


{#-
  Write the months that hold a customer with a pending request anew without him, point every version there, and delete the
  old files. `files` are (table, key) as `tables_with_customers` gives them. A version changes from the old folder of a month to the new one at once, so readers meet no gap; a query that is
  reading the month at that moment may fail, as erasing must not wait for it.
-#}
{% macro scrub_months(node, files, versions) -%}
    {%- set month = node.config.meta.takes_over.month -%}
    {%- for table, key in files -%}
        {%- set keys = pending_keys(key) -%}
        {%- set touched = run_query(
            'select distinct kept.' ~ month ~ ' as month from ' ~ table ~ ' as kept left semi join ' ~ keys ~ ' as keys on kept.' ~ key ~ ' = keys.' ~ key
        ).columns['month'].values() -%}
        {%- set folders = {} -%}
        {%- for row in (run_query(months_of(table, month)).rows if touched) if row['month'] in touched -%}
            {%- do folders.update({row['folder']: row['month']}) -%}
        {%- endfor -%}
        {%- if folders -%}
            {%- set copy = files_relation(node, run_version(), loop.index) -%}
            {%- set dates = "date '" ~ touched | join("', date '") ~ "'" -%}
            {%- do run_query('create table ' ~ copy ~ ' like ' ~ table) -%}
            {%- do run_query(
                'insert into ' ~ copy ~ ' by name select /*+ rebalance(' ~ month ~ ') */ kept.* from ' ~ table ~ ' as kept left anti join '
                ~ keys ~ ' as keys on kept.' ~ key ~ ' = keys.' ~ key ~ ' where kept.' ~ month ~ ' in (' ~ dates ~ ')'
            ) -%}
            {%- set new = {} -%}
            {%- for row in run_query(months_of(copy, month)).rows -%} {%- do new.update({row['month']: row['location']}) -%} {%- endfor -%}
            {%- for version in versions -%}
                {%- set relation = version_relation(node, version) -%}
                {%- for row in run_query(months_of(relation, month)).rows if row['folder'] in folders -%}
                    {%- set partition = month_partition(month, row['month']) -%}
                    {%- if row['month'] in new -%}
                        {%- do run_query('alter table ' ~ relation ~ ' ' ~ partition ~ ' set location ' ~ comment_literal(new[row['month']])) -%}
                    {%- else -%}
                        {%- do run_query('alter table ' ~ relation ~ ' drop ' ~ partition) -%}
                    {%- endif -%}
                {%- endfor -%}
            {%- endfor -%}
            {%- for value in folders.values() -%}
                {%- do run_query('alter table ' ~ table ~ ' drop if exists ' ~ month_partition(month, value)) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}
