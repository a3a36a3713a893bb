"""No model goes round a gate: what reads a gated relation depends on the gate itself, so that dbt skips it.

Which gate guards what is read from dbt's manifest. A gate (models/quality/gate_*) guards each relation it
reads and, for staging, everything of the same source, since the tables of a source arrive and fail together.
What a gate itself is built on, such as a mart beside the one it reads, comes before that gate. The vault is made beside
staging, of the same raw rows, and nobody computes from it.
"""

import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]


def layer(node):
    return "source" if node["resource_type"] == "source" else node["fqn"][1]


def source_of(node):
    """Name of the source that a source table or a staging model belongs to, None for other nodes."""
    if node["resource_type"] == "source":
        return node["source_name"]
    return node["fqn"][2] if layer(node) == "staging" else None


def parents(node):
    return node.get("depends_on", {}).get("nodes", [])


def ungated_reads(manifest):
    """'model reads relation without gate' for each read that goes round a gate, sorted."""
    nodes = {**manifest["nodes"], **manifest["sources"]}
    models = {uid: node for uid, node in nodes.items() if node["resource_type"] == "model"}
    gates = {uid: node for uid, node in models.items() if layer(node) == "quality" and node["name"].startswith("gate_")}

    @functools.cache
    def guards(uid):
        node = nodes[uid]
        own = {gate for gate, gate_node in gates.items() if uid in parents(gate_node)}
        if source_of(node):
            own |= {
                gate
                for gate, gate_node in gates.items()
                if source_of(node) in {source_of(nodes[parent]) for parent in parents(gate_node)}
            }
        if layer(node) == "staging":  # staging may lead from one source to another, but not round a gate
            own = own.union(*(guards(parent) for parent in parents(node)))
        return own

    @functools.cache
    def built_on(uid):
        found = set(parents(nodes[uid])) & set(models)
        return found.union(*(built_on(parent) for parent in found))

    before = {gate: built_on(gate) for gate in gates}
    return sorted(
        f"{node['name']} reads {nodes[parent]['name']} without {nodes[gate]['name']}"
        for uid, node in models.items()
        if layer(node) not in ("staging", "vault", "quality")
        for parent in parents(node)
        for gate in guards(parent) - set(parents(node))
        if uid not in before[gate]
    )


def ungated(manifest):
    """Names of staged and rejected relations and of published marts that no gate reads, sorted."""
    models = {uid: node for uid, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    names = {node["name"] for node in models.values()}
    gated = set().union(*(parents(node) for node in models.values() if node["name"].startswith("gate_")))
    return sorted(
        node["name"]
        for uid, node in models.items()
        if uid not in gated
        and (
            (layer(node) == "staging" and (node["name"].endswith("__rejected") or f"{node['name']}__rejected" in names))
            or (layer(node) == "marts" and node["config"]["meta"].get("published"))
        )
    )


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    target = tmp_path_factory.mktemp("target")
    options = ["--no-partial-parse", "--target-path", target, "--log-path", target, "--profiles-dir", PROJECT]
    run = subprocess.run(
        [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "parse", *options],
        cwd=PROJECT,
        env={**os.environ, "MARKETING_HOME": str(target)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads((target / "manifest.json").read_text())


def add_model(manifest, name, folder, reads):
    uid = f"model.precision_marketing.{name}"
    manifest["nodes"][uid] = {
        "resource_type": "model",
        "name": name,
        "fqn": ["precision_marketing", *folder.split("/"), name],
        "depends_on": {"nodes": list(reads)},
    }
    return uid


@pytest.fixture
def small():
    """A source with a gate over one of its two staging models, another source without."""
    manifest = {"nodes": {}, "sources": {}}
    for source in ("shop", "crm"):
        manifest["sources"][f"source.p.{source}.raw"] = {
            "resource_type": "source",
            "name": "raw",
            "source_name": source,
            "fqn": ["p", "staging", source, source, "raw"],
        }
    orders = add_model(manifest, "orders", "staging/shop", ["source.p.shop.raw"])
    add_model(manifest, "stores", "staging/shop", ["source.p.shop.raw"])
    add_model(manifest, "customers", "staging/crm", ["source.p.crm.raw"])
    add_model(manifest, "gate_shop", "quality", [orders])
    return manifest


def test_no_model_goes_round_a_gate(manifest):
    assert ungated_reads(manifest) == []


def test_a_gate_reads_every_staging_relation_and_published_mart(manifest):
    assert ungated(manifest) == []
    changed = json.loads(json.dumps(manifest))
    changed["nodes"]["model.precision_marketing.gate_core"]["depends_on"]["nodes"].remove(
        "model.precision_marketing.fct_orders"
    )
    assert ungated(changed) == ["fct_orders"]


def test_a_gate_names_each_relation_as_it_is(manifest):
    """The key of a relation in a gate, and so its suite, is the name that dbt.ref gets."""
    for path in (PROJECT / "models" / "quality").rglob("gate_*.py"):
        pairs = re.findall(r'"(\w+)": dbt\.ref\("(\w+)"\)', path.read_text())
        assert pairs and all(key == name for key, name in pairs), path.name
        refs = manifest["nodes"][f"model.precision_marketing.{path.stem}"]["depends_on"]["nodes"]
        assert [name for _, name in pairs] == [ref.rpartition(".")[2] for ref in refs], path.name


def test_results_of_every_gate_are_in_one_table(manifest):
    gates = {uid for uid in manifest["nodes"] if uid.startswith("model.precision_marketing.gate_")}
    assert set(parents(manifest["nodes"]["model.precision_marketing.expectation_results"])) == gates


@pytest.mark.parametrize(
    "mart, gate",
    [
        ("fct_orders", "gate_shop"),
        ("fct_events", "gate_app"),
        ("customer_rfm", "gate_core"),
        ("ml_customer_segments", "gate_customer"),
    ],
)
def test_readers_are_behind_their_gate(manifest, mart, gate):
    assert f"model.precision_marketing.{gate}" in parents(manifest["nodes"][f"model.precision_marketing.{mart}"])


@pytest.mark.parametrize(
    "reads, found",
    [
        (["model.precision_marketing.orders"], ["mart reads orders without gate_shop"]),
        (["model.precision_marketing.stores"], ["mart reads stores without gate_shop"]),
        (["source.p.shop.raw"], ["mart reads raw without gate_shop"]),
        (["model.precision_marketing.orders", "model.precision_marketing.gate_shop"], []),
        (["model.precision_marketing.customers"], []),
        (["source.p.crm.raw"], []),
    ],
)
@pytest.mark.parametrize("folder", ["marts/core", "ml/segments", "intermediate"])
def test_lint_finds_what_goes_round(small, folder, reads, found):
    add_model(small, "mart", folder, reads)
    assert ungated_reads(small) == found


def test_lint_finds_a_way_through_the_staging_of_another_source(small):
    through = add_model(small, "crm_orders", "staging/crm", ["model.precision_marketing.orders"])
    add_model(small, "mart", "marts/core", [through])
    assert ungated_reads(small) == ["mart reads crm_orders without gate_shop"]


def test_lint_finds_a_real_mart_whose_gate_was_taken_away(manifest):
    changed = json.loads(json.dumps(manifest))
    changed["nodes"]["model.precision_marketing.fct_orders"]["depends_on"]["nodes"].remove(
        "model.precision_marketing.gate_shop"
    )
    assert any(line.startswith("fct_orders reads stg_shop__") for line in ungated_reads(changed))


def test_a_gated_mart_is_guarded_too(small):
    mart = add_model(small, "mart", "marts/core", [])
    add_model(small, "gate_core", "quality", [mart])
    add_model(small, "report", "marts/core", [mart])
    assert ungated_reads(small) == ["report reads mart without gate_core"]


def test_a_mart_that_a_gate_is_built_on_is_not_behind_it(small):
    dimension = add_model(small, "dimension", "marts/core", [])
    fact = add_model(small, "fact", "marts/core", [dimension])
    add_model(small, "gate_core", "quality", [dimension, fact])
    add_model(small, "report", "marts/customer", [fact, dimension])
    assert ungated_reads(small) == [f"report reads {name} without gate_core" for name in ("dimension", "fact")]
