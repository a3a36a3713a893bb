{{ rejected_rows(ref('base_ads__impressions')) }}
