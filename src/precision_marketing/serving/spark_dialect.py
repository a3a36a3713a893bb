"""SQLAlchemy on Spark's thrift server: ``spark+thrift://name@127.0.0.1:10000/marketing``.

PyHive's own dialect ``hive://`` reads Hive's answers, and Spark gives others: its list of tables is the database's
name once per table. Decimals lose their scale there, too, and tables and columns their comments. This is PyHive's with
Spark's catalogue, types and literals, for SQLAlchemy 1.4 and 2. It needs PyHive and nothing else of this package.

A catalogue of Spark has no primary keys, foreign keys or indexes, so none are found.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from pyhive import hive
from pyhive.sqlalchemy_hive import HiveCompiler, HiveDialect, HiveTypeCompiler
from sqlalchemy import exc, text, types, util
from sqlalchemy.engine import reflection
from sqlalchemy.sql import compiler

NO_SUCH_TABLE = re.compile(r"TABLE_OR_VIEW_NOT_FOUND|SCHEMA_NOT_FOUND|NoSuchTableException|NoSuchDatabaseException")
CONNECTION_LOST = re.compile(r"Invalid SessionHandle|TSocket read 0 bytes|Broken pipe|Connection reset|not open", re.I)


class SparkDate(types.DATE):
    """A day, which PyHive gives as text."""

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        return lambda value: dt.date.fromisoformat(value) if isinstance(value, str) else value


class Nested(types.UserDefinedType):
    """An array, map or struct, which the protocol gives as text: ``["a","b"]``."""

    cache_ok = True

    def __init__(self, spark_type: str):
        self.spark_type = spark_type

    def get_col_spec(self, **_: Any) -> str:
        return self.spark_type.upper()


SIMPLE_TYPES: dict[str, types.TypeEngine] = {
    "boolean": types.Boolean(),
    "tinyint": types.SmallInteger(),
    "smallint": types.SmallInteger(),
    "int": types.Integer(),
    "bigint": types.BigInteger(),
    "float": types.REAL(),
    "double": types.Float(),
    "string": types.String(),
    "binary": types.LargeBinary(),
    "date": types.DATE(),
    "timestamp": types.TIMESTAMP(),
    "timestamp_ntz": types.TIMESTAMP(),
}


def sqlalchemy_type(spark_type: str) -> types.TypeEngine:
    """The type of SQLAlchemy for one as Spark writes it, such as ``decimal(18,4)``; with a warning none for another."""
    kind, _, arguments = spark_type.partition("(")
    if kind in SIMPLE_TYPES:
        return SIMPLE_TYPES[kind]
    if kind == "decimal":
        precision, scale = arguments.rstrip(")").split(",")
        return types.DECIMAL(int(precision), int(scale))
    if kind in ("char", "varchar"):
        return types.String(int(arguments.rstrip(")")))
    if spark_type.startswith(("array<", "map<", "struct<")):
        return Nested(spark_type)
    util.warn(f"no type of SQLAlchemy for {spark_type}")
    return types.NullType()


class SparkTypeCompiler(HiveTypeCompiler):
    """Types as Spark's SQL has them: what a ``cast`` is compiled to."""

    def visit_INTEGER(self, type_: types.TypeEngine, **_: Any) -> str:
        return "INT"

    def visit_NUMERIC(self, type_: Any, **_: Any) -> str:
        # Without a scale Spark would round to whole numbers.
        return f"DECIMAL({type_.precision or 38}, {type_.scale if type_.scale is not None else 10})"

    def visit_DECIMAL(self, type_: Any, **kw: Any) -> str:
        return self.visit_NUMERIC(type_, **kw)

    def visit_FLOAT(self, type_: types.TypeEngine, **_: Any) -> str:
        return "DOUBLE"

    visit_DOUBLE = visit_DOUBLE_PRECISION = visit_FLOAT

    def visit_REAL(self, type_: types.TypeEngine, **_: Any) -> str:
        return "FLOAT"

    def visit_DATE(self, type_: types.TypeEngine, **_: Any) -> str:
        return "DATE"

    def visit_TIMESTAMP(self, type_: types.TypeEngine, **_: Any) -> str:
        return "TIMESTAMP"

    visit_DATETIME = visit_TIMESTAMP

    def visit_VARCHAR(self, type_: types.TypeEngine, **_: Any) -> str:
        return "STRING"

    visit_CHAR = visit_NCHAR = visit_NVARCHAR = visit_TEXT = visit_CLOB = visit_VARCHAR

    def visit_BLOB(self, type_: types.TypeEngine, **_: Any) -> str:
        return "BINARY"


class SparkCompiler(HiveCompiler):
    """Statements as Spark's SQL has them."""

    visit_column = compiler.SQLCompiler.visit_column

    def render_literal_value(self, value: Any, type_: Any) -> str:
        # In Spark 'O''Brien' is two texts side by side, and a backslash begins an escape.
        if isinstance(value, str):
            escaped = value.replace("\\", "\\\\").replace("'", "\\'")
            return "'" + (escaped.replace("%", "%%") if self.preparer._double_percents else escaped) + "'"
        return super().render_literal_value(value, type_)

    def limit_clause(self, select: Any, **kw: Any) -> str:
        written = ""
        if select._limit_clause is not None:
            written += "\n LIMIT " + self.process(select._limit_clause, **kw)
        if select._offset_clause is not None:
            written += "\n OFFSET " + self.process(select._offset_clause, **kw)
        return written


class SparkDialect(HiveDialect):
    """PyHive's dialect with Spark's catalogue, types and literals."""

    name = "spark"
    driver = "thrift"
    statement_compiler = SparkCompiler
    type_compiler = type_compiler_cls = SparkTypeCompiler
    colspecs = {types.Date: SparkDate}
    supports_comments = True
    returns_unicode_strings = getattr(types.String, "RETURNS_UNICODE", True)  # the former for SQLAlchemy 1.4
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> Any:
        return hive

    def create_connect_args(self, url: Any) -> tuple[list[Any], dict[str, Any]]:
        arguments, keywords = super().create_connect_args(url)
        if keywords["password"] is not None:
            keywords.setdefault("auth", "CUSTOM")  # PyHive sends a password in this mode and LDAP alone
        return arguments, keywords

    def _get_default_schema_name(self, connection: Any) -> str:
        return connection.execute(text("select current_schema()")).scalar()

    def do_ping(self, dbapi_connection: Any) -> bool:
        """Whether a connection of the pool still works; errors of the transport are none of PyHive's."""
        try:
            dbapi_connection.cursor().execute("select 1")
        except Exception:
            return False
        return True

    def is_disconnect(self, e: Exception, connection: Any, cursor: Any) -> bool:
        return CONNECTION_LOST.search(str(e)) is not None

    def _quoted(self, *parts: str | None) -> str:
        return ".".join(self.identifier_preparer.quote_identifier(part) for part in parts if part)

    def _listed(self, connection: Any, what: str, schema: str | None) -> list[Any]:
        inside = f" in {self._quoted(schema)}" if schema else ""
        rows = connection.execute(text(f"show {what}{inside}")).fetchall()
        return [row[1] for row in rows if str(row[2]).lower() != "true"]  # database, name, is temporary

    def get_view_names(self, connection: Any, schema: str | None = None, **kw: Any) -> list[str]:
        return self._listed(connection, "views", schema)

    def get_table_names(self, connection: Any, schema: str | None = None, **kw: Any) -> list[str]:
        views = set(self.get_view_names(connection, schema, **kw))
        return [table for table in self._listed(connection, "tables", schema) if table not in views]

    @reflection.cache  # which cannot wrap an annotated function in SQLAlchemy 1.4
    def _described(self, connection, table_name, schema=None, **kw):
        """A relation's columns, as name, type and comment, and what else is known of it. Raises NoSuchTableError."""
        try:
            found = connection.execute(text(f"describe table extended {self._quoted(schema, table_name)}")).fetchall()
        except exc.DBAPIError as error:
            if NO_SUCH_TABLE.search(str(error)):
                raise exc.NoSuchTableError(f"{schema}.{table_name}" if schema else table_name) from None
            raise
        rows = [tuple((value or "").strip() for value in row) for row in found]
        # Columns end at the first empty line or heading; partitions are among them and listed again below.
        end = next((at for at, row in enumerate(rows) if not row[0] or row[0].startswith("# ")), len(rows))
        headings = [at for at, row in enumerate(rows) if row[0].startswith("# Detailed Table Information")]
        details = {name: value for name, value, _ in rows[headings[0] :]} if headings else {}
        return rows[:end], details

    def has_table(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> bool:
        try:
            self._described(connection, table_name, schema, **kw)
        except exc.NoSuchTableError:
            return False
        return True

    def get_columns(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> list[Any]:
        columns, _ = self._described(connection, table_name, schema, **kw)
        return [
            {"name": name, "type": sqlalchemy_type(kind), "nullable": True, "default": None, "comment": comment or None}
            for name, kind, comment in columns
        ]

    def get_table_comment(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        _, details = self._described(connection, table_name, schema, **kw)
        return {"text": details.get("Comment") or None}

    def get_view_definition(self, connection: Any, view_name: str, schema: str | None = None, **kw: Any) -> str | None:
        _, details = self._described(connection, view_name, schema, **kw)
        return details.get("View Text") or None

    def get_pk_constraint(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        return {"constrained_columns": [], "name": None}

    def get_foreign_keys(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> list[Any]:
        return []

    get_indexes = get_unique_constraints = get_check_constraints = get_foreign_keys
