"""Valid rows for the suites on links, columns and reidentification, and what breaks each; see gate_data.py."""

LINKAGE = """
    relation: concat('stg_r', id)
    key_name: 'customer_id'
    unknown_share: 0.15D
    max_rise: 0.1D
    is_compared: true
    is_over_limit: false
    is_unmatched: false
    is_dominated: false
"""
COLUMN_PROFILE = """
    table_name: concat('r', id)
    column_name: 'birth_date'
    is_unreadable: false
    is_poorly_readable: false
    is_mostly_nothing: false
"""
REIDENTIFICATION = """
    table_name: concat('t', id)
    combination: 'age+city'
    k: 5
    is_valid: true
    is_over_limit: false
    is_over_warning: false
"""
VALID = {f"stg_{source}__linkage": LINKAGE for source in ("crm", "shop", "app", "ads")} | {
    f"stg_{source}__column_profile": COLUMN_PROFILE for source in ("crm", "shop", "app", "ads", "partner", "geo", "fx")
}
VALID |= {f"int_{domain}_reidentification": REIDENTIFICATION for domain in ("core", "profile")}
FLAGS = (
    "is_over_limit",
    "is_unmatched",
    "is_dominated",
    "is_unreadable",
    "is_poorly_readable",
    "is_mostly_nothing",
    "is_over_warning",
)
BROKEN = {(relation, flag): {flag: "true"} for relation in VALID for flag in FLAGS if f"{flag}:" in VALID[relation]}
BROKEN |= {(relation, "is_valid"): {"is_valid": "false"} for relation in VALID if "is_valid:" in VALID[relation]}
