"""Staging reads raw columns as people and programs write them: made-up values by the thousand, each table in one query.

What a value stands for is said by a second reading (``reference_reading``), or known because the text was made from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import reference_reading as reference
import staging_sql
from reference_reading import AMBIGUOUS, UNREADABLE

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Column(NamedTuple):
    """A raw column to be read: its kind, its values and its type in the raw table."""

    kind: str
    values: Sequence[Any]
    type: str = "string"


@pytest.fixture(scope="module")
def words(spark: SparkSession) -> SparkSession:
    """The session, with the project's spellings."""
    staging_sql.load_spellings(spark)
    return spark


def read(
    spark: SparkSession, columns: Mapping[str, Column], zone: str = "Asia/Shanghai", ansi: bool = False
) -> dict[str, list[Any]]:
    """What staging reads in each column, or why it does not; nulls at the end of shorter columns are cut off."""
    longest = max(len(column.values) for column in columns.values())
    padded = [[*column.values, *[None] * (longest - len(column.values))] for column in columns.values()]
    schema = ", ".join(["n int", *(f"{name} {column.type}" for name, column in columns.items())])
    rows = list(zip(range(longest), *padded, strict=True))
    spark.createDataFrame(rows, schema).createOrReplaceTempView("raw_table")
    # The number of the row is a raw column like the others, so that rows can be put in order.
    kinds = {"n": "whole", **{name: column.kind for name, column in columns.items()}}
    # Without a zone, in UTC: Python would show an instant in the zone of the machine.
    shown = [f"cast({name} as timestamp_ntz) as {name}" if kinds[name] == "instant" else name for name in kinds]
    spark.conf.set("spark.sql.ansi.enabled", str(ansi).lower())
    try:
        found = spark.sql(staging_sql.reading("raw_table", kinds, zone)).selectExpr("reason", *shown).collect()
    finally:
        spark.conf.unset("spark.sql.ansi.enabled")
    found = sorted(found, key=lambda row: row["n"])
    reasons = [dict(fault.split(": ") for fault in (row["reason"] or "").split("; ") if fault) for row in found]
    return {
        name: [reasons[n].get(name, found[n][name]) for n in range(len(column.values))]
        for name, column in columns.items()
    }


def differences(column: Column, found: Sequence[Any], expected: Sequence[Any]) -> list[tuple[Any, Any, Any]]:
    """Value, what was read and what it stands for where they differ, the shortest values first."""
    wrong = [triple for triple in zip(column.values, found, expected, strict=True) if triple[1] != triple[2]]
    return sorted(wrong, key=lambda triple: len(str(triple[0])))[:10]


def assert_read(spark: SparkSession, cases: Mapping[str, tuple[Column, Sequence[Any]]], **options: Any) -> None:
    found = read(spark, {name: column for name, (column, _) in cases.items()}, **options)
    for name, (column, expected) in cases.items():
        assert differences(column, found[name], expected) == [], name


def drawn(strategy: st.SearchStrategy[str], count: int) -> list[str]:
    """``count`` values of a strategy, the same at each run: Spark reads them together, so that they are drawn first."""
    found: list[str] = []

    @settings(max_examples=count // 25, database=None, derandomize=True, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.lists(strategy, min_size=25, max_size=25))
    def draw(values: list[str]) -> None:
        found.extend(values)

    draw()
    return found[:count]


# ----------------------------------------------------------------------------------------- numbers

# The project's own cases of other countries' numbers.
AMOUNTS = {
    "0,999": "0.999", "0,5": "0.5", "1.234.567": "1234567", "(12.50)": "-12.50", "12.50-": "-12.50",
    "R$ 1.234,56": "1234.56", "US$12.50": "12.50", "12.50 GBP": "12.50", "1299元": "1299", "1'234.50": "1234.50",
    "1,23,456.00": "123456", "1’234.50": "1234.50", "1299 zł": "1299", "1\u00a0234,50": "1234.50",
    "12\u202f345,67": "12345.67", "１２．５０": "12.50", "−12.50": "-12.50", "-$12.50": "-12.50",
    "($1,200.00)": "-1200",
    "$.50": "0.50", "1.5E-3": "0.0015", "1.2E3": "1200", "Rs. 1,00,000": "100000", "CHF 1'000.-": "1000",
    "¥ 12,50": "12.50", "0.00005": "0.0001", "-0.00005": "-0.0001", "5 kg": UNREADABLE, "5%": UNREADABLE,
    "12 50": UNREADABLE, "1.2.3": UNREADABLE, "99999999999999.99995": UNREADABLE, "123456789012345": UNREADABLE,
    "N/A": None, "-": None,
}  # fmt: skip


TWO_WAYS = re.compile(r"^[-+(]?[1-9][0-9]{0,2}[.][0-9]{3}( ?[-)])?$")


def decimals(values: Sequence[str | None]) -> list[Decimal | str | None]:
    return [value if value in (None, UNREADABLE, AMBIGUOUS) else Decimal(str(value)) for value in values]


@pytest.mark.parametrize("ansi", [False, True])
def test_numbers_of_other_countries(words: SparkSession, ansi: bool) -> None:
    """Each column decides for itself; one that proves nothing, or both, leaves open what can be read in two ways."""
    columns: dict[str, tuple[Sequence[str | None], Sequence[str | None]]] = {
        "alone": (list(AMOUNTS), list(AMOUNTS.values())),
        "german": (["1.299", "100,00"], ["1299", "100"]),
        "english": (["1,299", "1.299", "5.5"], ["1299", "1.299", "5.5"]),
        "grouped": (["1,299", "1,234,567"], ["1299", "1234567"]),
        "open": (["1.299", "5", "1,299"], [AMBIGUOUS, "5", AMBIGUOUS]),
        "mixed": (["1.299", "12,50", "12.50"], [AMBIGUOUS, "12.50", "12.50"]),
    }
    cases = {name: (Column("number", raw), decimals(right)) for name, (raw, right) in columns.items()}
    cases["points"] = (Column("whole", ["1,200", "7", "1,000"]), [1200, 7, 1000])
    cases["one_thousand"] = (Column("whole", ["1,000", "1.5E3"]), [1000, 1500])
    cases["open_points"] = (Column("whole", ["1,000", "7"]), [AMBIGUOUS, 7])
    cases["ratings"] = (Column("whole", ["4.0", "200.000", "4.5"]), [4, 200, UNREADABLE])
    cases["doubles"] = (
        Column("number", [1.299, 1e7, 1.3812345678e10, 1e-7, float("nan"), 1e300], "double"),
        decimals(["1.299", "10000000", "13812345678", "0", None, UNREADABLE]),
    )
    cases["stars"] = (Column("whole", [4.0, 4.5, 1e7], "double"), [4, UNREADABLE, 10_000_000])
    cases["decimals"] = (
        Column("number", [Decimal("1.299"), Decimal("-5.100")], "decimal(10, 3)"),
        decimals(["1.299", "-5.1"]),
    )
    cases["degrees"] = (Column("coordinate", ["121.473", "31,230", "-0.5", "abc"]), [121.473, 31.23, -0.5, UNREADABLE])
    assert_read(words, cases, ansi=ansi)


def test_a_coordinate_made_coarser_is_read_as_any_other(spark: SparkSession) -> None:
    """What is written with a degree sign or a decimal comma keeps its place, to a kilometre."""
    written = {
        "31.2304": 31.23, "31,2304": 31.23, "31.2304°": 31.23, "31,2304 °": 31.23, "\u2212121.4737": -121.47,
        "-0.5": -0.5, "180": 180.0, "180.01": None, "1e3": None, "NaN": None, "north": None, None: None,
    }  # fmt: skip
    spark.createDataFrame([(text,) for text in written], "degrees string").createOrReplaceTempView("raw_degrees")
    coarse = staging_sql.macros({})["generalise_coordinate"]("degrees")
    found = spark.sql(f"select degrees, {coarse} as coarse from raw_degrees").collect()
    assert {row.degrees: row.coarse for row in found} == written


def test_numbers_are_read_as_each_country_reads_them(words: SparkSession) -> None:
    """Written by the rules of a country, and noise: what can be read one way only proves how its column is written."""
    random = Random(20240305)
    noise = st.text("0123456789.,' -+()", min_size=1, max_size=9)
    likely = st.from_regex(r"[-+(]?[0-9]{1,4}([.,' ][0-9]{2,4}){0,3}[-)]?", fullmatch=True)
    texts = {
        "points": list(reference.random_amounts(random, 3000, ".", (0, 1, 2, 3, 4, 6))),
        "commas": list(reference.random_amounts(random, 3000, ",", (0, 1, 2, 3, 4, 6))),
        "undecided": [text for text in reference.random_amounts(random, 4000, ".", (3,)) if TWO_WAYS.search(text)],
        "both": [text for sign in ".," for text in reference.random_amounts(random, 2000, sign, (0, 2, 3))],
        "noise": drawn(noise, 2000), "likely": drawn(likely, 2000),
    }  # fmt: skip
    texts = {name: [value for value in values if value.strip(" -")] for name, values in texts.items()}
    expected = {name: reference.numbers(values) for name, values in texts.items()}
    assert {AMBIGUOUS, UNREADABLE} & set(expected["undecided"] + expected["points"]) == {AMBIGUOUS}
    assert AMBIGUOUS not in expected["points"] + expected["commas"]
    assert expected["both"].count(AMBIGUOUS) > 100
    assert_read(words, {name: (Column("number", values), expected[name]) for name, values in texts.items()})


# ------------------------------------------------------------------------------------------- times


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/Sao_Paulo"])
def test_times_are_instants(words: SparkSession, zone: str) -> None:
    """In every form and zone, in business zones without and with a midnight that clocks skip."""
    random = Random(zone)
    cases = {}
    for order in ("dmy", "mdy"):
        made = list(reference.random_times(random, 3000, zone, order))
        cases[order] = (Column("instant", [text for text, _ in made]), [moment for _, moment in made])
    assert_read(words, cases, zone=zone)


SECONDS = datetime(2021, 3, 1, 9, 15)


@pytest.mark.parametrize("ansi", [False, True])
def test_times_of_programs_and_other_types(words: SparkSession, ansi: bool) -> None:
    local = datetime(2021, 3, 1, 1, 15)  # 09:15 in Shanghai
    midnight = datetime(2021, 2, 28, 16)
    texts = {
        "1614590100": SECONDS, "1614590100.5": SECONDS.replace(microsecond=500_000), "1.6145901E9": SECONDS,
        "1614590100123": SECONDS.replace(microsecond=123_000),
        "1614590100123456": SECONDS.replace(microsecond=123_456),
        "1614590100123456789": SECONDS.replace(microsecond=123_456), "-315619200": datetime(1960, 1, 1),
        "631152000000": datetime(1990, 1, 1), "20210301": midnight, "20210301.0": midnight, "202103010915": local,
        "20210301091500": local, "20210301T091500Z": SECONDS,
        "Mon Mar 01 09:15:00 CET 2021": datetime(2021, 3, 1, 8, 15),
        "Mon Mar 01 2021 09:15:00 GMT+0100 (Central European Standard Time)": datetime(2021, 3, 1, 8, 15),
        "2021年3月1日 上午9:15": local, "2021年3月1日9时15分": local, "２０２１年３月１日": midnight,
        "01-Mar-69": datetime(1969, 2, 28, 16), "01-Mar-68": datetime(2068, 2, 29, 16),
        "2021-03-01Z": datetime(2021, 3, 1), "2021-03-01+01:00": datetime(2021, 2, 28, 23),
        "3/3/2021": datetime(2021, 3, 2, 16), "25/12/2021": datetime(2021, 12, 24, 16),
        "12/25/2021": datetime(2021, 12, 24, 16), "3/1/2021": AMBIGUOUS, "3-1-21 9:15": AMBIGUOUS,
        "2021-03-01 09:15:00 CST": AMBIGUOUS, "2021-03-01 9:15 AM IST": AMBIGUOUS,
        "2021-03-01 09:15:00 XYZ": UNREADABLE, "2021-03-01 09:15:00 Nowhere/City": UNREADABLE,
        "2021-03-01 09:15:00 +25:00": UNREADABLE, "2021-03-01 13:15 PM": UNREADABLE, "12:30": UNREADABLE,
        "2021-03-01 09:15|+99:99": UNREADABLE, "2021-03-01 09:15 Etc/GMT+3": datetime(2021, 3, 1, 12, 15),
        "2021-02-30": UNREADABLE, "99999999": UNREADABLE, "soon": UNREADABLE, "NaT": None,
    }  # fmt: skip
    cases = {
        "texts": (Column("instant", list(texts)), list(texts.values())),
        "dmy": (
            Column("instant", ["3/1/2021", "3/1/21 9:15", "25/12/2021"]),
            [datetime(2021, 1, 2, 16), datetime(2021, 1, 3, 1, 15), datetime(2021, 12, 24, 16)],
        ),
        "mdy": (Column("instant", ["3/1/2021", "1/13/2021"]), [midnight, datetime(2021, 1, 12, 16)]),
        "bigints": (Column("instant", [1614590100, 20210301], "bigint"), [SECONDS, midnight]),
        "doubles": (
            Column("instant", [1614590100.5, 20210301.0, 1614590100000.0], "double"),
            [SECONDS.replace(microsecond=500_000), midnight, SECONDS],
        ),
        "timestamps": (Column("instant", [SECONDS.replace(tzinfo=UTC)], "timestamp"), [SECONDS]),
        "local_timestamps": (Column("instant", [SECONDS], "timestamp_ntz"), [local]),
        "dates": (Column("instant", [date(2021, 3, 1)], "date"), [midnight]),
    }
    assert_read(words, cases, ansi=ansi)


def test_days_are_those_of_the_business(words: SparkSession) -> None:
    """Also where clocks skip midnight. A column of midnights in UTC holds days, one of other instants does not."""
    first = date(2021, 3, 1)
    cases = {
        "texts": (
            Column("day", ["2018-11-04", "1.3.2021", "2021-03-01T01:00:00Z"]),
            [date(2018, 11, 4), first, date(2021, 2, 28)],
        ),
        "dates": (Column("day", [date(2018, 11, 4)], "date"), [date(2018, 11, 4)]),
        "midnights": (Column("day", [datetime(2021, 3, 1, tzinfo=UTC)], "timestamp"), [first]),
        "json": (Column("day", ["2021-03-01T00:00:00.000Z", "2021-03-02T00:00:00Z"]), [first, date(2021, 3, 2)]),
        "instants": (
            Column("day", [datetime(2021, 3, 1, hour, tzinfo=UTC) for hour in (0, 12)], "timestamp"),
            [date(2021, 2, 28), first],
        ),
    }
    assert_read(words, cases, zone="America/Sao_Paulo")


# -------------------------------------------------------------------------------------------- keys


@pytest.mark.parametrize("ansi", [False, True])
def test_keys_are_whole_numbers_written_plainly(words: SparkSession, ansi: bool) -> None:
    """Whatever type a table keeps them in; text decides by its column, and what lost digits is no key."""
    random = Random(7)
    keys = [random.randrange(10 ** random.randint(1, 15)) for _ in range(3000)]
    plain = [str(key) for key in keys]
    inexact = "not exact"
    cases = {
        "doubles": (Column("key", [float(key) for key in keys], "double"), plain),
        "decimals": (Column("key", [Decimal(key) for key in keys], "decimal(20, 2)"), plain),
        "whole_decimals": (Column("key", [Decimal(key) for key in keys], "decimal(20, 0)"), plain),
        "bigints": (Column("key", keys, "bigint"), plain),
        "texts": (Column("key", plain), plain),
        "of_pandas": (Column("key", [f"{key}.0" for key in keys]), plain),
        "some_of_pandas": (
            Column("key", ["17850.0", "17850", "C5", "007", " 12\u200b"]),
            ["17850", "17850", "C5", "007", "12"],
        ),
        "of_spark": (
            Column("key", ["17850.0", "1.0E7", "1.2345678E7", "9.007199254740993E15"]),
            ["17850", "10000000", "12345678", inexact],
        ),
        "codes": (Column("key", ["1E5", "1.0E7", "00.7A"]), ["1E5", "1.0E7", "00.7A"]),
        "versions": (Column("key", ["12.0", "12.5", "1.0E7"]), ["12.0", "12.5", "1.0E7"]),
        "too_large": (
            Column("key", [2.0**53 - 1, 2.0**53, 1e300, 12.5], "double"),
            ["9007199254740991", inexact, inexact, "12.5"],
        ),
        "floats": (Column("key", [2.0**24 - 1, 2.0**24], "float"), ["16777215", inexact]),
        "broken": (Column("key", ["ab\ufffd", "ab", "NA", "\\N", "-"]), [UNREADABLE, "ab", None, None, None]),
    }
    assert_read(words, cases, ansi=ansi)


def test_codes_keep_their_digits(words: SparkSession) -> None:
    texts = {
        "13812345678": "13812345678", "13812345678.0": "13812345678", "1.3812345678E10": "13812345678",
        "1.3812345678E+10": "13812345678", "1.38E+10": None, "555.1230": "555.1230", "+86 138 1234": "+86 138 1234",
        "007": "007",
    }  # fmt: skip
    cases = {
        "texts": (Column("code", list(texts)), list(texts.values())),
        "doubles": (Column("code", [1.3812345678e10, 1.1010119900307123e17], "double"), ["13812345678", None]),
    }
    assert_read(words, cases)


# -------------------------------------------------------------------------------------------- text


def test_words_for_nothing_are_null_except_in_names(words: SparkSession) -> None:
    programs = [
        "",
        "NULL",
        "null",
        "(null)",
        "None",
        "nan",
        "NaN",
        "NaT",
        "<NA>",
        "N/A",
        "n/a",
        "#N/A",
        "\\N",
        "undefined",
        "(not set)",
        "#REF!",
        "#NULL!",
    ]
    people = ["Null", "Nil", "nil", "NA", "na", "-", "--", "(none)", "n.a."]
    cases = {
        "names": (Column("name", programs + people), [None] * len(programs) + people),
        "texts": (Column("text", programs + people), [None] * (len(programs) + len(people))),
        "edges": (
            Column("name", ["\ufeffAnna\u200b", "\u0000Bo\u3000", "a\u200cb", "a\ufffd"]),
            ["Anna", "Bo", "a\u200cb", "a\ufffd"],
        ),
        "booleans": (Column("boolean", ["true", "1.0", "No", "perhaps"]), [True, True, False, UNREADABLE]),
        "flags": (Column("boolean", [1.0, 0.0], "double"), [True, False]),
    }
    assert_read(words, cases)


def test_usual_text_is_what_a_search_would_leave(words: SparkSession) -> None:
    """Most values are not searched for what is unwanted; those that are not must have had none of it."""
    macros = staging_sql.macros({})
    nothing = "null,none,NaN,nat,Nil,n/a,N/A,n.a.,undefined,(null),<null>,[none],-,--,#,#N/A,#REF!,\\N".split(",")
    nothing += ["(not set)", "(not provided)", "(blank)", "(empty)"]
    unseen = [" ", "\t", "\u00a0", "\u200b", "\ufeff", "\u3000", "\x00", "\u00ad", "\r\n"]
    random = Random(20241001)
    pieces = [*nothing, *unseen, *"aNnUx0-.#([张é–Z", "C0001", "womenswear", "深圳"]
    values = ["".join(random.choices(pieces, k=random.randint(1, 5))) for _ in range(4000)]
    values += nothing + [word + "x" * count for word in nothing for count in (1, 9)] + [f"x{word}" for word in nothing]
    words.createDataFrame([(value,) for value in values], "x string").createOrReplaceTempView("texts")
    for kind in ("text", "name", "key"):
        pattern = f"'{macros['unwanted_text'](kind)}'"
        searched = f"nullif(regexp_replace(x, {pattern}, ''), '')"
        short = macros["cleaned_text"]("x", kind, pattern)
        wrong = words.sql(
            f"select x, {short} as short, {searched} as searched from texts where not {short} <=> {searched}"
        )
        assert [tuple(row) for row in wrong.limit(5).collect()] == []
        usual = words.sql(
            f"select count_if({macros['cleaned_text']('x', kind, 'null')} is not null) from texts"
        ).first()[0]
        assert 0.1 * len(values) < usual < len(values)
