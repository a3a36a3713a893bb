"""Which columns of the warehouse hold personal data, by lineage, and whether the register agrees."""

from __future__ import annotations

import copy
import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from precision_marketing.privacy.lineage import LAYERS, SENSITIVE, TREATMENTS, Columns, Project, RawColumn

INVENTORY_SCHEMA = (
    "database_name string, relation string, layer string, is_stored boolean, is_published boolean, column_name string, "
    "source_table string, source_column string, level string, treatment string, path string"
)


# --------------------------------------------------------------------------------------- inventory


def inventory(manifest: Mapping[str, Any], register: Iterable[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Rows of ``pii_inventory`` in the order of INVENTORY_SCHEMA: where each raw column above L1 ends up.

    One row per relation, column and raw column that flows into it; ``treatment`` is 'none' if it reaches the column
    untreated on any way, else all treatments it met. Raises LineageError for a model that cannot be followed.
    """
    project = Project(manifest, register)
    return [row for node, columns in project.relations for row in _rows(project, node, columns)]


def _rows(project: Project, node: Mapping[str, Any], columns: Columns) -> Iterator[dict[str, Any]]:
    everything = [*columns.items(), *([] if columns.rest is None else [("*", columns.rest)])]
    described = node.get("columns", {}).items()
    unpublished = {name for name, column in described if column["config"]["meta"].get("published") is False}
    for name, value in everything:
        ways: dict[RawColumn, dict[frozenset[str], tuple[str, ...]]] = defaultdict(dict)
        for (raw, done), path in value.ways.items():
            ways[raw][done] = path
        for raw, by_treatment in sorted(ways.items()):
            worst = min(by_treatment, key=lambda done: (len(done), sorted(done)))
            met = frozenset().union(*by_treatment) if worst else frozenset()
            yield {
                "database_name": node["schema"],
                "relation": node["name"],
                "layer": LAYERS.get(node["fqn"][1], node["fqn"][1]),
                "is_stored": node["config"]["materialized"] != "view",
                "is_published": bool(node["config"]["meta"].get("published")) and name not in unpublished,
                "column_name": name,
                "source_table": raw[0],
                "source_column": raw[1],
                "level": project.register[raw]["level"],
                "treatment": "+".join(t for t in TREATMENTS if t in met) or "none",
                "path": " > ".join(by_treatment[worst]),
            }


def leaks(rows: Iterable[Mapping[str, Any]], register: Iterable[Mapping[str, str]]) -> list[str]:
    """What no relation may show: raw L3 and L4 columns that reach it untreated, one line each.

    Staging may keep what is only to be generalised, such as a date of birth, for others to compute from.
    """
    treatments = {(row["table_name"], row["column_name"]): row["treatment"] for row in register}
    return [
        f"{row['relation']}.{row['column_name']} shows {row['source_table']}.{row['source_column']} ({row['path']})"
        for row in rows
        if row["level"] in SENSITIVE and row["treatment"] == "none"
        if row["layer"] != "staging" or treatments[row["source_table"], row["source_column"]] != "generalise"
    ]


def disagreements(rows: Iterable[Mapping[str, Any]], register: Iterable[Mapping[str, str]]) -> list[str]:
    """Where the project does not do what the register says, one line each.

    Each of mask, hash, encrypt and generalise in the register is met somewhere, the first three nowhere else; what is
    to be dropped is in no stored relation.
    """
    met, stored = defaultdict(set), defaultdict(set)
    for row in rows:
        raw = (row["source_table"], row["source_column"])
        met[raw].update(row["treatment"].split("+"))
        if row["is_stored"]:
            stored[raw].add(f"{row['relation']}.{row['column_name']}")
    found = []
    for row in register:
        raw, said = (row["table_name"], row["column_name"]), set(row["treatment"].split("+"))
        found += [f"{'.'.join(raw)}: nothing does {t}" for t in sorted(said - met[raw] - {"keep", "drop"})]
        undeclared = (met[raw] & {"mask", "hash", "encrypt"}) - said
        found += [f"{'.'.join(raw)}: {t} is not in the register" for t in sorted(undeclared)]
        if "drop" in said:
            found += [f"{'.'.join(raw)}: to be dropped, but in {column}" for column in sorted(stored[raw])]
    return found


# --------------------------------------------------------------------------------------- this run


def compiled_manifest() -> dict[str, Any]:
    """The manifest of the dbt invocation that this process runs, with all its models compiled.

    Models that the invocation has not compiled, because they were not selected or come later, are compiled here; so
    the inventory is that of the whole project whatever was selected. Those that read an optional raw table are
    compiled again with its name, which a build leaves out where the table is absent. Call it inside a Python model.
    """
    from dbt.adapters.factory import get_adapter_by_type
    from dbt.compilation import Compiler

    adapter = get_adapter_by_type("spark")
    manifest = adapter.get_macro_resolver()
    compiler = Compiler(adapter.config)
    optional = {uid for uid, source in manifest.sources.items() if source.meta.get("optional")}
    nodes = {}
    for uid, node in list(manifest.nodes.items()):
        if node.resource_type == "model" and node.language == "sql":
            reads_optional = not optional.isdisjoint(node.depends_on.nodes)
            if reads_optional or not node.extra_ctes_injected:
                node = copy.deepcopy(node)
                if reads_optional:
                    node.config.meta["assume_sources"] = True
                    node.compiled, node.extra_ctes_injected, node.extra_ctes = False, False, []
                node = compiler.compile_node(node, manifest, write=False)
        nodes[uid] = node.to_dict()
    return {"nodes": nodes, "sources": {uid: source.to_dict() for uid, source in manifest.sources.items()}}


def read_register(path: Path) -> list[dict[str, str]]:
    """The rows of seeds/pii_register.csv."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
