"""Tables of the docs that come from the demo: each holds what the command above it prints."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

import harness

# A command of dbt with its query, and the table below it.
SHOWN = re.compile(r'```\ndbt show --limit (\d+) --inline "(.*?)"\n```\n\n((?:\|[^\n]*\n)+)', re.DOTALL)
PAGES = ("README.md", "docs/architecture.md", "docs/campaigns.md")


def cells(table: str) -> list[list[str]]:
    """The rows of a Markdown table, headings first, thousands without their comma."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return [[cell.replace(",", "") for cell in row] for row in rows if not set("".join(row)) <= set("-: ")]


def tables() -> Iterator[tuple[str, int, str, list[list[str]]]]:
    for page in PAGES:
        for limit, query, table in SHOWN.findall((harness.ROOT / page).read_text()):
            yield page, int(limit), query, cells(table)


def pivoted(rows: list[tuple], columns: list[str]) -> list[tuple]:
    """Rows of method, channel and value as one row per channel, with a column per method after it."""
    values = {(channel, method.replace("_", " ")): value for method, channel, value in rows}
    channels = sorted({channel for channel, _ in values}, key=lambda channel: -values[channel, columns[1]])
    return [(channel, *(values[channel, method] for method in columns[1:])) for channel in channels]


def same(shown: str, value: object) -> bool:
    if value is None:
        return shown == ""
    try:
        return float(shown) == float(str(value))
    except ValueError:
        return shown == str(value)


@pytest.mark.parametrize(("page", "limit", "query", "table"), tables())
def test_a_table_holds_what_its_command_prints(
    page: str, limit: int, query: str, table: list[list[str]], served: harness.Server
) -> None:
    found = served.query(query)[:limit]
    if table[0][0] == "channel":
        found = pivoted(found, table[0])
    assert len(table) - 1 == len(found)
    wrong = [
        (shown, row)
        for shown, row in zip(table[1:], found, strict=True)
        if not all(same(*pair) for pair in zip(shown, row, strict=True))
    ]
    assert wrong == []


def test_all_tables_are_found() -> None:
    assert [page for page, *_ in tables()] == ["README.md", *["docs/architecture.md"] * 2, "docs/campaigns.md"]


def test_conversions_that_a_click_caused(served: harness.Server) -> None:
    text = (harness.ROOT / "docs" / "campaigns.md").read_text()
    caused, conversions = re.findall(r"\((\S+) of its (\S+) conversions are planted", text)[0]
    assert served.query("select sum(conversions) from marketing.campaign_performance") == [
        (int(conversions.replace(",", "")),)
    ]
    assert served.query("select count(*) from demo_truth.order_truth where kind = 'ad'") == [(int(caused),)]
