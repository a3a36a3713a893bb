{#- A query as the text of a Python model. -#}
{% macro session_query(sql) -%}
from precision_marketing.privacy.vault import query_model

model = query_model({{ '%r' % sql }})
dbtObj = lambda load: None  # the query names its tables itself
{% endmacro %}
