{#- Columns of the raw tables, all of them strings. -#}
{%- macro demo_raw_columns() -%}
{{ return({
    'crm_customers': ['customer_id', 'name', 'phone', 'email', 'id_number', 'gender', 'birth_date', 'province', 'city', 'address', 'membership_level', 'membership_expires_at', 'registered_at', 'updated_at'],
    'crm_consents': ['customer_id', 'purpose', 'channel', 'granted', 'recorded_at'],
    'crm_erasure_requests': ['request_id', 'customer_id', 'requested_at'],
    'crm_service_tickets': ['ticket_id', 'customer_id', 'opened_at', 'closed_at', 'topic', 'satisfaction'],
    'crm_contracts': ['contract_id', 'customer_id', 'product', 'started_at', 'due_at', 'settled_at', 'amount'],
    'shop_orders': ['order_id', 'customer_id', 'store_id', 'channel', 'status', 'ordered_at', 'paid_at', 'discount_amount', 'shipping_amount', 'coupon_id'],
    'shop_order_items': ['order_item_id', 'order_id', 'product_id', 'quantity', 'unit_price'],
    'shop_products': ['product_id', 'product_name', 'category', 'brand', 'list_price', 'unit_cost', 'launched_at'],
    'shop_stores': ['store_id', 'store_name', 'city', 'latitude', 'longitude'],
    'shop_inventory': ['store_id', 'product_id', 'stock_date', 'on_hand', 'on_order'],
    'app_events': ['event_id', 'customer_id', 'anonymous_id', 'event_type', 'product_id', 'category', 'occurred_at', 'device_type', 'latitude', 'longitude'],
    'app_experiments': ['experiment_id', 'customer_id', 'variant', 'assigned_at'],
    'ads_campaigns': ['campaign_id', 'campaign_name', 'channel', 'objective', 'budget', 'starts_at', 'ends_at'],
    'ads_impressions': ['impression_id', 'customer_id', 'campaign_id', 'channel', 'device_type', 'ad_position', 'shown_at', 'clicked_at', 'cost', 'propensity'],
    'partner_members': ['partner', 'member_id', 'phone_hash', 'tier', 'points', 'updated_at'],
    'geo_regions': ['city', 'province', 'latitude', 'longitude', 'city_tier', 'population', 'income_index'],
}) }}
{%- endmacro -%}


{#- Replaces a table by the rows of `query`. The table is registered before its rows are written, so that a run that was
    killed leaves nothing which `drop table` would not remove. -#}
{%- macro demo_write(relation, columns, query) -%}
{%- do run_query('drop table if exists ' ~ relation) -%}
{%- do run_query('create table ' ~ relation ~ ' (' ~ columns ~ ") using parquet tblproperties ('demo_data' = 'true')") -%}
{%- do run_query('insert into ' ~ relation ~ '\n' ~ query) -%}
{%- endmacro -%}


{%- macro demo_write_raw(table, query) -%}
{%- do demo_write(demo_raw(table), demo_raw_columns()[table] | join(' string, ') ~ ' string', query) -%}
{%- endmacro -%}


{%- macro demo_write_truth(table, columns, query) -%}
{%- do demo_write('demo_truth.' ~ table, columns, query) -%}
{%- endmacro -%}


{%- macro demo_raw(table) -%}{{ demo_raw_database() }}.{{ table }}{%- endmacro -%}


{#- The planted constants, one table per subject. -#}
{%- macro demo_write_truth_constants() -%}
{%- set segments = [] -%}
{%- for segment in demo_segments() -%}{%- do segments.append(segment[:8]) -%}{%- endfor -%}
{%- do demo_write_truth('segments',
    'segment string, share double, median_orders double, sd_ln_orders double, median_recency_days double, sd_ln_recency double, mean_lines_per_order double, budget_share double',
    demo_values(segments)) -%}

{%- set hazards = [['weibull', 'shape', demo_weibull().shape], ['weibull', 'scale_days', demo_weibull().scale_days]] + demo_churn_hazards() -%}
{%- do demo_write_truth('churn_hazards', 'covariate string, level string, coefficient double, hazard_ratio double',
    "select covariate, level, coefficient, case when covariate <> 'weibull' then exp(coefficient) end from " ~ demo_values(hazards) ~ ' as t(covariate, level, coefficient)') -%}

{%- set elasticities = [] -%}
{%- for category in demo_categories() -%}{%- do elasticities.append([category[0], category[2], category[3], category[4], category[5]]) -%}{%- endfor -%}
{%- do demo_write_truth('price_elasticities', 'category string, elasticity double, weight_female double, weight_male double, taste_group int', demo_values(elasticities)) -%}

{%- set base = demo_click_base() -%}
{%- set clicks = [['intercept', '', none, base.intercept], ['gender', 'female', none, base.female], ['age', 'per decade above 40', none, base.age_decade]] -%}
{%- for device, coefficient, share in demo_devices() -%}{%- do clicks.append(['device_type', device, none, coefficient]) -%}{%- endfor -%}
{%- for position, coefficient, share in demo_ad_positions() -%}{%- do clicks.append(['ad_position', position, none, coefficient]) -%}{%- endfor -%}
{%- do clicks.append(['ad_position', 'none', none, 0.0]) -%}
{%- for channel in demo_ad_channels() -%}{%- do clicks.append(['channel', channel[0], none, channel[2]]) -%}{%- endfor -%}
{%- for segment in demo_segments() -%}{%- do clicks.append(['segment', segment[0], none, segment[9]]) -%}{%- endfor -%}
{%- for segment, channel, coefficient in demo_channel_tastes() -%}{%- do clicks.append(['segment and channel', segment, channel, coefficient]) -%}{%- endfor -%}
{%- do demo_write_truth('click_coefficients', 'feature string, level string, level_2 string, coefficient double', demo_values(clicks)) -%}

{%- set channels = [] -%}
{%- for channel in demo_ad_channels() -%}{%- do channels.append([channel[0], channel[1], channel[3], channel[4]]) -%}{%- endfor -%}
{%- do demo_write_truth('channel_rates', 'channel string, is_ad boolean, conversion_rate double, cost_per_impression double', demo_values(channels)) -%}

{%- set contracts = demo_contracts() -%}
{%- set lateness = [['settling', 'shape', contracts.shape], ['settling', 'intercept', contracts.intercept], ['ln amount', 'per unit', contracts.ln_amount], ['customer', 'sd', contracts.sd_customer]] -%}
{%- for product in demo_contract_products() -%}{%- do lateness.append(['product', product[0], product[3]]) -%}{%- endfor -%}
{%- do demo_write_truth('overdue_hazards', 'covariate string, level string, coefficient double', demo_values(lateness)) -%}

{%- set funnel = demo_funnel() -%}
{%- do demo_write_truth('funnel_rates', 'step string, previous_step string, rate double, counted_over string', demo_values([
    ['cart', 'view', funnel.cart, 'sessions of customers with orders in app or web'],
    ['order', 'cart', funnel.order, 'sessions of customers with orders in app or web'],
    ['pay', 'order', (1 - funnel.cancelled - funnel.unpaid) | round(6), 'orders of kind base between the first and the last of a customer'],
])) -%}

{%- set experiments = [] -%}
{%- for experiment, days_before_end, chance in demo_experiments() -%}{%- do experiments.append([experiment, 'B', demo_experiment_days(), chance]) -%}{%- endfor -%}
{%- do demo_write_truth('experiment_effects', 'experiment_id string, variant string, window_days int, extra_order_probability double', demo_values(experiments)) -%}

{%- set wave = demo_yearly_wave() -%}
{%- set seasons = [['yearly', 'amplitude', wave.amplitude], ['yearly', 'peak_day_of_year', wave.peak_day_of_year * 1.0]] -%}
{%- for factor in demo_weekday_factors() -%}{%- do seasons.append(['weekday', loop.index0 | string, factor]) -%}{%- endfor -%}
{%- for day, factor in demo_sales_days() -%}{%- do seasons.append(['sales_day', day, factor]) -%}{%- endfor -%}
{%- do demo_write_truth('seasonality', 'kind string, period string, factor double', demo_values(seasons)) -%}

{%- do demo_write_truth('dirt_rates', 'table_name string, kind string, column_name string, rate double, is_rejectable boolean, example string', demo_values(demo_dirt_rates())) -%}
{%- endmacro -%}
