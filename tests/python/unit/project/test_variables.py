"""What a variable may be, and what is said of one that is something else."""

from __future__ import annotations

import ast
import datetime as dt
import math
from pathlib import Path

import pytest
import yaml

import harness
from precision_marketing.models import classification, ranking, segmentation
from precision_marketing.project import variables

DECLARED = yaml.safe_load((harness.ROOT / "dbt_project.yml").read_text())["vars"]
RULES = variables.rules()
CUTS = {"recency_days": [1, 2, 3, 4], "frequency": None, "monetary": [0.5, 1, 2, 3]}
# By kind, what a variable of it may not be.
WRONG = {
    "name": ["raw-data", "raw.db", "2025", "raw`", "", None, 7, "raw data"],
    "boolean": ["true", 1, None],
    "whole number": ["7", 7.0, True, None, -1, 10**30],
    "number": ["7", True, None, math.nan, math.inf, -math.inf, -1, 10**30],
    "text": ["", " A", "A\nB", "A\0", None, 1, "x" * 201],
    "word": ["nets", "", None, 1, ["net"]],
    "date": ["2025-02-29", "2025-2-1", "20250201", "1700-01-01", "2025-01-01'", "soon", dt.datetime(2025, 1, 1), 2025],
    "time zone": ["Asia/Shanghia", "asia/shanghai", "+8", "+19:00", "Asia/Tok'yo", "", None, 8],
    "currency": ["EURO", "E1R", "€", 978],
    "cut points": [
        [1, 2, 3, 4], {"recency_days": [4, 3, 2, 1]}, {**CUTS, "frequency": [1, 2, 2, 3]},
        {**CUTS, "frequency": [1, 2, 3]}, {**CUTS, "frequency": [1, 2, 3, "4"]}, {**CUTS, "other": None},
    ],
    "list": ["logistic", None, ["no such"], {"logistic": 1}, [None], [["06-18"]]],
}  # fmt: skip
CASES = [(name, value) for name, rule in RULES.items() for value in WRONG[rule["kind"]] if value is not None] + [
    (name, None) for name, rule in RULES.items() if not rule.get("optional")
]


def other_values() -> dict[str, tuple]:
    """OTHERS of tests/python/full/test_variables.py: values that a whole build is known to take."""
    tree = ast.parse((harness.ROOT / "tests/python/full/test_variables.py").read_text())
    wanted = [
        node
        for node in tree.body
        if isinstance(node, (ast.Assign, ast.AnnAssign))
        and ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target) in ("CUTS", "OTHERS")
    ]
    found: dict = {}
    exec(compile(ast.Module(wanted, []), "test_variables.py", "exec"), found)
    return found["OTHERS"]


def test_every_variable_has_a_rule_and_every_rule_a_variable() -> None:
    assert RULES.keys() == DECLARED.keys()


@pytest.mark.parametrize("values", [DECLARED, *[{n: v[i] for n, v in other_values().items()} for i in (0, 1)]])
def test_values_that_a_build_takes_are_allowed(values: dict) -> None:
    variables.check(DECLARED, values)


@pytest.mark.parametrize(("name", "value"), [case for case in CASES if case != ("repeatable_categories", ["no such"])])
def test_a_wrong_value_is_said_in_one_line(name: str, value: object) -> None:
    with pytest.raises(variables.VariableError) as raised:
        variables.check(DECLARED, {name: value})
    line = str(raised.value)
    assert line.startswith(f"variable {name} is {variables.shown(value)}; allowed is ") and "\n" not in line


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if {"from", "to", "above", "below"} & set(rule)])
def test_a_number_stays_in_its_range(name: str) -> None:
    rule = RULES[name]
    step = 1 if rule["kind"] == "whole number" else 1e-9
    inside = [rule[bound] for bound in ("from", "to") if bound in rule]
    outside = [rule[bound] for bound in ("above", "below") if bound in rule]
    outside += [rule["from"] - step] if "from" in rule else []
    outside += [rule["to"] + max(step, rule["to"] * 1e-9)] if rule["kind"] == "number" and "to" in rule else []
    outside += [rule["to"] + 1] if rule["kind"] == "whole number" else []
    assert [variables.is_allowed(value, rule) for value in inside] == [True] * len(inside)
    assert [variables.is_allowed(value, rule) for value in outside] == [False] * len(outside) and len(outside) > 1


def test_what_is_allowed_is_told() -> None:
    said = {
        "churn_days": "variable churn_days is 0; allowed is a whole number from 1 to 36500",
        "experiment_alpha": "variable experiment_alpha is 0; allowed is a number above 0 below 1",
        "value_basis": "variable value_basis is 0; allowed is one of net, gross, margin",
        "as_of_date": "variable as_of_date is 0; allowed is a day 'yyyy-mm-dd' from 1900 to 2099, or null",
        "sales_days": "variable sales_days is 0; allowed is a list of different days, 'mm-dd' or 'yyyy-mm-dd'",
    }
    for name, line in said.items():
        with pytest.raises(variables.VariableError, match="^" + line.replace("(", "[(") + "$"):
            variables.require(name, 0)


def test_dates_as_yaml_gives_them_and_days_of_leap_years() -> None:
    variables.check(DECLARED, yaml.safe_load("{as_of_date: 2024-02-29, sales_days: [02-29, 2024-02-29, '12-31']}"))
    for day in ("02-30", "13-01", "2-1", "2025-02-29"):
        with pytest.raises(variables.VariableError, match="sales_days"):
            variables.require("sales_days", [day])


def test_all_wrong_values_are_said_at_once() -> None:
    with pytest.raises(variables.VariableError) as raised:
        variables.check({**DECLARED, "churn_days": 0}, {"keep_versions": 0, "compare_link": False})
    assert [line.split(" ", 4)[:4] for line in str(raised.value).splitlines()] == [
        ["--vars", "sets", "a", "variable"],
        ["variable", "churn_days", "is", "0;"],
        ["variable", "keep_versions", "is", "0;"],
    ]


def test_a_value_of_the_command_line_takes_the_place_of_the_projects() -> None:
    variables.check({**DECLARED, "churn_days": 0}, {"churn_days": 60})


def test_unknown_names() -> None:
    with pytest.raises(variables.VariableError, match="bussiness_timezone, .* do you mean business_timezone[?]$"):
        variables.check(DECLARED, {"bussiness_timezone": "Asia/Tokyo"})
    with pytest.raises(variables.VariableError, match="dbt_project.yml .* churn_day, .* do you mean churn_days[?]$"):
        variables.check({**DECLARED, "churn_day": 60}, {})
    with pytest.raises(variables.VariableError, match="a variable of_nobody, which this project does not have$"):
        variables.check(DECLARED, {"of_nobody": 1})
    variables.check({**DECLARED, "our_own": 1}, {"our_own": 2})  # a company's models may have variables


def test_variables_of_the_project_alone_overrule_those_of_all(tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").write_text("vars: {churn_days: 1, precision_marketing: {churn_days: 2}}")
    assert variables.declared(tmp_path)["churn_days"] == 2
    (tmp_path / "dbt_project.yml").write_text("name: empty")
    assert variables.declared(tmp_path) == {}


def test_words_are_those_of_the_code() -> None:
    for name in ("click_candidates", "propensity_candidates"):
        assert RULES[name]["of"]["words"] == list(classification.CANDIDATES)
    assert RULES["recommendation_candidates"]["of"]["words"] == list(ranking.FAMILIES)
    assert RULES["segment_count"]["to"] == segmentation.MAX_SEGMENTS


def test_zones_that_everybody_knows() -> None:
    for zone in ("Europe/London", "UTC", "Asia/Kolkata", "America/New_York", "+05:30", "-03:30"):
        variables.require("business_timezone", zone)
