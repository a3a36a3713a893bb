{#- Planted defects. A query over clean rows adds `dirt` (the row's kind of defect or null); the macros below write a
    column with that defect. Keys and thresholds come from demo_dirt_rates. -#}

{#- The kind of defect of a row of `table`, null for nearly all. Rates are whole multiples of 0.0005. -#}
{%- macro demo_dirt(table, keys) -%}
get(concat({% for name, kind, column, rate, rejectable, example in demo_dirt_rates() if name == table %}array_repeat('{{ kind }}', {{ (rate * 2000) | round | int }}){{ ', ' if not loop.last }}{% endfor %}), {{ demo_integer(keys, table ~ ' dirt', 0, 1999) }})
{%- endmacro -%}


{#- Repeats duplicated rows: `copy_no` is 0 for every row, 1 for the second of two equal ones, 2 for an older version. -#}
{%- macro demo_copies() -%}
lateral view explode(case dirt when 'exact_duplicate' then array(0, 1) when 'older_version' then array(0, 2) else array(0) end) as copy_no
{%- endmacro -%}


{%- macro demo_dirty_key(key) -%}
case when dirt = 'missing_key' then null else {{ key }} end
{%- endmacro -%}


{%- macro demo_dirty_reference(key, unknown) -%}
case when dirt = 'orphan' then '{{ unknown }}' else {{ key }} end
{%- endmacro -%}


{%- macro demo_dirty_word(word) -%}
case when dirt = 'spelling' then concat(' ', case when length({{ word }}) % 2 = 0 then upper({{ word }}) else initcap({{ word }}) end, ' ') else {{ word }} end
{%- endmacro -%}


{#- A money amount of two digits as text. -#}
{%- macro demo_amount(amount, digits=2) -%}
cast(cast({{ amount }} as decimal(14, {{ digits }})) as string)
{%- endmacro -%}


{%- macro demo_dirty_amount(amount) -%}
case dirt when 'comma_decimal' then replace({{ demo_amount(amount) }}, '.', ',')
    when 'not_available' then 'N/A' else {{ demo_amount(amount) }} end
{%- endmacro -%}


{#- `yyyy-MM-dd HH:mm:ss` in the shops' local time, from a date and a second of that day. No timestamps are involved, so
    that no session time zone can shift them. -#}
{%- macro demo_time(day, second) -%}
concat(cast({{ day }} as string), ' ', {{ demo_clock_time(second) }})
{%- endmacro -%}


{%- macro demo_clock_time(second) -%}
lpad(cast({{ second }} div 3600 as string), 2, '0'), ':', lpad(cast({{ second }} div 60 % 60 as string), 2, '0'), ':', lpad(cast({{ second }} % 60 as string), 2, '0')
{%- endmacro -%}


{#- The same with the row's defect. Epoch seconds are UTC, local time is Asia/Shanghai: eight hours ahead, all year. -#}
{%- macro demo_dirty_time(day, second) -%}
case dirt
    when 'slash_date' then concat(cast(year({{ day }}) as string), '/', cast(month({{ day }}) as string), '/', cast(day({{ day }}) as string), ' ', cast({{ second }} div 3600 as string), ':', lpad(cast({{ second }} div 60 % 60 as string), 2, '0'))
    when 'epoch_seconds' then cast(unix_date({{ day }}) * bigint(86400) + {{ second }} - 28800 as string)
    when 'not_available' then 'N/A'
    else concat(
        case dirt
            when 'dotted_date' then concat(substr(cast({{ day }} as string), 9, 2), '.', substr(cast({{ day }} as string), 6, 2), '.', substr(cast({{ day }} as string), 1, 4))
            when 'year_1900' then concat('1900', substr(cast({{ day }} as string), 5))
            when 'year_2999' then concat('2999', substr(cast({{ day }} as string), 5))
            when 'day_31_feb' then concat(substr(cast({{ day }} as string), 1, 4), '-02-31')
            else cast({{ day }} as string) end,
        ' ', {{ demo_clock_time(second) }}) end
{%- endmacro -%}


{#- One row per defect of `table`, from its clean rows. -#}
{%- macro demo_dirt_of(table, rows, key) -%}
select '{{ table }}' as table_name, dirt as kind, {{ key }} as row_key,
    case when dirt in ('exact_duplicate', 'older_version') then 2 else 1 end as raw_rows
from ({{ rows }}) as {{ table }}_rows
where dirt is not null
{%- endmacro -%}
