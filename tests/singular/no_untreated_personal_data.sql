{{ config(meta={'blocks_publishing': true}) }}

-- No raw L3 or L4 column reaches a table or view untreated. Staging may keep what is only to be generalised, such as a
-- date of birth, for the marts to compute from.
select
    inventory.relation,
    inventory.column_name,
    inventory.source_table,
    inventory.source_column,
    inventory.path
from {{ ref('pii_inventory') }} as inventory
inner join {{ ref('pii_register') }} as register
    on inventory.source_table = register.table_name
    and inventory.source_column = register.column_name
where
    inventory.level in ('L3', 'L4')
    and inventory.treatment = 'none'
    and (inventory.layer <> 'staging' or register.treatment <> 'generalise')
