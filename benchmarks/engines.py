"""The project's SQL on bare Spark and on DuckDB, and what dbt build takes beside it.

    python benchmarks/engines.py --customers 1000 5000
    python benchmarks/engines.py --home .warehouse             # of a warehouse that is built already

Every SQL model that makes a table is run as dbt compiled it, one after the other, on the Parquet files that the build
left: by Spark in one session without dbt, and by DuckDB after translation (spark_to_duckdb.py). Both write their result
to Parquet, and the two results are compared. README.md beside this file says what each figure means. Seconds depend on
the machine, ratios much less.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import duckdb
import sqlglot
from sqlglot import exp

import build
import spark_to_duckdb

# What makes a table of a query; the query of a view is run by who reads it.
TABLES = ("versioned", "table", "incremental")
NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
# Largest relative difference of sums that may come from the order of additions or from a decimal's last place.
TOLERANCE = 1e-6


# -------------------------------------------------------------------------------------- the project


def compiled_models(manifest: Mapping[str, Any]) -> tuple[list[dict], list[dict]]:
    """The SQL models that make tables, and the views, each upstream first: name, relation, layer and sql."""
    nodes = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    ordered: dict[str, None] = {}

    def visit(key: str) -> None:
        for parent in nodes[key]["depends_on"]["nodes"]:
            if parent in nodes and parent not in ordered:
                visit(parent)
        ordered.setdefault(key)

    for key in sorted(nodes):
        visit(key)
    found: tuple[list[dict], list[dict]] = ([], [])
    for key in ordered:
        node, kind = nodes[key], nodes[key]["config"]["materialized"]
        if node["language"] == "sql" and kind in (*TABLES, "view"):
            found[kind == "view"].append(
                {
                    "name": node["name"],
                    "relation": f"{node['schema']}.{node['alias']}",
                    "layer": build.layer(key, manifest),
                    "sql": node["compiled_code"],
                }
            )
    return found


def relations(sql: str) -> set[str]:
    """The tables and views that a query of Spark reads, as database.name."""
    tables = sqlglot.parse_one(sql, dialect="spark").find_all(exp.Table)
    return {f"{table.db}.{table.name}".lower() for table in tables if table.db}


# ------------------------------------------------------------------------------------------- Spark


def run_spark(models: list[dict], inputs: set[str], results: Path, passes: int) -> dict:
    """Run ``models`` on the embedded warehouse, each written to Parquet below ``results``.

    Returns ``seconds``, a list with one entry per pass by model, ``inputs``: files and columns (name, Spark's type)
    by relation, ``cores``, and Spark's ``version``.
    """
    from precision_marketing.serving.server import reading

    with reading("local") as (session, _):
        session.conf.set("spark.sql.ansi.enabled", "false")  # as dbt-spark does
        files = {}
        for name in sorted(inputs):
            frame = session.table(name)
            paths = [unquote(urlparse(uri).path) for uri in frame.inputFiles()]
            columns = [(field.name, field.dataType.simpleString()) for field in frame.schema.fields]
            files[name] = {"files": paths, "columns": columns}
        seconds: dict[str, list[float]] = {model["name"]: [] for model in models}
        for _ in range(passes):
            for model in models:
                start = time.monotonic()
                session.sql(model["sql"]).write.mode("overwrite").parquet(str(results / model["name"]))
                seconds[model["name"]].append(time.monotonic() - start)
        found = {
            "seconds": seconds,
            "inputs": files,
            "cores": session.sparkContext.defaultParallelism,
            "version": session.version,
        }
        session.stop()
    return found


# ------------------------------------------------------------------------------------------ DuckDB


def quoted(text: str) -> str:
    """``text`` as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def create_inputs(connection: duckdb.DuckDBPyConnection, inputs: Mapping[str, dict], views: list[dict]) -> None:
    """A DuckDB view for each relation: on its Parquet files, or the translated query of a project's view.

    A view that DuckDB cannot make is missing; who reads it then fails with its name.
    """
    for name in sorted({name.split(".")[0] for name in inputs}):
        connection.execute(f'create schema if not exists "{name}"')
    own = {view["relation"]: view["sql"] for view in views}
    for name in [name for name in inputs if name not in own]:
        columns = [(column, spark_to_duckdb.duckdb_type(kind)) for column, kind in inputs[name]["columns"]]
        if inputs[name]["files"]:
            paths = ", ".join(quoted(path) for path in inputs[name]["files"])
            source = f"read_parquet([{paths}], hive_partitioning = true, union_by_name = true)"
            selected = ", ".join(f'cast("{column}" as {kind}) as "{column}"' for column, kind in columns)
            query = f"select {selected} from {source}"
        else:
            nulls = ", ".join(f'cast(null as {kind}) as "{column}"' for column, kind in columns)
            query = f"select {nulls} where false"
        connection.execute(f"create view {name} as {query}")
    for name, sql in own.items():
        if name in inputs:
            try:
                connection.execute(f"create view {name} as {spark_to_duckdb.translate(sql)}")
            except (duckdb.Error, sqlglot.errors.SqlglotError) as error:
                print(f"view {name}: {one_line(error)}", file=sys.stderr)


def one_line(error: BaseException) -> str:
    """What an error says, without the query."""
    return " ".join(str(error).split(" LINE ")[0].split("\n\n")[0].split())[:200]


def run_duckdb(
    connection: duckdb.DuckDBPyConnection, models: list[dict], results: Path, passes: int
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Run ``models``, each written to a Parquet file below ``results``: seconds of each pass, and errors, by model."""
    seconds: dict[str, list[float]] = {}
    errors: dict[str, str] = {}
    results.mkdir(parents=True, exist_ok=True)
    for _ in range(passes):
        for model in models:
            if model["name"] in errors:
                continue
            try:
                query = spark_to_duckdb.translate(model["sql"])
                path = quoted(str(results / f"{model['name']}.parquet"))
                start = time.monotonic()
                connection.execute(f"copy ({query}) to {path} (format parquet)")
                seconds.setdefault(model["name"], []).append(time.monotonic() - start)
            except (duckdb.Error, sqlglot.errors.SqlglotError) as error:
                errors[model["name"]] = one_line(error)
    return seconds, errors


# -------------------------------------------------------------------------------------- comparison


def is_approximate(ours: str, theirs: str) -> bool:
    """Whether two DuckDB types of one column hold numbers that need not be equal to the last digit."""
    kinds = {ours, theirs}
    numeric = all(kind in (*NUMBERS, "DOUBLE", "FLOAT") or kind.startswith("DECIMAL") for kind in kinds)
    return numeric and (bool(kinds & {"DOUBLE", "FLOAT"}) or (len(kinds) > 1 and not kinds <= set(NUMBERS)))


def difference(connection: duckdb.DuckDBPyConnection, spark: str, other: str) -> tuple[int, str | None]:
    """Rows of the Parquet files ``spark`` (a pattern), and in what ``other`` differs from them; None if in nothing.

    Floating-point numbers, and decimals of unlike types, are compared by two sums of each column, one of them weighted
    by the other columns, so that values in the wrong row show. The other columns are compared row by row.
    """

    def value(query: str) -> tuple:
        return connection.execute(query).fetchone()

    kinds, rows = {}, {}
    for name, path in (("ours", spark), ("theirs", other)):
        connection.execute(f"create or replace temp view {name} as select * from read_parquet({quoted(path)})")
        kinds[name] = {row[0].lower(): row[1] for row in connection.execute(f"describe {name}").fetchall()}
        rows[name] = value(f"select count(*) from {name}")[0]
    if list(kinds["ours"]) != list(kinds["theirs"]):
        return rows[
            "ours"
        ], f"columns {', '.join(sorted(kinds['ours'].keys() ^ kinds['theirs'])) or 'in another order'}"
    if rows["ours"] != rows["theirs"]:
        return rows["ours"], f"{rows['theirs']:,} rows"

    numbers = [name for name, kind in kinds["ours"].items() if is_approximate(kind, kinds["theirs"][name])]
    exact = {name: f'cast("{name}" as {kind})' for name, kind in kinds["ours"].items() if name not in numbers}

    def rows_without_match(columns: list[str]) -> int:
        listed = ", ".join(columns)
        return value(f"select count(*) from (select {listed} from ours except all select {listed} from theirs)")[0]

    try:
        if exact and (unmatched := rows_without_match(list(exact.values()))):
            guilty = [name for name, column in exact.items() if rows_without_match([column])]
            return rows["ours"], f"{unmatched:,} rows, in {', '.join(guilty) or 'what stands in one row'}"
    except duckdb.ConversionException as error:
        return rows["ours"], f"types: {one_line(error)}"
    weight = f"hash({', '.join(exact.values())}) % 1000" if exact else "1"
    for name in numbers:
        column = f'cast("{name}" as double)'
        sums = f"count({column}), sum({column}), sum({column} * ({weight})), sum(abs({column}))"
        ours, theirs = value(f"select {sums} from ours"), value(f"select {sums} from theirs")
        if ours[0] != theirs[0]:
            return rows["ours"], f"{name}: {theirs[0]:,} values, not {ours[0]:,}"
        for number, largest in ((1, 1), (2, 1000)):
            mine, yours = ours[number] or 0.0, theirs[number] or 0.0
            if not abs(mine - yours) <= TOLERANCE * largest * (ours[3] or 0.0):
                return rows["ours"], f"{name}: {'weighted ' if number == 2 else ''}sum {yours:.9g}, not {mine:.9g}"
    return rows["ours"], None


# ------------------------------------------------------------------------------------------- report


def measure(manifest: dict, passes: int) -> dict:
    """Both engines on the warehouse of $MARKETING_HOME: ``models``, one row each, and the versions used."""
    models, views = compiled_models(manifest)
    inputs = set().union(*(relations(query["sql"]) for query in [*models, *views]))
    with tempfile.TemporaryDirectory(prefix="marketing-engines-", ignore_cleanup_errors=True) as folder:
        spark = run_spark(models, inputs, Path(folder, "spark"), passes)
        connection = spark_to_duckdb.connect(spark["cores"])
        create_inputs(connection, spark["inputs"], views)
        seconds, errors = run_duckdb(connection, models, Path(folder, "duckdb"), passes)
        rows = []
        for model in models:
            name = model["name"]
            row = {"name": name, "layer": model["layer"], "spark_seconds": spark["seconds"][name]}
            if name in errors:
                row["error"] = errors[name]
            else:
                row["duckdb_seconds"] = seconds[name]
                row["rows"], row["difference"] = difference(
                    connection, f"{folder}/spark/{name}/*.parquet", f"{folder}/duckdb/{name}.parquet"
                )
            rows.append(row)
    return {"models": rows, "cores": spark["cores"], "spark": spark["version"], "duckdb": version("duckdb")}


def totals(report: dict) -> dict:
    """Sums over the models of ``measure``'s report, the best pass of each where nothing else is said.

    ``duckdb_seconds`` and ``spark_seconds_of_them`` are of the models that ran on DuckDB.
    """
    models = report["models"]
    ran = [model for model in models if "error" not in model]
    found = {
        "models": len(models),
        "on_duckdb": len(ran),
        "equal": sum(model["difference"] is None for model in ran),
        "spark_seconds_first_pass": sum(model["spark_seconds"][0] for model in models),
        "spark_seconds": sum(min(model["spark_seconds"]) for model in models),
        "spark_seconds_of_them": sum(min(model["spark_seconds"]) for model in ran),
        "duckdb_seconds": sum(min(model["duckdb_seconds"]) for model in ran),
    }
    found["spark_to_duckdb"] = found["spark_seconds_of_them"] / found["duckdb_seconds"] if ran else None
    if "dbt_build" in report:
        found["build_to_spark"] = report["dbt_build"]["seconds"] / found["spark_seconds_first_pass"]
        found["nodes_to_spark"] = report["dbt_build"]["sql_node_seconds"] / found["spark_seconds_first_pass"]
    return found


def readable(report: dict) -> str:
    """The report as text: ratios, then each model, the slowest on Spark first, then what differs or does not run."""
    total = report["totals"]
    title = f"{report['customers']:,} customers" if report.get("customers") else f"warehouse {report['home']}"
    lines = [
        f"{title}, Spark {report['spark']} and DuckDB {report['duckdb']} on {report['cores']} cores",
        f"  {total['models']} SQL models, {total['on_duckdb']} run on DuckDB, {total['equal']} with equal results",
        f"  bare Spark, first pass       {total['spark_seconds_first_pass']:8.1f} s",
        f"  bare Spark, best pass        {total['spark_seconds']:8.1f} s",
        f"  DuckDB, best pass            {total['duckdb_seconds']:8.1f} s",
    ]
    if total["spark_to_duckdb"]:
        lines.append(f"  Spark / DuckDB               {total['spark_to_duckdb']:8.1f}")
    if "dbt_build" in report:
        lines += [
            f"  dbt build                    {report['dbt_build']['seconds']:8.1f} s",
            f"  dbt build / bare Spark       {total['build_to_spark']:8.1f}",
            f"  dbt's time of the SQL models {report['dbt_build']['sql_node_seconds']:8.1f} s",
            f"  that / bare Spark            {total['nodes_to_spark']:8.1f}",
        ]
    lines += ["", f"{'model':<40} {'layer':<8} {'rows':>10} {'Spark s':>8} {'DuckDB s':>8} {'ratio':>6}  result"]
    for model in sorted(report["models"], key=lambda model: -min(model["spark_seconds"])):
        spark = min(model["spark_seconds"])
        start = f"{model['name'][:40]:<40} {model['layer'][:8]:<8}"
        if "error" in model:
            lines.append(f"{start} {'':>10} {spark:>8.2f} {'':>8} {'':>6}  does not run")
        else:
            other = min(model["duckdb_seconds"])
            result = "equal" if model["difference"] is None else "differs"
            lines.append(f"{start} {model['rows']:>10,} {spark:>8.2f} {other:>8.3f} {spark / other:>6.1f}  {result}")
    for title, key in (("differs on DuckDB", "difference"), ("does not run on DuckDB", "error")):
        found = [model for model in report["models"] if model.get(key)]
        if found:
            lines += ["", title, *(f"  {model['name']}: {model[key]}" for model in found)]
    return "\n".join(lines)


def report_of_new(customers: int, passes: int) -> dict:
    """The report on a warehouse that is built for it and removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="marketing-engines-", ignore_cleanup_errors=True) as home:
        demo, dbt_build, manifest, run_results = build.build_warehouse(home, customers, "local")
        nodes = {row["name"]: row["seconds"] for row in build.node_rows(run_results, manifest)}
        dbt_build["sql_node_seconds"] = sum(nodes[model["name"]] for model in compiled_models(manifest)[0])
        report = {"customers": customers, "demo_data": demo, "dbt_build": dbt_build, **measure(manifest, passes)}
    return report


def report_of_existing(home: Path, passes: int) -> dict:
    """The report on a warehouse that is there; it is read only."""
    with tempfile.TemporaryDirectory(prefix="marketing-engines-") as folder:
        os.environ |= {
            "MARKETING_HOME": str(home.resolve()),
            "DBT_PROFILES_DIR": str(build.ROOT),
            "DBT_TARGET_PATH": f"{folder}/target",
            "DBT_LOG_PATH": f"{folder}/logs",
        }
        build.run_dbt("compile", "--full-refresh", target="local", variables={})
        manifest = json.loads(Path(folder, "target", "manifest.json").read_text())
        return {"home": str(home), **measure(manifest, passes)}


def main() -> None:
    """Entry point; see the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--customers", type=int, nargs="+", default=[1000, 5000], help="sizes of demo data to build")
    what.add_argument(
        "--home", type=Path, help="a warehouse that is built already, with MARKETING_SCHEMA if not marketing"
    )
    parser.add_argument("--passes", type=int, default=2, help="how often each query runs; the best time counts")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    arguments = parser.parse_args()

    jobs = [(report_of_existing, arguments.home)] if arguments.home else [
        (report_of_new, customers) for customers in arguments.customers
    ]  # fmt: skip
    reports = []
    # A process of its own for each: a process can open one metastore only.
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for function, argument in jobs:
            report = pool.apply(function, (argument, arguments.passes))
            report |= {"revision": build.revision(), "totals": totals(report)}
            reports.append(report)
            print(f"\n{readable(report)}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(reports, indent=2) + "\n")
        print(f"\nwritten to {arguments.json}")


if __name__ == "__main__":
    main()
