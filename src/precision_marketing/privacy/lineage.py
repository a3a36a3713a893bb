"""Where personal data flows, column by column, and what was done to it on the way.

Read from the project's compiled SQL, parsed by sqlglot: no data is looked at. A *way* is how a raw column reaches a
column: the treatments it met, and the relations it passed. What is not understood raises LineageError; it is never
taken for "no personal data".

What counts as a treatment is what an expression does, not what it is called:

===========  ==========================================================================================
mask         text joined from asterisks and the ends of a value: at most four characters, or a mail domain
hash         ``keyed_hash(x)``. Without a key, a hash of a phone number is as good as the number.
encrypt      ``aes_encrypt(x, ...)``; ``aes_decrypt`` undoes it
generalise   ``round(x, 2)`` or coarser, ``floor(x / n)``, a year or month; a comparison, and text chosen by one
aggregate    sums, means, deviations and correlations over rows
===========  ==========================================================================================

Every other function hands on all its arguments untreated. Values flow through projections alone: what is only
joined on, filtered by, sorted by, counted or tested for null is not carried.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlglot
from sqlglot import exp

TREATMENTS = ("mask", "hash", "encrypt", "generalise", "aggregate")
# The source of what the project's own hooks write: keys of runs and requests.
HOOKS = "hooks"
VERSION = re.compile(r"__v\d{14}[0-9a-f]{4}$")  # of a model, see macros/publishing
LEVELS = ("L1", "L2", "L3", "L4")
SENSITIVE = ("L3", "L4")
LAYERS = {"staging": "staging", "vault": "vault", "marts": "mart", "ml": "ml", "quality": "quality"}
LONGEST_END = 4  # characters of a value that a mask may show at either end
YEAR_PATTERN = "[12][0-9]{3}"
EPHEMERAL_PREFIX = "__dbt__cte__"
RawColumn = tuple[str, str]  # raw table, column
Way = tuple[RawColumn, frozenset[str]]  # a raw column and the treatments it met
Register = Mapping[RawColumn, Mapping[str, str]]


class LineageError(Exception):
    """What cannot be followed; the message begins with the name of the ``model``, once it is known."""

    def __init__(self, message: str, model: str | None = None) -> None:
        super().__init__(f"{model}: {message}" if model else message)
        self.model = model


# ------------------------------------------------------------------------------------- what flows


@dataclass(frozen=True)
class Value:
    """What an expression carries: for each way the relations passed, of equal ways the shortest.

    A struct also knows its fields, so that reading one of them carries that one alone.
    """

    ways: Mapping[Way, tuple[str, ...]] = field(default_factory=dict)
    fields: Mapping[str, Value] | None = None

    def treated(self, treatment: str) -> Value:
        """The value after ``treatment``."""
        return Value({(raw, done | {treatment}): path for (raw, done), path in self.ways.items()})

    def decrypted(self) -> Value:
        """The value with its encryption undone."""
        return Value({(raw, done - {"encrypt"}): path for (raw, done), path in self.ways.items()})

    def in_relation(self, relation: str) -> Value:
        """The value as a column of ``relation``."""
        fields = self.fields and {name: value.in_relation(relation) for name, value in self.fields.items()}
        return Value({way: (*path, relation) for way, path in self.ways.items()}, fields)


NOTHING = Value()


def merged(values: Iterable[Value]) -> Value:
    """All that ``values`` carry."""
    ways: dict[Way, tuple[str, ...]] = {}
    for value in values:
        for way, path in value.ways.items():
            ways[way] = min(ways.get(way, path), path, key=lambda p: (len(p), p))
    return Value(ways)


def struct(fields: Mapping[str, Value]) -> Value:
    """A struct of ``fields``."""
    return Value(merged(fields.values()).ways, fields)


class Columns(dict[str, Value]):
    """Columns of a relation by name in lower case; ``rest`` is what any column not listed carries.

    Without ``rest`` the list is complete.
    """

    def __init__(self, columns: Iterable[tuple[str, Value]] = (), rest: Value | None = None) -> None:
        super().__init__()
        self.rest = rest
        for name, value in columns:
            name = name.lower()
            self[name] = merged([self[name], value]) if name in self else value

    def find(self, name: str) -> Value | None:
        """What the column ``name`` carries; None if there is no such column."""
        return self.get(name.lower(), self.rest)

    def renamed(self, names: Sequence[str]) -> Columns:
        """The columns under new names, by position; more names than columns are part of the rest."""
        if len(names) > len(self) and self.rest is not None:
            return Columns((name, merged([*self.values(), self.rest])) for name in names)
        return Columns(zip(names or self, self.values(), strict=True), self.rest)


# ------------------------------------------------------------------------------------ expressions

# Facts about a value that do not show it.
_CARRY_NOTHING = (exp.Count, exp.CountIf, exp.ApproxDistinct, exp.Length, exp.Exists, exp.Identifier, exp.DataType)
_AGGREGATES = (
    exp.Sum, exp.Avg, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop,
    exp.Corr, exp.CovarPop, exp.CovarSamp, exp.Skewness, exp.Kurtosis,
)  # fmt: skip
_COARSE_UNITS = {"year", "yyyy", "yy", "quarter", "month", "mon", "mm"}
# Spark's functions that sqlglot knows by name only.
_BY_NAME = {
    "isnull": lambda arguments: NOTHING,
    "isnotnull": lambda arguments: NOTHING,
    "count_if": lambda arguments: NOTHING,
    "try_sum": lambda arguments: merged(arguments).treated("aggregate"),
    "try_avg": lambda arguments: merged(arguments).treated("aggregate"),
    "keyed_hash": lambda arguments: merged(arguments).treated("hash"),
    # Key, mode and additional data are not in the result.
    "aes_encrypt": lambda arguments: arguments[0].treated("encrypt"),
    "aes_decrypt": lambda arguments: arguments[0].decrypted(),
    "try_aes_decrypt": lambda arguments: arguments[0].decrypted(),
}


def _number(node: exp.Expr | None, default: float = 0) -> float | None:
    """The literal number ``node``; ``default`` for a missing one, None for anything else."""
    if node is None:
        return default
    if isinstance(node, exp.Neg):
        number = _number(node.this)
        return None if number is None else -number
    return float(node.this) if isinstance(node, exp.Literal) and not node.is_string else None


def _is_end(node: exp.Expr) -> bool:
    """Whether ``node`` shows no more of a value than its first or last characters, or the domain of an address."""
    if isinstance(node, (exp.Lower, exp.Upper, exp.Paren)):
        return _is_end(node.this)
    if isinstance(node, (exp.Left, exp.Right)):
        return (_number(node.expression) or LONGEST_END + 1) <= LONGEST_END
    if isinstance(node, exp.SubstringIndex):
        return node.args["delimiter"].name == "@" and _number(node.args["count"]) == -1
    return isinstance(node, exp.Literal)


def _is_asterisks(node: exp.Expr) -> bool:
    node = node.this if isinstance(node, exp.Repeat) else node
    return isinstance(node, exp.Literal) and "*" in node.name


def _is_mask(node: exp.Expr) -> bool:
    parts = node.expressions if isinstance(node, exp.Concat) else list(node.flatten())
    hidden = [part for part in parts if _is_asterisks(part)]
    return bool(hidden) and all(_is_end(part) for part in parts if part not in hidden)


def _is_coarse(node: exp.Expr) -> bool:
    """Whether ``node`` rounds a number or cuts a date, to something many share."""
    if isinstance(node, exp.Round):
        decimals = _number(node.args.get("decimals"))
        return decimals is not None and decimals <= 2
    if isinstance(node, exp.Floor):
        quotient = node.this.unnest()
        return isinstance(quotient, exp.Div) and (_number(quotient.expression) or 0) > 1
    if isinstance(node, (exp.DateTrunc, exp.TimestampTrunc)):
        return node.args["unit"].name.lower() in _COARSE_UNITS
    if isinstance(node, exp.RegexpExtract):
        return node.expression.name == YEAR_PATTERN
    return isinstance(node, exp.Year) or (isinstance(node, exp.Extract) and node.name.lower() == "year")


@dataclass
class _Scope:
    """What names mean in one select: relations by alias, aliases given so far, and the query around it."""

    ctes: Mapping[str, Columns]
    relations: dict[str, Columns] = field(default_factory=dict)
    aliases: Columns = field(default_factory=Columns)
    outer: _Scope | None = None

    def column(self, parts: Sequence[str]) -> Value | None:
        """What ``[relation.]column[.field ...]`` carries; None if nothing has that name."""
        if len(parts) > 1 and parts[0] in self.relations:
            value = self.relations[parts[0]].find(parts[1])
            rest = parts[2:]
        else:
            candidates = [columns.find(parts[0]) for columns in self.relations.values()]
            found = [value for value in candidates if value is not None]
            value = found[0] if len(found) == 1 else merged(found) if found else self.aliases.find(parts[0])
            rest = parts[1:]
        if value is None:
            return self.outer.column(parts) if self.outer else None
        for name in rest:
            value = _member(value, name)
        return value


def _member(value: Value, name: str) -> Value:
    """A field of a struct; of anything else, all of it."""
    return value.fields.get(name.lower(), value) if value.fields else value


class _Reader:
    """Follows values through the SQL of one model. ``relation_of`` gives the columns of a table by its full name."""

    def __init__(self, relation_of: Callable[[str], Columns]) -> None:
        self.relation_of = relation_of

    # queries

    def query(self, node: exp.Expr, scope: _Scope) -> Columns:
        """Columns of the query ``node``, with the names that ``scope`` knows."""
        if node.args.get("pivots"):
            raise LineageError("pivot and unpivot cannot be followed")
        ctes = dict(scope.ctes)
        with_ = node.args.get("with_")
        if with_ and with_.recursive:
            raise LineageError("a recursive query cannot be followed")
        for cte in with_.expressions if with_ else []:
            columns = self.query(cte.this, _Scope(ctes, outer=scope.outer))
            columns = columns.renamed([c.name for c in cte.args["alias"].columns])
            name = cte.alias.lower()
            if name.startswith(EPHEMERAL_PREFIX):
                columns = _in_relation(columns, name.removeprefix(EPHEMERAL_PREFIX))
            ctes[name] = columns
        scope = _Scope(ctes, outer=scope.outer)
        if isinstance(node, exp.Select):
            return self._select(node, scope)
        if isinstance(node, exp.SetOperation):
            left, right = self.query(node.this, scope), self.query(node.expression, scope)
            if node.args.get("by_name"):
                return Columns([*left.items(), *right.items()], left.rest or right.rest)
            if left.rest or right.rest or len(left) != len(right):
                raise LineageError("the parts of a union have unknown or different columns")
            return Columns((name, merged([a, b])) for (name, a), b in zip(left.items(), right.values(), strict=True))
        if isinstance(node, exp.Subquery):
            return self.query(node.this, scope)
        if isinstance(node, exp.Values):
            return Columns(rest=merged(self.value(row, scope) for row in node.expressions))
        raise LineageError(f"a {type(node).__name__} is no query")

    def _select(self, node: exp.Select, scope: _Scope) -> Columns:
        if node.args.get("from_"):
            self._add_relation(node.args["from_"].this, scope)
        for join in node.args.get("joins") or []:
            if join.kind not in ("SEMI", "ANTI"):
                self._add_relation(join.this, scope)
        for lateral in node.args.get("laterals") or []:
            self._add_relation(lateral, scope)
        rest: list[Value] = []
        for position, item in enumerate(node.expressions):
            found = self._projected(item, position, scope)
            if found.rest is not None:
                rest.append(found.rest)
            scope.aliases = Columns([*scope.aliases.items(), *found.items()])
        scope.aliases.rest = merged(rest) if rest else None
        return scope.aliases

    def _projected(self, item: exp.Expr, position: int, scope: _Scope) -> Columns:
        """The columns that one item of a select list makes."""
        star = item.this if isinstance(item, exp.Column) else item
        if isinstance(star, exp.Star):
            columns = self._star(item, scope)
            if star.args.get("replace") or star.args.get("rename"):
                raise LineageError("select * with replace or rename cannot be followed")
            left_out = {column.name.lower() for column in star.args.get("except_") or []}
            return Columns(((n, v) for n, v in columns.items() if n not in left_out), columns.rest)
        value = self.value(item, scope)
        if isinstance(item, exp.Aliases):
            return Columns((alias.name, value) for alias in item.expressions)
        if isinstance(item, (exp.Inline, exp.Posexplode)):
            return Columns(rest=value)
        return Columns([(item.output_name or f"_c{position}", value)])

    def _star(self, node: exp.Expr, scope: _Scope) -> Columns:
        """What ``*``, ``relation.*`` or ``struct.*`` stands for."""
        qualifier = node.table.lower() if isinstance(node, exp.Column) else ""
        if not qualifier:
            rest = [columns.rest for columns in scope.relations.values() if columns.rest is not None]
            pairs = [pair for columns in scope.relations.values() for pair in columns.items()]
            return Columns(pairs, merged(rest) if rest else None)
        if qualifier in scope.relations:
            return scope.relations[qualifier]
        value = scope.column([qualifier])
        if value is None:
            raise LineageError(f"there is no relation or struct {qualifier}")
        return Columns(value.fields.items()) if value.fields else Columns(rest=value)

    def _add_relation(self, node: exp.Expr, scope: _Scope) -> None:
        """Make the item ``node`` of a from clause known in ``scope``."""
        if node.args.get("pivots"):
            raise LineageError("pivot and unpivot cannot be followed")
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Func):
            columns = Columns(rest=self.value(node.this, scope))
        elif isinstance(node, exp.Table):
            parts = [part.name.lower() for part in node.parts]
            cte = scope.ctes.get(parts[0]) if len(parts) == 1 else None
            columns = self.relation_of(".".join(parts)) if cte is None else cte
        elif isinstance(node, exp.Lateral) and not isinstance(node.this, exp.Subquery):
            columns = Columns(rest=self.value(node.this, scope))
        else:
            inner = node.this if isinstance(node, exp.Lateral) else node
            columns = self.query(inner, _Scope(scope.ctes, outer=scope))
        alias = node.args.get("alias")
        if alias and alias.columns:
            columns = columns.renamed([column.name for column in alias.columns])
        name = node.alias_or_name.lower() or f"_r{len(scope.relations)}"
        scope.relations[name] = columns
        for join in node.args.get("joins") or []:  # in parentheses
            self._add_relation(join.this, scope)

    # expressions

    def value(self, node: exp.Expr, scope: _Scope) -> Value:
        """What the expression ``node`` carries."""
        if isinstance(node, exp.Column) and not isinstance(node.this, exp.Star):
            return self._column(node, scope)
        if isinstance(node, exp.Star) or (isinstance(node, exp.Column) and isinstance(node.this, exp.Star)):
            columns = self._star(node, scope)
            return merged([*columns.values(), columns.rest or NOTHING])
        if isinstance(node, _CARRY_NOTHING) or (isinstance(node, exp.Is) and isinstance(node.expression, exp.Null)):
            return NOTHING
        if isinstance(node, (exp.Alias, exp.Paren, exp.Window, exp.Filter, exp.ArgMax, exp.ArgMin)):
            return self.value(node.this, scope)
        if isinstance(node, exp.Subquery) or isinstance(node, exp.Query):
            return merged(self.query(node, _Scope(scope.ctes, outer=scope)).values())
        if isinstance(node, (exp.Case, exp.If)):
            return self._choice(node, scope)
        if isinstance(node, exp.Struct):
            return self._struct(node, scope)
        if isinstance(node, exp.Dot):
            return _member(self.value(node.this, scope), node.expression.name)
        if isinstance(node, exp.Anonymous) and node.name.lower() in _BY_NAME:
            return _BY_NAME[node.name.lower()]([self.value(argument, scope) for argument in node.expressions])
        carried = merged(self.value(child, scope) for child in node.iter_expressions())
        if isinstance(node, _AGGREGATES):
            return carried.treated("aggregate")
        if isinstance(node, (exp.Concat, exp.DPipe)) and _is_mask(node):
            return carried.treated("mask")
        if isinstance(node, exp.Predicate) or _is_coarse(node):
            return carried.treated("generalise")
        return carried

    def _column(self, node: exp.Column, scope: _Scope) -> Value:
        found = scope.column([part.name.lower() for part in node.parts])
        if found is None:
            raise LineageError(f"there is no column {node.sql('spark')}")
        return found

    def _choice(self, node: exp.Expr, scope: _Scope) -> Value:
        """A case or if: what its results carry; where they carry nothing, as for bands, what it compares."""
        branches = node.args["ifs"] if isinstance(node, exp.Case) else [node]
        default = node.args.get("default") or node.args.get("false")
        results = merged(self.value(r, scope) for r in [*(branch.args["true"] for branch in branches), default] if r)
        if results.ways:
            return results
        compared = [branch.this for branch in branches]
        carried = merged(self.value(condition, scope) for condition in compared)
        if isinstance(node, exp.Case) and node.this:
            carried = merged([carried, self.value(node.this, scope).treated("generalise")])
        return carried

    def _struct(self, node: exp.Struct, scope: _Scope) -> Value:
        fields: list[tuple[str, Value]] = []
        for position, item in enumerate(node.expressions):
            if isinstance(item, exp.PropertyEQ):
                fields.append((item.this.name, self.value(item.expression, scope)))
            else:
                columns = self._projected(item, position, scope)
                if columns.rest is not None:
                    return merged([columns.rest, *columns.values(), *dict(fields).values()])
                fields += columns.items()
        return struct(Columns(fields))


def _in_relation(columns: Columns, relation: str) -> Columns:
    rest = None if columns.rest is None else columns.rest.in_relation(relation)
    return Columns(((name, value.in_relation(relation)) for name, value in columns.items()), rest)


# ----------------------------------------------------------------------------------------- project


class Project:
    """The relations of a compiled dbt project, and what flows through their columns.

    ``manifest`` is dbt's manifest.json with compiled models, ``register`` the rows of seeds/pii_register.csv.
    """

    def __init__(self, manifest: Mapping[str, Any], register: Iterable[Mapping[str, str]]) -> None:
        self.register: Register = {(row["table_name"], row["column_name"]): row for row in register}
        nodes = {**manifest["nodes"], **manifest["sources"]}
        self.nodes = {uid: node for uid, node in nodes.items() if node["resource_type"] in ("model", "seed", "source")}
        self._by_name = {_full_name(node): uid for uid, node in self.nodes.items()}
        self._columns: dict[str, Columns] = {}
        self._reading: list[str] = []

    @property
    def relations(self) -> Iterator[tuple[Mapping[str, Any], Columns]]:
        """Each model that is a relation in a database, and its columns. Raises LineageError for any node at fault."""
        for uid, node in self.nodes.items():
            columns = self.columns(uid)
            if node["resource_type"] == "model" and node["config"]["materialized"] != "ephemeral":
                yield node, columns

    def columns(self, uid: str) -> Columns:
        """Columns of the node ``uid``. Raises LineageError, naming the model."""
        if uid not in self._columns:
            node = self.nodes[uid]
            if uid in self._reading:
                raise LineageError("reads what reads it, without a ref", node["name"])
            self._reading.append(uid)
            try:
                found = self._read(node, self._parents(node))
            except (LineageError, sqlglot.errors.SqlglotError, RecursionError) as error:
                if getattr(error, "model", None):
                    raise
                raise LineageError(str(error).splitlines()[0], node["name"]) from None
            finally:
                self._reading.pop()
            self._columns[uid] = _in_relation(found, node["name"])
        return self._columns[uid]

    def is_sensitive(self, raw: RawColumn) -> bool:
        """Whether a raw column must not be seen untreated."""
        return self.register[raw]["level"] in SENSITIVE

    def _parents(self, node: Mapping[str, Any]) -> dict[str, Columns]:
        """Columns of what ``node`` reads, by relation."""
        parents = [uid for uid in node.get("depends_on", {}).get("nodes", []) if uid in self.nodes]
        return {self.nodes[uid]["name"]: self.columns(uid) for uid in parents}

    def _read(self, node: Mapping[str, Any], parents: Mapping[str, Columns]) -> Columns:
        if node["resource_type"] == "source" and node["source_name"] != HOOKS:
            return self._raw_table(node)
        if node["resource_type"] in ("seed", "source"):
            return Columns((name, NOTHING) for name in node["columns"])
        if node["language"] == "python":
            return self._python_model(node, parents)
        if not node.get("compiled_code"):
            raise LineageError("is not compiled; run dbt compile")
        statements = sqlglot.parse(node["compiled_code"], dialect="spark")
        if len(statements) != 1 or not isinstance(statements[0], exp.Query):
            raise LineageError("is not one query")
        return _Reader(self._relation).query(statements[0], _Scope({}))

    def _relation(self, name: str) -> Columns:
        name = VERSION.sub("", name)
        if name not in self._by_name:
            raise LineageError(f"reads {name}, which is no relation of the project")
        uid = self._by_name[name]
        if uid == self._reading[-1]:  # incremental: what it reads of itself has come from its other inputs
            return Columns(rest=NOTHING)
        return self.columns(uid)

    def _raw_table(self, node: Mapping[str, Any]) -> Columns:
        columns = Columns()
        for name in node["columns"]:
            raw = (node["name"], name)
            if raw not in self.register:
                raise LineageError(f"column {name} is not in seeds/pii_register.csv")
            level = self.register[raw]["level"]
            if level not in LEVELS:
                raise LineageError(
                    f"column {name} has level {level} in seeds/pii_register.csv, none of {', '.join(LEVELS)}"
                )
            columns[name] = NOTHING if level == "L1" else Value({(raw, frozenset()): ()})
        return columns

    def _python_model(self, node: Mapping[str, Any], parents: Mapping[str, Columns]) -> Columns:
        """A column of a Python model carries what its parents' columns of that name do, and ``meta.derived_from``.

        One with neither may hold anything untreated and sensitive that the model reads.
        """
        untreated = Value(
            {
                way: path
                for way, path in merged(
                    value for columns in parents.values() for value in columns.values()
                ).ways.items()
                if not way[1] and self.is_sensitive(way[0])
            }
        )

        def derived(name: str, references: Iterable[str]) -> list[Value]:
            found = []
            for reference in references:
                relation, _, column = reference.partition(".")
                if column not in parents.get(relation, ()):
                    raise LineageError(f"derived_from of {name} names {reference}, which the model does not read")
                found.append(parents[relation][column])
            return found

        for_all = node["config"]["meta"].get("derived_from")
        columns = Columns(rest=untreated if for_all is None else merged(derived("all columns", for_all)))
        for name, column in node["columns"].items():
            declared = column["config"]["meta"].get("derived_from", for_all)
            found = [value for parent in parents.values() if (value := parent.get(name.lower())) is not None]
            found += derived(name, declared or [])
            columns[name.lower()] = merged(found) if found or declared is not None else untreated
        return columns


def _full_name(node: Mapping[str, Any]) -> str:
    return f"{node['schema']}.{node.get('alias') or node.get('identifier')}".lower()
