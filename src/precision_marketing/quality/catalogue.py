"""The tag catalogue: what the columns of customer_360 are, and what dbt makes their SQL and contracts from.

``seeds/tag_catalogue.csv`` has one line per attribute. dbt needs the columns when it parses, long before a seed is
loaded; so ``python -m precision_marketing.catalogue`` writes the catalogue into the YAML of ``customer_360``, as its
contract, and into a macro, from which ``macros/marts/catalogue.sql`` makes SQL. docs/customer_360.md explains the
catalogue's columns.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SEED = Path("seeds/tag_catalogue.csv")
YAML = Path("models/marts/profile/_customer_360__models.yml")
MACRO = Path("macros/marts/tag_catalogue.sql")
TYPES = ("static", "dynamic", "predicted")
# Names, addresses and positions (L3) and identity numbers (L4) describe nobody.
LEVELS = ("L1", "L2")
DATA_TYPES = ("string", "int", "bigint", "double", "decimal(18,4)", "boolean", "date", "array<string>")
# Facts with many rows per customer, and the model that makes the attributes of each.
AGGREGATED = {
    "orders": "int_customer_order_attributes",
    "order_items": "int_customer_order_item_attributes",
    "events": "int_customer_event_attributes",
    "sessions": "int_customer_session_attributes",
    "impressions": "int_customer_impression_attributes",
    "tickets": "int_customer_ticket_attributes",
}
# Facts with one row per customer, and attributes made of other attributes.
PLAIN = ("customers", "behaviour", "rfm", "segments", "tags", "attributes")
# Of how many customers an attribute should be known; the goal of data coverage in seeds/value_targets.csv.
COVERAGE_GOAL = 0.95
AGGREGATE = re.compile(r"(count|sum|min|max)\((?:[^()]|\([^()]*\))*\)")
WRITTEN = "Written by `python -m precision_marketing.catalogue` from seeds/tag_catalogue.csv: change that."
Attribute = Mapping[str, str]


class CatalogueError(ValueError):
    """What is wrong with the catalogue, one line per attribute and fault."""


def read(path: str | Path = SEED) -> list[dict[str, str]]:
    """The lines of the catalogue at ``path``. Raises CatalogueError for one that makes no column."""
    with open(path, encoding="utf-8", newline="") as file:
        attributes = list(csv.DictReader(file))
    found = list(_faults(attributes))
    if found:
        raise CatalogueError("\n".join(found))
    return attributes


def _faults(attributes: Sequence[Attribute]) -> Iterable[str]:
    names = [attribute["attribute"] for attribute in attributes]
    derived = {attribute["attribute"] for attribute in attributes if attribute["facts"] == "attributes"}
    for attribute in attributes:
        name, facts = attribute["attribute"], attribute["facts"]
        faults = {
            "the name is not in lower case with underscores": not re.fullmatch(r"[a-z][a-z0-9_]*", name),
            "the name is taken": names.count(name) > 1 or name == "customer_id",
            f"type is none of {', '.join(TYPES)}": attribute["type"] not in TYPES,
            f"data_type is none of {', '.join(DATA_TYPES)}": attribute["data_type"] not in DATA_TYPES,
            f"level is none of {', '.join(LEVELS)}": attribute["level"] not in LEVELS,
            "definition and source must not be empty": not (attribute["definition"] and attribute["source"]),
            f"facts is none of {', '.join([*AGGREGATED, *PLAIN])}": facts not in (*AGGREGATED, *PLAIN),
            "the measure of facts with many rows is one count, sum, min or max": facts in AGGREGATED
            and not AGGREGATE.fullmatch(attribute["measure"]),
            "the measure is missing": not attribute["measure"],
            "window_days is no number of days": not re.fullmatch(r"([1-9]\d*)?", attribute["window_days"]),
            "window_days and breakdown are for facts with many rows": facts in PLAIN
            and bool(attribute["window_days"] or attribute["breakdown"]),
            "an attribute made of attributes cannot be made of another such one": facts == "attributes"
            and bool(derived & set(re.findall(r"\w+", attribute["measure"]))),
        }
        yield from (f"{name}: {fault}" for fault, is_found in faults.items() if is_found)


def yaml(attributes: Iterable[Attribute]) -> str:
    """The YAML of customer_360 and of the models it is made of; texts are quoted as JSON, which YAML understands."""
    attributes = list(attributes)
    lines = [
        f"# {WRITTEN}",
        "version: 2",
        "",
        "models:",
        "  - name: customer_360",
        '    description: "One row per customer who may be profiled, with the attributes of `tag_catalogue`."',
        "    config:",
        "      contract: {enforced: true}",
        "    columns:",
        '      - {name: customer_id, data_type: string, description: "The customer."}',
    ]
    lines += [_column(attribute, with_meta=True) for attribute in attributes]
    for facts, model in AGGREGATED.items():
        lines += [
            "",
            f"  - name: {model}",
            f'    description: "One row per customer with {facts.replace("_", " ")}: the attributes made of them."',
            "    config:",
            "      contract: {enforced: true}",
            "      meta: {published: false}",
            "    columns:",
            '      - {name: customer_id, data_type: string, description: "The customer."}',
            *(_column(attribute) for attribute in attributes if attribute["facts"] == facts),
        ]
    return "\n".join(lines) + "\n"


def _column(attribute: Attribute, with_meta: bool = False) -> str:
    said = [
        f"name: {attribute['attribute']}",
        f"data_type: {_text(attribute['data_type'])}",
        f"description: {_text(attribute['definition'] + '.')}",
    ]
    if with_meta:
        meta = ", ".join(f"{key}: {_text(attribute[key])}" for key in ("type", "source", "level"))
        said.append(f"config: {{meta: {{{meta}}}}}")
    return f"      - {{{', '.join(said)}}}"


def macro(attributes: Iterable[Attribute]) -> str:
    """The macro that returns the catalogue to other macros: a list of dictionaries, without what is empty."""
    keys = ("attribute", "data_type", "facts", "measure", "breakdown", "window_days", "default_value")
    lines = [
        f"{{#- {WRITTEN} -#}}",
        "{% macro tag_catalogue() -%}",
        "    {%- do return([",
        *(
            f"        {json.dumps({key: attribute[key] for key in keys if attribute[key]}, ensure_ascii=False)},"
            for attribute in attributes
        ),
        "    ]) -%}",
        "{%- endmacro %}",
    ]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    return value if re.fullmatch(r"\w+", value) else json.dumps(value, ensure_ascii=False)


def coverage_results(results: DataFrame, coverage: DataFrame) -> DataFrame:
    """One more result of a gate per attribute: whether it reaches COVERAGE_GOAL, of severity info; ``score`` in the
    scorecard is its coverage.

    ``results`` are those of the gate's run, ``coverage`` is the table attribute_coverage; returns rows of
    gates.RESULT_SCHEMA. Great Expectations would ask for each attribute again what that table holds. Recorded only:
    who never came back has no mean days between two orders, and that is no fault.
    """
    run = results.select("run_id", "run_at", "gate").limit(1)
    expectation = "expect_column_values_to_not_be_null"
    missing = "format_string('%,d of %,d rows, allowed %.2f%%', customers - filled, customers, allowed * 100)"
    expressions = {
        **{column: column for column in ("run_id", "run_at", "gate")},
        "relation": "'customer_360'",
        "suite": "'customer_360'",
        "expectation": f"'{expectation}'",
        "column_name": "attribute",
        "severity": "'info'",
        "dimension": "'completeness'",
        "owner": "'marketing analytics'",
        "success": "coverage >= goal",
        "element_count": "customers",
        "unexpected_count": "customers - filled",
        "unexpected_share": "1 - coverage",
        "observed_value": "cast(null as string)",
        "kwargs": "to_json(struct(attribute as column, goal as mostly))",
        "message": f"concat('customer_360: {expectation}(', attribute, '): ', {missing}, ' (info)')",
        "exception": "cast(null as string)",
        "sample_keys": "cast(null as string)",
    }
    known = coverage.selectExpr("*", f"{COVERAGE_GOAL}D as goal", f"{1 - COVERAGE_GOAL:.2f}D as allowed").crossJoin(run)
    return known.selectExpr(*(f"{expression} as {name}" for name, expression in expressions.items()))


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the YAML and the macro of customer_360 from the tag catalogue. Run it in the project's folder."""
    parser = argparse.ArgumentParser(prog="python -m precision_marketing.catalogue", description=main.__doc__)
    parser.add_argument("--seed", type=Path, default=SEED)
    parser.add_argument("--yaml", type=Path, default=YAML)
    parser.add_argument("--macro", type=Path, default=MACRO)
    options = parser.parse_args(arguments)
    try:
        attributes = read(options.seed)
    except (CatalogueError, FileNotFoundError) as error:
        sys.exit(str(error))
    options.yaml.write_text(yaml(attributes), encoding="utf-8")
    options.macro.write_text(macro(attributes), encoding="utf-8")
    print(f"{len(attributes)} attributes in {options.yaml} and {options.macro}")
