{%- set tables = {
    'shop_orders': {
        'text': ['order_id', 'customer_id', 'store_id', 'channel', 'status', 'coupon_id'],
        'instant': ['ordered_at', 'paid_at'],
        'number': ['discount_amount', 'shipping_amount'],
    },
    'shop_order_items': {
        'text': ['order_item_id', 'order_id', 'product_id', 'description'],
        'number': ['quantity', 'unit_price'],
    },
    'shop_products': {
        'text': ['product_id', 'product_name', 'category', 'brand'],
        'number': ['list_price', 'unit_cost'],
        'instant': ['launched_at'],
    },
    'shop_stores': {
        'text': ['store_id', 'store_name', 'city'],
        'number': ['latitude', 'longitude'],
    },
    'shop_inventory': {
        'text': ['store_id', 'product_id'],
        'instant': ['stock_date'],
        'number': ['on_hand', 'on_order'],
    },
} -%}

{{ column_profile('shop', tables) }}
