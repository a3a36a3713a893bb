"""The gates: each expectation of each suite fails on what it is for, and on nothing else."""

import datetime as dt
import functools
import json
import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gate_data import BROKEN, OTHERWISE, ROWS, TEXT, VALID
from precision_marketing.quality import gates

SUITES = Path(__file__).parents[4] / "expectations"
NOW = dt.datetime(2024, 6, 1, 12, tzinfo=dt.UTC)
MAX_REJECTED_SHARE = 0.2  # 20 of 220 rows are rejected

# Observations of an earlier run from which every valid relation has drifted, by type of expectation.
EARLIER = {
    "expect_table_row_count_change_to_be_at_most": {"rows": 1000},
    "expect_column_mean_drift_to_be_at_most": {"mean": -100, "standard_deviation": 10},
    "expect_column_null_share_drift_to_be_at_most": {"null_share": 0.5},
    "expect_column_category_drift_to_be_at_most": {"counts": {"another": 20}},
    "expect_column_rise_to_be_at_most_column": {"values": {"stg_r0 / customer_id": 0.01}},
}
# Depends on what the company declares, so it has tests of its own.
REQUIRED = "expect_required_table_to_hold_rows"


def columns_of(relation):
    """Expressions by column name."""
    return dict(line.strip().split(": ", 1) for line in VALID[relation].strip().splitlines())


def rows_of(relation):
    return 20 if relation.endswith("__rejected") else ROWS.get(relation, 200)


def frame(spark, relation, /, rows=None, **changes):
    """The relation with valid rows, but for expressions in ``changes``, where {column} is a valid one."""
    valid = columns_of(relation)
    columns = {**valid, **{column: changed.format(**valid) for column, changed in changes.items()}}
    select = ", ".join(f"{expression} as {column}" for column, expression in columns.items())
    return spark.sql(f"select {select} from range(0, {rows_of(relation) if rows is None else rows}, 1, 1)")


def named_columns(entry):
    kwargs = entry["kwargs"]
    return ", ".join(kwargs.get("column_list", [kwargs["column"]] if "column" in kwargs else [])) or None


def suite(relation):
    return json.loads((SUITES / f"{relation}.json").read_text())


def whole(entry):
    """What to change in all of a relation so that an expectation about the whole of it fails; None for another."""
    kind, kwargs = entry["type"], entry["kwargs"]
    if kind == "expect_table_row_count_to_be_between":
        return {"rows": kwargs["min_value"] - 1}
    if kind == "expect_rejected_share_to_be_at_most":
        return {"rows": 60}
    if kind == "expect_column_values_to_be_of_type":
        wrong = {"DecimalType": "double", "TimestampType": "date"}[kwargs["type_"]]
        return {kwargs["column"]: f"cast({{{kwargs['column']}}} as {wrong})"}
    return None


def broken(relation, entry, row):
    """Number of rows that must break an expectation for it to fail, and the expressions that do so from ``row`` on."""
    kind, kwargs, columns = entry["type"], entry["kwargs"], named_columns(entry)
    rows = int(round((1 - kwargs.get("mostly", 1)) * rows_of(relation), 6)) + 1  # one more than is allowed
    if values := OTHERWISE.get((relation, kind, columns)) or BROKEN.get((relation, columns)):
        return rows, values
    if kind == "expect_column_values_to_not_be_null":
        return rows, {columns: "null"}
    if kind in ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique"):
        valid = columns_of(relation)
        return 2, {column: re.sub(r"\bid\b", str(row), valid[column]) for column in columns.split(", ")}
    if kind == "expect_column_values_to_be_in_set":
        return rows, {columns: "'no such value'"}
    if kind == "expect_column_values_to_be_between":
        least = kwargs["min_value"]
        return rows, {columns: "timestamp '1800-01-01 00:00:00'" if isinstance(least, str) else f"{least - 1}"}
    assert kind == "expect_no_personal_data_in_text"
    return rows, {TEXT[relation]: "'call 13800138000'"}


def packed(relation, entries):
    """Corruptions, each on rows of its own, in as few frames as hold them: [({position: rows}, changes of a frame)]."""
    frames, free = [], 0
    for position, entry in enumerate(entries):
        rows, _ = broken(relation, entry, 0)
        if rows > free:
            frames.append(({}, {}))
            free = rows_of(relation)
        row = rows_of(relation) - free
        counts, changes = frames[-1]
        for column, value in broken(relation, entry, row)[1].items():
            otherwise = changes.get(column, f"{{{column}}}")
            changes[column] = f"case when id >= {row} and id < {row + rows} then {value} else {otherwise} end"
        counts[position] = rows
        free -= rows
    return frames


def run(relations, **options):
    options = {
        "run_id": "run-1",
        "suites_dir": SUITES,
        "max_rejected_share": MAX_REJECTED_SHARE,
        "run_at": NOW,
        **options,
    }
    return gates.run_suites("gate_test", relations, **options)


def checked(spark, relation, /, baseline=None, **changes):
    """Rows for one relation; a __rejected one goes with its valid staged relation, orders with their lines."""
    relations = {}
    if relation.endswith("__rejected"):
        relations["staged"] = relation.removesuffix("__rejected")
    relations = {name: frame(spark, name) for name in relations.values()}
    relations[relation] = frame(spark, relation, **changes)
    if relation == "fct_orders":
        relations["fct_order_items"] = frame(spark, "fct_order_items")
    return [row for row in run(relations, baseline=baseline) if row["relation"] == relation]


def failures(rows):
    return [(row["expectation"], row["column_name"]) for row in rows if not row["success"]]


@pytest.fixture(scope="module", autouse=True)
def suites_read_once():
    load, gates.load_suite = gates.load_suite, functools.cache(gates.load_suite)
    yield
    gates.load_suite = load


@pytest.mark.parametrize("relation", VALID)
def test_the_suite_is_in_the_format_great_expectations_writes(relation):
    gates.expectations_module()
    from great_expectations.core import ExpectationSuite

    content = suite(relation)
    assert ExpectationSuite(**content).to_json_dict() == content
    key = content["meta"].get("key")
    assert (key is None) == relation.endswith("__rejected")
    assert set(key or []) <= set(columns_of(relation))


def test_every_suite_is_tested():
    assert {path.stem for path in SUITES.glob("*.json")} == set(VALID)


@pytest.mark.parametrize("relation", VALID)
def test_valid_rows_meet_every_expectation(spark, relation):
    rows = checked(spark, relation)
    assert failures(rows) == []
    assert [(row["expectation"], row["column_name"]) for row in rows] == [
        (entry["type"], named_columns(entry)) for entry in suite(relation)["expectations"]
    ]


@pytest.mark.parametrize("relation", VALID)
def test_each_rule_on_rows_counts_its_own_corruption_alone(spark, relation):
    """Every expectation is broken on rows of its own and must count just these: it sees its corruption and no other."""
    apart = (*gates.DRIFTS, REQUIRED)
    entries = [e for e in suite(relation)["expectations"] if whole(e) is None and e["type"] not in apart]
    for counts, changes in packed(relation, entries):
        found = {(row["expectation"], row["column_name"]): row for row in checked(spark, relation, **changes)}
        for position, entry in enumerate(entries):
            row = found.pop((entry["type"], named_columns(entry)))
            assert row["unexpected_count"] == counts.get(position, 0), row["message"]
            assert row["success"] == (position not in counts), row["message"]
        assert failures(found.values()) == []


@pytest.mark.parametrize(
    "relation, entry",
    [(relation, entry) for relation in VALID for entry in suite(relation)["expectations"] if whole(entry)],
)
def test_each_rule_on_a_whole_relation_fails_alone(spark, relation, entry):
    assert failures(checked(spark, relation, **whole(entry))) == [(entry["type"], named_columns(entry))]


@pytest.mark.parametrize("relation", VALID)
def test_each_comparison_with_an_earlier_run_fails_alone(spark, relation):
    """Each has a baseline of its own, so they can drift together."""
    drifts = [e for e in suite(relation)["expectations"] if e["type"] in gates.DRIFTS]
    if drifts:
        baseline = {(relation, entry["type"], named_columns(entry)): EARLIER[entry["type"]] for entry in drifts}
        found = failures(checked(spark, relation, baseline=baseline))
        assert found == [(entry["type"], named_columns(entry)) for entry in drifts]


RAW_TABLES = {gates.raw_table_of(path.stem.removesuffix("__rejected")) for path in SUITES.glob("stg_*__rejected.json")}


def test_a_required_table_that_is_empty_fails_alone_and_others_may_be_empty(spark):
    relations = {relation: frame(spark, relation, rows=0) for relation in VALID if relation.startswith("stg_")}
    rows = run(relations, required_sources=["shop_order_items", "crm_customers"])
    failed = [row for row in rows if not row["success"] and row["severity"] == "critical"]
    assert [(row["relation"], row["expectation"], row["message"].partition("(): ")[2]) for row in failed] == [
        ("stg_crm__customers", REQUIRED, "empty, declared as used (critical)"),
        ("stg_shop__order_items", REQUIRED, "empty, declared as used (critical)"),
    ]
    judged = {gates.raw_table_of(row["relation"]) for row in rows if row["expectation"] == REQUIRED}
    assert judged == RAW_TABLES and len(RAW_TABLES) == 18


def test_a_required_table_with_a_row_is_there(spark):
    rows = run({"stg_shop__orders": frame(spark, "stg_shop__orders", rows=1)}, required_sources=["shop_orders"])
    row = next(row for row in rows if row["expectation"] == REQUIRED)
    assert row["success"] and row["message"].endswith("(): 1 rows, declared as used (critical)")


LINKS = """
    select cast(relation as string) as relation, 'customer_id' as key_name, unknown_share, max_rise, is_compared,
        false as is_over_limit, false as is_unmatched, false as is_dominated
    from values {rows} as given(relation, unknown_share, max_rise, is_compared)
"""
RISE = "expect_column_rise_to_be_at_most_column"


def risen(spark, before, *rows):
    """The result of the comparison of links (relation, share, largest rise, whether it is compared) with ``before``."""
    links = spark.sql(LINKS.format(rows=", ".join(f"({row})" for row in rows)))
    baseline = {("stg_shop__linkage", RISE, "unknown_share"): {"values": before}} if before is not None else None
    result = run({"stg_shop__linkage": links}, baseline=baseline)
    return next(row for row in result if row["expectation"] == RISE)


def test_a_link_that_breaks_between_two_runs_fails_until_it_holds_again(spark):
    """What fails is no baseline: the run after it is compared with the one before."""
    runs = []
    for day, share in enumerate(("0.01D", "0.11D", "0.9D", "0.9D", "0.1D")):
        store = spark.createDataFrame([row for rows in runs for row in rows], gates.RESULT_SCHEMA)
        links = spark.sql(LINKS.format(rows=f"('orders', {share}, 0.1D, true)"))
        at = NOW + dt.timedelta(days=day)
        runs.append(run({"stg_shop__linkage": links}, baseline=gates.last_approved(store), run_at=at))
    found = [next(row for row in rows if row["expectation"] == RISE) for rows in runs]
    assert [row["success"] for row in found] == [True, True, False, False, True]
    said = [row["message"].partition("(unknown_share): ")[2] for row in found]
    assert said[0] == "no earlier run to compare with (critical)"
    assert said[1] == "no value rose by more than it may (critical)"
    assert said[3] == "orders / customer_id rose from 11.0% to 90.0%, allowed 10.0% (critical)"
    assert json.loads(found[3]["observed_value"]) == {
        "values": {"orders / customer_id": 0.9},
        "before": {"orders / customer_id": 0.11},
        "risen": ["orders / customer_id"],
    }


@pytest.mark.parametrize(
    "before, row, success",
    [
        (0.0, "'a', 0.1D, 0.1D, true", True),  # at its limit
        (0.0, "'a', 0.2D, 0.1D, true", False),
        (0.9, "'a', 0.2D, 0.1D, true", True),  # it fell
        (0.0, "'a', 0.9D, 0.1D, false", True),  # too few rows
        (0.0, "'a', 0.9D, cast(null as double), true", True),  # no limit
        (0.0, "'a', 0.9D, 1D, true", True),  # any rise is allowed
        (0.0, "'a', cast(null as double), 0.1D, true", False),  # the list is gone
        (0.0, "'a', cast(null as double), 1D, true", True),
        (None, "'a', 0.9D, 0.1D, true", True),  # there was no list
        (0.0, "'b', 0.9D, 0.1D, true", True),  # this link is new
        (0.0, "null, 0.9D, 0.1D, true", True),
    ],
)
def test_what_counts_as_a_rise(spark, before, row, success):
    assert risen(spark, {"a / customer_id": before}, row)["success"] is success


def test_a_list_that_is_gone_says_so(spark):
    message = risen(spark, {"a / customer_id": 0.01}, "'a', cast(null as double), 0.1D, true")["message"]
    assert "a / customer_id was 1.0% and cannot be told any more (critical)" in message


def test_names_of_tables_and_columns_are_told_in_full(spark):
    """A steward must see which link is broken; keys of a company's rows stay masked."""
    rows = checked(spark, "stg_shop__linkage", is_over_limit="id in (7, 8)")
    row = next(row for row in rows if not row["success"])
    assert json.loads(row["sample_keys"]) == ["stg_r7 / customer_id", "stg_r8 / customer_id"]
    assert row["message"].endswith("2 of 200 rows, stg_r7 / customer_id, stg_r8 / customer_id (critical)")
    plain = {path.stem for path in SUITES.glob("*.json") if suite(path.stem)["meta"].get("plain_key")}
    assert plain == {
        relation for relation in VALID if relation.endswith(("__linkage", "__column_profile", "_reidentification"))
    }


def test_orders_of_the_future_fail(spark):
    def ordered(timestamp):
        rows = checked(
            spark,
            "stg_shop__orders",
            ordered_at=f"timestamp '{timestamp}'",
            paid_at="cast(null as timestamp)",
        )
        return failures(rows)

    assert ordered("2024-06-03 00:00:00") == []
    assert ordered("2024-06-03 00:00:01") == [("expect_column_values_to_be_between", "ordered_at")]


def test_counts_shares_and_message(spark):
    rows = checked(spark, "stg_shop__orders", order_id="if(id < 2, null, {order_id})")
    row = next(row for row in rows if not row["success"])
    assert row == {
        "run_id": "run-1",
        "run_at": NOW,
        "gate": "gate_test",
        "relation": "stg_shop__orders",
        "suite": "stg_shop__orders",
        "expectation": "expect_column_values_to_not_be_null",
        "column_name": "order_id",
        "severity": "critical",
        "dimension": "completeness",
        "owner": "shop data",
        "success": False,
        "element_count": 200,
        "unexpected_count": 2,
        "unexpected_share": 0.01,
        "observed_value": None,
        "kwargs": '{"column": "order_id"}',
        "message": "stg_shop__orders: expect_column_values_to_not_be_null(order_id): 2 of 200 rows (critical)",
        "exception": None,
        "sample_keys": '["(null)"]',
    }


def test_counts_have_thousands_separators_and_the_allowed_share(spark):
    rows = checked(spark, "stg_shop__orders", rows=10_000, customer_id="if(id < 4000, null, {customer_id})")
    assert [row["message"] for row in rows if not row["success"]] == [
        "stg_shop__orders: expect_column_values_to_not_be_null(customer_id): "
        "4,000 of 10,000 rows, allowed 30.00% (warning)"
    ]


def test_the_allowed_share_itself_is_allowed(spark):
    rows = checked(spark, "stg_shop__orders", customer_id="if(id < 60, null, {customer_id})")
    row = next(row for row in rows if row["column_name"] == "customer_id")
    assert (row["success"], row["unexpected_count"]) == (True, 60)


@pytest.mark.parametrize(
    "staged, rejected, share, success, shown",
    [
        (71, 29, 0.29, True, "29 of 100 rows, 29.00% rejected, allowed 29.00%"),
        (70, 30, 0.29, False, "30 of 100 rows, 30.00% rejected, allowed 29.00%"),
        (9, 1, 0.05, False, "1 of 10 rows, 10.00% rejected, allowed 5.00%"),
        (0, 0, 0.05, True, "0 of 0 rows, 0.00% rejected, allowed 5.00%"),
        (5, 5, 1, True, "5 of 10 rows, 100.00%"),
    ],
)
def test_rejected_rows_are_a_share_of_all(spark, staged, rejected, share, success, shown):
    name = "stg_shop__order_items"
    relations = {
        name: frame(spark, name, rows=staged),
        f"{name}__rejected": frame(spark, f"{name}__rejected", rows=rejected),
    }
    rows = run(relations, max_rejected_share=share)
    row = next(row for row in rows if row["expectation"] == "expect_rejected_share_to_be_at_most")
    assert row["success"] is success
    assert row["message"].endswith(f"(): {shown} (critical)") or share == 1


def test_withheld_rows_do_not_count_as_rejected(spark):
    rows = checked(
        spark,
        "stg_shop__orders__rejected",
        rows=12,
        reject_reason="if(id < 10, 'withheld: expired', {reject_reason})",
        raw_row="if(id < 10, null, {raw_row})",
    )
    assert failures(rows) == []
    assert (rows[0]["element_count"], rows[0]["unexpected_count"]) == (202, 2)


def test_empty_relations_fail_nothing_critical(spark):
    rows = run({relation: frame(spark, relation, rows=0) for relation in VALID})
    assert {row["severity"] for row in rows if not row["success"]} == {"warning"}
    assert set(failures(rows)) == {("expect_table_row_count_to_be_between", None)}
    assert {row["unexpected_count"] for row in rows if row["element_count"] == 0} == {0}
    assert {row["unexpected_share"] for row in rows if row["element_count"] == 0} == {0.0}


def test_a_single_row_is_enough(spark):
    relations = {
        relation: frame(spark, relation, rows=0 if relation.endswith("__rejected") else 1) for relation in VALID
    }
    assert failures(run(relations)) == []


@pytest.mark.parametrize("relation", ["stg_crm__customers", "fct_orders", "customer_rfm"])
def test_columns_of_nulls_fail_only_what_must_be_there(spark, relation):
    rows = checked(spark, relation, **{column: f"if(id < 0, {{{column}}}, null)" for column in columns_of(relation)})
    expected = {"expect_column_values_to_not_be_null", "expect_column_values_to_be_of_type", "expect_rows_to_satisfy"}
    assert {expectation for expectation, _ in failures(rows)} <= expected
    assert "expect_column_values_to_not_be_null" in {expectation for expectation, _ in failures(rows)}


def test_a_missing_column_fails_what_needs_it_and_nothing_else(spark):
    rows = run({"stg_shop__orders": frame(spark, "stg_shop__orders").drop("channel")})
    failed = [row for row in rows if not row["success"]]
    assert failures(rows) == [
        ("expect_column_values_to_not_be_null", "channel"),
        ("expect_column_category_drift_to_be_at_most", "channel"),
    ]
    assert '"channel"' in failed[0]["exception"] and "\n" not in failed[0]["exception"]
    assert "(channel): could not be evaluated: " in failed[0]["message"]
    assert failed[0]["unexpected_count"] is None


def test_a_wrong_type_fails_and_says_so(spark):
    rows = checked(spark, "stg_shop__order_items", unit_price="'nine'")
    failed = {row["expectation"]: row for row in rows if not row["success"]}
    assert set(failed) == {
        "expect_column_values_to_be_of_type",
        "expect_column_values_to_be_between",
        "expect_column_mean_drift_to_be_at_most",
    }
    message = failed["expect_column_values_to_be_of_type"]["message"]
    assert "(unit_price): observed StringType, expected type DecimalType (critical)" in message
    assert failed["expect_column_values_to_be_between"]["exception"]


def test_rows_fit_the_schema_of_the_results_table(spark):
    rows = run({"stg_shop__orders": frame(spark, "stg_shop__orders").drop("status")})
    results = spark.createDataFrame(rows, gates.RESULT_SCHEMA)
    assert results.columns == list(rows[0])
    assert results.where("run_at = timestamp '2024-06-01 12:00:00'").count() == len(rows)


def test_no_value_of_the_data_is_kept(spark):
    secret = "13800005678"
    rows = checked(spark, "stg_shop__orders", order_id=f"'{secret}'", status=f"'{secret}'")
    assert len(failures(rows)) == 2
    assert secret not in json.dumps(rows, default=str)
    assert [row["sample_keys"] for row in rows if not row["success"]] == ['["13***78"]'] * 2


@pytest.mark.parametrize(
    "key, masked",
    [
        ("C000012345", "C0***45"), ("abcdefgh", "ab***gh"), ("abcdefg", "a***g"), ("abcd", "a***d"), ("abc", "***"),
        ("", "***"), (None, "(null)"), ("订单二〇二四", "订***四"),
    ],
)  # fmt: skip
def test_at_most_half_of_a_key_is_shown(key, masked):
    assert gates.mask_key(key) == masked


def test_sample_keys_are_the_first_five_offending_rows_whatever_the_partitions(spark):
    late = {
        "closed_at": "if(id >= 100, timestamp '2022-01-01 00:00:00', {closed_at})",
        "ticket_id": "concat('t00', 300 - id)",
    }
    rows = frame(spark, "stg_crm__service_tickets", **late)
    for frames in (rows, rows.repartition(5)):
        row = next(row for row in run({"stg_crm__service_tickets": frames}) if not row["success"])
        assert json.loads(row["sample_keys"]) == ["t***1", "t***2", "t***3", "t***4", "t***5"]


@pytest.mark.parametrize(
    "relation, changes, keys",
    [
        (
            "stg_crm__consents",
            {"customer_id": "if(id < 2, 'c000', {customer_id})"},
            ["c***0 / ma***ng / *** / 20***00"],
        ),
        ("fct_orders", {"gross_amount": "if(id = 199, 99, {gross_amount})", "order_id": "concat('order-', id)"}, None),
        ("customer_tags", {"tag": "if(id = 3, 'mail me@example.com', {tag})"}, ["*** / ma***om"]),
    ],
)
def test_sample_keys_of_other_kinds_of_expectation(spark, relation, changes, keys):
    found = [json.loads(row["sample_keys"]) for row in checked(spark, relation, **changes) if not row["success"]]
    assert found and all(found)
    if keys:
        assert found == [keys]


PERSONAL = [
    "13800138000", "+8613800138000", "86 138 0013 8000", "138-0013-8000", "电话13800138000。", "tel:13800138000,",
    "ann.lee+x@mail.example.com", "写给a@b.cn吧", "11010519491231002X", "id=110105194912310021",
]  # fmt: skip
NOT_PERSONAL = [
    "138****8000", "a***@example.com", "110***********002X", "113800138000", "138001380001", "12800138000",
    "0.13800138000", "13800138000.55", "x13800138000", "20240501123456", "5f4dcc3b5aa765d61d8327deb882cf99",
    "550e8400-e29b-41d4-a716-446655440000", "3 @ 5", "110105194913310021", "size 138 x 200", "",
]  # fmt: skip


def test_personal_data_is_told_from_other_text(spark):
    engine = gates.expectations_module()
    texts = spark.createDataFrame([(text,) for text in PERSONAL + NOT_PERSONAL], "text string")
    found = texts.where(texts.text.rlike(engine.ANY_PERSONAL_DATA)).toPandas()["text"].tolist()
    assert sorted(found) == sorted(PERSONAL)


def test_personal_data_in_an_array_and_its_column_are_found(spark):
    row = next(
        row
        for row in checked(spark, "dim_products", brand="if(id = 0, array('x', '13800138000'), array('y'))")
        if not row["success"]
    )
    assert row["expectation"] == "expect_no_personal_data_in_text"
    assert row["message"].endswith("1 of 200 rows, found in brand (critical)")
    assert json.loads(row["observed_value"]) == {"brand": 1}


def test_the_last_run_that_passed_is_the_baseline(spark):
    """A first run has nothing to compare with; a second that is critical is no baseline; the third drifts."""
    name = "stg_shop__orders"
    store = spark.createDataFrame([], gates.RESULT_SCHEMA)
    assert gates.last_approved(store) == {}
    first = run({name: frame(spark, name)}, run_at=NOW)
    drift = [row for row in first if row["expectation"] in gates.DRIFTS]
    assert len(drift) == 3 and all("no earlier run to compare with" in row["message"] for row in drift)
    second = run({name: frame(spark, name, rows=5, order_id="null")}, run_at=NOW + dt.timedelta(days=1))
    store = spark.createDataFrame(first + second, gates.RESULT_SCHEMA)
    baseline = gates.last_approved(store)
    assert baseline[name, "expect_table_row_count_change_to_be_at_most", None] == {"rows": 200}

    shop = {"channel": "if(id < 150, 'store', {channel})", "customer_id": "if(id < 40, null, {customer_id})"}
    third = run({name: frame(spark, name, rows=500, **shop)}, baseline=baseline, run_at=NOW + dt.timedelta(days=2))
    assert failures(third) == [
        ("expect_table_row_count_change_to_be_at_most", None),
        ("expect_column_category_drift_to_be_at_most", "channel"),
    ]
    messages = [row["message"] for row in third if row["expectation"] in gates.DRIFTS]
    assert "(): number of rows changed by a factor of 2.5, at most 2 (warning)" in messages[0]
    assert "(channel): population stability index 1.53, at most 0.25 (warning)" in messages[1]
    assert "(customer_id): share of nulls changed by 0.08, at most 0.1 (warning)" in messages[2]
    assert json.loads(third[-3]["observed_value"])["drift"] == 2.5


@pytest.mark.parametrize(
    "before, now, drift",
    [
        ({"mean": 10, "standard_deviation": 4}, {"mean": 12, "standard_deviation": 1}, 0.5),
        ({"mean": 10, "standard_deviation": 4}, {"mean": 8, "standard_deviation": 1}, 0.5),
        ({"mean": 10, "standard_deviation": 0}, {"mean": 12, "standard_deviation": 1}, None),
        ({"mean": None, "standard_deviation": None}, {"mean": 12, "standard_deviation": 1}, None),
        ({"mean": 10, "standard_deviation": 4}, {"mean": None, "standard_deviation": None}, None),
    ],
)
def test_drift_of_a_mean(before, now, drift):
    expectation = gates.expectations_module().ExpectColumnMeanDriftToBeAtMost(column="x", max_value=0.5)
    assert expectation.compare(now, before) == drift


class Records(logging.Handler):
    """Keeps the names of the loggers that reach it."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def emit(self, record):
        self.names.add(record.name.partition(".")[0])


def test_nothing_is_printed_or_logged(spark, capfd, monkeypatch):
    handler = Records()
    monkeypatch.setattr(logging.root, "handlers", [handler])
    level = logging.root.level
    logging.root.setLevel(logging.DEBUG)
    gates._context.cache_clear()
    try:
        run({"stg_shop__orders": frame(spark, "stg_shop__orders").drop("status")})
    finally:
        logging.root.setLevel(level)
    assert capfd.readouterr() == ("", "")
    assert "great_expectations" not in handler.names


def write_suite(folder, **changes):
    suite = {
        "name": "x",
        "expectations": [
            {
                "type": "expect_column_values_to_not_be_null",
                "kwargs": {"column": "a"},
                "severity": "critical",
                "meta": {"dimension": "completeness", "owner": "me"},
            }
        ],
    }
    suite["expectations"][0].update(changes.pop("expectation", {}))
    (folder / "x.json").write_text(json.dumps({**suite, **changes}))


def test_a_suite_file_that_is_complete_loads(tmp_path):
    write_suite(tmp_path)
    assert len(gates.load_suite("x", tmp_path).expectations) == 1


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"name": "y"}, "the suite is named 'y', not 'x'"),
        ({"expectations": []}, "the suite has no expectations"),
        ({"expectation": {"severity": None}}, "severity must be one of critical, warning, info"),
        ({"expectation": {"severity": "fatal"}}, "severity must be one of critical, warning, info"),
        ({"expectation": {"meta": {"owner": "me"}}}, "meta.dimension must be one of"),
        ({"expectation": {"meta": {"dimension": "validity"}}}, "meta.owner is missing"),
        ({"expectation": {"type": "expect_miracles"}}, "expect_miracles"),
        ({"expectation": {"kwargs": {}}}, "column"),
    ],
)
def test_a_suite_file_that_is_wrong_is_named(tmp_path, changes, message):
    write_suite(tmp_path, **changes)
    with pytest.raises(gates.SuiteError, match="x.json") as error:
        gates.load_suite("x", tmp_path)
    assert message in str(error.value)


def test_no_suite_file_and_no_json(tmp_path):
    with pytest.raises(gates.SuiteError, match="No expectation suite for x: .*x.json does not exist"):
        gates.load_suite("x", tmp_path)
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(gates.SuiteError, match="not valid JSON"):
        gates.load_suite("x", tmp_path)


def test_a_parameter_without_a_value_is_an_error(spark, tmp_path):
    write_suite(tmp_path, expectation={"kwargs": {"column": "a", "mostly": {"$PARAMETER": "luck"}}})
    with pytest.raises(gates.SuiteError, match="x: no value for suite parameter luck"):
        run({"x": spark.sql("select 1 as a")}, suites_dir=tmp_path)


def test_great_expectations_own_parser_of_parameters_is_not_used(spark, tmp_path, monkeypatch):
    """It has one stack for all threads: gates side by side would mix up their parameters."""
    from great_expectations.core.suite_parameters import SuiteParameterParser

    monkeypatch.setattr(SuiteParameterParser, "get_parser", lambda self: pytest.fail("parsed by Great Expectations"))
    limit = {"$PARAMETER": "max_rejected_share"}
    write_suite(tmp_path, expectation={"kwargs": {"column": "a", "mostly": limit}})
    (result,) = run(
        {"x": spark.sql("select if(id = 0, null, id) as a from range(2)")}, suites_dir=tmp_path, max_rejected_share=0.5
    )
    assert result["success"] and json.loads(result["kwargs"])["mostly"] == 0.5


def print_results_over_spark_connect():
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.remote("local[2]").getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    rows = run(corrupt(spark))
    assert spark.createDataFrame(rows, gates.RESULT_SCHEMA).count() == len(rows)
    print(json.dumps(rows, default=str))
    spark.stop()


def corrupt(spark):
    """Every kind of expectation, met and not met."""
    changes = {"channel": "if(id < 12, 'call 13800138000', {channel})", "net_amount": "if(id = 3, 1, {net_amount})"}
    return {
        "stg_shop__orders": frame(spark, "stg_shop__orders", order_id="'same'").drop("status"),
        "stg_shop__orders__rejected": frame(spark, "stg_shop__orders__rejected", rows=90),
        "stg_crm__consents": frame(spark, "stg_crm__consents", customer_id="'same'"),
        "fct_order_items": frame(spark, "fct_order_items"),
        "fct_orders": frame(spark, "fct_orders", **changes),
    }


def test_spark_connect_gives_the_same_results(spark):
    # One process can hold one kind of session.
    path = [str(Path(__file__).parent), *sys.path]
    script = f"import sys; sys.path[:0] = {path}; import test_gates; test_gates.print_results_over_spark_connect()"
    connect = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert connect.returncode == 0, connect.stderr
    rows = run(corrupt(spark))
    assert len(failures(rows)) == 8
    assert json.loads(connect.stdout) == json.loads(json.dumps(rows, default=str))
