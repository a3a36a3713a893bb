"""The tag catalogue: what makes no column is refused, and what is written from it is up to date."""

from __future__ import annotations

import csv
import json
import re

import pytest

import harness
from precision_marketing.quality import catalogue

SEED = harness.ROOT / catalogue.SEED
GOOD = {
    "attribute": "orders_7d", "type": "dynamic", "data_type": "bigint", "definition": "Orders", "source": "fct_orders",
    "level": "L2", "facts": "orders", "measure": "count(*)", "breakdown": "", "window_days": "7", "default_value": "0",
}  # fmt: skip


def written(path, *attributes):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, GOOD)
        writer.writeheader()
        writer.writerows(attributes)
    return path


@pytest.mark.parametrize(
    "change, message",
    [
        ({"attribute": "Orders 7d"}, "lower case"),
        ({"attribute": "customer_id"}, "the name is taken"),
        ({"type": "guessed"}, "type is none of static, dynamic, predicted"),
        ({"data_type": "float"}, "data_type is none of"),
        ({"level": "L3"}, "level is none of L1, L2"),
        ({"definition": ""}, "must not be empty"),
        ({"facts": "weather"}, "facts is none of"),
        ({"measure": "count(*) / sum(net_amount) + 1"}, "is one count, sum, min or max"),
        ({"measure": "sum(net_amount) / count(*)"}, "is one count, sum, min or max"),
        ({"window_days": "week"}, "no number of days"),
        ({"facts": "rfm", "measure": "frequency"}, "for facts with many rows"),
    ],
)
def test_an_attribute_that_makes_no_column_is_refused(tmp_path, change, message):
    with pytest.raises(catalogue.CatalogueError, match=message):
        catalogue.read(written(tmp_path / "seed.csv", GOOD | change))


def test_a_name_may_be_given_once(tmp_path):
    with pytest.raises(catalogue.CatalogueError, match="orders_7d: the name is taken"):
        catalogue.read(written(tmp_path / "seed.csv", GOOD, GOOD))


def test_attributes_are_not_made_of_attributes_made_of_attributes(tmp_path):
    made = GOOD | {"attribute": "is_buyer", "facts": "attributes", "measure": "orders_7d > 0", "window_days": ""}
    again = made | {"attribute": "is_no_buyer", "measure": "not is_buyer"}
    assert len(catalogue.read(written(tmp_path / "seed.csv", GOOD, made))) == 2
    with pytest.raises(catalogue.CatalogueError, match="is_no_buyer: .* another such one"):
        catalogue.read(written(tmp_path / "seed.csv", GOOD, made, again))


def test_the_command_writes_what_dbt_reads(tmp_path, capsys):
    seed = written(tmp_path / "seed.csv", GOOD | {"breakdown": "channel = 'app'"})
    yaml, macro = tmp_path / "models.yml", tmp_path / "macro.sql"
    catalogue.main(["--seed", str(seed), "--yaml", str(yaml), "--macro", str(macro)])
    assert capsys.readouterr().out.startswith("1 attributes in ")
    assert yaml.read_text().count("- {name: orders_7d, data_type: bigint, description:") == 2
    assert '"facts": "orders", "measure": "count(*)", "breakdown": "channel = \'app\'"' in macro.read_text()


def test_the_command_says_what_is_wrong_and_writes_nothing(tmp_path):
    seed = written(tmp_path / "seed.csv", GOOD | {"level": "L4"})
    with pytest.raises(SystemExit, match="orders_7d: level is none of L1, L2"):
        catalogue.main(["--seed", str(seed), "--yaml", str(tmp_path / "models.yml")])
    assert not (tmp_path / "models.yml").exists()


def test_what_is_written_is_todays():
    attributes = catalogue.read(SEED)
    said = "run python -m precision_marketing.catalogue"
    assert (harness.ROOT / catalogue.YAML).read_text() == catalogue.yaml(attributes), said
    assert (harness.ROOT / catalogue.MACRO).read_text() == catalogue.macro(attributes), said


def test_there_are_two_hundred_attributes_of_every_type():
    attributes = catalogue.read(SEED)
    assert len(attributes) >= 200
    assert {attribute["type"] for attribute in attributes} == set(catalogue.TYPES)


def test_the_goal_of_coverage_is_the_same_everywhere():
    suite = json.loads((harness.ROOT / "expectations" / "attribute_coverage.json").read_text())
    goal = next(e["kwargs"] for e in suite["expectations"] if e["kwargs"].get("column_list") == ["mean_coverage"])
    assert goal["condition"] == f"mean_coverage >= {catalogue.COVERAGE_GOAL}"
    with open(harness.ROOT / "seeds" / "value_targets.csv", encoding="utf-8", newline="") as file:
        targets = {row["metric"]: (row["comparison"], float(row["target"])) for row in csv.DictReader(file)}
    assert targets["data_coverage"] == ("at_least", catalogue.COVERAGE_GOAL)


def test_names_say_the_window():
    for attribute in catalogue.read(SEED):
        if attribute["facts"] in catalogue.AGGREGATED:
            suffix = re.search(r"_(\d+)d$", attribute["attribute"])
            assert (suffix.group(1) if suffix else "") == attribute["window_days"], attribute["attribute"]
