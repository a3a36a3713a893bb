{#-
  Fill the raw tables from the CSV files of 84.51°'s Complete Journey: dbt run-operation load_complete_journey --args '{path: ...}'
  A basket is an order, a household a customer, a household that a campaign was sent to an impression. docs/real_data.md
  has every decision. Timestamps are UTC; days (campaigns, redemptions) are those of the shops, which keep Eastern time.
-#}
{% macro load_complete_journey(path, force=false) -%}
    {%- do require_no_company_data('load_complete_journey', force) -%}
    {%- set csv = {} -%}
    {%- for name, required in complete_journey_files().items() -%}
        {%- do csv.update({name: load_csv(path ~ '/' ~ name ~ '.csv*', required, name)}) -%}
    {%- endfor -%}
    {%- set lines = complete_journey_lines(csv.transactions_sample) -%}
    {%- do empty_raw_tables('load_complete_journey') -%}

    {%- do fill_raw_table('shop', 'shop_orders', {
        'order_id': 'basket_id',
        'customer_id': 'max(household_id)',
        'store_id': 'max(store_id)',
        'channel': "'store'",
        'status': "'completed'",
        'ordered_at': 'min(sold_at)',
        'paid_at': 'min(sold_at)',
        'discount_amount': 'sum(cast(quantity * unit_price as decimal(18, 4)) - sales_value)',
        'coupon_id': 'max(coupon_upc)',
    }, rows=lines ~ ' left join ' ~ complete_journey_redeemed(csv, lines) ~ ' using (basket_id) group by basket_id') -%}

    {%- do fill_raw_table('shop', 'shop_order_items', {
        'order_item_id': "concat(basket_id, '-', row_number() over ("
            ~ 'partition by basket_id order by product_id, quantity, sales_value))',
        'order_id': 'basket_id',
        'product_id': 'product_id',
        'quantity': 'quantity',
        'unit_price': 'unit_price',
    }, rows=lines) -%}

    {%- do fill_raw_table('shop', 'shop_products', {
        'product_id': 'product_id',
        'product_name': "concat_ws(' ', product_type, package_size)",
        'category': 'coalesce(product_category, department)',
        'brand': 'brand',
        'list_price': 'list_price',
    }, rows=csv.products ~ ' left join (select product_id, percentile(unit_price, 0.5) as list_price from ' ~ lines
        ~ ' where quantity > 0 group by product_id) using (product_id)') -%}

    {%- do fill_raw_table('shop', 'shop_stores', {'store_id': 'store_id'},
        rows='(select distinct store_id from ' ~ csv.transactions_sample ~ ')') -%}

    {%- do fill_raw_table('crm', 'crm_customers', {
        'customer_id': 'household_id',
        'birth_date': complete_journey_birth_date('age'),
    }, rows=complete_journey_households(csv) ~ ' left join ' ~ csv.demographics ~ ' using (household_id)') -%}

    {%- do fill_raw_table('ads', 'ads_campaigns', {
        'campaign_id': 'campaign_id',
        'campaign_name': "concat('Campaign ', campaign_id, ' (', campaign_type, ')')",
        'channel': 'campaign_type',
        'starts_at': 'start_date',
        'ends_at': 'end_date',
    }, rows=csv.campaign_descriptions) -%}

    {%- set first_redemptions -%}
        (
            select household_id, campaign_id, min(redemption_date) as redemption_date
            from {{ csv.coupon_redemptions }}
            group by household_id, campaign_id
        )
    {%- endset -%}
    {%- do fill_raw_table('ads', 'ads_impressions', {
        'impression_id': "concat(campaign_id, '-', household_id)",
        'customer_id': 'household_id',
        'campaign_id': 'campaign_id',
        'channel': 'campaign_type',
        'shown_at': 'start_date',
        'clicked_at': 'redemption_date',
    }, rows=csv.campaigns ~ ' inner join ' ~ csv.campaign_descriptions ~ ' using (campaign_id) left join '
        ~ first_redemptions ~ ' using (household_id, campaign_id)') -%}

    {%- do drop_loaded_csv(csv.keys()) -%}
    {{ log('Loaded ' ~ path ~ '. Build with --full-refresh if the raw tables held other data before.', info=true) }}
{%- endmacro %}


{#- The columns that are read, by file. -#}
{% macro complete_journey_files() -%}
    {{ return({
        'transactions_sample': [
            'household_id', 'store_id', 'basket_id', 'product_id', 'quantity', 'sales_value', 'retail_disc',
            'coupon_disc', 'coupon_match_disc', 'transaction_timestamp'
        ],
        'products': ['product_id', 'department', 'brand', 'product_category', 'product_type', 'package_size'],
        'campaigns': ['campaign_id', 'household_id'],
        'campaign_descriptions': ['campaign_id', 'campaign_type', 'start_date', 'end_date'],
        'coupons': ['coupon_upc', 'product_id', 'campaign_id'],
        'coupon_redemptions': ['household_id', 'coupon_upc', 'campaign_id', 'redemption_date'],
        'demographics': ['household_id', 'age'],
    }) }}
{%- endmacro %}


{#-
  Lines of baskets with exact amounts. The shelf price is what was received plus what the shop took off, rounded up so that
  no discount is below 0; petrol, in thousandths of a gallon, is the only thing sold in quantities above 100.
-#}
{% macro complete_journey_lines(transactions) -%}
    (
        select
            *,
            coalesce(cast(ceil(try_divide(
                sales_value + cast(retail_disc as decimal(18, 2)) + cast(coupon_match_disc as decimal(18, 2)), quantity
            ), 4) as decimal(18, 4)), 0) as unit_price
        from (
            select
                household_id, store_id, basket_id, product_id, retail_disc, coupon_match_disc,
                cast(coupon_disc as decimal(18, 2)) as coupon_disc,
                cast(cast(sales_value as double) as decimal(18, 2)) as sales_value,
                cast(if(quantity > 100, quantity / 1000, quantity) as decimal(18, 4)) as quantity,
                concat(transaction_timestamp, 'Z') as sold_at,
                to_date(from_utc_timestamp(cast(transaction_timestamp as timestamp), 'America/New_York')) as sold_on
            from (select * except (quantity), cast(quantity as double) as quantity from {{ transactions }})
        )
    )
{%- endmacro %}


{#-
  The coupon of a basket: a household's redemptions name the day but not the basket, and a basket holds one coupon. Of all
  pairs on a day the one counts where the coupon is for a product in the basket, then the basket with the larger discount
  by coupons.
-#}
{% macro complete_journey_redeemed(csv, lines) -%}
    (
        select basket_id, coupon_upc
        from (
            select
                basket_id,
                coupon_upc,
                row_number() over (
                    partition by household_id, redemption_date
                    order by is_for_product desc, coupon_disc desc, basket_id, coupon_upc
                ) as preference
            from (
                select
                    redemptions.household_id, redemptions.redemption_date, redemptions.coupon_upc, bought.basket_id,
                    count(coupons.product_id) > 0 as is_for_product,
                    sum(bought.coupon_disc) as coupon_disc
                from {{ csv.coupon_redemptions }} as redemptions
                inner join {{ lines }} as bought
                    on redemptions.household_id = bought.household_id and redemptions.redemption_date = bought.sold_on
                left join (select distinct * from {{ csv.coupons }}) as coupons
                    on redemptions.coupon_upc = coupons.coupon_upc
                    and redemptions.campaign_id = coupons.campaign_id
                    and bought.product_id = coupons.product_id
                group by all
            )
        )
        where preference = 1
    )
{%- endmacro %}


{#- Every household that any file names: two were sent campaigns and bought nothing in the sample. -#}
{% macro complete_journey_households(csv) -%}
    (
        select household_id from {{ csv.transactions_sample }}
        union
        select household_id from {{ csv.campaigns }}
        union
        select household_id from {{ csv.coupon_redemptions }}
        union
        select household_id from {{ csv.demographics }}
    )
{%- endmacro %}


{#- The files know an age band alone: a day of birth in its middle at the end of 2017 stands for it. -#}
{% macro complete_journey_birth_date(age) -%}
    case {{ age }}
        when '19-24' then '1995-07-01'
        when '25-34' then '1987-07-01'
        when '35-44' then '1977-07-01'
        when '45-54' then '1967-07-01'
        when '55-64' then '1957-07-01'
        when '65+' then '1947-07-01'
    end
{%- endmacro %}
