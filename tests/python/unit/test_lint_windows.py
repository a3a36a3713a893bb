"""No window sorts a table that grows with customers, orders or events in one task: each has a `partition by`.

Read from the SQL as it is written, macros too, so nothing has to be compiled. `running_sums` (macros/marts/ranks.sql)
numbers a whole table without such a window.
"""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]

# Files whose windows go over a whole table, and why it stays small.
BOUNDED = {
    "macros/demo_data/demo_products.sql": "one row per day of the demo",
    "models/marts/campaign/channel_attribution.sql": "one row per channel",
    "models/marts/profile/attribute_coverage.sql": "one row per attribute of the catalogue",
    "models/marts/merchandising/stock_alerts.sql": "one row per store",
}


def windows(sql):
    """The text between the parentheses of each `over (...)`, and what follows `over` where a window has a name."""
    sql = re.sub(r"\{#.*?#\}|--[^\n]*|/\*.*?\*/", "", sql, flags=re.DOTALL)
    for name, value in re.findall(r"\{%-?\s*set\s+(\w+)\s*=\s*['\"](.*?)['\"]\s*-?%\}", sql):
        sql = re.sub(r"\{\{-?\s*" + name + r"\s*-?\}\}", lambda _, value=value: value, sql)
    found = []
    for match in re.finditer(r"(?<!\w)(?:over|window\s+\w+\s+as)\s*\(", sql, flags=re.IGNORECASE):
        depth, end = 1, match.end()
        while depth and end < len(sql):
            depth += {"(": 1, ")": -1}.get(sql[end], 0)
            end += 1
        found.append(" ".join(sql[match.end() : end - 1].split()))
    return found


def unpartitioned(sql):
    return [window for window in windows(sql) if not re.match(r"\W*partition\s+by\s", window, flags=re.IGNORECASE)]


def files():
    return sorted(path for folder in ("models", "macros") for path in (PROJECT / folder).rglob("*.sql"))


def test_no_window_goes_over_a_whole_table_that_grows():
    found = {str(path.relative_to(PROJECT)): unpartitioned(path.read_text()) for path in files()}
    found = {name: windows for name, windows in found.items() if windows}
    grown = {name: windows for name, windows in found.items() if name not in BOUNDED}
    assert not grown, f"windows without `partition by` sort a whole table in one task: {grown}"
    assert set(BOUNDED) == set(found), f"no such window any more: {sorted(set(BOUNDED) - set(found))}"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select rank() over (order by amount)", ["order by amount"]),
        ("select sum(sum(units)) OVER () as all_units", [""]),
        ("select ntile(10) over (\n    order by coalesce(p, 0) desc, id\n)", ["order by coalesce(p, 0) desc, id"]),
        ("select rank() over w from t window w as (order by amount)", ["order by amount"]),
        ("select rank() over (partition by day order by amount)", []),
        ("select rank() over (\n    partition by {{ key }} order by amount)", []),
        ("{% set whole = 'partition by day' %} select rank() over ({{ whole }} order by amount)", []),
        ("-- over (order by amount)\nselect left_over (1)", []),
    ],
)
def test_windows_without_partitions_are_found(sql, expected):
    assert unpartitioned(sql) == expected
