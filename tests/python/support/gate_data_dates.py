"""The calendar's part of gate_data.py."""

VALID = {
    "dim_dates": """
        date_day: date_add(date '2024-01-01', cast(id as int))
        calendar_year: year(date_add(date '2024-01-01', cast(id as int)))
        calendar_quarter: quarter(date_add(date '2024-01-01', cast(id as int)))
        calendar_month: month(date_add(date '2024-01-01', cast(id as int)))
        month_start: trunc(date_add(date '2024-01-01', cast(id as int)), 'MONTH')
        week_start: trunc(date_add(date '2024-01-01', cast(id as int)), 'WEEK')
        day_of_week: weekday(date_add(date '2024-01-01', cast(id as int))) + 1
        is_weekend: weekday(date_add(date '2024-01-01', cast(id as int))) >= 5
    """,
}

BROKEN = {
    ("dim_dates", "date_day, month_start"): {"month_start": "date '2023-12-01'"},
    ("dim_dates", "date_day, week_start"): {"week_start": "date '2023-12-25'"},
    ("dim_dates", "day_of_week, is_weekend"): {"is_weekend": "not ({is_weekend})"},
}
