"""The steward's report: what it says, in which order, and that it is plain, safe HTML."""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
import json
import re
import sys

import pytest

import harness
import html_document
from html_document import Document
from precision_marketing.loading import loader
from precision_marketing.quality import findings as reading
from precision_marketing.quality import gates, report

NOW = dt.datetime(2024, 6, 3, 12, tzinfo=dt.UTC)
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


def approval(model: str, day: int, run_id: str | None = None) -> dict:
    return {"model": model, "version": f"v2024060{day}0800000000", "run_id": run_id or f"run-{day}",
            "approved_at": f"2024-06-0{day} 09:00:00"}  # fmt: skip


def aged(raw_table: str, newest: str | None, max_age_days: int | None = 2, **changes) -> dict:
    return {"source_name": raw_table.split("_")[0], "raw_table": raw_table, "newest_by": "happened_at",
            "newest": newest, "max_age_days": max_age_days, "row_count": 10, "future_rows": 0, **changes}  # fmt: skip


def loaded(file: str, records: int, refused: int) -> dict:
    """One row of load_files."""
    return {"mapping": "house", "loaded_at": "2024-06-03 06:00:00", "input": "lines", "file": file, "bytes": 1,
            "sha256": "", "dialect": "{}", "lines": records + refused + 1, "header_lines": 1, "blank_lines": 0,
            "records": records, "refused": refused}  # fmt: skip


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
        publications=[approval("fct_orders", 1), approval("fct_orders", 2), approval("dim_stores", 2)],
        freshness=[
            aged("shop_orders", "2024-06-03 07:00:00"),
            aged("shop_inventory", "2024-05-29"),
            aged("crm_consents", "2024-01-01 00:00:00", None),
            aged("fx_rates", None, row_count=0),
        ],
        origin="load_files house",
        files=[loaded("/in/may.csv", 100, 0), loaded("/in/june.csv", 900, 3)],
        refused=[
            {"file": "/in/june.csv", "reason": "4 fields instead of 6", "record_count": 1},
            {"file": "/in/june.csv", "reason": "a quote that does not close", "record_count": 2},
        ],
        inventory=[
            {"relation": "dim_customers", "column_name": "phone_masked", "source_table": "crm_customers",
             "source_column": "phone", "level": "L3", "treatment": "mask", "is_published": True},
            {"relation": "stg_crm__customers", "column_name": "phone_masked", "source_table": "crm_customers",
             "source_column": "phone", "level": "L3", "treatment": "mask", "is_published": False},
        ],
        cards="# Cards\n\nhead\n\n## churn\n\n**Use**: [page](docs/x.md).\n\n| a | b |\n|---|---|\n| `c` | 2 |\n",
    )  # fmt: skip


def published(findings: report.Findings) -> report.Findings:
    """The same, but that the newest run published its tables and every row is young."""
    findings.publications += [approval("fct_orders", 3), approval("dim_stores", 3)]
    findings.freshness = [row for row in findings.freshness if row["raw_table"] != "shop_inventory"]
    return findings


def page(findings: report.Findings, name: str = "index.html") -> Document:
    return Document(report.render(findings, NOW, suites_dir=SUITES)[name])


def section(document: Document, begins: str, ends: str) -> str:
    """The text of a page between two headings; links to them come before."""
    return document.text.rpartition(begins)[2].split(ends, 1)[0]


# --------------------------------------------------------------------------------------- the verdict


def test_a_critical_failure_means_not_published(findings) -> None:
    said = report.verdict(findings, NOW)
    assert said["state"] == "fail"
    assert said["sentence"] == "Not published: 1 critical expectation failed in stg_shop__orders."
    assert said["detail"] == (
        "What depends on gate_shop was not built; readers keep what was published before. 2 warnings besides. "
        "1 table not checked in the newest run: an earlier state is shown."
    )
    assert said["sentence"] in page(findings).text


def test_what_a_failure_did_not_reach_is_published(findings) -> None:
    findings.publications.append(approval("fct_orders", 3))
    sentence = report.verdict(findings, NOW)["sentence"]
    assert sentence == "Published in part, 1 of 2 tables: 1 critical expectation failed in stg_shop__orders."


def test_warnings_block_nothing(findings) -> None:
    published(findings).scorecard = [
        row for row in findings.scorecard if row["success"] or row["severity"] == "warning"
    ]
    said = report.verdict(findings, NOW)
    assert said["state"] == "warn"
    assert said["sentence"] == "Published, with 2 warnings in stg_shop__order_items."
    assert "2 tables of this run are in use." in said["detail"]


def test_all_met_and_what_is_only_recorded_changes_nothing(findings) -> None:
    published(findings).scorecard = [row for row in findings.scorecard if row["success"]]
    calm = {"state": "pass", "sentence": "Published: nothing blocks and nothing warns."}
    assert calm.items() <= report.verdict(findings, NOW).items()
    findings.scorecard.append(failed("stg_shop__orders", "info"))
    assert calm.items() <= report.verdict(findings, NOW).items()


def test_a_run_without_a_failure_may_have_published_nothing(findings) -> None:
    findings.scorecard = [row for row in findings.scorecard if row["success"]]
    said = report.verdict(findings, NOW)
    assert (said["state"], said["sentence"]) == (
        "fail", "Not published: nothing failed, but the newest run published nothing.",
    )  # fmt: skip
    # A rollback approves an older version: what the run had published is not in use any more.
    findings.publications += [approval("fct_orders", 3), approval("fct_orders", 4, "rollback-1")]
    assert report.publication(findings)["now"] == 0


def test_an_empty_warehouse_is_no_good_news(findings) -> None:
    published(findings).scorecard = [row for row in findings.scorecard if row["success"]]
    for row in findings.row_counts:
        row["raw_rows"] = 0
    said = report.verdict(findings, NOW)
    assert (said["state"], "every raw table is empty" in said["sentence"]) == ("warn", True)


def test_what_dbt_itself_found_blocks_and_warns(findings, tmp_path) -> None:
    results = [
        {"unique_id": "test.precision_marketing.no_leak", "status": "fail", "failures": 1200},
        {"unique_id": "test.precision_marketing.gate_shop_passed.1a2b", "status": "fail", "failures": 1},
        {"unique_id": "test.precision_marketing.few_rows", "status": "warn", "failures": 2},
        {"unique_id": "model.precision_marketing.fct_x", "status": "error", "message": "no such value: Ann"},
        {"unique_id": "model.precision_marketing.fct_y", "status": "success", "failures": None},
    ]  # fmt: skip
    content = {"metadata": {"invocation_id": "run-3", "generated_at": "2024-06-03T08:40:00Z"}, "results": results}
    (tmp_path / "run_results.json").write_text(json.dumps(content))
    findings.scorecard = [row for row in findings.scorecard if row["success"]]
    findings.dbt_run = reading.dbt_run(tmp_path, "run-3")
    assert report.run_times(findings, NOW)["ended"] == "2024-06-03 08:40:00"
    sentence = "Not published: 1 dbt test and 1 dbt model failed, fct_x and no_leak."
    assert report.verdict(findings, NOW)["sentence"] == sentence
    document = page(findings)
    assert "dbt test failed no_leak 1,200 rows found" in section(document, "What blocks", "What warns")
    assert "fct_x see logs/dbt.log" in document.text and "Ann" not in document.text
    assert "dbt test warned few_rows 2 rows found" in section(document, "What warns", "Everything else")
    assert "gate_shop_passed" not in document.text
    assert reading.dbt_run(tmp_path, "run-2") == {}
    (tmp_path / "run_results.json").write_text("{half a fi")
    assert reading.dbt_run(tmp_path, "run-3") == {}


# ------------------------------------------------------------------------------------------------ age


@pytest.mark.parametrize(
    "then, age",
    [
        ("2024-06-03 11:59:30", "of this minute"), ("2024-06-03 11:59:00", "1 minute old"),
        ("2024-06-03 09:00:00", "3 hours old"), ("2024-06-01 12:00:01", "47 hours old"),
        ("2024-06-01 12:00:00", "2 days old"), ("2021-01-01 00:00:00", "1,249 days old"),
        ("2024-06-04 09:00:00", "of this minute"), ("2024-06-03", "of today"), ("2024-06-02", "1 day old"),
    ],
)  # fmt: skip
def test_age_in_words(then, age) -> None:
    assert report._age(then, NOW) == age


def test_the_age_of_data_stands_beside_that_of_the_run(findings) -> None:
    aged_rows = {row["raw_table"]: (row["age"], row["is_old"]) for row in report.freshness(findings, NOW)}
    assert aged_rows == {
        "shop_inventory": ("5 days old", True), "shop_orders": ("5 hours old", False),
        "crm_consents": ("154 days old", False), "fx_rates": ("no rows", False),
    }  # fmt: skip
    text = page(findings).text
    assert "its last check was at 3 Jun 2024, 08:00" in text
    assert "shop 5 hours old 3 Jun 2024, 07:00 ! 1 table older than 2 days" in text
    assert "fx no rows" in text
    warns = section(page(findings), "What warns", "Everything else")
    assert "The newest row is 5 days old; the limit is 2 days." in warns
    assert "ended" not in report.run_times(findings, NOW)["age"]
    assert "Ended 3 Jun 2024, 09:00" in page(published(findings)).text


def test_a_limit_holds_to_the_minute(findings) -> None:
    findings.freshness = [aged("shop_orders", "2024-06-01 12:00:00"), aged("shop_inventory", "2024-05-31")]
    assert [row["is_old"] for row in report.freshness(findings, NOW)] == [True, False]
    assert [row["raw_table"] for row in report.freshness(findings, NOW) if row["is_old"]] == ["shop_inventory"]


def test_demo_data_may_be_old(findings) -> None:
    findings.origin = "demo"
    document = page(findings)
    assert "The newest row is" not in document.text
    assert "its age is shown and not held against it" in document.text
    assert "i 1 table older than 2 days" in document.text
    findings.scorecard = [row for row in published(findings).scorecard if row["success"]]
    findings.freshness.append(aged("shop_inventory", "2020-01-01"))
    assert report.verdict(findings, NOW)["state"] == "pass"


def test_the_results_of_every_gate_are_read() -> None:
    gates_made = {path.stem for path in harness.ROOT.glob("models/quality/**/gate_*.py")}
    assert gates_made <= set(reading.result_tables(harness.ROOT))


def test_every_age_is_of_a_column_of_the_raw_table() -> None:
    declared = list(reading.declared_freshness(harness.ROOT))
    _, tables = loader.contract(harness.ROOT, None)
    assert {"shop_orders", "app_events", "ads_impressions"} <= {row["raw_table"] for row in declared}
    assert [row for row in declared if row["newest_by"] not in tables[row["raw_table"]]["columns"]] == []
    assert [row for row in declared if row["max_age_days"] is not None and row["max_age_days"] <= 0] == []


# ------------------------------------------------------------------------------------ files


def test_the_account_of_files(findings) -> None:
    june, may = report.accounts(findings)["files"]
    assert (june["read"], june["loaded"], june["refused"]) == (903, 900, 3)
    assert [reason["reason"] for reason in june["reasons"]] == ["a quote that does not close", "4 fields instead of 6"]
    assert may["reasons"] == [] and may["adds_up"] and june["adds_up"]
    text = page(findings).text
    assert (
        "/in/june.csv house 903 900 3 0.3 % a quote that does not close 2 4 fields instead of 6 1 3 Jun 2024, 06:00"
        in text
    )
    findings.refused.pop()
    assert "! not all are kept" in page(findings).text


@pytest.mark.parametrize(
    "origin, note",
    [
        ("demo", "the raw tables hold demo data, which was made and not loaded. An account of an earlier load exists"),
        ("", "load_files did not write the raw tables. An account of an earlier load exists"),
    ],
)
def test_where_there_is_no_account_the_page_says_so(findings, origin, note) -> None:
    findings.origin = origin
    assert note in page(findings).text and "/in/june.csv" not in page(findings).text
    findings.files = []
    assert "earlier load" not in page(findings).text


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
    (blocks,) = report.failures(findings.scorecard, "critical", {})
    warns = report.failures(findings.scorecard, "warning", {})
    assert [row["first_seen_at"][:10] for row in warns] == ["2024-06-01", "2024-06-02"]
    assert blocks["sentence"] == "order_id values must never be null."
    assert warns[1]["sentence"] == ("quantity values must be greater than or equal to 0, at least 99 % of the time.")
    text = page(findings).text
    for words in ("120 of 1,000", "12.0 % allowed 1.0 %", "2 Jun 2024, 08:00 2 runs", "o***1 o***2", "shop data"):
        assert words in text


def test_what_is_only_recorded_is_no_failure_that_needs_action(findings) -> None:
    own = {"expectation": "expect_coverage_to_be_at_least", "kwargs": "{}", "element_count": None}
    findings.scorecard.append(failed("stg_shop__orders", "info", column=None, dimension="accuracy", **own))
    document = page(findings)
    assert "Coverage must be at least" not in section(document, "What blocks", "Everything else")
    assert "Coverage must be at least" in section(document, "Recorded only", "Trend and scores")
    assert {row["name"]: row["failed"] for row in report.scores(findings.scorecard, "dimension")}["accuracy"] == 0
    suite = page(findings, "expectations/stg_shop__orders.html").text
    assert "i recorded" in suite and suite.count("failed") == 1


def test_many_failures_are_folded_after_the_first(findings) -> None:
    findings.scorecard += [failed("stg_shop__orders", "warning", column=f"c{n}") for n in range(200)]
    document = page(findings)
    assert len([row for row in document.all("article") if "warning" in row["class"]]) == 203
    assert f"{202 - report.LONGEST_LIST} more" in section(document, "What warns", "Everything else")


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
        kept = (
            "run_at",
            "run_id",
            "first_seen_at",
            "approved_at",
            "newest",
            "loaded_at",
            "level",
            "severity",
            "dimension",
            "kwargs",
            "sample_keys",
            "expectation",
        )
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
    findings.scorecard.append({**findings.scorecard[-1], "severity": "info"})
    findings.origin = "load_files house"
    links = "[x](javascript:alert(3)) ![x](http://evil.example/x)"
    findings.cards = f"# Cards\n\n## {ATTACK}\n\n{links}\n\n| {ATTACK} |\n|---|\n| {ATTACK} |\n"
    findings.dbt_run = {"problems": [dict.fromkeys(("kind", "name", "message"), ATTACK) | {"status": "fail"}]}
    pages = report.render(findings, NOW, suites_dir=SUITES) | {"nothing": report.render_nothing(ATTACK)["index.html"]}
    for name in ("index.html", "model_cards.html", "personal_data.html", "nothing"):
        assert "alert(1)" in Document(pages[name]).text, name
    reasons = section(Document(pages["index.html"]), "Account of files", "Links between tables")
    assert reasons.count(ATTACK) >= 8  # files, mappings, reasons of refused records and of rejected rows
    assert not any("javascript:" in link["href"] for text in pages.values() for link in Document(text).all("a"))
    for text in pages.values():
        document = Document(text)
        assert not document.all("script") and not document.all("img")
        assert not any(name.startswith("on") for _, attributes in document.tags for name in attributes)


def test_every_link_leads_to_a_page_and_an_anchor_of_the_site(findings) -> None:
    for extra in ("a" * 300, "orders/../../x", "tables & more"):
        findings.scorecard.append(failed(extra, "critical"))
    pages = report.render(findings, NOW, suites_dir=SUITES, dbt_docs="dbt_docs.html")
    assert len(pages) == 5 + 6
    assert html_document.dead_links({**pages, "dbt_docs.html": "<p></p>"}) == []
    nothing = report.render_nothing("No results yet.")
    assert html_document.dead_links(nothing) == []
    for text in [*pages.values(), *nothing.values()]:
        assert not re.search(r"https?:|//\w|@import|url\(", text)
    # The check itself: an anchor, a page and a picture's text that are missing.
    broken = '<a href="x.html#no"></a><a href="no.html"></a><a href="x.md"></a><img src="x.png">'
    assert len(html_document.dead_links({"index.html": broken, "x.html": "", "x.md": ""})) == 4


def test_pages_can_be_read_without_eyes_or_colours(findings) -> None:
    pages = report.render(findings, NOW, suites_dir=SUITES) | {"nothing": report.render_nothing("No.")["index.html"]}
    for text in pages.values():
        document = Document(text)
        assert document.all("html") == [{"lang": "en"}] and len(document.all("h1")) == 1
        levels = [int(tag[1]) for tag, _ in document.tags if re.fullmatch(r"h[1-6]", tag)]
        assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))
        assert all("scope" in attributes for attributes in document.all("th"))
        assert all(attributes["role"] == "img" for attributes in document.all("svg"))
    text = page(findings).text
    assert "✕ critical" in text and "! warning" in text


def luminance(colour: str) -> float:
    """Of #rrggbb, as the Web Content Accessibility Guidelines define it."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    "front, back, least",
    [
        ("ink", "ground", 4.5), ("muted", "paper", 4.5), ("muted", "ground", 4.5), ("link", "paper", 4.5),
        ("link", "ground", 4.5), ("paper", "fail", 4.5), ("paper", "pass", 4.5), ("sign-ink", "warn", 4.5),
        ("warn-ink", "warn-soft", 4.5), ("pass-ink", "pass-soft", 4.5), ("plain-ink", "plain-soft", 4.5),
        ("pass-ink", "pass-mid", 4.5), ("fail", "paper", 3), ("warn", "paper", 3), ("pass", "paper", 3),
        ("info", "paper", 3),
    ],
)  # fmt: skip
def test_colours_can_be_told_apart(front, back, least) -> None:
    """Text and what is drawn, by level AA."""
    css = (harness.ROOT / "src/precision_marketing/quality/report_templates/report.css").read_text()
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", css))
    light, dark = sorted((luminance(colours[front]), luminance(colours[back])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= least
    assert not re.search(r"#[0-9a-f]{3,6}", css.split("}", 1)[1].replace("#fff;", ""))  # all are among the named ones


def test_the_same_tables_give_the_same_pages(findings) -> None:
    other = copy.deepcopy(findings)
    for value in vars(other).values():
        if isinstance(value, list):
            value.reverse()
    assert report.render(findings, NOW, suites_dir=SUITES) == report.render(other, NOW, suites_dir=SUITES)


def test_pages_of_suites_that_are_no_more_go(findings, tmp_path) -> None:
    report.write(report.render(findings, NOW, suites_dir=SUITES), tmp_path)
    (tmp_path / "own.html").write_text("somebody else's")
    findings.scorecard = [row for row in findings.scorecard if row["relation"] != "stg_app__events"]
    findings.cards = ""
    report.write(report.render(findings, NOW, suites_dir=SUITES), tmp_path)
    assert {path.name for path in tmp_path.rglob("*.html")} == {
        "definitions.html", "index.html", "own.html", "personal_data.html", "stg_shop__orders.html",
        "stg_shop__order_items.html",
    }  # fmt: skip


def test_where_nothing_was_checked_the_page_says_so(findings, tmp_path) -> None:
    report.write(report.render(findings, NOW, suites_dir=SUITES), tmp_path)
    report.write(report.render_nothing("No results yet: there is no database x_quality."), tmp_path)
    assert {path.name for path in tmp_path.rglob("*.html")} == {"index.html", "definitions.html"}
    assert "there is no database x_quality" in Document((tmp_path / "index.html").read_text()).text


def test_the_command_writes_the_site_and_says_where(findings, tmp_path, monkeypatch, capsys) -> None:
    def nothing(*_):
        raise report.NothingToReport("No results yet.")

    monkeypatch.setattr(report.server, "reading", lambda target: contextlib.nullcontext((None, "marketing")))
    monkeypatch.setattr(report, "read", lambda *_: findings)
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["report"])
    (tmp_path / "static_index.html").write_text("<p>dbt docs</p>")
    report.main()
    home = tmp_path / "quality" / "index.html"
    sentence, path = capsys.readouterr().out.splitlines()
    assert path == str(home) and sentence in Document(home.read_text()).text
    pages = {page.relative_to(home.parent).as_posix(): page.read_text() for page in home.parent.rglob("*.html")}
    assert {"href": "dbt_docs.html"} in Document(pages["index.html"]).all("a")
    assert pages["dbt_docs.html"] == "<p>dbt docs</p>" and html_document.dead_links(pages) == []

    monkeypatch.setattr(report, "read", nothing)
    with pytest.raises(SystemExit, match="No results yet."):
        report.main()
    assert "No results yet." in home.read_text() and not (home.parent / "dbt_docs.html").exists()
