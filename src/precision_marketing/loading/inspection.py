"""Inspecting files on Spark: which there are, what each is, what its records are, and why they may not be loaded.

One task per file, so that a whole cluster reads a folder of files.
"""

from __future__ import annotations

import base64
import glob
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from precision_marketing.loading import dialects, files, forms, passes
from precision_marketing.loading.mapping import Input, Mapping, MappingError, in_header

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame, SparkSession

# A file with a larger share of refused lines is damaged, or its dialect was not understood.
MOST_REFUSED = 0.01
# The same for values of a column that have no normal form: more, and the column is not what the mapping says.
MOST_UNREADABLE = 0.05


class LoadRefused(Exception):
    """Input that is not loaded; the message names every reason. Nothing was replaced."""


@dataclass
class File:
    """One file of an input: where it is, what was found in it."""

    input: Input
    path: str
    scan: files.Scan
    layout: passes.Layout
    header: list[str]
    doubts: list[str]
    profile: passes.Profile | None = None


# ------------------------------------------------------------------------------------------------------- finding files


def paths_of(each: Input, where: str | None, session: SparkSession, is_local: bool, single: bool) -> list[str]:
    """The files of an input, in order. where: what the command names: a folder, or for a `single` input a file or glob.

    Raises LoadRefused where there is none, or one packed and unpacked.
    """
    patterns = [os.path.join(where, each.path) if where else each.path]
    if where and single:
        patterns += [os.path.join(where, "*.csv*"), where]
    find = _local if is_local else partial(_remote, session=session)
    found = next((paths for pattern in patterns if (paths := find(pattern))), [])
    plain: dict[str, str] = {}
    for path in found:
        other = plain.setdefault(path.removesuffix(".gz"), path)
        if other != path:
            raise LoadRefused(f"{other} and {path} are the same file, unpacked and packed: move one of them away")
    if not found and not each.optional:
        raise LoadRefused(f"there is no file {patterns[0]}" + (f" and no {where}" if where and single else ""))
    return found


def _local(pattern: str) -> list[str]:
    if Path(pattern).is_file():
        return [pattern]
    folder, name = os.path.split(pattern)
    # A folder's name is taken as it is, for it may have brackets; a glob across folders is taken as a glob.
    names = glob.glob(name, root_dir=folder or ".") if Path(folder or ".").is_dir() else []
    paths = [os.path.join(folder, each) for each in names] or glob.glob(pattern, recursive=True)
    return sorted(path for path in paths if Path(path).is_file() and not Path(path).name.startswith("_"))


def _remote(pattern: str, session: SparkSession) -> list[str]:
    from pyspark.errors import PySparkException

    for each in dict.fromkeys((pattern, _escaped(pattern))):
        try:
            rows = session.read.format("binaryFile").load(each).select("path").collect()
        except PySparkException as error:
            if error.getCondition() != "PATH_NOT_FOUND":
                raise LoadRefused(f"{pattern} cannot be read: {str(error).splitlines()[0]}") from None
            continue
        if rows:
            return sorted(row.path for row in rows)
    return []


def _escaped(path: str) -> str:
    """A path whose characters mean themselves to Hadoop."""
    return "".join(f"\\{letter}" if letter in "[]{}*?\\" else letter for letter in path)


# ---------------------------------------------------------------------------------------------------- passes on Spark


def over_files(
    session: SparkSession,
    paths: list[str],
    is_local: bool,
    schema: str,
    function: Callable[[str, Any], Iterator[pd.DataFrame]],
) -> DataFrame:
    """A frame of what a function yields for each file, one task per file.

    function: called with a path and an open binary file. Files that the driver sees are opened there, since tasks of
    an embedded Spark run beside it; others come through Spark.
    """
    if not is_local:  # executors of a cluster do not have this package
        from pyspark import cloudpickle

        cloudpickle.register_pickle_by_value(sys.modules["precision_marketing"])

    def run(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        import io

        for frame in frames:
            for row in frame.itertuples(index=False):
                content = getattr(row, "content", None)
                with open(row.path, "rb") if content is None else io.BytesIO(content) as raw:
                    yield from function(row.path, raw)

    if is_local:
        source = session.createDataFrame([(path,) for path in paths], "path string").repartition(len(paths), "path")
    else:
        source = session.read.format("binaryFile").load([_escaped(path) for path in paths]).select("path", "content")
    return source.mapInPandas(run, schema)


def _collected(
    session: SparkSession, paths: list[str], is_local: bool, function: Callable[[str, Any], dict[str, Any]]
) -> dict[str, Any]:
    """A function's result for each file, by path: `function(path, open file)`, or {"error": why it cannot be read}."""

    def run(path: str, raw: Any) -> Iterator[pd.DataFrame]:
        import pandas as pd

        try:
            result = function(path, raw)
        except files.UnreadableFile as error:
            result = {"error": str(error)}
        yield pd.DataFrame({"path": [path], "result": [json.dumps(result)]})

    rows = over_files(session, paths, is_local, "path string, result string", run).collect()
    return {row.path: json.loads(row.result) for row in rows}


def _scanned(path: str, raw: Any) -> dict[str, Any]:
    found = asdict(files.scan(raw))

    def text(value: Any) -> Any:
        if isinstance(value, bytes):
            return {"bytes": base64.b64encode(value).decode()}
        return [text(each) for each in value] if isinstance(value, list) else value

    return {key: text(value) for key, value in found.items()}


def _scan(content: dict[str, Any]) -> files.Scan:
    def value(each: Any) -> Any:
        if isinstance(each, dict):
            return base64.b64decode(each["bytes"])
        return [value(one) for one in each] if isinstance(each, list) else each

    return files.Scan(**{key: value(each) for key, each in content.items()})


# ------------------------------------------------------------------------------------------------------------- judging


def inspect(session: SparkSession, mapping: Mapping, where: str | None, is_local: bool) -> list[File]:
    """Read all files of a mapping twice: what they are, and what their records are. Raises LoadRefused."""
    found: list[File] = []
    problems: list[str] = []
    for each in mapping.inputs:
        paths = paths_of(each, where, session, is_local, single=len(mapping.inputs) == 1)
        scans = _collected(session, paths, is_local, _scanned) if paths else {}
        for path in paths:
            content = scans[path]
            if "error" in content:
                problems.append(f"{path} {content['error']}")
                continue
            try:
                found.append(describe(each, path, _scan(content)))
            except (files.UnreadableFile, MappingError) as error:
                text = str(error)
                problems.append(text if text.startswith(path) else f"{path} {text}")
    digests: dict[str, str] = {}
    for file in found:
        other = digests.setdefault(f"{file.input.name} {file.scan.digest}", file.path)
        if other != file.path:
            problems.append(f"{other} and {file.path} have the same content: move one of them away")
    if problems:
        raise LoadRefused("\n".join(problems))
    for each in mapping.inputs:
        of_input = [file for file in found if file.input is each]
        if of_input:
            _judge(session, of_input, is_local)
    return found


def describe(each: Input, path: str, scan: files.Scan) -> File:
    """A scanned file with its dialect and the places of its columns. Raises files.UnreadableFile and MappingError."""
    stated = {**each.dialect, **({"header": False} if each.header else {})}
    names = list(each.header) if each.header else None
    detected = dialects.detect(scan, [column.names for column in each.columns], stated, names)
    try:
        places = in_header(each.columns, detected.header, path)
    except MappingError as error:
        dialect = detected.dialect
        raise MappingError(f"{error} (read as {dialect.encoding}, separator {dialect.separator!r})") from None
    layout = passes.Layout(
        detected.dialect, len(detected.header), tuple(column.name for column in each.columns),
        tuple(column.kind for column in each.columns), tuple(places),
        tuple(column.time_zone for column in each.columns),
    )  # fmt: skip
    doubts = list(detected.doubts)
    if scan.ends_open:
        doubts.append("the last line has no end: the file may have been cut")
    return File(each, path, scan, layout, detected.header, doubts)


def _judge(session: SparkSession, of_input: list[File], is_local: bool) -> None:
    """Profile the files of an input."""
    layouts = {file.path: file.layout for file in of_input}

    def profile(path: str, raw: Any) -> dict[str, Any]:
        return passes.as_json(passes.profile(raw, layouts[path]))

    found = _collected(session, list(layouts), is_local, profile)
    for file in of_input:
        if "error" in found[file.path]:
            raise LoadRefused(f"{file.path} {found[file.path]['error']}")
        file.profile = passes.from_json(found[file.path])
    decide(of_input)


def decide(of_input: list[File]) -> None:
    """Give the profiled files of an input each column's convention, which all of them decide together."""
    columns = passes.merged([file.profile for file in of_input if file.profile])
    decisions = tuple(
        column.stated or evidence.decision for column, evidence in zip(of_input[0].input.columns, columns, strict=True)
    )
    for file in of_input:
        file.layout = replace(file.layout, decisions=decisions)


def refusals(found: list[File], most_refused: float, most_unreadable: float) -> list[str]:
    """Why the files may not be loaded: accounts that do not add up, too much that is refused or unreadable, nothing
    at all."""
    reasons: list[str] = []
    for file in found:
        assert file.profile is not None
        account = file.profile.account
        if not account.adds_up or account.lines != file.scan.lines:
            reasons.append(f"{file.path}: {file.scan.lines} lines were counted and {account.lines} read")
        records = account.records + account.refused
        if not records and not file.input.optional:
            reasons.append(f"{file.path} has a header and nothing else: a failed export?")
        if account.refused_lines > most_refused * (account.kept_lines + account.refused_lines):
            shown = "\n".join(f"  line {line}: {reason}: {text.strip()}" for line, reason, text in file.profile.refused)
            reasons.append(
                f"{file.path}: {account.refused} of {records} records, {account.refused_lines} lines, cannot be read "
                f"(at most {most_refused:.1%} of the lines may be refused, --max-refused sets it)\n{shown}"
            )
    for each in dict.fromkeys(id(file.input) for file in found):
        of_input = [file for file in found if id(file.input) == each and file.profile]
        evidence = passes.merged([file.profile for file in of_input if file.profile])
        for column, seen in zip(of_input[0].input.columns, evidence, strict=True):
            given = sum(seen.counts.values()) - seen.counts[forms.NOTHING]
            unreadable = seen.unreadable(column.stated)
            if unreadable > most_unreadable * given:
                reasons.append(_unreadable(column.name, column.kind, unreadable, given, seen))
            if len(seen.currencies) > 1:
                signs = ", ".join(f"{sign} ({count})" for sign, count in seen.currencies.most_common())
                reasons.append(
                    f"{column.name} has amounts in several currencies: {signs}. Load each from files of its own, "
                    "and fill the raw table's `currency`"
                )
    return reasons


def _unreadable(name: str, kind: str, unreadable: int, given: int, seen: forms.Evidence) -> str:
    lines = [
        (line, text)
        for why in (forms.UNREADABLE, forms.AMBIGUOUS, *forms.PROOFS)
        for line, text in seen.lines.get(why, [])
    ]
    shown = ", ".join(f"{text!r} (line {line})" for line, text in lines[:3])
    advice = ""
    if seen.counts[forms.AMBIGUOUS]:
        setting = {
            "number": "decimal: '.' or ','",
            "instant": "date_order: dmy or mdy",
            "day": "date_order: dmy or mdy",
        }[kind]
        advice = f". No value proves what is meant; state `{setting}` of the column"
    return f"{name}: {unreadable} of {given} values cannot be read as {kind}, such as {shown}{advice}"
