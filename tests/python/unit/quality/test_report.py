"""The steward's report: what it says, in which order, and that it is plain, safe HTML."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import pytest

import harness
from html_document import Document
from precision_marketing.quality import gates, report

ATTACK = """<script>alert(1)</script><img src="https://evil.example/x" onerror='alert(2)'>"""
SUITES = harness.ROOT / "expectations"


def result(relation: str, day: int, *, column: str | None = "order_id", **changes) -> dict:
    """One row of the scorecard, of the run of that day, by default a critical expectation that is met."""
    return {
        "gate": "gate_shop", "relation": relation, "layer": "staging", "column_name": column,
        "expectation": "expect_column_values_to_not_be_null", "kwargs": json.dumps({"column": column}),
        "dimension": "completeness", "severity": "critical", "owner": "shop data", "success": True,
        "element_count": 1000, "unexpected_count": 0, "score": 1.0, "observed_value": None, "sample_keys": None,
        "run_id": f"run-{day}", "run_at": f"2024-06-0{day} 08:00:00", "first_seen_at": None, "failing_runs": 0,
        "message": "", "exception": None, **changes,
    }  # fmt: skip


def failed(relation: str, severity: str, **changes) -> dict:
    counts = {"unexpected_count": 120, "score": 0.88, "first_seen_at": "2024-06-02 08:00:00", "failing_runs": 2}
    return result(relation, 3, severity=severity, success=False, **{**counts, **changes})


def run(day: int, relation: str, **failures) -> dict:
    nothing = dict.fromkeys(gates.SEVERITIES, 0)
    common = {"run_id": f"run-{day}", "run_at": f"2024-06-0{day} 08:00:00", "relation": relation, "checks": 2}
    return {**common, **nothing, **failures}


def link(relation: str, **changes) -> dict:
    """One row of staging_linkage, by default of a key whose list knows everybody."""
    return {
        "source_name": "shop", "relation": relation, "key_name": "customer_id", "row_count": 1000, "keyed_rows": 900,
        "unknown_rows": 0, "unknown_share": 0.0, "last_unknown_share": None, "max_unknown_share": 0.2, "max_rise": 0.1,
        "named_keys": 300, "found_keys": 300, "listed_keys": 400, "largest_key_share": 0.004,
        "max_largest_key_share": 0.2, "passes": True, **changes,
    }  # fmt: skip


@pytest.fixture
def findings() -> report.Findings:
    """Three runs; in the newest one orders have a critical failure, items two warnings, events were not checked."""
    kwargs = json.dumps({"column": "quantity", "min_value": 0, "mostly": 0.99})
    between = {"expectation": "expect_column_values_to_be_between", "kwargs": kwargs, "column": "quantity"}
    return report.Findings(
        scorecard=[
            result("stg_app__events", 2, gate="gate_app", column="event_id"),
            failed("stg_shop__order_items", "warning", dimension="validity", **between),
            failed("stg_shop__order_items", "warning", first_seen_at="2024-06-01 08:00:00"),
            result("stg_shop__orders", 3, column="ordered_at"),
            failed("stg_shop__orders", "critical", sample_keys='["o***1", "o***2"]'),
        ],
        runs=[
            run(1, "stg_shop__orders"),
            run(1, "stg_shop__order_items", warning=1),
            run(2, "stg_app__events"),
            run(2, "stg_shop__orders", critical=1),
            run(3, "stg_shop__orders", critical=1),
            run(3, "stg_shop__order_items", warning=2),
        ],
        row_counts=[
            {"source_name": "crm", "raw_table": "crm_consents", "raw_rows": 50, "staged_rows": 40, "rejected_rows": 10,
             "duplicate_rows": 0, "rejected_share": 0.2},
            {"source_name": "shop", "raw_table": "shop_orders", "raw_rows": 1000, "staged_rows": 990,
             "rejected_rows": 8, "duplicate_rows": 2, "rejected_share": 0.008},
        ],
        rejected=[
            {"relation": "stg_crm__consents__rejected", "reject_reason": "withheld: erased", "row_count": 10},
            {"relation": "stg_shop__orders__rejected", "reject_reason": "no order_id", "row_count": 3},
            {"relation": "stg_shop__orders__rejected", "reject_reason": "no ordered_at", "row_count": 5},
        ],
        links=[
            link("stg_app__events", unknown_share=0.02, unknown_rows=18),
            link("stg_ads__impressions", unknown_share=None, listed_keys=0),
            link("stg_shop__orders", unknown_share=0.983, unknown_rows=885, last_unknown_share=0.011, passes=False),
        ],
        consent=[{"purpose": "marketing", "channel": "sms", "customers": 4000, "share": 0.8}],
    )  # fmt: skip


def page(findings: report.Findings, name: str = "index.html") -> Document:
    return Document(report.render(findings, suites_dir=SUITES)[name])


# --------------------------------------------------------------------------------------- the verdict


def test_a_critical_failure_means_not_fit_for_use(findings) -> None:
    said = report.verdict(findings.scorecard)
    assert said["state"] == "fail"
    assert said["sentence"] == "Not fit for use: 1 critical expectation failed in stg_shop__orders."
    assert said["detail"] == (
        "What depends on gate_shop was not built; readers keep what was published before. 2 warnings besides. "
        "1 table not checked in the newest run: an earlier state is shown."
    )
    assert said["sentence"] in page(findings).text


def test_warnings_alone_mean_fit_for_use(findings) -> None:
    rows = [row for row in findings.scorecard if row["success"] or row["severity"] == "warning"]
    said = report.verdict(rows)
    assert said["state"] == "warn"
    assert said["sentence"] == "Fit for use, with 2 warnings in stg_shop__order_items."


def test_all_met(findings) -> None:
    rows = [row for row in findings.scorecard if row["success"]]
    assert report.verdict(rows)["state"] == "pass"
    assert report.verdict(rows)["sentence"] == "Fit for use: 2 expectations in 2 tables, all met."
    rows.append(failed("stg_shop__orders", "info"))
    assert report.verdict(rows)["state"] == "pass"
    assert report.verdict(rows)["sentence"] == "Fit for use: 2 of 3 expectations are met."


# ---------------------------------------------------------------------------------------- the content


def test_a_page_per_table_has_every_expectation_by_column(findings) -> None:
    count = {"expectation": "expect_table_row_count_to_be_between", "kwargs": '{"min_value": 1}', "element_count": None}
    findings.scorecard.append(result("stg_shop__orders", 3, column=None, observed_value="1000", **count))
    document = page(findings, "expectations/stg_shop__orders.html")
    assert "The whole table" in document.text and "Must have greater than or equal to 1 rows." in document.text
    assert "order_id values must never be null." in document.text and "o***1 o***2" in document.text
    assert len(document.all("section")) == 3


def test_worst_tables_first(findings) -> None:
    worst = report.tables(findings)
    assert [table["relation"] for table in worst] == ["stg_shop__orders", "stg_shop__order_items", "stg_app__events"]
    orders, items, events = worst
    assert (orders["state"], items["state"], events["state"]) == ("fail", "warn", "pass")
    assert orders["history"] == ["pass", "fail", "fail"] and items["history"] == ["warn", None, "warn"]
    assert orders["is_checked"] and not events["is_checked"]
    assert orders["score"] == pytest.approx(0.94)


def test_each_failure_says_what_how_many_since_when_and_who(findings) -> None:
    rows = report.failures(findings.scorecard, {})
    assert [(row["severity"], row["first_seen_at"][:10]) for row in rows] == [
        ("critical", "2024-06-02"), ("warning", "2024-06-01"), ("warning", "2024-06-02"),
    ]  # fmt: skip
    assert rows[0]["sentence"] == "order_id values must never be null."
    assert rows[2]["sentence"] == ("quantity values must be greater than or equal to 0, at least 99 % of the time.")
    text = page(findings).text
    for words in ("120 of 1,000", "12.0 % allowed 1.0 %", "2 Jun 2024, 08:00 2 runs", "o***1 o***2", "shop data"):
        assert words in text


def test_an_expectation_says_why_it_is_there(findings) -> None:
    row = failed("stg_shop__orders", "warning", column="customer_id", kwargs='{"column": "customer_id", "mostly": 0.7}')
    findings.scorecard.append(row)
    assert "Anonymous sales are normal" in page(findings).text
    assert "Anonymous sales are normal" in page(findings, "expectations/stg_shop__orders.html").text


def test_what_could_not_be_evaluated_says_so(findings) -> None:
    nothing = {"element_count": None, "unexpected_count": None, "score": 0.0}
    findings.scorecard.append(failed("stg_shop__orders", "critical", exception="no such column", **nothing))
    assert "Could not be evaluated no such column" in page(findings).text


def test_an_expectation_that_great_expectations_does_not_know_is_named(findings) -> None:
    own = {"expectation": "expect_gap_to_be_at_most", "kwargs": '{"column": "order_id", "max_value": 5, "mostly": 0.9}'}
    findings.scorecard.append(failed("stg_shop__orders", "critical", **own))
    two = {"expectation": "expect_totals_to_add_up", "kwargs": '{"key": "id", "other_table": "lines"}'}
    findings.scorecard.append(failed("stg_shop__orders", "critical", column=None, **two))
    text = page(findings).text
    assert "order_id: gap must be at most 5, at least 90.0 % of the time." in text
    assert "Totals must add up (key id, other table lines)." in text


def test_rejected_rows_by_table_and_reason(findings) -> None:
    orders, consents = report.arrivals(findings.row_counts, findings.rejected)
    assert [row["reject_reason"] for row in orders["reasons"]] == ["no ordered_at", "no order_id"]
    assert (orders["unusable"], orders["withheld"]) == (8, 0)
    assert (consents["unusable"], consents["withheld"]) == (0, 10)


def test_links_that_are_broken_come_first(findings) -> None:
    assert [row["relation"] for row in report.linkage(findings.links)] == [
        "stg_shop__orders", "stg_app__events", "stg_ads__impressions",
    ]  # fmt: skip
    text = page(findings).text
    assert "stg_shop__orders customer_id ✕ broken 900 of 1,000 885 98.3 % 1.1 % 20.0 % 0.4 %" in text
    assert "stg_app__events customer_id ✓ holds 900 of 1,000 18 2.0 % 20.0 % 0.4 %" in text
    assert "stg_ads__impressions customer_id no list 900 of 1,000 0 20.0 % 0.4 %" in text


def test_the_trend_has_one_bar_per_run(findings) -> None:
    runs = report.trend(findings.runs)
    assert [(run["run_id"], run["critical"], run["warning"], run["checks"]) for run in runs] == [
        ("run-1", 0, 1, 4), ("run-2", 1, 0, 4), ("run-3", 1, 2, 4),
    ]  # fmt: skip
    document = page(findings)
    assert len(document.all("g")) == 3
    assert [rect["class"] for rect in document.all("rect")] == ["warn", "fail", "fail", "warn"]


def test_scores_by_dimension_and_owner(findings) -> None:
    findings.scorecard[0]["owner"] = "app data"
    found = {column: report.scores(findings.scorecard, column) for column in ("dimension", "owner")}
    assert [(row["name"], row["failed"], row["checks"]) for row in found["dimension"]] == [
        ("completeness", 2, 4), ("validity", 1, 1),
    ]  # fmt: skip
    assert [(row["name"], row["failed"]) for row in found["owner"]] == [("shop data", 3), ("app data", 0)]
    assert found["owner"][0]["score"] == pytest.approx(0.91)


@pytest.mark.parametrize(
    "share, text", [(0, "0 %"), (0.0002, "< 0.1 %"), (0.123, "12.3 %"), (0.9999, "> 99.9 %"), (1, "100 %")]
)
def test_almost_all_is_not_all(share, text) -> None:
    assert report._environment().filters["percent"](share) == text


# --------------------------------------------------------------------------------------------- HTML


def attacked(value):
    """The value with the attack in place of every text that is not a time, an identity or JSON."""
    if isinstance(value, dict):
        kept = ("run_at", "run_id", "first_seen_at", "severity", "dimension", "kwargs", "sample_keys", "expectation")
        return {key: part if key in kept else attacked(part) for key, part in value.items()}
    if isinstance(value, list):
        return [attacked(part) for part in value]
    return ATTACK if isinstance(value, str) else value


def test_no_value_becomes_html(findings, tmp_path) -> None:
    for name in vars(findings):
        setattr(findings, name, attacked(getattr(findings, name)))
    for row in findings.scorecard:
        row |= {"relation": "orders" + ATTACK.replace("/", ""), "sample_keys": json.dumps([ATTACK]), "exception": None}
        row |= {"observed_value": ATTACK, "kwargs": json.dumps({"column": ATTACK, "value_set": [ATTACK]})}
    findings.scorecard.append({**findings.scorecard[-1], "exception": ATTACK, "expectation": ATTACK})
    pages = report.render(findings, [{"title": ATTACK, "href": "x.html"}], suites_dir=SUITES)
    clean = Document(pages["index.html"])
    assert "alert(1)" in clean.text
    for text in pages.values():
        document = Document(text)
        assert not document.all("script") and not document.all("img")
        assert not any(name.startswith("on") for _, attributes in document.tags for name in attributes)


def test_the_site_needs_nothing_from_elsewhere_and_links_to_itself(findings) -> None:
    pages = report.render(findings, suites_dir=SUITES)
    for name, text in pages.items():
        document = Document(text)
        assert not re.search(r"https?:|//\w|@import|url\(", text)
        ids = {attributes["id"] for _, attributes in document.tags if "id" in attributes}
        for link in document.all("a"):
            path, _, anchor = link["href"].partition("#")
            if path:
                assert (Path(name).parent / path).as_posix() in {str(Path("x") / p)[2:] for p in pages} or ".." in path
            else:
                assert anchor in ids


def test_pages_can_be_read_without_eyes_or_colours(findings) -> None:
    for text in report.render(findings, suites_dir=SUITES).values():
        document = Document(text)
        assert document.all("html") == [{"lang": "en"}] and len(document.all("h1")) == 1
        levels = [int(tag[1]) for tag, _ in document.tags if re.fullmatch(r"h[1-6]", tag)]
        assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))
        assert all("scope" in attributes for attributes in document.all("th"))
        assert all(attributes["role"] == "img" for attributes in document.all("svg"))
    text = page(findings).text
    assert "✕ critical" in text and "! warning" in text


def test_the_same_tables_give_the_same_pages(findings) -> None:
    other = copy.deepcopy(findings)
    for name in vars(other):
        getattr(other, name).reverse()
    assert report.render(findings, suites_dir=SUITES) == report.render(other, suites_dir=SUITES)


def test_pages_of_suites_that_are_no_more_go(findings, tmp_path) -> None:
    report.write(report.render(findings, suites_dir=SUITES), tmp_path)
    findings.scorecard = [row for row in findings.scorecard if row["relation"] != "stg_app__events"]
    report.write(report.render(findings, suites_dir=SUITES), tmp_path)
    assert {path.name for path in tmp_path.rglob("*.html")} == {
        "index.html", "stg_shop__orders.html", "stg_shop__order_items.html",
    }  # fmt: skip
