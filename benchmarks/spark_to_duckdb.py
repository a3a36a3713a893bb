"""Spark SQL on DuckDB, for benchmarks/engines.py: sqlglot's translation, and under names of their own what it lacks.

``RULES`` and ``NAMED`` say how an expression is written for DuckDB where sqlglot's text fails or means something else;
``MACROS`` are functions that DuckDB lacks. They hold what the project's models use, not all of Spark. A timestamp of
Spark is a plain timestamp in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB

# Arguments and body by the function's name; one name may have several lists of arguments.
MACROS = (
    # Spark cuts fractions off, DuckDB rounds; a text that is no whole number is null in try_cast.
    (
        "spark_bigint",
        """(x) as case
            when typeof(x) = 'VARCHAR' and not regexp_full_match(trim(x::varchar), '[+-]?[0-9]+') then null
            when typeof(x) in ('DOUBLE', 'FLOAT') or typeof(x) like 'DECIMAL%' then try_cast(trunc(x::double) as bigint)
            else try_cast(x as bigint)
        end""",
    ),
    ("spark_sequence", "(a bigint, b bigint) as generate_series(a, b)"),
    (
        "spark_sequence",
        "(a date, b date) as list_transform(generate_series(0, b - a), lambda days : a + days::integer)",
    ),
    ("spark_octet_length", "(x varchar) as strlen(x)"),
    ("spark_octet_length", "(x blob) as octet_length(x)"),
    ("timestamp_seconds", "(seconds) as make_timestamp((seconds * 1000000::bigint)::bigint)"),
    ("timestamp_millis", "(milliseconds) as make_timestamp(milliseconds::bigint * 1000)"),
    (
        "make_dt_interval",
        """(d := 0, h := 0, m := 0, s := 0) as
            to_microseconds((((d::bigint * 24 + h) * 60 + m) * 60000000 + s * 1000000::bigint)::bigint)""",
    ),
    ("pmod", "(a, b) as ((a % b) + b) % b"),
    (
        "substring_index",
        """(x, d, n) as array_to_string(case
            when n > 0 then str_split(x, d)[:n]
            else str_split(x, d)[greatest(len(str_split(x, d)) + n + 1, 1):]
        end, d)""",
    ),
)


def _function(name: str, *arguments: str) -> Callable:
    """A rule that calls DuckDB's function ``name`` with these arguments of the expression."""
    return lambda self, node: self.func(name, *(node.args.get(argument) for argument in arguments or ("this",)))


def _cast(self, node: exp.Cast) -> str:
    kind = self.sql(node, "to")
    if node.to.is_type(*exp.DataType.INTEGER_TYPES):
        return f"TRY_CAST(spark_bigint({self.sql(node, 'this')}) AS {kind})"
    if kind == "TIMESTAMP":  # only the type with a zone heeds the zone in a text
        return f"(TRY_CAST({self.sql(node, 'this')} AS TIMESTAMPTZ) AT TIME ZONE 'UTC')"
    return f"TRY_CAST({self.sql(node, 'this')} AS {kind})"


def _add_days(self, node: exp.TsOrDsAdd) -> str:
    """Spark's date_add gives a date; a date plus an interval is a timestamp in DuckDB."""
    if node.text("unit").upper() not in ("", "DAY"):
        raise sqlglot.UnsupportedError(f"date_add of {node.text('unit')}")
    return f"(CAST({self.sql(node, 'this')} AS DATE) + CAST({self.sql(node, 'expression')} AS INT))"


def _replace_pattern(self, node: exp.RegexpReplace) -> str:
    """Groups are $1 in Java and \\1 in DuckDB; Spark replaces all matches."""
    replacement = node.args["replacement"]
    if isinstance(replacement, exp.Literal):
        replacement = exp.Literal.string(re.sub(r"\$(\d)", r"\\\1", replacement.name))
    return self.func("REGEXP_REPLACE", node.this, node.expression, replacement, exp.Literal.string("g"))


def _struct(self, node: exp.Struct) -> str:
    """``struct(*)`` is the row of the one relation in ``from``."""
    if not any(isinstance(field, exp.Star) for field in node.expressions):
        return DuckDB.Generator.TRANSFORMS[exp.Struct](self, node)
    select = node.find_ancestor(exp.Select)
    if len(node.expressions) > 1 or select.args.get("joins"):
        raise sqlglot.UnsupportedError("struct(*) of several relations")
    return exp.to_identifier(select.args["from_"].this.alias_or_name).sql("duckdb")


def _from_json(self, node: exp.FromJson) -> str:
    kind = exp.DataType.build(node.expression.name, dialect="spark").sql(SparkOnDuckDB)
    return f"TRY_CAST(TRY_CAST({self.sql(node, 'this')} AS JSON) AS {kind})"


def _extract(self, node: exp.Extract) -> str:
    unit = node.name.upper()
    return f"EXTRACT({ {'DAYOFWEEK_ISO': 'ISODOW'}.get(unit, unit) } FROM {self.sql(node, 'expression')})"


def _concat_ws(self, node: exp.ConcatWs) -> str:
    """Spark joins the elements of an array; DuckDB would write it as a text in brackets."""
    delimiter, *parts = node.expressions
    if len(parts) == 1 and isinstance(parts[0], (exp.ArraySort, exp.ArrayAgg, exp.ArrayUniqueAgg)):
        return self.func("COALESCE", exp.func("array_to_string", parts[0], delimiter), exp.Literal.string(""))
    return self.func("CONCAT_WS", *node.expressions)


def _collect(self, node: exp.ArrayAgg | exp.ArrayUniqueAgg, where: exp.Expression | None = None) -> str:
    """Without a value the array is empty; DuckDB's is null."""
    value = self.sql(node, "this")
    distinct = "DISTINCT " if isinstance(node, exp.ArrayUniqueAgg) else ""
    condition = f"{value} IS NOT NULL" + (f" AND ({self.sql(where)})" if where else "")
    array = f"LIST({distinct}{value}) FILTER(WHERE {condition})"
    return array if isinstance(node.parent, exp.Window) else f"COALESCE({array}, [])"


def _filter(self, node: exp.Filter) -> str:
    if isinstance(node.this, (exp.ArrayAgg, exp.ArrayUniqueAgg)):
        return _collect(self, node.this, node.expression.this)
    return self.filter_sql(node)


RULES: dict[type[exp.Expression], Callable] = {
    exp.TryCast: _cast,
    exp.TsOrDsAdd: _add_days,
    exp.RegexpReplace: _replace_pattern,
    exp.Struct: _struct,
    exp.FromJson: _from_json,
    exp.Extract: _extract,
    exp.ConcatWs: _concat_ws,
    exp.ArrayAgg: _collect,
    exp.ArrayUniqueAgg: _collect,
    exp.Filter: _filter,
    exp.Hint: lambda self, node: "",
    # A date, not a timestamp.
    exp.DateTrunc: lambda self, node: f"CAST(DATE_TRUNC({self.sql(node, 'unit')}, {self.sql(node, 'this')}) AS DATE)",
    exp.TimestampTrunc: lambda self, node: (
        f"DATE_TRUNC('{node.text('unit')}', CAST({self.sql(node, 'this')} AS TIMESTAMP))"
    ),
    exp.AtTimeZone: lambda self, node: (
        f"({self.sql(node, 'this')} AT TIME ZONE 'UTC' AT TIME ZONE {self.sql(node, 'zone')})"
    ),
    exp.FromTimeZone: lambda self, node: (
        f"({self.sql(node, 'this')} AT TIME ZONE {self.sql(node, 'zone')} AT TIME ZONE 'UTC')"
    ),
    exp.CurrentTimestamp: lambda self, node: "(NOW() AT TIME ZONE 'UTC')",
    exp.StrToUnix: lambda self, node: f"CAST(FLOOR(EPOCH({self.sql(node, 'this')})) AS BIGINT)",
    # Interpolated, which DuckDB's quantile is not, and a double.
    exp.Quantile: lambda self, node: (
        f"QUANTILE_CONT(CAST({self.sql(node, 'this')} AS DOUBLE), {self.sql(node, 'quantile')})"
    ),
    # Rows whose value is null count in Spark, and are skipped by arg_max.
    exp.ArgMax: _function("ARG_MAX_NULL", "this", "expression"),
    exp.ArgMin: _function("ARG_MIN_NULL", "this", "expression"),
    # Sunday is 1, not 0.
    exp.DayOfWeek: lambda self, node: f"(DAYOFWEEK({self.sql(node, 'this')}) + 1)",
    # Fields without a value are left out.
    exp.JSONFormat: lambda self, node: f"CAST(JSON_MERGE_PATCH('{{}}', TO_JSON({self.sql(node, 'this')})) AS TEXT)",
    exp.Replace: lambda self, node: self.func(
        "REPLACE", node.this, node.expression, node.args.get("replacement") or exp.Literal.string("")
    ),
    exp.GenerateSeries: _function("spark_sequence", "start", "end"),
}
# Functions that sqlglot knows by name only: DuckDB's text, from the arguments' texts.
NAMED: dict[str, str] = {
    "weekday": "(ISODOW({0}) - 1)",  # Monday is 0; DuckDB's own begins on Sunday
    "isnull": "({0} IS NULL)",
    "isnotnull": "({0} IS NOT NULL)",
    "octet_length": "spark_octet_length({0})",
}


class SparkOnDuckDB(DuckDB):
    """DuckDB's dialect for what was Spark SQL."""

    class Generator(DuckDB.Generator):
        TRANSFORMS = {**DuckDB.Generator.TRANSFORMS, **RULES}
        TYPE_MAPPING = {
            **DuckDB.Generator.TYPE_MAPPING,
            exp.DataType.Type.TIMESTAMPTZ: "TIMESTAMP",
            exp.DataType.Type.TIMESTAMPLTZ: "TIMESTAMP",
        }

        def anonymous_sql(self, expression: exp.Anonymous) -> str:
            text = NAMED.get(expression.name.lower())
            if text is None:
                return super().anonymous_sql(expression)
            return text.format(*(self.sql(argument) for argument in expression.expressions))


def translate(sql: str) -> str:
    """Spark's query ``sql`` for DuckDB. Raises sqlglot.errors.SqlglotError for what has no counterpart."""
    query = sqlglot.parse_one(sql, dialect="spark")
    # A parameter hides a relation of the same name in Spark; in DuckDB the relation wins.
    for function in query.find_all(exp.Lambda):
        names = {parameter.name for parameter in function.expressions}
        for identifier in list(function.find_all(exp.Identifier)):
            is_field = isinstance(identifier.parent, exp.Dot) and identifier.arg_key == "expression"
            in_table = isinstance(identifier.parent, exp.Column) and identifier.parent.args.get("table")
            if identifier.name in names and not is_field and (not in_table or identifier.arg_key == "table"):
                identifier.set("this", f"{identifier.name}__parameter")
    return query.sql(SparkOnDuckDB, unsupported_level=sqlglot.ErrorLevel.RAISE)


def duckdb_type(spark_type: str) -> str:
    """DuckDB's name of a Spark type such as ``array<struct<a:int>>``."""
    return exp.DataType.build(spark_type, dialect="spark").sql(SparkOnDuckDB)


def connect(threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory that has ``MACROS`` and works in UTC, as Spark's session does."""
    connection = duckdb.connect(config={"threads": threads} if threads else {})
    connection.execute("set timezone = 'UTC'")
    definitions: dict[str, list[str]] = {}
    for name, definition in MACROS:
        definitions.setdefault(name, []).append(definition)
    for name, overloads in definitions.items():
        connection.execute(f"create macro {name}{', '.join(overloads)}")
    return connection
