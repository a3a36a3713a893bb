"""The gates: each expectation of each suite fails on what it is for, and on nothing else."""

import datetime as dt
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from precision_marketing import gates

SUITES = Path(__file__).parents[2] / "expectations"
NOW = dt.datetime(2024, 6, 1, 12, tzinfo=dt.UTC)

# Valid relations: SQL expressions over the row number id.
VALID = {
    "stg_shop__orders": {
        "order_id": "cast(id as string)",
        "customer_id": "concat('c', id)",
        "store_id": "'s1'",
        "channel": "'web'",
        "status": "'paid'",
        "ordered_at": "timestamp '2024-05-01 10:00:00'",
        "paid_at": "timestamp '2024-05-01 10:05:00'",
        "discount_amount": "cast(0 as decimal(18, 4))",
        "shipping_amount": "cast(5 as decimal(18, 4))",
        "coupon_id": "cast(null as string)",
    },
    "stg_shop__order_items": {
        "order_item_id": "cast(id as string)",
        "order_id": "cast(id as string)",
        "product_id": "'p1'",
        "quantity": "cast(if(id = 1, -1, 2) as decimal(18, 4))",
        "unit_price": "cast(9.5 as decimal(18, 4))",
    },
    "stg_shop__orders__rejected": {"reject_reason": "'no order_id'", "raw_row": "'{}'"},
    "stg_shop__order_items__rejected": {"reject_reason": "'no order_id'", "raw_row": "'{}'"},
}
ROWS = {"stg_shop__orders__rejected": 2, "stg_shop__order_items__rejected": 2}  # 2 of 12 in all
MAX_REJECTED_SHARE = 0.2


def null_first(column):
    return {column: f"if(id = 0, null, {{{column}}})"}


def null_first_four(column):
    return {column: f"if(id < 4, null, {{{column}}})"}


# By suite, type and column: what to corrupt, as expressions ({column} is the valid one) or a number of rows.
CORRUPTIONS = {
    "stg_shop__orders": {
        ("expect_table_row_count_to_be_between", None): {"rows": 0},
        ("expect_column_values_to_not_be_null", "order_id"): null_first("order_id"),
        ("expect_column_values_to_be_unique", "order_id"): {"order_id": "if(id = 0, '1', {order_id})"},
        ("expect_column_values_to_not_be_null", "ordered_at"): null_first("ordered_at"),
        ("expect_column_values_to_be_of_type", "ordered_at"): {"ordered_at": "cast({ordered_at} as date)"},
        ("expect_column_values_to_be_between", "ordered_at"): {
            "ordered_at": "if(id = 0, timestamp '1969-12-31 23:59:59', {ordered_at})"
        },
        ("expect_column_pair_values_a_to_be_greater_than_b", "paid_at, ordered_at"): {
            "paid_at": "if(id = 0, timestamp '2024-05-01 09:59:59', {paid_at})"
        },
        ("expect_column_values_to_not_be_null", "customer_id"): null_first_four("customer_id"),
        ("expect_column_values_to_not_be_null", "status"): null_first("status"),
        ("expect_column_values_to_be_in_set", "status"): {"status": "if(id = 0, 'sold', {status})"},
        ("expect_column_values_to_not_be_null", "channel"): null_first("channel"),
        ("expect_column_values_to_be_between", "discount_amount"): {
            "discount_amount": "cast(if(id = 0, -0.0001, 0) as decimal(18, 4))"
        },
        ("expect_column_values_to_be_between", "shipping_amount"): {
            "shipping_amount": "cast(if(id = 0, -0.0001, 0) as decimal(18, 4))"
        },
    },
    "stg_shop__order_items": {
        ("expect_column_values_to_not_be_null", "order_item_id"): null_first("order_item_id"),
        ("expect_column_values_to_be_unique", "order_item_id"): {"order_item_id": "if(id = 0, '1', {order_item_id})"},
        ("expect_column_values_to_not_be_null", "order_id"): null_first("order_id"),
        ("expect_column_values_to_not_be_null", "product_id"): null_first("product_id"),
        ("expect_column_values_to_not_be_null", "quantity"): null_first("quantity"),
        ("expect_column_values_to_not_be_null", "unit_price"): null_first("unit_price"),
        ("expect_column_values_to_be_of_type", "unit_price"): {"unit_price": "cast({unit_price} as double)"},
        ("expect_column_values_to_be_between", "unit_price"): {
            "unit_price": "cast(if(id = 0, -0.0001, 1) as decimal(18, 4))"
        },
    },
    # 3 of 13 rows rejected where 2.6 are allowed
    "stg_shop__orders__rejected": {("expect_table_row_count_to_be_between", None): {"rows": 3}},
    "stg_shop__order_items__rejected": {("expect_table_row_count_to_be_between", None): {"rows": 3}},
}


def frame(spark, relation, rows=None, **changes):
    """The relation with ROWS (default 10) valid rows, with some columns changed."""
    valid = VALID[relation]
    columns = {**valid, **{column: changed.format(**valid) for column, changed in changes.items()}}
    select = ", ".join(f"{expression} as {column}" for column, expression in columns.items())
    return spark.sql(f"select {select} from range({ROWS.get(relation, 10) if rows is None else rows})")


def run(relations, **options):
    options = {
        "run_id": "run-1",
        "suites_dir": SUITES,
        "max_rejected_share": MAX_REJECTED_SHARE,
        "run_at": NOW,
        **options,
    }
    return gates.run_suites("gate_test", relations, **options)


def checked(spark, relation, **changes):
    """Rows for one relation; a __rejected one goes with its valid staged relation."""
    staged = relation.removesuffix("__rejected")
    relations = {name: frame(spark, name) for name in {staged, relation}}
    relations[relation] = frame(spark, relation, **changes)
    return [row for row in run(relations) if row["relation"] == relation]


def all_valid(spark):
    return {relation: frame(spark, relation) for relation in VALID}


def failures(rows):
    return [(row["expectation"], row["column_name"]) for row in rows if not row["success"]]


def suite_files():
    return sorted(SUITES.glob("stg_shop__*.json"))


def expectations():
    for path in suite_files():
        for entry in json.loads(path.read_text())["expectations"]:
            kwargs = entry["kwargs"]
            columns = [kwargs[key] for key in ("column", "column_A", "column_B") if key in kwargs]
            yield path.stem, entry["type"], ", ".join(columns) or None


@pytest.fixture(scope="module")
def spark():
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "1g")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    yield session
    session.stop()


def test_every_suite_is_tested_and_in_the_format_great_expectations_writes():
    from great_expectations.core import ExpectationSuite

    assert {path.stem for path in suite_files()} == set(VALID)
    for path in suite_files():
        content = json.loads(path.read_text())
        assert ExpectationSuite(**content).to_json_dict() == content, path.name


def test_valid_relations_meet_every_expectation(spark):
    rows = run(all_valid(spark))
    assert failures(rows) == []
    assert [(row["relation"], row["expectation"], row["column_name"]) for row in rows] == [
        entry for relation in VALID for entry in expectations() if entry[0] == relation
    ]


@pytest.mark.parametrize("relation, expectation, column", list(expectations()))
def test_each_expectation_fails_on_its_own_corruption_alone(spark, relation, expectation, column):
    corruption = CORRUPTIONS[relation][expectation, column]
    assert failures(checked(spark, relation, **corruption)) == [(expectation, column)]


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
        "element_count": 10,
        "unexpected_count": 2,
        "unexpected_share": 0.2,
        "observed_value": None,
        "kwargs": '{"column": "order_id"}',
        "message": "stg_shop__orders: expect_column_values_to_not_be_null(order_id): 2 of 10 rows (critical)",
        "exception": None,
    }


def test_counts_have_thousands_separators_and_the_allowed_share(spark):
    rows = checked(spark, "stg_shop__orders", rows=10_000, customer_id="if(id < 4000, null, {customer_id})")
    assert [row["message"] for row in rows if not row["success"]] == [
        "stg_shop__orders: expect_column_values_to_not_be_null(customer_id): "
        "4,000 of 10,000 rows, allowed 30.00% (warning)"
    ]


def test_the_allowed_share_itself_is_allowed(spark):
    rows = checked(spark, "stg_shop__orders", customer_id="if(id < 3, null, {customer_id})")
    row = next(row for row in rows if row["column_name"] == "customer_id")
    assert (row["success"], row["unexpected_count"]) == (True, 3)


@pytest.mark.parametrize(
    "staged, rejected, share, allowed, success",
    [
        (71, 29, 0.29, 29, True),
        (70, 30, 0.29, 29, False),
        (9, 1, 0.05, 0, False),
        (0, 0, 0.05, 0, True),
        (5, 5, 1, 10, True),
    ],
)
def test_allowed_rejected_rows_are_a_share_of_all(spark, staged, rejected, share, allowed, success):
    relations = {
        "stg_shop__order_items": frame(spark, "stg_shop__order_items", rows=staged),
        "stg_shop__order_items__rejected": frame(spark, "stg_shop__order_items__rejected", rows=rejected),
    }
    row = run(relations, max_rejected_share=share)[-1]
    assert row["success"] is success
    assert json.loads(row["kwargs"]) == {"max_value": allowed}
    assert row["message"] == (
        "stg_shop__order_items__rejected: expect_table_row_count_to_be_between(): "
        f"observed {rejected}, expected at most {allowed} (critical)"
    )


def test_empty_relations_fail_nothing_critical(spark):
    rows = run({relation: frame(spark, relation, rows=0) for relation in VALID})
    assert failures(rows) == [("expect_table_row_count_to_be_between", None)]
    assert {row["unexpected_count"] for row in rows if row["element_count"] == 0} == {0}
    assert {row["unexpected_share"] for row in rows if row["element_count"] == 0} == {0.0}


def test_a_single_row_is_enough(spark):
    relations = {
        relation: frame(spark, relation, rows=0 if relation.endswith("__rejected") else 1) for relation in VALID
    }
    assert failures(run(relations)) == []


def test_a_missing_column_fails_what_needs_it_and_nothing_else(spark):
    rows = run({"stg_shop__orders": frame(spark, "stg_shop__orders").drop("channel")})
    failed = [row for row in rows if not row["success"]]
    assert failures(rows) == [("expect_column_values_to_not_be_null", "channel")]
    assert '"channel"' in failed[0]["exception"] and "\n" not in failed[0]["exception"]
    assert "(channel): could not be evaluated: " in failed[0]["message"]
    assert failed[0]["unexpected_count"] is None


def test_a_wrong_type_fails_and_says_so(spark):
    rows = checked(spark, "stg_shop__order_items", unit_price="'nine'")
    failed = {row["expectation"]: row for row in rows if not row["success"]}
    assert set(failed) == {"expect_column_values_to_be_of_type", "expect_column_values_to_be_between"}
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


def test_a_parameter_without_a_value_is_an_error(spark):
    with pytest.raises(gates.SuiteError, match="orders__rejected: no value for .* allowed_rejected_rows"):
        run({"stg_shop__orders__rejected": frame(spark, "stg_shop__orders__rejected")})


def print_results_over_spark_connect():
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.remote("local[2]").getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    rows = run(corrupt(spark))
    assert spark.createDataFrame(rows, gates.RESULT_SCHEMA).count() == len(rows)
    print(json.dumps(rows, default=str))
    spark.stop()


def corrupt(spark):
    return {
        **all_valid(spark),
        "stg_shop__orders": frame(spark, "stg_shop__orders", order_id="'same'").drop("status"),
        "stg_shop__order_items__rejected": frame(spark, "stg_shop__order_items__rejected", rows=5),
    }


def test_spark_connect_gives_the_same_results(spark):
    # One process can hold one kind of session.
    path = [str(Path(__file__).parent), *sys.path]
    script = f"import sys; sys.path[:0] = {path}; import test_gates; test_gates.print_results_over_spark_connect()"
    connect = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert connect.returncode == 0, connect.stderr
    rows = run(corrupt(spark))
    assert len(failures(rows)) == 4
    assert json.loads(connect.stdout) == json.loads(json.dumps(rows, default=str))
