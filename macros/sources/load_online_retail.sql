{#-
  Fill the raw tables from the UCI Online Retail CSV: dbt run-operation load_online_retail --args '{path: ...}'
  Every line of the file becomes an order line. An invoice is an order; one whose number begins with C is a cancelled
  order. The data set has no categories: the last word of a product's name, its head noun in this shop, stands in.
-#}
{% macro load_online_retail(path, force=false) -%}
    {%- do require_no_company_data('load_online_retail', force) -%}
    {%- set csv = load_csv(path, required=[
        'InvoiceNo', 'StockCode', 'Description', 'Quantity', 'InvoiceDate', 'UnitPrice', 'CustomerID', 'Country'
    ]) -%}
    {%- set customer_id = "regexp_replace(CustomerID, '[.]0$', '')" -%}
    {%- do empty_raw_tables('load_online_retail') -%}

    {%- do fill_raw_table('shop', 'shop_orders', {
        'order_id': 'InvoiceNo',
        'customer_id': 'max(' ~ customer_id ~ ')',
        'channel': "'web'",
        'status': "if(InvoiceNo like 'C%', 'cancelled', 'completed')",
        'ordered_at': 'min(InvoiceDate)',
    }, rows=csv ~ ' group by InvoiceNo') -%}

    {%- do fill_raw_table('shop', 'shop_order_items', {
        'order_item_id': "concat(InvoiceNo, '-', row_number() over ("
            ~ 'partition by InvoiceNo order by StockCode, Description, Quantity, UnitPrice, InvoiceDate))',
        'order_id': 'InvoiceNo',
        'product_id': 'StockCode',
        'quantity': 'Quantity',
        'unit_price': 'UnitPrice',
        'description': 'Description',
    }, rows=csv) -%}

    {%- set spellings -%}
        (
            select
                StockCode, trim(Description) as name, count(*) as lines,
                percentile(try_cast(UnitPrice as double), 0.5) as price
            from {{ csv }}
            group by StockCode, trim(Description)
        )
    {%- endset -%}
    {%- set name = 'max_by(name, struct(name is not null, lines, name))' -%}
    {%- do fill_raw_table('shop', 'shop_products', {
        'product_id': 'StockCode',
        'product_name': name,
        'category': "substring_index(" ~ name ~ ", ' ', -1)",
        'list_price': 'max_by(price, struct(name is not null, lines, name))',
    }, rows=spellings ~ ' group by StockCode') -%}

    {%- do fill_raw_table('crm', 'crm_customers', {
        'customer_id': customer_id,
        'province': 'max_by(Country, struct(InvoiceDate, Country))',
    }, rows=csv ~ ' where CustomerID is not null group by ' ~ customer_id) -%}

    {%- do drop_loaded_csv() -%}
    {{ log('Loaded ' ~ path ~ '. Build with --full-refresh if the raw tables held other data before.', info=true) }}
{%- endmacro %}
