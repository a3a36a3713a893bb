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
  The text without what is unwanted, or null; `unwanted` is the pattern. Most texts need no search: their ends are letters, digits and signs that
  can be seen, and they begin as no word for nothing does or are longer than all of these. In a key nothing else may hide, so that it must be ASCII.
-#}
{% macro cleaned_text(text, kind, unwanted) -%}
    {%- set ends = 'ascii(' ~ text ~ ')', 'ascii(substring(' ~ text ~ ', -1))' -%}
    case
        when {% for end in ends -%}
            ({{ end }} between 33 and 126 {%- if kind != 'key' %} or {{ end }} between 19968 and 40959 {%- endif %}) and {% endfor -%}
            {%- if kind == 'key' -%} octet_length({{ text }}) = length({{ text }}) and {% endif -%}
            (length({{ text }}) > 14 or {{ ends[0] }} not in (35, 40, 45, 60, 78, 85, 91, 92, 110, 117))
            then {{ text }}
        else nullif(regexp_replace({{ text }}, {{ unwanted }}, ''), '')
    end
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
