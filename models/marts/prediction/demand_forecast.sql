with

forecasts as (
    select * from {{ ref('ml_demand_forecasts') }}
)

select
    series_id,
    date as forecast_date,
    forecast,
    low,
    high,
    method
from forecasts
where forecast is not null
