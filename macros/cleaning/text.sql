{#-
  Text without what cannot be seen at its ends: blanks of all kinds, control characters, byte order marks, what has no width. What is
  within stays, but for a key, where what has no width goes. Null where the text says that there is nothing: the one list of such words.
  Programs write some (pandas, R, Excel, Hive, JavaScript, Google Analytics), people the rest. A name may be one of the people's
  words, whatever its case: Nil and Null are surnames, NA is Namibia and Naples, a product may be called '-'. So a column of names loses
  what programs alone write, as they write it.
-#}
{% macro unwanted_text(kind='text') -%}
    {%- set unseen = '[\\\\p{Z}\\\\p{Cc}\\\\p{Cf}]' -%}
    {%- set nothing -%}
        {%- if kind == 'name' -%}
        null|NULL|[(<]null[)>]|[Nn]one|na[nN]|NaN|NaT|<NA>|n/a|N/A|\\\\N|undefined|[(](?:not set|blank)[)]|#(?:N/A|NULL!|REF!|VALUE!|NAME[?]|DIV/0!|NUM!)
        {%- else -%}
        (?i:[(<\\[]?(?:null|none|nan|nat|nil|n/?a|undefined)[)>\\]]?|n[.]a[.]|\\\\n|[(]?not set[)]?|[(](?:not provided|blank|empty)[)]|[-\u2013\u2014]{1,3}|#(?:n/a|null!|ref!|value!|name[?]|div/0!|num!))
        {%- endif -%}
    {%- endset -%}
    ^{{ unseen }}*(?:{{ nothing }}){{ unseen }}*$|^{{ unseen }}+|{{ unseen }}+${{ "|\\\\p{Cf}+" if kind == "key" }}
{%- endmacro %}


{#-
  One spelling per category: the seed `spellings` says what a spelling stands for. Without an entry the text
  itself is kept in lower case, or becomes null with `known_only`.
-#}
{% macro standard_spelling(column, field, known_only=false) -%}
    {%- set known = spellings_of(field) ~ '[lower(' ~ column ~ ')]' -%}
    {{ known if known_only else 'coalesce(' ~ known ~ ', lower(' ~ column ~ '))' }}
{%- endmacro %}


{#- The spellings of a field as a map to their standard. -#}
{% macro spellings_of(field) -%}
    (select map_from_entries(collect_list(struct(spelling, standard))) from {{ ref('spellings') }} where field = '{{ field }}')
{%- endmacro %}


{% macro read_boolean(column) -%}
    {{ standard_spelling(column, 'boolean', known_only=true) }} = 'true'
{%- endmacro %}
