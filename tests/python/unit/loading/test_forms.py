"""Numbers and dates as companies write them: read back as what they were, or called ambiguous; never as something
else."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from precision_marketing.loading import forms


def grouped(digits: str, mark: str, indian: bool = False) -> str:
    """Digits in groups of three, or of two before the last three."""
    head, tail = digits[:-3], digits[-3:]
    size = 2 if indian else 3
    groups = []
    while head:
        groups.insert(0, head[-size:])
        head = head[:-size]
    return mark.join([*groups, tail])


def written(value: Decimal, chance: random.Random) -> tuple[str, str]:
    """A number in the way of one country, and the decimal mark of that way."""
    decimal, mark, indian = chance.choice(
        [(".", "", False), (".", ",", False), (".", "'", False), (".", "\u2019", False), (".", ",", True),
         (",", "", False), (",", ".", False), (",", " ", False), (",", "\u00a0", False), (",", "\u202f", False)]
    )  # fmt: skip
    whole, _, fraction = f"{abs(value)}".partition(".")
    text = (grouped(whole, mark, indian) if mark else whole) + (decimal + fraction if fraction else "")
    sign = chance.choice(["{}", "$ {}", "{} \u20ac", "R$ {}", "US${}", "{} GBP", "{} z\u0142", "\u00a5{}", "CHF {}"])
    if value < 0:
        sign = chance.choice(["-{}", "({})", "{}-", "\u2212{}", "-\u20ac{}", "\u20ac-{}"])
    return sign.format(text), decimal


def test_twenty_thousand_numbers_in_the_ways_of_ten_countries() -> None:
    chance = random.Random(1)
    ambiguous = 0
    for _ in range(20_000):
        value = Decimal(chance.randrange(-(10**9), 10**9)).scaleb(-chance.randrange(0, 5)) or Decimal(1)
        text, decimal = written(value, chance)
        read = forms.number(text, decimal)
        assert read is not None and Decimal(read) == value, (text, decimal)
        alone = forms.number(text, None)
        if alone is None:
            ambiguous += 1
            assert forms.number_class(text) == forms.AMBIGUOUS, text
        else:
            assert Decimal(alone) == value, text
        other = forms.number(text, "," if decimal == "." else ".")
        if forms.number_class(text) in (forms.DOT, forms.COMMA):
            assert other is None, text  # never both
            assert forms.number_class(text) == (forms.DOT if decimal == "." else forms.COMMA)
    assert 0 < ambiguous < 2_000


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("0,999", "0.999"), ("0,5", "0.5"), ("1.234.567", "1234567"), ("(12.50)", "-12.50"), ("12.50-", "-12.50"),
        ("R$ 1.234,56", "1234.56"), ("US$12.50", "12.50"), ("12.50 GBP", "12.50"), ("1299\u5143", "1299"),
        ("1'234.50", "1234.50"), ("1,23,456.00", "123456.00"), ("1.0E7", "10000000"), (".5", "0.5"), ("-0", "0"),
        ("12.5%", None), ("1.2.3", None), ("1,2,3", None), ("--5", None), ("-(5)", None), ("(5", None), ("", None),
        ("1e999999", None), ("0.123,45", None), ("01,234,567", None), ("12 34", None), ("abc", None), ("1.299", None),
    ],
)  # fmt: skip
def test_single_numbers(text: str, right: str | None) -> None:
    assert forms.number(text, None) == right


def test_a_column_decides_what_a_value_cannot() -> None:
    column = forms.Evidence("number")
    for line, text in enumerate(["1.299", "100,00", "", "NA"], 2):
        column.add(text, line)
    assert column.decision == forms.COMMA and column.unreadable() == 0
    assert forms.normal("1.299", "number", column.decision) == "1299"
    column.add("12.50", 6)
    assert column.decision is None and column.unreadable() == 1
    assert forms.normal("1.299", "number", None) == "ambiguous: 1.299"
    assert column.unreadable(forms.COMMA) == 1  # now the point is against what is stated
    assert forms.normal("12.50", "number", forms.COMMA) == "not decimal comma: 12.50"


def test_currencies_are_seen() -> None:
    column = forms.Evidence("number")
    for line, text in enumerate(["\u20ac 5", "$ 5", "5", "5 EUR"]):
        column.add(text, line)
    assert set(column.currencies) == {"\u20ac", "$", "EUR"}


INSTANT_FORMS = [
    "%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y%m%d %H:%M:%S", "%d.%m.%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%d-%b-%Y %H:%M:%S", "%B %d, %Y %H:%M:%S", "%d/%m/%y %H:%M:%S",
    "%Y\u5e74%m\u6708%d\u65e5 %H:%M:%S",
]  # fmt: skip
ZONES = ["UTC", "Europe/London", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]


def test_ten_thousand_instants_in_eleven_ways() -> None:
    chance = random.Random(2)
    for _ in range(10_000):
        zone = chance.choice(ZONES)
        moment = datetime(1995, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(30 * 365 * 86400))
        local = moment.astimezone(ZoneInfo(zone))
        if local.replace(fold=1).astimezone(UTC) != moment or local.fold:
            continue  # a clock showed this time twice
        form = chance.choice(INSTANT_FORMS)
        order = forms.MONTH_FIRST if form.startswith("%m") else forms.DAY_FIRST
        text = local.strftime(form)
        read = forms.instant(text, order, zone)
        assert read is not None and datetime.fromisoformat(read) == moment, (text, zone)
        names = ["UTC", "GMT", "Z"] if zone == "UTC" else [zone, local.strftime("%z")]
        named = f"{text} {chance.choice(names)}"
        read = forms.instant(named, order, "Asia/Tokyo")
        assert read is not None and datetime.fromisoformat(read) == moment, named
        alone = forms.instant(text, None, zone)
        assert alone is None or datetime.fromisoformat(alone) == moment, text


@pytest.mark.parametrize(
    "text",
    ["2021-03-01 09:15 CST", "2021-03-01 09:15 IST", "2021-02-31", "2021-13-01", "31/02/2021", "12:30",
     "2021-03-01 25:00",     "13:00 PM", "tomorrow", "2021-03-01 09:15 Mars/Olympus", "2021-03-01 +99:00"],
)  # fmt: skip
def test_what_is_no_instant(text: str) -> None:
    assert forms.instant(text, None, "UTC") is None
    assert forms.instant_class(text) == forms.UNREADABLE
    assert forms.normal(text, "instant") == text


def test_a_time_that_the_clock_skipped_is_kept() -> None:
    """Half past two did not exist in Berlin that night."""
    assert forms.instant("2021-03-28 02:30:00", None, "Europe/Berlin") == "2021-03-28T01:30:00Z"


@pytest.mark.parametrize(
    ("text", "right"),
    [("1614590100", "2021-03-01T09:15:00Z"), ("1614590100.5", "2021-03-01T09:15:00.500000Z"),
     ("1614590100123", "2021-03-01T09:15:00.123000Z"), ("1614590100123456", "2021-03-01T09:15:00.123456Z")],
)  # fmt: skip
def test_epochs(text: str, right: str) -> None:
    assert forms.instant(text, None, "Asia/Shanghai") == right


def test_the_order_of_day_and_month_is_the_columns() -> None:
    column = forms.Evidence("instant")
    for line, text in enumerate(["3/1/2021 9:15", "3/3/2021", "4/1/2021"]):
        column.add(text, line)
    assert column.decision is None and column.unreadable() == 2
    assert forms.normal("3/1/2021 9:15", "instant") == "ambiguous: 3/1/2021 9:15"
    column.add("1/13/2021", 9)
    assert column.decision == forms.MONTH_FIRST and column.unreadable() == 0
    assert forms.normal("3/1/2021 9:15", "instant", column.decision) == "2021-03-01 09:15:00"
    column.add("13/1/2021", 10)
    assert column.decision is None and column.unreadable() == 2


@pytest.mark.parametrize(
    ("values", "right"),
    [
        (["17850.0", "17851.0"], ["17850", "17851"]),
        (["17850.0", "17851"], ["17850", "17851"]),
        (["1.0E7", "2.5E7"], ["10000000", "25000000"]),
        (["1.0", "1.1"], ["1.0", "1.1"]),  # versions
        (["007", "1E5", "a.0"], ["007", "1E5", "a.0"]),
        (["007.0"], ["007"]),
    ],
)
def test_keys(values: list[str], right: list[str]) -> None:
    column = forms.Evidence("key")
    for line, text in enumerate(values):
        column.add(text, line)
    assert [forms.normal(text, "key", column.decision) for text in values] == right


def test_a_key_that_a_spreadsheet_cut_is_unreadable() -> None:
    assert forms.class_of("1.23457E+11", "key") == forms.UNREADABLE


@pytest.mark.parametrize(
    "word", ["NA", "<NA>", "\\N", "(null)", "#N/A", "undefined", "(not set)", "-", "nil", "NaT", "", " ", "NULL", "nan"]
)
def test_words_for_nothing(word: str) -> None:
    for kind in ("key", "number", "instant", "day"):
        assert forms.normal(word, kind) is None
    assert (forms.normal(word, "text") is None) == (word not in ("NA", "undefined", "-", "nil"))


def test_words_for_nothing_are_those_of_staging() -> None:
    """What the loader makes null staging would, too; in texts both keep what may be a name."""
    import regex

    import staging_sql

    pattern = {
        kind: regex.compile(staging_sql.macros({})["unwanted_text"](kind).strip().replace("\\\\", "\\"))
        for kind in ("text", "name")
    }
    assert {word for word in forms.NOTHING_IN_VALUES if pattern["text"].sub("", word)} <= {"?"}
    assert {word for word in forms.NOTHING_ANYWHERE if pattern["text"].sub("", word)} == set()
    assert pattern["name"].sub("", "NA") == "NA" and pattern["name"].sub("", "<NA>") == ""
