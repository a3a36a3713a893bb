"""No model goes round a gate: what reads a gated relation depends on the gate itself, so that dbt skips it.

Which gate guards what is read from dbt's manifest. A gate (models/quality/gate_*) guards each relation it
reads and, for staging, everything of the same source, since the tables of a source arrive and fail together.
What a gate itself is built on, such as a mart beside the one it reads, comes before that gate. The vault is made beside
staging, of the same raw rows, and nobody computes from it.

No rule is checked twice either: what a suite can say of a relation that a gate reads is said there, by no dbt test.
"""

import functools
import json
import re
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


def misplaced(manifest):
    """'relation in folder is read by gate' for each relation that a gate of another folder's name reads, sorted."""
    nodes = manifest["nodes"]
    return sorted(
        f"{nodes[uid]['name']} in {nodes[uid]['fqn'][2]} is read by {gate['name']}"
        for gate in nodes.values()
        if gate["resource_type"] == "model" and gate["name"].startswith("gate_")
        for uid in parents(gate)
        if gate["name"] != f"gate_{nodes[uid]['fqn'][2]}"
    )


def suite(relation):
    return json.loads((PROJECT / "expectations" / f"{relation}.json").read_text())


def gated_relations(manifest):
    """Names of what gates read, once per gate."""
    gates = [n for n in manifest["nodes"].values() if n["resource_type"] == "model" and n["name"].startswith("gate_")]
    return [manifest["nodes"][uid]["name"] for gate in gates for uid in parents(gate)]


def columns_of(entry):
    kwargs = entry["kwargs"]
    return (kwargs["column"],) if "column" in kwargs else tuple(kwargs.get("column_list", ()))


# A list of cities need not know their provinces.
OPTIONAL_PARTS_OF_KEYS = {("stg_geo__regions", "province")}


def unchecked_keys(manifest, suite=suite):
    """Gated relations, rejected rows aside, whose key is not checked once by critical expectations; sorted.

    One says that the key in the suite's meta is unique, and one of each of its columns that it is never null.
    """
    found = []
    for name in gated_relations(manifest):
        if name.endswith("__rejected"):
            continue
        content = suite(name)
        critical = [
            (entry["type"], columns_of(entry))
            for entry in content["expectations"]
            if entry["severity"] == "critical" and "mostly" not in entry["kwargs"]
        ]
        key = tuple(content["meta"]["key"])
        unique = "expect_column_values_to_be_unique" if len(key) == 1 else "expect_compound_columns_to_be_unique"
        given = [(column,) for column in key if (name, column) not in OPTIONAL_PARTS_OF_KEYS]
        needed = [(unique, key), *(("expect_column_values_to_not_be_null", column) for column in given)]
        if any(critical.count(expectation) != 1 for expectation in needed):
            found.append(name)
    return sorted(found)


# What a suite says as well, in the same pass as everything else about its relation.
SUITES_SAY = ("not_null", "unique", "primary_key", "accepted_values")


def said_twice(manifest, suite=suite):
    """Rules on gated relations that are in a dbt test, twice in a suite or in two gates; sorted."""
    nodes = manifest["nodes"]
    gated = gated_relations(manifest)
    found = [f"{name} is read by two gates" for name in set(gated) if gated.count(name) > 1]
    for test in nodes.values():
        kind = (test.get("test_metadata") or {}).get("name")
        if kind in SUITES_SAY and test["attached_node"].rpartition(".")[2] in gated:
            found.append(f"{test['attached_node'].rpartition('.')[2]} has a dbt test {kind}")
    for name in set(gated):
        rules = [(e["type"], columns_of(e), e["kwargs"].get("condition")) for e in suite(name)["expectations"]]
        found += [f"{name} has {rule[0]} twice" for n, rule in enumerate(rules) if rule in rules[:n]]
    return sorted(found)


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


def test_a_gate_has_the_name_of_the_folder_it_guards(manifest):
    assert misplaced(manifest) == []
    changed = json.loads(json.dumps(manifest))
    changed["nodes"]["model.precision_marketing.segment_profiles"]["fqn"][2] = "customer"
    assert misplaced(changed) == ["segment_profiles in customer is read by gate_segments"]


def test_the_key_of_every_gated_relation_is_checked_once(manifest):
    assert unchecked_keys(manifest) == []


def test_no_rule_is_checked_twice(manifest):
    assert said_twice(manifest) == []


def changed_suite(position, **changes):
    """Of fct_orders: the expectation at a position (0 the key not null, 1 the key unique) changed, or left out."""

    def changed(relation):
        content = suite(relation)
        if relation == "fct_orders":
            entry = content["expectations"].pop(position)
            content["expectations"] += [entry | changes] if changes else []
        return content

    return changed


@pytest.mark.parametrize(
    "position, changes",
    [
        (0, {}),
        (1, {}),
        (0, {"severity": "warning"}),
        (1, {"severity": "warning"}),
        (0, {"kwargs": {"column": "status"}}),
    ],
)
def test_lint_finds_a_key_that_nobody_checks(manifest, position, changes):
    assert unchecked_keys(manifest, changed_suite(position, **changes)) == ["fct_orders"]


def test_lint_finds_a_rule_in_two_places(manifest):
    changed = json.loads(json.dumps(manifest))
    orders = "model.precision_marketing.fct_orders"
    changed["nodes"]["test.p.x"] = {
        "resource_type": "test",
        "name": "x",
        "attached_node": orders,
        "test_metadata": {"name": "primary_key"},
        "depends_on": {"nodes": [orders]},
    }
    changed["nodes"]["model.precision_marketing.gate_segments"]["depends_on"]["nodes"].append(
        "model.precision_marketing.dim_dates"
    )

    def twice(relation):
        content = suite(relation)
        content["expectations"] += content["expectations"][:1] if relation == "dim_stores" else []
        return content

    assert said_twice(changed, twice) == [
        "dim_dates is read by two gates",
        "dim_stores has expect_column_values_to_not_be_null twice",
        "fct_orders has a dbt test primary_key",
    ]


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
