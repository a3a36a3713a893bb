-- depends_on: {{ ref('gate_prediction') }}
with

clicks as (
    {{ champion_table(
        ref('ml_click_model'), 'fairness',
        'group: string, level: string, rows: bigint, positive_rate: double, mean_score: double, selection_rate: double, roc_auc: double'
    ) }}
),

purchases as (
    {{ champion_table(
        ref('ml_purchase_model'), 'fairness',
        'group: string, level: string, rows: bigint, positive_rate: double, mean_score: double, selection_rate: double, roc_auc: double'
    ) }}
),

models as (
    select 'click' as model_name, * from clicks
    union all
    select 'purchase' as model_name, * from purchases
)

select
    model_name,
    `group` as group_name,
    level,
    rows as row_count,
    positive_rate,
    mean_score,
    selection_rate,
    roc_auc
from models
