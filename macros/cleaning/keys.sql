{#-
  A key as staging writes it: text as it is, a whole number plainly (17850 for 17850.0, 10000000 for 1.0E7). In a column of text the column
  decides: '12.0' is 12 unless another key has decimals that mean something, '1.0E7' a number only among keys that all are written so.
  Leading zeros stay. Null, with a reason from `key_fault`: a double too large to be exact, and text that lost characters. Expects `raw_rows` and `column_forms`.
-#}
{% macro read_key(column) -%}
    {%- set key -%}
    case
        when {{ column }} like '%\ufffd%' then null
        when {{ column }}__form >= 'whole' and written.{{ column }} >= if({{ column }}__form = 'whole', 'plain', 'whole')
            then case when {{ is_exact(column) }} then {{ plain_number(column) }} end
        else {{ column }}
    end
    {%- endset -%}
    {{ one_line(key) }}
{%- endmacro %}


{#- Whether a number is one that no other number was rounded to: a double, or text of one, is exact below 2^53, a float below 2^24. -#}
{% macro is_exact(column) -%}
    abs(try_cast({{ column }} as double)) < if({{ column }}__type = 'float', 16777216, if({{ column }}__type like 'decimal%', 1e38D, 9007199254740992))
{%- endmacro %}


{#-
  How a key is written: 'fraction' (12.5), 'plain' (12, C5), 'whole' (12.0) or 'with exponent' (1.0E7, as a program writes a double). The order of the
  words is what `column_forms` goes by. Of raw columns of numbers with decimals all keys are 'whole'.
-#}
{% macro form_of_key(column) -%}
    case
        when {{ column }} is null then null
        when {{ column }}__type in ('double', 'float') or {{ column }}__type like 'decimal%' then 'whole'
        when not contains({{ column }}, '.') or {{ column }} not rlike '^-?[0-9]+[.][0-9]+(E[0-9]{1,2})?$' then 'plain'
        when contains({{ column }}, 'E') then if(try_cast({{ column }} as decimal(38, 9)) % 1 = 0, 'with exponent', 'fraction')
        else if({{ column }} rlike '[.]0+$', 'whole', 'fraction')
    end
{%- endmacro %}


{#- Why a key that was given cannot be used. Expects the raw text as the struct `raw`. -#}
{% macro key_fault(column) -%}
    case when raw.{{ column }} is not null and {{ column }} is null then
                if(length(replace(raw.{{ column }}, '\ufffd', '')) < length(raw.{{ column }}), '{{ column }}: unreadable', '{{ column }}: not exact') end
{%- endmacro %}


{#-
  A telephone or identity number that a program took for a number: 13812345678 for 1.3812345678E10 and 13812345678.0. What a spreadsheet
  cut (1.38E+10) and a double that is not exact are null: their digits are lost.
-#}
{% macro plain_code(column) -%}
    case
        when {{ column }}__type in ('double', 'float') and not {{ is_exact(column) }} then null
        when {{ column }} rlike '^[0-9]+[.]0+$|^[0-9]([.][0-9]+)?E[0-9]{1,2}$' then {{ plain_number(column) }}
        when {{ column }} rlike '^[0-9]([.][0-9]+)?[eE][+]?[0-9]{1,2}$' then case
            when length(regexp_extract({{ column }}, '[.]([0-9]+)', 1)) >= cast(regexp_extract({{ column }}, '([0-9]+)$', 1) as int)
                then {{ plain_number(column) }}
        end
        else {{ column }}
    end
{%- endmacro %}


{#- The text of a number, without an exponent and without decimals that are zero; null where that has more than 29 digits. -#}
{% macro plain_number(text) -%}
    regexp_replace(if({{ text }} rlike '[eE]', cast(try_cast({{ text }} as decimal(38, 9)) as string), {{ text }}), '[.]0*$|([.][0-9]*[1-9])0+$', '$1')
{%- endmacro %}
