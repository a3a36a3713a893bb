{#- Everything that is planted, as data. The generator reads these lists and `demo_write_truth_constants` writes the same
    lists to demo_truth, so that the truth and what was generated cannot differ. -#}

{#- Written to demo_load; raise it when a change gives other data for the same arguments. -#}
{%- macro demo_generator_version() -%}{{ return('1.1') }}{%- endmacro -%}


{#- Days without a purchase after which a customer counts as lost; nobody is lost within the last of them. -#}
{%- macro demo_churn_days() -%}{{ return(90) }}{%- endmacro -%}


{#- [segment, expected share, median orders, sd of ln orders, median recency in days (null: by the churn hazard),
     sd of ln recency, mean lines per order, shares of budget and mid-price lines (the rest is premium), click coefficient] -#}
{%- macro demo_segments() -%}
{{ return([
    ['champions',  0.12, 28.0, 0.20, 3.0,  0.40, 2.6, 0.00, 0.15,  1.1],
    ['loyal',      0.19,  9.0, 0.18, 18.0, 0.25, 2.2, 0.10, 0.80,  0.5],
    ['promising',  0.20,  2.0, 0.25, 16.0, 0.30, 1.8, 0.15, 0.80,  0.1],
    ['at_risk',    0.20,  8.0, 0.18, none, none, 2.2, 0.10, 0.80, -0.9],
    ['occasional', 0.24,  1.2, 0.20, none, none, 1.5, 0.95, 0.05, -1.3],
    ['prospect',   0.05,  0.0, 0.00, none, none, 1.0, 0.50, 0.40, -0.5],
]) }}
{%- endmacro -%}


{#- How a customer begins; an established one then lives or is lost by the churn hazard. -#}
{%- macro demo_beginnings() -%}{{ return([['prospect', 0.05], ['promising', 0.20], ['established', 0.75]]) }}{%- endmacro -%}


{#- [covariate, level or unit, coefficient of ln hazard]. Base hazard: Weibull in days since entry. -#}
{%- macro demo_churn_hazards() -%}
{{ return([
    ['membership_level', 'normal', 0.0],
    ['membership_level', 'silver', -0.3],
    ['membership_level', 'gold', -0.7],
    ['membership_level', 'platinum', -1.2],
    ['is_dissatisfied', 'true', 0.8],
    ['tenure_years_at_entry', 'per year', -0.15],
]) }}
{%- endmacro -%}
{%- macro demo_weibull() -%}{{ return({'shape': 1.2, 'scale_days': 320.0}) }}{%- endmacro -%}
{%- macro demo_membership_levels() -%}{{ return([['normal', 0.55], ['silver', 0.25], ['gold', 0.14], ['platinum', 0.06]]) }}{%- endmacro -%}


{#- [category, price factor, price elasticity, weight for women, weight for men, the taste group that favours it,
     Chinese word in product names] -#}
{%- macro demo_categories() -%}
{{ return([
    ['beauty',      1.10, -1.2, 5.0, 0.7, 1, '美妆'],
    ['womenswear',  1.20, -2.2, 6.0, 0.5, 1, '女装'],
    ['menswear',    1.20, -2.0, 0.5, 6.0, 2, '男装'],
    ['electronics', 1.40, -2.6, 0.8, 4.0, 2, '电子'],
    ['mother_baby', 1.00, -0.8, 3.0, 1.0, 3, '母婴'],
    ['home',        1.00, -1.6, 1.8, 1.2, 3, '家居'],
    ['food',        0.80, -1.0, 1.5, 1.5, 4, '食品'],
    ['snacks',      0.70, -1.8, 2.0, 1.2, 4, '零食'],
    ['sports',      1.20, -1.7, 0.9, 2.6, 5, '运动'],
    ['health',      1.00, -0.9, 1.4, 1.2, 5, '健康'],
    ['books',       0.70, -1.4, 1.3, 1.2, 6, '图书'],
    ['pets',        0.90, -1.1, 1.4, 1.1, 6, '宠物'],
]) }}
{%- endmacro -%}
{#- How much likelier a customer picks a category, and a product within it, of the own taste group. -#}
{%- macro demo_taste() -%}{{ return({'groups': 6, 'category_factor': 3.0, 'product_factor': 8.0}) }}{%- endmacro -%}
{%- macro demo_counts() -%}{{ return({'products': 300, 'stores': 40, 'campaigns': 24}) }}{%- endmacro -%}
{#- [price tier, median list price] -#}
{%- macro demo_price_tiers() -%}{{ return([['budget', 28.0], ['mid', 62.0], ['premium', 150.0]]) }}{%- endmacro -%}
{#- A product's price in a month as a share of its list price: [ratio, share of months]. -#}
{%- macro demo_price_ratios() -%}{{ return([[1.0, 0.55], [0.9, 0.20], [0.8, 0.15], [0.7, 0.10]]) }}{%- endmacro -%}


{#- Factors on the chance that an order falls on a day: weekday (Monday first), a yearly wave, sales days. -#}
{%- macro demo_weekday_factors() -%}{{ return([0.85, 0.85, 0.90, 0.95, 1.10, 1.25, 1.10]) }}{%- endmacro -%}
{%- macro demo_yearly_wave() -%}{{ return({'amplitude': 0.25, 'peak_day_of_year': 345}) }}{%- endmacro -%}
{%- macro demo_sales_days() -%}{{ return([['06-18', 2.0], ['11-11', 2.5], ['12-12', 1.5]]) }}{%- endmacro -%}


{#- [channel, is an ad placement, click coefficient, chance that a click of an active customer leads to an order,
     cost per impression] -#}
{%- macro demo_ad_channels() -%}
{{ return([
    ['feed',        true,  -0.3, 0.05, 0.080],
    ['search',      true,   0.9, 0.12, 0.300],
    ['short_video', true,   0.3, 0.08, 0.060],
    ['sms',         false, -0.4, 0.06, 0.050],
    ['push',        false,  0.2, 0.05, 0.010],
    ['email',       false, -0.8, 0.04, 0.020],
]) }}
{%- endmacro -%}
{#- Channels to which a segment answers more than others do: [segment, channel, click coefficient]. -#}
{%- macro demo_channel_tastes() -%}
{{ return([['champions', 'email', 0.8], ['promising', 'push', 0.8], ['at_risk', 'sms', 0.8]]) }}
{%- endmacro -%}
{#- [device, coefficient, share] and [position, coefficient, share]; messages have the position 'none'. -#}
{%- macro demo_devices() -%}{{ return([['mobile', 0.9, 0.70], ['tablet', 0.0, 0.10], ['desktop', -1.6, 0.20]]) }}{%- endmacro -%}
{%- macro demo_ad_positions() -%}{{ return([['top', 2.0, 0.30], ['middle', 0.0, 0.35], ['bottom', -2.0, 0.35]]) }}{%- endmacro -%}
{#- Click model besides channel, device, position and segment: intercept, women, per decade of age above 40. -#}
{%- macro demo_click_base() -%}{{ return({'intercept': -4.0, 'female': 0.3, 'age_decade': -0.35}) }}{%- endmacro -%}


{#- Share of visits with a cart, of carts with an order, of orders with each bad end. A visit has at least one view. -#}
{%- macro demo_funnel() -%}{{ return({'cart': 0.45, 'order': 0.60, 'cancelled': 0.04, 'unpaid': 0.03, 'refunded': 0.02}) }}{%- endmacro -%}


{#- [experiment, days before the end at which it starts, chance of one more order within the window in variant B].
    Two variants, even split, a window of 14 days from assignment. -#}
{%- macro demo_experiments() -%}
{{ return([
    ['one_page_checkout', 60, 0.12],
    ['banner_colour', 120, 0.0],
    ['free_shipping_hint', 200, 0.06],
]) }}
{%- endmacro -%}
{%- macro demo_experiment_days() -%}{{ return(14) }}{%- endmacro -%}


{#- [product, share, days until due, how much later than others, in the exponent of the hazard] -#}
{%- macro demo_contract_products() -%}
{{ return([['instalment', 0.5, 90, 0.0], ['pay_later', 0.3, 30, 0.4], ['credit_line', 0.2, 60, -0.3]]) }}
{%- endmacro -%}
{#- Of a third of the customers. The cumulative hazard of settling after the share s of the term is
    exp(intercept - lateness) * s ^ shape, with lateness = product + ln_amount * ln(amount / median_amount) + a customer's own. -#}
{%- macro demo_contracts() -%}
{{ return({'customers': 0.33, 'most': 6, 'shape': 4.0, 'intercept': 0.9, 'ln_amount': 0.35, 'median_amount': 800.0, 'sd_ln_amount': 0.6, 'sd_customer': 0.6}) }}
{%- endmacro -%}


{#- [purpose, channel, share of customers who agree] -#}
{%- macro demo_consents() -%}
{{ return([
    ['profiling', 'any', 0.97],
    ['sharing', 'any', 0.40],
    ['marketing', 'sms', 0.70],
    ['marketing', 'push', 0.60],
    ['marketing', 'email', 0.55],
]) }}
{%- endmacro -%}


{#- [city, province, latitude, longitude, tier, population, income index (100 = country), region code of ID numbers,
     share of customers]. The first twenty have two stores each. -#}
{%- macro demo_cities() -%}
{{ return([
    ['上海', '上海', 31.2304, 121.4737, 1, 24870000, 172.0, '310101', 0.10],
    ['北京', '北京', 39.9042, 116.4074, 1, 21890000, 168.0, '110101', 0.09],
    ['广州', '广东', 23.1291, 113.2644, 1, 18680000, 150.0, '440103', 0.07],
    ['深圳', '广东', 22.5431, 114.0579, 1, 17560000, 158.0, '440303', 0.08],
    ['杭州', '浙江', 30.2741, 120.1551, 2, 11940000, 146.0, '330102', 0.05],
    ['成都', '四川', 30.5728, 104.0668, 2, 20940000, 112.0, '510104', 0.06],
    ['重庆', '重庆', 29.5630, 106.5516, 2, 32050000, 98.0, '500101', 0.05],
    ['武汉', '湖北', 30.5928, 114.3055, 2, 12330000, 115.0, '420102', 0.04],
    ['南京', '江苏', 32.0603, 118.7969, 2, 9310000, 141.0, '320102', 0.04],
    ['苏州', '江苏', 31.2989, 120.5853, 2, 12750000, 147.0, '320505', 0.04],
    ['西安', '陕西', 34.3416, 108.9398, 2, 12950000, 97.0, '610102', 0.03],
    ['天津', '天津', 39.3434, 117.3616, 2, 13870000, 110.0, '120101', 0.03],
    ['长沙', '湖南', 28.2282, 112.9388, 2, 10050000, 121.0, '430102', 0.03],
    ['郑州', '河南', 34.7466, 113.6254, 2, 12600000, 95.0, '410102', 0.03],
    ['青岛', '山东', 36.0671, 120.3826, 2, 10070000, 118.0, '370202', 0.03],
    ['宁波', '浙江', 29.8683, 121.5440, 2, 9400000, 143.0, '330203', 0.03],
    ['沈阳', '辽宁', 41.8057, 123.4315, 3, 9070000, 93.0, '210102', 0.02],
    ['大连', '辽宁', 38.9140, 121.6147, 3, 7450000, 99.0, '210202', 0.02],
    ['厦门', '福建', 24.4798, 118.0894, 3, 5160000, 138.0, '350203', 0.02],
    ['福州', '福建', 26.0745, 119.2965, 3, 8290000, 108.0, '350102', 0.02],
    ['济南', '山东', 36.6512, 117.1201, 3, 9200000, 106.0, '370102', 0.02],
    ['合肥', '安徽', 31.8206, 117.2272, 3, 9370000, 107.0, '340102', 0.02],
    ['昆明', '云南', 24.8801, 102.8329, 3, 8460000, 92.0, '530102', 0.01],
    ['哈尔滨', '黑龙江', 45.8038, 126.5350, 3, 10010000, 84.0, '230102', 0.01],
    ['南昌', '江西', 28.6820, 115.8579, 3, 6250000, 98.0, '360102', 0.01],
    ['贵阳', '贵州', 26.6470, 106.6302, 3, 5990000, 86.0, '520102', 0.01],
    ['南宁', '广西', 22.8170, 108.3665, 3, 8740000, 83.0, '450102', 0.01],
    ['兰州', '甘肃', 36.0611, 103.8343, 4, 4360000, 80.0, '620102', 0.01],
    ['海口', '海南', 20.0440, 110.1983, 4, 2870000, 88.0, '460105', 0.01],
    ['乌鲁木齐', '新疆', 43.8256, 87.6168, 4, 4050000, 90.0, '650102', 0.01],
]) }}
{%- endmacro -%}


{#- [table, kind, column, rate, a row that staging has to reject, what it looks like]. A row has at most one defect. -#}
{%- macro demo_dirt_rates() -%}
{{ return([
    ['crm_customers', 'exact_duplicate', 'all', 0.004, false, 'the same row twice'],
    ['crm_customers', 'older_version', 'updated_at', 0.008, false, 'the same key with an older updated_at, level and address'],
    ['crm_customers', 'missing_key', 'customer_id', 0.002, true, 'null'],
    ['crm_customers', 'null_value', 'email', 0.030, false, 'null'],
    ['crm_customers', 'phone_format', 'phone', 0.020, false, '+86 138-1234-5678'],
    ['crm_customers', 'spelling', 'membership_level', 0.020, false, 'other case, spaces around'],
    ['crm_customers', 'slash_date', 'registered_at', 0.005, false, '2024/3/5 8:00'],
    ['crm_customers', 'dotted_date', 'registered_at', 0.005, false, '05.03.2024 08:00:00'],
    ['crm_customers', 'epoch_seconds', 'registered_at', 0.005, false, '1709596800'],
    ['crm_customers', 'year_1900', 'registered_at', 0.001, true, '1900-03-05 08:00:00'],
    ['crm_customers', 'year_2999', 'registered_at', 0.001, true, '2999-03-05 08:00:00'],
    ['crm_customers', 'day_31_feb', 'registered_at', 0.001, true, '2024-02-31 08:00:00'],

    ['crm_consents', 'exact_duplicate', 'all', 0.003, false, 'the same row twice'],
    ['crm_consents', 'missing_key', 'customer_id', 0.001, true, 'null'],
    ['crm_consents', 'spelling', 'channel', 0.010, false, 'other case, spaces around'],
    ['crm_service_tickets', 'exact_duplicate', 'all', 0.005, false, 'the same row twice'],
    ['crm_service_tickets', 'missing_key', 'ticket_id', 0.003, true, 'null'],
    ['crm_service_tickets', 'not_available', 'satisfaction', 0.020, false, 'N/A'],
    ['crm_service_tickets', 'slash_date', 'opened_at', 0.010, false, '2024/3/5 8:00'],

    ['shop_products', 'exact_duplicate', 'all', 0.010, false, 'the same row twice'],
    ['shop_products', 'null_value', 'brand', 0.010, false, 'null'],
    ['shop_products', 'comma_decimal', 'list_price', 0.010, false, '12,50'],
    ['shop_products', 'spelling', 'category', 0.030, false, 'other case, spaces around'],

    ['shop_orders', 'exact_duplicate', 'all', 0.005, false, 'the same row twice'],
    ['shop_orders', 'missing_key', 'order_id', 0.001, true, 'null'],
    ['shop_orders', 'null_value', 'shipping_amount', 0.010, false, 'null'],
    ['shop_orders', 'comma_decimal', 'discount_amount', 0.005, false, '12,50'],
    ['shop_orders', 'spelling', 'channel', 0.020, false, 'other case, spaces around'],
    ['shop_orders', 'slash_date', 'ordered_at', 0.005, false, '2024/3/5 8:00'],
    ['shop_orders', 'dotted_date', 'ordered_at', 0.005, false, '05.03.2024 08:00:00'],
    ['shop_orders', 'epoch_seconds', 'ordered_at', 0.005, false, '1709596800'],
    ['shop_orders', 'not_available', 'ordered_at', 0.001, true, 'N/A'],
    ['shop_orders', 'year_1900', 'ordered_at', 0.001, true, '1900-03-05 08:00:00'],
    ['shop_orders', 'year_2999', 'ordered_at', 0.001, true, '2999-03-05 08:00:00'],
    ['shop_orders', 'day_31_feb', 'ordered_at', 0.001, true, '2024-02-31 08:00:00'],
    ['shop_orders', 'orphan', 'customer_id', 0.002, true, 'a customer that does not exist'],

    ['shop_order_items', 'exact_duplicate', 'all', 0.004, false, 'the same row twice'],
    ['shop_order_items', 'missing_key', 'order_item_id', 0.001, true, 'null'],
    ['shop_order_items', 'comma_decimal', 'unit_price', 0.005, false, '12,50'],
    ['shop_order_items', 'not_available', 'unit_price', 0.001, true, 'N/A'],
    ['shop_order_items', 'outlier', 'quantity', 0.0005, false, 'a hundred times as many'],
    ['shop_order_items', 'orphan', 'order_id', 0.002, true, 'an order that does not exist'],

    ['shop_inventory', 'exact_duplicate', 'all', 0.002, false, 'the same row twice'],
    ['shop_inventory', 'not_available', 'on_hand', 0.002, true, 'N/A'],

    ['app_events', 'exact_duplicate', 'all', 0.004, false, 'the same row twice'],
    ['app_events', 'missing_key', 'event_id', 0.001, true, 'null'],
    ['app_events', 'null_value', 'device_type', 0.010, false, 'null'],
    ['app_events', 'spelling', 'device_type', 0.020, false, 'other case, spaces around, in category too'],
    ['app_events', 'slash_date', 'occurred_at', 0.003, false, '2024/3/5 8:00'],
    ['app_events', 'epoch_seconds', 'occurred_at', 0.003, false, '1709596800'],
    ['app_events', 'not_available', 'occurred_at', 0.001, true, 'N/A'],
    ['app_events', 'year_1900', 'occurred_at', 0.001, true, '1900-03-05 08:00:00'],
    ['app_events', 'year_2999', 'occurred_at', 0.001, true, '2999-03-05 08:00:00'],
    ['app_events', 'day_31_feb', 'occurred_at', 0.001, true, '2024-02-31 08:00:00'],
    ['app_events', 'late', 'event_id', 0.010, false, 'the day in event_id, on which it arrived, is 1 to 5 days after occurred_at'],
    ['app_events', 'orphan', 'customer_id', 0.001, true, 'a customer that does not exist'],

    ['ads_impressions', 'exact_duplicate', 'all', 0.003, false, 'the same row twice'],
    ['ads_impressions', 'missing_key', 'impression_id', 0.001, true, 'null'],
    ['ads_impressions', 'null_value', 'cost', 0.005, false, 'null'],
    ['ads_impressions', 'spelling', 'device_type', 0.020, false, 'other case, spaces around'],
    ['ads_impressions', 'dotted_date', 'shown_at', 0.003, false, '05.03.2024 08:00:00'],
    ['ads_impressions', 'year_2999', 'shown_at', 0.001, true, '2999-03-05 08:00:00'],
    ['ads_impressions', 'orphan', 'campaign_id', 0.001, true, 'a campaign that does not exist'],

    ['partner_members', 'exact_duplicate', 'all', 0.005, false, 'the same row twice'],
    ['partner_members', 'older_version', 'updated_at', 0.010, false, 'the same key with an older updated_at and fewer points'],
    ['partner_members', 'missing_key', 'member_id', 0.003, true, 'null'],
]) }}
{%- endmacro -%}
