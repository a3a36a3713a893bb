"""What texts stand for. Staging rewrites a text by patterns; this follows the rules of each country."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from zoneinfo import ZoneInfo

AMBIGUOUS = "ambiguous"
UNREADABLE = "unreadable"
LARGEST = Decimal(10) ** 14  # of decimal(18, 4)

# ----------------------------------------------------------------------------------------- numbers


def unsigned(text: str) -> tuple[int, str] | None:
    """The sign of an amount, 1 or -1, and the rest; None for two signs."""
    text = re.sub(r"[.,]-+$", "", text.strip())
    for pattern, sign in (
        (r"\(\s?(.*?)\s?\)", -1),
        (r"-\s*(.*)", -1),
        (r"\+\s*(.*)", 1),
        (r"(.*?)\s?-", -1),
        (r"(.*)", 1),
    ):
        if found := re.fullmatch(pattern, text):
            return None if re.search(r"[-+()]", found[1]) else (sign, found[1])
    return None


def is_whole_part(text: str, separator: str) -> bool:
    """Whether a text is digits, or groups of three with a sign between them, or, with commas, of two and three."""
    blanks = re.fullmatch(r"[1-9]\d{0,2}([' ]\d{3})+", text)
    groups = re.fullmatch(rf"[1-9]\d{{0,2}}({re.escape(separator)}\d{{3}})+", text)
    indian = separator == "," and re.fullmatch(r"[1-9]\d?(,\d{2})+,\d{3}", text)
    return bool(re.fullmatch(r"\d+", text) or blanks or groups or indian)


def number_by(text: str, decimal_sign: str) -> Decimal | None:
    """The number of a text where ``decimal_sign`` begins the decimals and the other of '.' and ',' parts groups."""
    parts = unsigned(text)
    if parts is None or not text.isascii():
        return None
    sign, digits = parts
    whole, point, decimals = digits.partition(decimal_sign)
    if not re.fullmatch(r"\d*", decimals) or not (whole or decimals):
        return None
    if whole and not is_whole_part(whole, "," if decimal_sign == "." else "."):
        return None
    return sign * Decimal(f"{re.sub(r'[^0-9]', '', whole) or '0'}.{decimals or '0'}")


def numbers(texts: Sequence[str]) -> list[Decimal | str]:
    """What the values of one column stand for, or why they stand for nothing."""
    readings = [(number_by(text, "."), number_by(text, ",")) for text in texts]
    proved = {"." if one is not None else "," for one, other in readings if (one is None) != (other is None)}
    return [read_number(*pair, proved) for pair in readings]


def read_number(by_point: Decimal | None, by_comma: Decimal | None, proved: set[str]) -> Decimal | str:
    known = [number for number in (by_point, by_comma) if number is not None]
    if not known:
        return UNREADABLE
    if len(set(known)) == 2:
        if len(proved) != 1:
            return AMBIGUOUS
        known = [by_point if proved == {"."} else by_comma]
    rounded = known[0].quantize(Decimal("0.0001"), ROUND_HALF_UP)
    return rounded if abs(rounded) < LARGEST else UNREADABLE


def random_amounts(random: Random, count: int, decimal_sign: str, places: Sequence[int]) -> Iterable[str]:
    """Amounts as people of a country write them, some with a currency, with as many decimals as one of ``places``."""
    groups = [" ", "'", "," if decimal_sign == "." else ".", ""]
    for _ in range(count):
        digits = str(random.randrange(10 ** random.randint(1, 9)))
        separator, decimals = random.choice(groups), random.choice(places)
        grouped = re.sub(r"(?<=\d)(?=(\d{3})+$)", separator, digits)
        text = grouped + (decimal_sign + "".join(random.choices("0123456789", k=decimals)) if decimals else "")
        yield random.choice(["{}", "{}", "{}", "-{}", "({})", "{}-", "+{}", "{} -"]).format(text)


# ------------------------------------------------------------------------------------------- times

ZONES = {
    "": None, "Z": "+00:00", " UTC": "+00:00", " GMT": "+00:00", " CET": "+01:00", " PST": "-08:00",
    " JST": "+09:00", "+08": "+08:00", " +0800": "+08:00", "+05:30": "+05:30", " -0330": "-03:30",
    " UTC+8": "+08:00", " GMT-3": "-03:00", " Europe/London": "Europe/London",
    " America/New_York": "America/New_York", " Asia/Kolkata": "Asia/Kolkata",
    "[Australia/Sydney]": "Australia/Sydney", "+01:00[Europe/Paris]": "+01:00", " Pacific Standard Time": "-08:00",
}  # fmt: skip
DATES = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y/{m}/{d}", "%Y.%m.%d", "%Y年{m}月{d}日", "%Y%m%d", "%d.%m.%Y", "{d}.{m}.%Y",
    "{d}.{m}.%y", "%d-%b-%Y", "%d %B %Y", "{d}. %B %Y", "%B {d}, %Y", "%b {d} %Y", "%d%b%Y", "%d-%b-%y",
    "%a, %d %b %Y", "%A, %B {d}, %Y", "%Y-%b-%d",
)  # fmt: skip
SLASHES = {
    "dmy": ("{d}/{m}/%Y", "%d/%m/%Y", "{d}/{m}/%y", "%d-%m-%Y"),
    "mdy": ("{m}/{d}/%Y", "%m/%d/%Y", "{m}/{d}/%y", "%m-%d-%Y"),
}
# A time of day, and the smallest unit it tells, in microseconds; None: the day alone.
TIMES: tuple[tuple[str, int | None], ...] = (
    ("", None), (" %H:%M", 60_000_000), (" {H}:%M", 60_000_000), (" %H:%M:%S", 1_000_000), ("T%H:%M:%S", 1_000_000),
    (" %H:%M:%S.%f", 1), ("T%H:%M:%S.%f", 1), (" %H:%M:%S.%f987", 1), (" %H:%M:%S,%f", 1), (" %I:%M %p", 60_000_000),
    (" {I}:%M:%S %p", 1_000_000), (", {I}:%M%p", 60_000_000), (" at {I}:%M p", 60_000_000),
)  # fmt: skip


def written(moment: datetime, pattern: str) -> str:
    """A time as ``strftime`` writes it; {d}, {m}, {H} and {I} have no zero in front, p is a.m. or p.m."""
    hour = moment.hour % 12 or 12
    pattern = re.sub(r"(?<=%M) p$", " a.m." if moment.hour < 12 else " p.m.", pattern)
    return moment.strftime(pattern).format(d=moment.day, m=moment.month, H=moment.hour, I=hour)


def instant(moment: datetime, zone: str) -> datetime:
    """The instant of a local time, in UTC: later by what a change of clocks skips, the earlier of two."""
    if offset := re.fullmatch(r"([+-])(\d\d):(\d\d)", zone):
        ahead = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        return moment - ahead if offset[1] == "+" else moment + ahead
    return moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)


CHANGES = [
    datetime(2021, 3, 28, 1, 30),
    datetime(2018, 11, 4),
    datetime(2021, 11, 7, 1, 30),
    datetime(2021, 3, 14, 2, 5),
]


def random_moment(random: Random) -> datetime:
    """A local time of 1970 to 2037, seldom at the change of clocks of some country."""
    if random.random() < 0.02:
        return random.choice(
            [
                datetime(2021, 3, 28, 1, 30),
                datetime(2018, 11, 4),
                datetime(2021, 11, 7, 1, 30),
                datetime(2021, 3, 14, 2, 5),
            ]
        )
    return datetime(1970, 1, 2) + timedelta(microseconds=random.randrange(67 * 365 * 86_400_000_000))


def random_times(random: Random, count: int, business: str, order: str) -> Iterable[tuple[str, datetime]]:
    """Texts of times as people and programs write them, and the instants that they stand for."""
    for _ in range(count):
        moment = random_moment(random)
        date = random.choice(DATES + SLASHES[order])
        time, unit = random.choice(TIMES)
        zones = [pair for pair in ZONES.items() if "p" not in time or pair[0][:1] in ("", " ")]
        suffix, zone = random.choice(zones) if unit else ("", None)
        since = (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)
        moment -= timedelta(microseconds=since % (unit or 86_400_000_000))
        yield written(moment, date + time) + suffix, instant(moment, zone or business)
