{#-
  What to do with a model, and why, from the columns of `model_verdicts`: both macros go through the same cases. An interval
  that begins above 0 is a gain that is no accident of the rows it was judged on.
-#}
{% macro verdict() -%}
    case
        when champion is null then 'none'
        when is_baseline or gain <= 0 then 'baseline only'
        when gain is null or ci_low is null or ci_low <= 0 then 'use with care'
        when size(shifted_features) > 0 or history_days < {{ var('least_history_days') }} then 'use with care'
        else 'use'
    end
{%- endmacro %}


{% macro verdict_reason() -%}
    case
        when champion is null and failure is not null then concat('The training failed, so nothing is published: ', failure, '.')
        when champion is null then concat('Nothing was learned: it needs ', needs, '.')
        when is_baseline then concat('No candidate was surely ahead of ', baseline, ', which is what is published.')
        when gain <= 0 then concat('No better than ', baseline, '.')
        when gain is null then concat('Too little history to hold anything out: nobody knows whether it is ahead of ', baseline, '.')
        when ci_low is null or ci_low <= 0 then concat('Ahead of ', baseline, ', but that may be chance.')
        when size(shifted_features) > 0
            then concat('Ahead of ', baseline, ', but what is scored differs from what was learned from: ', array_join(shifted_features, ', '), '.')
        when history_days < {{ var('least_history_days') }} then concat('Ahead of ', baseline, ', but learned from ', history_days, ' days only.')
        else concat('Ahead of ', baseline, '.')
    end
{%- endmacro %}
