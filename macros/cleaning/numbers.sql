{#-
  The number a text stands for, as decimal(18,4) by default, or null. Read are plain numbers, numbers with groups of thousands
  (or of Indian lakhs), of any country's signs, of a currency or none, negative by a sign at either end or by parentheses. A
  fifth decimal is rounded half up; what does not fit the type is unreadable. A number such as '1.299' or '1,299' can be read
  in two ways: the column decides by its decimal sign, and if it does not the number is null and `ambiguous`. Of '0,999' and
  '1299,000' one way is none: no group begins with 0, and none has four digits. Expects `raw_rows` and `column_forms`.
-#}
{% macro read_number(column, type='decimal(18, 4)') -%}
    {{ one_line('try_cast(' ~ number_text(column) ~ ' as ' ~ type ~ ')') }}
{%- endmacro %}


{#- A number that must be whole, such as points: '1,200' cannot be 1.2, so that only '1,000' is ambiguous. Null where it is not whole. -#}
{% macro read_whole(column, type='bigint') -%}
    {{ one_line('try_cast(regexp_replace(' ~ number_text(column) ~ ", '[.]0*$', '') as " ~ type ~ ')') }}
{%- endmacro %}


{#- Degrees of latitude or longitude as double: there are no thousands of them, so that any sign is the decimal one. -#}
{% macro read_coordinate(column) -%}
    {%- set text = "translate(" ~ column ~ ", ',\\u2212 \\u00b0', '.-')" -%}
    case when {{ text }} rlike '^[+-]?[0-9]+([.][0-9]*)?([eE]-[0-9]{1,2})?$' then try_cast({{ text }} as double) end
{%- endmacro %}


{#- The text of a number with '.' for its decimal sign and no groups; null where it is none, or ambiguous. -#}
{% macro number_text(column) -%}
    {%- set x = column ~ '__plain' -%}
    case
            when {{ column }}__usual then {{ x }}
            when {{ x }} rlike '^[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}$' then case if({{ column }}__form = '?', written.{{ column }}, {{ column }}__form)
                when '.' then replace({{ x }}, ',', '')
                when ',' then replace(replace({{ x }}, '.', ''), ',', '.')
            end
            when {{ x }} rlike '^[+-]?([0-9]+[.,]?[0-9]*|[.,][0-9]+)$' then replace({{ x }}, ',', '.')
            when {{ x }} rlike '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)[eE][+-]?[0-9]{1,2}$' then cast(try_cast({{ x }} as decimal(38, 12)) as string)
            when {{ x }} rlike '{{ comma_groups() }}' then replace({{ x }}, ',', '')
            when {{ x }} rlike '{{ dot_groups() }}' then replace(replace({{ x }}, '.', ''), ',', '.')
        end
{%- endmacro %}


{#- Groups of three digits, or Indian ones of two and three, and perhaps decimals. -#}
{% macro comma_groups() -%}
    ^[+-]?([1-9][0-9]{0,2}(,[0-9]{3})+|[1-9][0-9]?(,[0-9]{2})+,[0-9]{3})([.][0-9]*)?$
{%- endmacro %}

{% macro dot_groups() -%}
    ^[+-]?[1-9][0-9]{0,2}([.][0-9]{3})+(,[0-9]*)?$
{%- endmacro %}


{#-
  The decimal sign that a number proves: '.' by 12.5, 0.999, 1,234.5 or 1,234,567; '?' where it can be read in two ways, null where it says
  nothing. Of a raw column of numbers it is '.'.
-#}
{% macro form_of_number(column, kind) -%}
    {%- set x = column ~ '__plain' -%}
    case
                when {{ column }}__type not in ('string', 'void') then '.'
                when {{ column }}__usual then if(contains({{ x }}, '.'), '.', null)
                when {{ x }} rlike '^[+-]?[0-9]+$' then null
                when {{ x }} rlike '^[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}$' then
                    {{ "case when " ~ x ~ " like '%000' then '?' when " ~ x ~ " like '%,%' then '.' else ',' end" if kind == 'whole' else "'?'" }}
                when {{ x }} rlike '^[+-]?[0-9]*[.][0-9]*([eE].*)?$|{{ comma_groups() }}' then '.'
                when {{ x }} rlike '^[+-]?[0-9]*,[0-9]*$|{{ dot_groups() }}' then ','
            end
{%- endmacro %}


{#- A plain number whose point can be no sign between groups of three digits. -#}
{% macro usual_number() -%}
    ^-?[0-9]+([.]([0-9]{1,2}|[0-9]{4,}))?$
{%- endmacro %}


{#-
  An amount without its currency and the signs between groups that cannot be decimal ones (blanks, apostrophes), its own sign in front, in ASCII.
  Other text stays what it is, and is no number.
-#}
{% macro plain_amount(column) -%}
    case
                when {{ column }} rlike '{{ usual_number() }}' then {{ column }}
                else {{ rewritten(in_ascii(column), [
                    ('[A-Za-z]{0,3}\\\\p{Sc}|(?<![A-Za-z])(?i:' ~ currencies() | join('|') ~ ')(?![A-Za-z])', '¤'),
                    ('^([-+(]?) ?¤ ?(?=[-+0-9.,])', '$1'),
                    ('(?<=[0-9.,-]) ?¤ ?([-)]?)$', '$1'),
                    ('[.,]-+$', ''),
                    ('^[(] ?([^-+()]*[^-+() ]) ?[)]$', '-$1'),
                    ('^([^-+()]*[^-+() ]) ?-$', '-$1'),
                    ('^([-+]) +', '$1'),
                    ('(?<=^[-+]?[1-9][0-9]{0,2}(?: [0-9]{3}){0,6}) (?=[0-9]{3}(?![0-9]))', ''),
                ]) }}
            end
{%- endmacro %}


{#- How currencies are written, beside their signs ($, €, ¥, R$, US$): names, abbreviations, and the codes of ISO 4217. Patterns, in any case. -#}
{% macro currencies() -%}
    {{ return([
        '元', '圆', '円', '원', '人民币', 'rmb', 'kr[.]?', 'zł', 'kč', 'ft', 'lei', 'лв[.]?', 'руб[.]?', 'грн[.]?', 'дин[.]?', 'fr[.]?', 'sfr[.]?',
        'rs[.]?', 'rp[.]?', 'rm', 'tl', 'dhs?[.]?', 'din[.]?', 'eur', 'usd', 'gbp', 'cny', 'cnh', 'jpy', 'chf', 'aud', 'cad', 'nzd', 'hkd', 'twd',
        'sgd', 'krw', 'inr', 'idr', 'myr', 'thb', 'vnd', 'php', 'pkr', 'bdt', 'lkr', 'npr', 'kzt', 'uah', 'rub', 'byn', 'pln', 'czk', 'huf', 'ron',
        'bgn', 'rsd', 'bam', 'mkd', 'all', 'try', 'gel', 'amd', 'azn', 'sek', 'nok', 'dkk', 'isk', 'brl', 'mxn', 'ars', 'clp', 'cop', 'pen',
        'uyu', 'bob', 'pyg', 'crc', 'gtq', 'dop', 'zar', 'ngn', 'kes', 'ghs', 'egp', 'mad', 'tnd', 'dzd', 'xof', 'xaf', 'aed', 'sar', 'qar',
        'kwd', 'bhd', 'omr', 'jod', 'lbp', 'ils', 'mop',
    ]) }}
{%- endmacro %}


{#- Digits and signs of other scripts as those of ASCII, and blanks of all kinds and apostrophes, which part groups, as a blank. '|' is ours (time_and_zone). -#}
{% macro in_ascii(text) -%}
    regexp_replace(translate({{ text }}, '０１２３４５６７８９．，－＋（）：／٠١٢٣٤٥٦٧٨٩٫٬\u2212\u2012\u2013\ufe63|', '0123456789.,-+():/0123456789.,----'), {#-
        -#} '[\\p{Z}\\p{Cf}\\t\u0027\u2019\u02bc\u2032\u00b4]', ' ')
{%- endmacro %}


{#- A text after one replacement after the other, [(pattern, replacement)]. -#}
{% macro rewritten(text, replacements) -%}
    {%- for _ in replacements %}regexp_replace({% endfor -%} {{ text }}
    {%- for pattern, replacement in replacements -%} , '{{ pattern }}', '{{ replacement }}') {%- endfor -%}
{%- endmacro %}


{#-
  The same as a loop, for many replacements: as one call in the other Spark would make more code of them than it can compile at once, and sqlfluff
  than it can read. The loop compiles each pattern for each value.
-#}
{% macro rewritten_in_loop(text, replacements) -%}
    aggregate(array(
    {%- for pattern, replacement in replacements -%} struct('{{ pattern }}', '{{ replacement }}'){{ ', ' if not loop.last }} {%- endfor -%}
    ), {{ text }}, (so_far, step) -> regexp_replace(so_far, step.col1, step.col2))
{%- endmacro %}


{#- A value, null unless it is between two bounds. -#}
{% macro if_between(value, lowest, highest) -%}
    case when {{ value }} between {{ lowest }} and {{ highest }} then {{ value }} end
{%- endmacro %}


{#-
  The quartiles of columns as <column>_low and <column>_high. Where both are equal (three quarters of all lines have the
  quantity 1, say) the 1st and the 99th percentile take their place. Exact percentiles: approximate ones may differ from
  one run or engine to the next.
-#}
{% macro fences(columns) -%}
    {%- for column in columns %}
        {%- set q1, q3 = 'percentile(' ~ column ~ ', 0.25)', 'percentile(' ~ column ~ ', 0.75)' %}
        if({{ q1 }} < {{ q3 }}, {{ q1 }}, percentile({{ column }}, 0.01)) as {{ column }}_low,
        if({{ q1 }} < {{ q3 }}, {{ q3 }}, percentile({{ column }}, 0.99)) as {{ column }}_high{{ ',' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{#-
  Whether a value lies outside Tukey's fences, 1.5 times the distance of `fences` away from them, on the plain scale and on
  a logarithmic one (asinh, which takes zero and negative numbers too). On the plain scale alone a tenth of all prices
  can be outliers, as amounts have long tails; on the other alone an empty shelf is one. Expects the columns of `fences`.
-#}
{% macro is_outlier(column) -%}
    {%- set low, high = column ~ '_low', column ~ '_high' -%}
    coalesce(
        {{ is_outside(column, low, high) }}
        and {{ is_outside('asinh(' ~ column ~ ')', 'asinh(' ~ low ~ ')', 'asinh(' ~ high ~ ')') }},
        false
    )
{%- endmacro %}


{% macro is_outside(value, low, high) -%}
    {{ value }} not between {{ low }} - 1.5 * ({{ high }} - {{ low }}) and {{ high }} + 1.5 * ({{ high }} - {{ low }})
{%- endmacro %}


{#- Whether a missing value was filled: one that nothing could fill was not. -#}
{% macro is_filled(given, filler) -%}
    {{ given }} is null and {{ filler }} is not null
{%- endmacro %}
