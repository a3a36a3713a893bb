"""The benchmark of engines: its translation gives in DuckDB what Spark gives, and its comparison finds nonsense."""

import datetime as dt
from decimal import Decimal

import pytest

import harness

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(harness.ROOT / "benchmarks")
    import engines
    import spark_to_duckdb

# An expression and what Spark 4.1 makes of it, in a session in UTC without ANSI mode.
EXPRESSIONS = {
    # whole numbers: fractions are cut off, a text must be one
    "cast(1.9 as int)": 1,
    "cast(cast(-2.5 as double) as int)": -2,
    "try_cast('1.5' as int)": None,
    "try_cast(' 7 ' as bigint)": 7,
    "try_cast('9007199254740993' as bigint)": 9007199254740993,
    "pmod(-1, 7)": 6,
    "try_divide(1, 0)": None,
    # days
    "date_add(date '2024-02-28', 2)": dt.date(2024, 3, 1),
    "date_sub(date '2024-03-01', 1)": dt.date(2024, 2, 29),
    "trunc(date '2024-02-05', 'month')": dt.date(2024, 2, 1),
    "datediff(date '2024-03-01', date '2024-02-01')": 29,
    "months_between(date '2024-03-31', date '2024-02-29')": 1.0,
    "weekday(date '2024-02-05')": 0,
    "dayofweek(date '2024-02-05')": 2,
    "extract(dayofweek_iso from date '2024-02-05')": 1,
    "sequence(date '2024-02-28', date '2024-03-01')": [dt.date(2024, 2, 28), dt.date(2024, 2, 29), dt.date(2024, 3, 1)],
    "sequence(0, 2)": [0, 1, 2],
    # instants, which are in UTC
    "try_cast('2024-02-05T22:00:00+08:00' as timestamp)": dt.datetime(2024, 2, 5, 14),
    "try_cast('2024-02-30' as timestamp)": None,
    "to_utc_timestamp(timestamp '2024-02-05 22:00:00', 'Asia/Shanghai')": dt.datetime(2024, 2, 5, 14),
    "to_date(from_utc_timestamp(timestamp '2024-02-05 22:00:00', 'Asia/Shanghai'))": dt.date(2024, 2, 6),
    "date_trunc('hour', timestamp '2024-02-05 10:22:33')": dt.datetime(2024, 2, 5, 10),
    "unix_timestamp(timestamp '2024-02-05 22:00:00')": 1707170400,
    "timestamp_seconds(1700000000)": dt.datetime(2023, 11, 14, 22, 13, 20),
    "timestamp_millis(1700000000123)": dt.datetime(2023, 11, 14, 22, 13, 20, 123000),
    "timestamp '2024-02-05 22:00:00' + make_dt_interval(0, 0, 0, 90)": dt.datetime(2024, 2, 5, 22, 1, 30),
    # text
    "concat('a', cast(null as string))": None,
    "concat_ws(', ', array_sort(collect_set(letter)))": "a, b",
    "regexp_replace('5.12.2024', '([0-9]+)[.]([0-9]+)[.]([0-9]+)', '$3-$2-$1')": "2024-12-5",
    "substring_index('a@b@c', '@', -1)": "c",
    "substring_index('a@b@c', '@', 2)": "a@b",
    "substring_index('abc', '@', -2)": "abc",
    "replace('abcb', 'b')": "ac",
    "octet_length('é')": 2,
    "'张三' rlike '^[\\u3400-\\u9fff]'": True,
    # arrays, structs, JSON
    "size(collect_set(letter) filter (where number > 1))": 1,
    "size(collect_list(letter) filter (where number > 9))": 0,
    "transform(collect_list(struct(letter)), typed -> typed.letter)[0]": "a",
    "octet_length(unhex('C3A9'))": 2,
    "to_json(named_struct('a', 1, 'b', cast(null as string), 'c', 'x'))": '{"a":1,"c":"x"}',
    'from_json(\'[{"x": 1, "y": "b"}]\', \'array<struct<x: int, y: string>>\')[0].y': "b",
    "max(raw.letter)": "b",
    # aggregates of the three rows below
    "percentile(number, 0.5)": 2.5,
    "max_by(letter, number)": None,
    "count_if(number > 1)": 2,
    "sum(number)": Decimal("8.5"),
}
ROWS = """
    with given as (select * from values ('a', 1.0), ('b', 2.5), (null, 5.0) as given (letter, number)),
    typed as (select struct(*) as raw, letter, number from given)
    select {} as value from typed
"""


@pytest.fixture(scope="module")
def connection():
    with spark_to_duckdb.connect() as connection:
        yield connection


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_gives_what_spark_gives(connection, expression: str) -> None:
    # An expression without a column is the same for all rows.
    rows = connection.execute(spark_to_duckdb.translate(ROWS.format(expression))).fetchall()
    assert set(map(repr, rows)) == {repr((EXPRESSIONS[expression],))}


def written(connection, folder, name: str, query: str) -> str:
    path = str(folder / f"{name}.parquet")
    connection.execute(f"copy ({query}) to '{path}' (format parquet)")
    return path


SPARK = (
    "select * from (values (1, 'x', 0.1::double, 1.50::decimal(9, 2)), (2, 'y', 0.7, 2.50)) as t(id, kind, score, cost)"
)
OTHERS = {
    "select id::bigint as id, kind, score + 1e-12 as score, cost::double as cost from ({})": None,
    "select * from ({}) order by id desc": None,
    "select * from ({}) where id = 1": "1 rows",
    "select id, kind, score from ({})": "columns cost",
    "select id, upper(kind) as kind, score, cost from ({})": "2 rows, in kind",
    "select id, if(id = 1, 'y', 'x') as kind, score, cost from ({})": "2 rows, in what stands in one row",
    "select id, kind, 0.8 - score as score, cost from ({})": "score: weighted sum",
    "select id, kind, score, cost::double + 0.01 as cost from ({})": "cost: sum",
    "select id, kind, if(id = 1, null, score) as score, cost from ({})": "score: 1 values, not 2",
}


@pytest.mark.parametrize("other", OTHERS)
def test_different_results_are_found(connection, tmp_path, other: str) -> None:
    ours = written(connection, tmp_path, "ours", SPARK)
    theirs = written(connection, tmp_path, "theirs", other.format(SPARK))
    rows, difference = engines.difference(connection, ours, theirs)
    assert rows == 2
    assert difference is None if OTHERS[other] is None else difference.startswith(OTHERS[other])


def test_a_query_reads_tables_not_its_own_parts() -> None:
    sql = "with a as (select * from build.orders) select * from a join s.stores__v1 where exists (select 1 from b.c)"
    assert engines.relations(sql) == {"build.orders", "s.stores__v1", "b.c"}
