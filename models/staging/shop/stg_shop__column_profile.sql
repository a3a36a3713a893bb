{%- set tables = {
    'shop_orders': {
        'order_id': 'key', 'customer_id': 'key', 'store_id': 'key', 'channel': 'text', 'status': 'text',
        'ordered_at': 'instant', 'paid_at': 'instant', 'discount_amount': 'number',
        'shipping_amount': 'number', 'coupon_id': 'key', 'currency': 'text',
    },
    'shop_order_items': {
        'order_item_id': 'key', 'order_id': 'key', 'product_id': 'key', 'quantity': 'number',
        'unit_price': 'number', 'description': 'name',
    },
    'shop_products': {
        'product_id': 'key', 'product_name': 'name', 'category': 'text', 'brand': 'name',
        'list_price': 'number', 'unit_cost': 'number', 'launched_at': 'instant',
        'currency': 'text',
    },
    'shop_stores': {
        'store_id': 'key', 'store_name': 'name', 'city': 'name', 'latitude': 'coordinate',
        'longitude': 'coordinate',
    },
    'shop_inventory': {
        'store_id': 'key', 'product_id': 'key', 'stock_date': 'day', 'on_hand': 'number', 'on_order': 'number',
    },
    'shop_refunds': {
        'refund_id': 'key', 'order_id': 'key', 'order_item_id': 'key', 'amount': 'number',
        'refunded_at': 'instant',
    },
} -%}

{{ column_profile('shop', tables) }}
