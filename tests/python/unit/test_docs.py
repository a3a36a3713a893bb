"""The documentation is complete and points at things that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness

PAGES = sorted([*harness.ROOT.glob("*.md"), *harness.ROOT.glob("docs/*.md"), *harness.ROOT.glob("benchmarks/*.md")])
FOLDERS = "models|macros|seeds|src|tests|docs|expectations|benchmarks|analyses|dashboards"
VARIABLE = r"\b(?:MARKETING|SPARK)_[A-Z_]+\b"
MADE_BY_A_RUN = ("benchmarks/results/",)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict:
    home = tmp_path_factory.mktemp("docs")
    harness.run_dbt("parse", home=home)
    return json.loads((home / "target" / "manifest.json").read_text())


def described_nodes(manifest: dict) -> list[dict]:
    """Models, seeds and source tables of the project."""
    nodes = [*manifest["nodes"].values(), *manifest["sources"].values()]
    return [node for node in nodes if node["resource_type"] in ("model", "seed", "source")]


def published(manifest: dict) -> list[dict]:
    """The models that BI tools see."""
    return [node for node in manifest["nodes"].values() if node["config"].get("meta", {}).get("published")]


def undescribed(manifest: dict) -> list[str]:
    """Tables and columns without a description; a table that lists no columns as table.*"""
    found = []
    for node in described_nodes(manifest):
        if not node["description"].strip():
            found.append(node["name"])
        if not node["columns"]:
            found.append(f"{node['name']}.*")
        columns = node["columns"].values()
        found += [f"{node['name']}.{c['name']}" for c in columns if not c["description"].strip()]
    return sorted(found)


def without_grain(manifest: dict) -> list[str]:
    """Tables whose description does not begin with what a row is."""
    return sorted(
        node["name"]
        for node in described_nodes(manifest)
        if not re.match(r"One row( per |: )", node["description"].strip())
    )


def test_every_table_and_column_is_described(manifest: dict) -> None:
    assert len(described_nodes(manifest)) > 50
    assert undescribed(manifest) == []


def test_every_description_begins_with_the_grain(manifest: dict) -> None:
    assert without_grain(manifest) == []


def test_what_is_missing_is_found(manifest: dict) -> None:
    changed = json.loads(json.dumps(manifest))
    changed["nodes"]["model.precision_marketing.fct_orders"]["description"] = "Orders, one row per order."
    changed["nodes"]["model.precision_marketing.customer_rfm"]["columns"]["monetary"]["description"] = " "
    changed["nodes"]["seed.precision_marketing.spellings"]["columns"] = {}
    changed["sources"]["source.precision_marketing.shop.shop_orders"]["description"] = ""
    assert undescribed(changed) == ["customer_rfm.monetary", "shop_orders", "spellings.*"]
    assert without_grain(changed) == ["fct_orders", "shop_orders"]


def test_published_tables_say_which_type_a_column_has(manifest: dict) -> None:
    assert published(manifest)
    for node in published(manifest):
        assert node["config"]["contract"]["enforced"], node["name"]
        assert all(column["data_type"] for column in node["columns"].values()), node["name"]


def too_long_for_hive(manifest: dict) -> list[str]:
    """Columns whose description a Hive metastore cannot keep: it tries for 20 s, and all other nodes wait."""
    return [
        f"{node['name']}.{name}"
        for node in described_nodes(manifest)
        for name, column in node["columns"].items()
        if len(column["description"]) > 256
    ]


# Keys of rows that are about one customer.
OF_A_CUSTOMER = {
    "contract_id", "decision_id", "event_id", "impression_id", "order_item_id", "session_id", "ticket_id",
}  # fmt: skip


def test_rows_of_a_customer_say_whose_they_are(manifest: dict) -> None:
    """Erasure finds rows by customer or order: a table without either would keep an erased customer's."""
    without = [
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and node["config"]["materialized"] in ("table", "versioned", "incremental", "session_table")
        and OF_A_CUSTOMER & set(node["columns"])
        and not {"customer_id", "order_id"} & set(node["columns"])
    ]
    assert without == []


def test_descriptions_of_columns_fit_a_hive_metastore(manifest: dict) -> None:
    assert too_long_for_hive(manifest) == []
    changed = json.loads(json.dumps(manifest))
    changed["nodes"]["model.precision_marketing.customer_rfm"]["columns"]["monetary"]["description"] = "x" * 257
    assert too_long_for_hive(changed) == ["customer_rfm.monetary"]


def test_the_overview_of_dbts_documentation_is_ours(manifest: dict) -> None:
    assert "doc.precision_marketing.__overview__" in manifest["docs"]


def test_the_picture_of_the_architecture_shows_what_there_is(manifest: dict) -> None:
    page = (harness.ROOT / "docs" / "architecture.md").read_text()
    picture = re.search(r"```mermaid\n(.*?)```", page, re.DOTALL).group(1)
    shown = set(re.findall(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b", picture))
    nodes = described_nodes(manifest)
    databases = {node["schema"] for node in nodes}
    assert shown - {node["name"] for node in nodes} - databases == set()
    assert {node["name"] for node in published(manifest)} - shown == set()


# ------------------------------------------------------------------------------ what the pages say


def code(text: str) -> list[str]:
    """Everything on a page that is set as code."""
    block = re.compile(r"^```.*?\n(.*?)^```", re.DOTALL | re.MULTILINE)
    return block.findall(text) + re.findall(r"`([^`\n]+)`", block.sub("", text))


def exists(path: str) -> bool:
    """Whether a path of the project, perhaps with ``*`` or ``<name>`` in it, names at least one file."""
    pattern = re.sub(r"<[^<>]+>", "*", path).rstrip("/")
    return path.startswith(MADE_BY_A_RUN) or any(harness.ROOT.glob(pattern))


def dead_references(page: Path) -> Iterator[str]:
    """Links, paths, make targets and environment variables of a page that lead nowhere."""
    text = page.read_text()
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if not link.startswith(("http:", "https:", "mailto:")):
            file, _, heading = link.partition("#")
            linked = page.parent / file if file else page
            if not linked.exists():
                yield link
            elif heading and heading not in headings(linked):
                yield link
    for snippet in code(text):
        for path in re.findall(rf"(?<![\w./-])(?:{FOLDERS})/[\w./*<>-]*[\w*>/]", snippet):
            if not exists(path):
                yield path
        for target in re.findall(r"(?:^|\s)make ([a-z]+)", snippet):
            if not re.search(rf"^{target}:", (harness.ROOT / "Makefile").read_text(), re.MULTILINE):
                yield f"make {target}"
        for variable in re.findall(VARIABLE, snippet):
            if variable not in environment_variables():
                yield variable


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def environment_variables() -> set[str]:
    """The variables that the project reads."""
    names = ["profiles.yml", "Makefile", "tests/python/support/harness.py"]
    files = [
        *(harness.ROOT / name for name in names),
        *harness.ROOT.glob("src/**/*.py"),
        *harness.ROOT.glob("dashboards/*.py"),
    ]
    return {name for file in files for name in re.findall(VARIABLE, file.read_text())}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_points_at_exists(page: Path) -> None:
    assert list(dead_references(page)) == []


def test_dead_references_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Top\n[gone](gone.md), [here](#top), [nowhere](#bottom)\n"
        "`seeds/spellings.csv`, `models/<folder>/gone.sql`, `expectations/*.json`\n"
        "`make build`, `make coffee`, `MARKETING_HOME`, `MARKETING_HOUSE`\n"
        "```\nmake test && vi macros/gone/\n```\n"
    )
    assert sorted(dead_references(page)) == [
        "#bottom", "MARKETING_HOUSE", "gone.md", "macros/gone/", "make coffee", "models/<folder>/gone.sql",
    ]  # fmt: skip


def test_every_setting_of_the_profile_is_explained() -> None:
    page = (harness.ROOT / "docs" / "engines.md").read_text()
    profile = (harness.ROOT / "profiles.yml").read_text()
    names = set(re.findall(r"env_var\('(\w+)'", profile))
    names |= set(re.findall(r"^\s+(spark\.[\w.]+):", profile, re.MULTILINE))
    assert len(names) > 15
    assert sorted(name for name in names if f"`{name}`" not in page) == []


def test_every_folder_of_marts_has_a_page() -> None:
    """And the page names each of its published tables."""
    rows = re.findall(r"^\| (`models/.*?) \| (.*?) \|", (harness.ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    pages = {
        folder: [harness.ROOT / page for page in re.findall(r"\((docs/\w+\.md)\)", cell)]
        for folders, cell in rows
        for folder in re.findall(r"models/marts/(\w+)/", folders)
    }
    for folder in sorted(path for path in (harness.ROOT / "models" / "marts").iterdir() if path.is_dir()):
        text = "".join(page.read_text() for page in pages[folder.name])
        tables = {path.stem for path in folder.glob("*.sql") if not path.stem.startswith("int_")}
        assert sorted(table for table in tables if f"`{table}`" not in text) == [], folder.name
