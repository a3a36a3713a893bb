"""Loading files: damaged copies of a real file, and seconds beside other readers.

python benchmarks/loading.py [--data FOLDER] [--only damage speed] [--copies 2000] [--lines 10000000]

`damage` damages copies of the first lines of Online Retail in ten ways and counts what became of them: every physical
line is in a record, refused with a reason, blank or the header, or the whole file is refused. A record that is in no
undamaged file is "changed": what a cut or a flipped bit leaves of one line. `speed` writes a file of so many lines
and reads it by the loader's passes in one process, by bare `spark.read.csv` and by DuckDB's reader, and prints
seconds and ratios.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from precision_marketing.loading import dialects, files, passes
from precision_marketing.loading.mapping import Input, MappingError, in_header, read
from precision_marketing.loading.records import Dialect
from precision_marketing.loading.records import read as read_records

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = Path(os.environ.get("MARKETING_SHARED_DATA", ROOT.parent / "shared" / "data"))
sys.path.insert(0, str(ROOT / "tests" / "python" / "support"))


def retail_lines(data: Path) -> list[bytes]:
    """The physical lines of Online Retail, without their ends."""
    with gzip.open(data / "online_retail" / "online_retail.csv.gz") as file:
        return file.read().splitlines()


def layout_of(each: Input, content: bytes) -> tuple[files.Scan, passes.Layout]:
    """What the loader takes the content of a file for. Raises UnreadableFile and MappingError."""
    scan = files.scan(io.BytesIO(content))
    found = dialects.detect(scan, [column.names for column in each.columns])
    places = in_header(each.columns, found.header, "copy")
    count = len(each.columns)
    layout = passes.Layout(
        found.dialect,
        len(found.header),
        tuple(column.name for column in each.columns),
        tuple(column.kind for column in each.columns),
        tuple(places),
        (None,) * count,
        (None,) * count,
    )
    return scan, layout


def damage_table(data: Path, copies: int) -> list[str]:
    """A row per kind of damage: copies, whole files refused, lines refused, records changed, lines lost."""
    import damage

    each = read("uci_online_retail").inputs[0]
    lines = retail_lines(data)
    # Lines with quotes, and some that are not ASCII: the file has few of the former and none of the latter.
    quoted = [line for line in lines if b'"' in line][:100]
    foreign = [line.replace(b"METAL", "CAF\u00c9".encode()) for line in lines[1:3000] if b"METAL" in line][:50]
    content = b"\n".join([lines[0], *lines[1:850], *quoted, *foreign]) + b"\n"
    good = {
        tuple(record.fields) for record in read_records(io.BytesIO(content), Dialect()) if record.fields is not None
    }
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in damage.KINDS}
    for seed in range(copies):
        kind, damaged = damage.damaged(content, seed)
        count = counts[kind]
        count["copies"] += 1
        try:
            scan, layout = layout_of(each, damaged)
            account = passes.profile(io.BytesIO(damaged), layout).account
        except (files.UnreadableFile, MappingError):
            count["files refused"] += 1
            continue
        count["lines refused"] += account.refused_lines
        count["lines lost"] += abs(scan.lines - account.lines) + (not account.adds_up)
        count["records changed"] += sum(
            record.fields is not None and record.reason is None and tuple(record.fields) not in good
            for record in read_records(files.opened(io.BytesIO(damaged)), layout.dialect, layout.width)
        )
    columns = ["copies", "files refused", "lines refused", "records changed", "lines lost"]
    rows = [f"| damage | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    rows += [f"| {kind} | {' | '.join(str(count[column]) for column in columns)} |" for kind, count in counts.items()]
    return rows


def timed(function) -> float:
    """Wall-clock seconds of a call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def speed_table(data: Path, lines: int) -> list[str]:
    """Seconds per reader for a file of so many lines, and ratios to bare Spark."""
    import duckdb
    from pyspark.sql import SparkSession

    each = read("uci_online_retail").inputs[0]
    original = retail_lines(data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "retail.csv")
        body = b"\n".join(original[1:]) + b"\n"
        with open(path, "wb") as file:
            file.write(original[0] + b"\n")
            written = 0
            while written < lines:
                part = min(lines - written, len(original) - 1)
                file.write(body if part == len(original) - 1 else b"\n".join(original[1 : part + 1]) + b"\n")
                written += part
        seconds: dict[str, float] = {}

        def scan() -> None:
            with open(path, "rb") as raw:
                files.scan(raw)

        with open(path, "rb") as raw:
            _, layout = layout_of(each, raw.read(1 << 20).rpartition(b"\n")[0] + b"\n")

        def profile() -> None:
            nonlocal layout
            with open(path, "rb") as raw:
                found = passes.profile(raw, layout)
            assert found.account.records == lines
            layout = replace(layout, decisions=tuple(column.decision for column in found.columns))

        def rows() -> None:
            with open(path, "rb") as raw:
                assert sum(len(batch) for batch in passes.rows(raw, layout)) == lines

        seconds["first pass: bytes"] = timed(scan)
        seconds["second pass: records judged"] = timed(profile)
        seconds["third pass: normal form"] = timed(rows)
        session = (
            (SparkSession.builder.master("local[1]").config("spark.driver.memory", "3g"))
            .config("spark.ui.enabled", "false")
            .getOrCreate()
        )
        session.sparkContext.setLogLevel("ERROR")

        def spark() -> None:
            frame = session.read.csv(str(path), header=True, multiLine=True, escape='"')
            frame.write.format("noop").mode("overwrite").save()

        spark()
        seconds["spark.read.csv, one core"] = timed(spark)
        session.stop()

        def duck() -> None:
            with duckdb.connect() as connection:
                connection.execute("set threads to 1")
                connection.execute(f"create table t as from read_csv('{path}', all_varchar = true)")

        seconds["duckdb read_csv, one core"] = timed(duck)
    base = seconds["spark.read.csv, one core"]
    table = ["| reader | seconds | lines a second | of bare Spark's time |", "|---|---|---|---|"]
    table += [
        f"| {name} | {value:.1f} | {lines / value:,.0f} | {value / base:.2f} |" for name, value in seconds.items()
    ]
    return table


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED_DATA)
    parser.add_argument("--only", nargs="+", default=["damage", "speed"], choices=["damage", "speed"])
    parser.add_argument("--copies", type=int, default=2000)
    parser.add_argument("--lines", type=int, default=10_000_000)
    options = parser.parse_args()
    if "damage" in options.only:
        print(*damage_table(options.data, options.copies), sep="\n")
    if "speed" in options.only:
        print(*speed_table(options.data, options.lines), sep="\n")


if __name__ == "__main__":
    main()
