"""Load a company's files into the raw tables, by a mapping in YAML or a preset.

    python -m precision_marketing.load_files MAPPING [PATH] [--dry-run]

PATH is a file, a folder or a glob. Everything is read and judged before any raw table is replaced.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from dbt_spark_python import SparkUnavailable
from precision_marketing.loading import forms, inspection, loader, mapping, passes
from precision_marketing.project import private
from precision_marketing.serving import server


def report(found: list[inspection.File]) -> Iterator[str]:
    """What was found in the files, line by line, as a person reads it."""
    for file in found:
        assert file.profile is not None
        account, dialect = file.profile.account, file.layout.dialect
        yield f"{file.input.name}: {file.path}"
        yield (
            f"  dialect    encoding {dialect.encoding}, separator {dialect.separator!r}, quote {dialect.quote!r}, "
            f"{'quotes doubled' if dialect.escape is None else 'escape ' + repr(dialect.escape)}"
            + (", first line sep=" if dialect.hint_line else "")
        )
        yield f"  header     {', '.join(file.header)}"
        yield (
            f"  lines      {account.lines}: {account.header_lines} header, {account.blank_lines} blank, "
            f"{account.kept_lines} of {account.records} records, "
            f"{account.refused_lines} of {account.refused} refused records"
        )
        for reason, count in sorted(account.reasons.items(), key=lambda item: -item[1]):
            yield f"  refused    {count} x {reason}"
        for doubt in file.doubts:
            yield f"  doubt      {doubt}"
    for name in dict.fromkeys(file.input.name for file in found):
        yield from _columns([file for file in found if file.input.name == name])
    for file in found:
        assert file.profile is not None
        looked_at = [*file.profile.refused, *file.profile.suspicious]
        for line, reason, text in looked_at[: passes.SHOWN]:
            what = "refused" if (line, reason, text) in file.profile.refused else "loaded"
            yield f"  line {line}: {reason} ({what}): {text.strip()[:100]!r}"


def _columns(of_input: list[inspection.File]) -> Iterator[str]:
    each = of_input[0].input
    evidence = passes.merged([file.profile for file in of_input if file.profile])
    yield f"{each.name}: {'column':<24} {'kind':<8} {'given':>9} {'readable':>9}  read as"
    for column, seen, place in zip(each.columns, evidence, of_input[0].layout.places, strict=True):
        if place is None:
            yield f"{'':{len(each.name)}}  {column.name:<24} {column.kind:<8} absent"
            continue
        given = sum(seen.counts.values()) - seen.counts[forms.NOTHING]
        share = f"{1 - seen.unreadable(column.stated) / given:.1%}" if given else "-"
        how = [column.stated or seen.decision or "", column.time_zone or "", *seen.currencies]
        yield (
            f"{'':{len(each.name)}}  {column.name:<24} {column.kind:<8} {given:>9} {share:>9}  "
            + ", ".join(part for part in how if part)
        )


def main(arguments: list[str] | None = None) -> None:
    """Entry point of ``python -m precision_marketing.load_files``; exits with 1 and the reasons if nothing was
    loaded."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter, allow_abbrev=False,
        epilog="presets: " + ", ".join(mapping.presets()),
    )  # fmt: skip
    parser.add_argument("mapping", help="a YAML file, or the name of a preset")
    parser.add_argument("path", nargs="?", help="where the files are; default: as the mapping says")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what was found and what would become of it; replace nothing"
    )
    parser.add_argument(
        "--max-refused",
        type=float,
        default=inspection.MOST_REFUSED,
        metavar="SHARE",
        help="of a file's records (default 0.01)",
    )
    parser.add_argument(
        "--max-unreadable",
        type=float,
        default=inspection.MOST_UNREADABLE,
        metavar="SHARE",
        help="of a column's values (default 0.05)",
    )
    parser.add_argument("--raw-database", help="default: raw_database of dbt_project.yml")
    parser.add_argument("--force", action="store_true", help="replace raw tables whose rows no loader wrote")
    parser.add_argument("--target", help="a target of profiles.yml")
    parser.add_argument("--project-dir", default=".", help="where dbt_project.yml is")
    options = parser.parse_args(arguments)
    private.from_now_on()
    try:
        _run(options)
    except (inspection.LoadRefused, mapping.MappingError) as error:
        sys.exit(f"Nothing was loaded, no table was changed.\n{error}")
    except (SparkUnavailable, FileNotFoundError) as error:
        sys.exit(f"error: {error}")


def _run(options: argparse.Namespace) -> None:
    chosen = mapping.read(options.mapping)
    raw_database, tables = loader.contract(Path(options.project_dir), options.raw_database)
    loader.check_tables(chosen, tables)
    is_local = "spark.remote" not in server.profile_settings(options.target)
    with server.reading(options.target) as (session, _):
        loader.check_queries(session, chosen, tables)
        found = inspection.inspect(session, chosen, options.path, is_local)
        for line in report(found):
            print(line)
        problems = inspection.refusals(found, options.max_refused, options.max_unreadable)
        if problems:
            raise inspection.LoadRefused("\n".join(problems))
        if options.dry_run:
            print("Dry run: no table was changed.")
            return
        counts = loader.load(session, chosen, found, raw_database, tables, is_local, options.force)
    for name, count in counts.items():
        print(f"{raw_database}.{name}: {count} rows")
    print(f"Each file's account is in {raw_database}.load_files, refused records in {raw_database}.load_refused.")
    zone = f" --vars '{{business_timezone: {chosen.time_zone}}}'" if chosen.time_zone else ""
    print(f"Next: dbt build --full-refresh{zone}")
