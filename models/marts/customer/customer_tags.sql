with

counts as (
    select * from {{ ref('int_customer_tag_counts') }}
),

weighted as (
    select
        customer_id,
        tag,
        occurrences,
        {{ tf('occurrences', 'customer_records') }} as tf,
        {{ idf('all_records', 'tag_records') }} as idf,
        -- Rounded, so that ranks do not hang on the last bit of a machine's logarithm.
        round({{ tf('occurrences', 'customer_records') }} * {{ idf('all_records', 'tag_records') }}, 12) as weight
    from counts
)

select
    customer_id,
    tag,
    occurrences,
    tf,
    idf,
    weight,
    cast(row_number() over (partition by customer_id order by weight desc, tag) as int) as tag_rank
from weighted
