{#-
  The instant a text stands for, in UTC, or null. Understood are
    - ISO dates and times, with '-', '/', '.', 年月日 or nothing between year, month and day; D.M.YYYY; months by their English names, before
      or after the day; hours of 12 with AM or PM (上午, 下午); a weekday in front; parts of a second, cut after six digits
    - 3/1/2021 and 3-1-2021: a part above 12 is the day; otherwise the column decides by those of its values that prove an order, and if
      it does not the value is null and `ambiguous`. Of a year the last two digits are 1969 to 2068
    - seconds since 1970 (9 or 10 digits), milliseconds (12 or 13), microseconds (15 or 16) and nanoseconds (18 or 19), also with a
      fraction or an exponent; a number of 8, 12 or 14 digits that can be a date is one
  A zone is an offset, a name of the IANA data base (Europe/London) or a word of the seed `spellings`, where one that stands for several is 'ambiguous'
  (null); an unknown one is unreadable. A text without a zone is local time of var('business_timezone'). A time that a change of clocks skips is
  that much later, one that it repeats the earlier of both. The usual forms come first, as they need no rewriting. Needs a session in UTC, as in profiles.yml. Expects `raw_rows` and `column_forms`.
-#}
{% macro read_instant(column) -%}
    {%- set x = column ~ '__plain' -%}
    {%- set instant -%}
    case
            when {{ column }}__time is null then to_utc_timestamp(try_cast({{ x }} as timestamp), {{ text_literal(var("business_timezone")) }})
            when {{ x }} rlike '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$' then try_cast({{ x }} as timestamp)
            when {{ x }} rlike '{{ epoch() }}' then {{ epoch_instant(x) }}
            else to_utc_timestamp(
                try_cast({{ wall_time(column) }} as timestamp) + make_dt_interval(0, if({{ x }} rlike '[0-9] ?[Pp][.]?[Mm](?![A-Za-z])', 12, 0)),
                nullif({{ column }}__zone, 'ambiguous')
            )
        end
    {%- endset -%}
    {{ one_line(instant) }}
{%- endmacro %}


{#- The day of a text, where the business is; that of an instant, where a time comes with it. A column of midnights in UTC holds days. -#}
{% macro read_day(column) -%}
    to_date(from_utc_timestamp({{ read_instant(column) }}, if(written.{{ column }}__utc, 'UTC', {{ text_literal(var("business_timezone")) }})))
{%- endmacro %}


{% macro usual_time() -%}
    ^[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?)?$
{%- endmacro %}


{#- A time in ASCII, but for letters; a number without its exponent; the year behind a date, as in Mon Mar 01 09:15:00 CET 2021. -#}
{% macro plain_time(column) -%}
    case
                when {{ column }} rlike '{{ usual_time() }}' then {{ column }}
                when {{ column }} rlike '^-?[0-9]+([.][0-9]*|([.][0-9]+)?[eE][+]?[0-9]+)$' then {{ plain_number(column) }}
                else {{ rewritten(in_ascii(column), [
                    ('([上下])午 ?([0-9:时時点點分秒]+)', '$2 $1'),
                    ('上', 'AM'),
                    ('下', 'PM'),
                    ('([0-9]{1,2})[时時点點]([0-9]{1,2})分?(?:([0-9]{1,2})秒)?', '$1:$2:$3'),
                    ('^([0-9]{4})年([0-9]{1,2})月([0-9]{1,2})日(?=[0-9])', '$1-$2-$3 '),
                    ('^([0-9]{4})年([0-9]{1,2})月([0-9]{1,2})日?', '$1-$2-$3'),
                    ('^((?:[A-Za-z]+[.,]* +)?[A-Za-z]+ +[0-9]{1,2}) ([0-9]+:[^ ]+.*) ([0-9]{4})$', '$1 $3 $2'),
                ]) }}
            end
{%- endmacro %}


{#- Seconds, milliseconds, microseconds or nanoseconds since 1970, from 1973 on and down to 1653; twelve digits that begin a year are a date. -#}
{% macro epoch() -%}
    ^-?([0-9]{9,10}|(?!19|20)[0-9]{12}|[0-9]{13}|[0-9]{15,16}|[0-9]{18,19})([.][0-9]+)?$
{%- endmacro %}

{% macro epoch_instant(text) -%}
    timestamp_micros(cast(floor(try_cast({{ text }} as decimal(29, 9)) * case
                when {{ text }} rlike '^-?[0-9]{9,10}($|[.])' then 1000000 when {{ text }} rlike '^-?[0-9]{12,13}($|[.])' then 1000
                when {{ text }} rlike '^-?[0-9]{15,16}($|[.])' then 1 else 0.001
            end) as bigint))
{%- endmacro %}


{#- What a date such as 25/3/2021 proves: whether its day or its month comes first; '?' where both may. -#}
{% macro form_of_time(column) -%}
    {%- set x, end = column ~ '__plain', '\\\\2([0-9]{4}|[0-9]{2})(?![0-9:.])' -%}
    case
                when {{ column }}__usual or {{ x }} not rlike '^[0-9]{1,2}[/-]' or {{ x }} rlike '^0?([0-9]{1,2})([/-])0?\\1{{ end }}' then null
                when {{ x }} rlike '^(0?[1-9]|1[0-2])([/-])(0?[1-9]|1[0-2]){{ end }}' then '?'
                when {{ x }} rlike '^(0?[1-9]|[12][0-9]|3[01])([/-])(0?[1-9]|1[0-2]){{ end }}' then 'dmy'
                when {{ x }} rlike '^(0?[1-9]|1[0-2])([/-])(0?[1-9]|[12][0-9]|3[01]){{ end }}' then 'mdy'
            end
{%- endmacro %}

{% macro is_utc_midnight(column) -%}
    {{ column }}__plain rlike '[T ]00:00(:00([.]0+)?)?(Z|[+]00:?00)$'
{%- endmacro %}


{#- Null for the usual form, which needs nothing more; else a time of day of 24 hours (but for the twelve hours of PM), and behind '|' its zone, if it has one: an offset, a name or a word. -#}
{% macro time_and_zone(column) -%}
    {%- set x, clock = column ~ '__plain', '(?::[0-9]{2}){0,2}(?:[.,][0-9]+)?' -%}
    {%- set offset -%} [+-](?:(?:0[0-9]|1[0-4])(?:(?::[0-5][0-9]){0,2}|(?:[0-5][0-9]){1,2})|[0-9](?::[0-5][0-9])?) {%- endset -%}
    case
                when not {{ column }}__usual and {{ x }} not rlike '{{ usual_time() }}' then {{ rewritten(x, [
                    ('(?<![0-9:])12(' ~ clock ~ ' ?[AaPp][.]?[Mm](?![A-Za-z]))', '0$1'),
                    ('((?<![0-9:])(?:0?[0-9]|1[01])' ~ clock ~ ') ?[AaPp][.]?[Mm][.]?(?![A-Za-z])', '$1'),
                    ('^(.*[0-9]:[0-9]{2}(?:[.,][0-9]+)?|.*T[0-9]{4,6}(?:[.,][0-9]+)?|[0-9]{14}|[0-9]{4}-[0-9]{2}-[0-9]{2}(?=.[0-9]{2}:))'
                        ~ ' ?(?:UTC|GMT|UT)? ?(' ~ offset ~ ')(?: ?[\\\\[(][A-Za-z].*)?$', '$1|$2'),
                    ('^(.*[0-9]) ?[\\\\[(]?([A-Z][A-Za-z]+(?:/[A-Za-z0-9_+-]+)+|[A-Za-z][A-Za-z ]*)[\\\\])]?$', '$1|$2'),
                ]) }}
            end
{%- endmacro %}


{#- The zone of a time for to_utc_timestamp, null for an unknown one, or 'ambiguous'. Spark's cast is null for a name that it does not know, where to_utc_timestamp is an error. -#}
{% macro zone(column) -%}
    {%- set named = 'substring_index(' ~ column ~ "__time, '|', -1)" -%}
    case
            when not contains({{ column }}__time, '|') then {{ text_literal(var("business_timezone")) }}
            when {{ named }} rlike '^[+-]' then {{ named }}
            when contains({{ named }}, '/') then if(try_cast(concat('2000-01-01 00:00:00 ', {{ named }}) as timestamp) is null, null, {{ named }})
            else {{ spellings_of('time_zone') }}[lower({{ named }})]
        end
{%- endmacro %}


{#-
  A date and perhaps a time in any order and form as `yyyy-M-d[ H:mm[:ss[.f]]]`, or '' where it is none. Each form of a date becomes
  year~month~day first, then come years of two digits, names of months, and the time.
-#}
{% macro wall_time(column) -%}
    {%- set year, month = '([0-9]{4}|[0-9]{2})(?![0-9:.])', '([A-Za-z]{3,9})' -%}
    {%- set ordered = rewritten_in_loop('substring_index(' ~ column ~ "__time, '|', 1)", [
        ('^(?i:mon|tue|wed|thu|fri|sat|sun)[a-z]*[.,]* +', ''),
        ('^([0-9]{4})([-/.])([0-9]{1,2})\\\\2([0-9]{1,2})(?![0-9])', '$1~$3~$4'),
        ('^([0-9]{4})([0-9]{2})([0-9]{2})[T ]?([0-9]{2})([0-9]{2})([0-9]{2})?(?![0-9])', '$1~$2~$3 $4:$5:$6'),
        ('^([0-9]{4})([0-9]{2})([0-9]{2})(?![0-9])', '$1~$2~$3'),
        ('^([0-9]{1,2})[.] ?([0-9]{1,2})[.] ?' ~ year, '$3~$2~$1'),
        ('^([0-9]{1,2})(?:st|nd|rd|th)?[ ./-]*(?:of )?' ~ month ~ '[ .,/-]*' ~ year, '$3~$2~$1'),
        ('^' ~ month ~ '[ .-]*([0-9]{1,2})(?:st|nd|rd|th)?,? +' ~ year, '$3~$1~$2'),
        ('^([0-9]{4})[ ./-]*' ~ month ~ '[ ./-]*([0-9]{1,2})(?![0-9])', '$1~$2~$3'),
    ]) -%}
    {%- set numbered = [('^(69|[7-9][0-9])~', '19$1~'), ('^([0-9]{2})~', '20$1~')] -%}
    {%- for name in ['jan(?:uary)?', 'feb(?:ruary)?', 'mar(?:ch)?', 'apr(?:il)?', 'may', 'june?', 'july?', 'aug(?:ust)?', 'sept?(?:ember)?',
        'oct(?:ober)?', 'nov(?:ember)?', 'dec(?:ember)?'] -%}
        {%- do numbered.append(('~(?i:' ~ name ~ ')~', '~' ~ loop.index ~ '~')) -%}
    {%- endfor -%}
    {%- do numbered.extend([
        ('^([0-9]{4})~([0-9]{1,2})~([0-9]{1,2})[, ]*(?:[Tt]|at )? *', '$1-$2-$3 '),
        ('(:[0-9]{2})[.,]([0-9]{1,6})[0-9]*$', '$1.$2'),
        ('[: ]+$', ''),
    ]) -%}
    {%- set order -%}
        case if({{ column }}__form = '?', written.{{ column }}, coalesce({{ column }}__form, 'dmy')) when 'dmy' then '$4~$3~$1' when 'mdy' then '$4~$1~$3' else '' end
    {%- endset -%}
    {%- set slashed = "regexp_replace(" ~ ordered ~ ", '^([0-9]{1,2})([/-])([0-9]{1,2})\\\\2" ~ year ~ "', " ~ order ~ ')' -%}
    regexp_extract({{ rewritten_in_loop(slashed, numbered) }}, {#-
        -#} '^([0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?: [0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.][0-9]+)?)?)?)$', 1)
{%- endmacro %}


{#-
  Whether an instant or a day can have happened: not before `earliest`, by default var('earliest_date'), and not in the
  future. One day of grace, as clocks differ and the business may be ahead of UTC; none after var('as_of_date'), where that is
  set.
-#}
{% macro is_past(column, earliest=none) -%}
    {{ column }} >= date {{ text_literal(earliest or var('earliest_date')) }} and {{ column }} < date_add(current_date(), 2)
    {%- if var('as_of_date') %} and not {{ is_later(column) }} {%- endif %}
{%- endmacro %}


{#- Whether an instant (`.._at`) or a day (`.._date`) comes after var('as_of_date'), which must be set. -#}
{% macro is_later(column) -%}
    {%- set after = 'date_add(date ' ~ text_literal(var('as_of_date')) ~ ', 1)' -%}
    {%- if not column.endswith('_date') -%}
        {%- set after = 'to_utc_timestamp(' ~ after ~ ', ' ~ text_literal(var('business_timezone')) ~ ')' -%}
    {%- endif -%}
    {{ column }} >= {{ after }}
{%- endmacro %}


{#- An instant or a day, null where it cannot have happened. -#}
{% macro if_past(column, earliest=none) -%}
    case when {{ is_past(column, earliest) }} then {{ column }} end
{%- endmacro %}


{#- The same for what may lie ahead, such as the end of a membership: null from the year 2100. -#}
{% macro if_planned(column) -%}
    case when {{ column }} >= date {{ text_literal(var("earliest_date")) }} and {{ column }} < date '2100-01-01' then {{ column }} end
{%- endmacro %}


{#- The calendar day of an instant where the business is. -#}
{% macro business_date(timestamp) -%}
    to_date(from_utc_timestamp({{ timestamp }}, {{ text_literal(var("business_timezone")) }}))
{%- endmacro %}


{#- The instant at which that day begins there. -#}
{% macro start_of_business_date(timestamp) -%}
    to_utc_timestamp(cast({{ business_date(timestamp) }} as timestamp), {{ text_literal(var("business_timezone")) }})
{%- endmacro %}
