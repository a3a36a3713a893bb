"""Personal data is followed from the raw tables to what people see, and what it meets on the way is recognised."""

from __future__ import annotations

import re

import jinja2
import pytest

import harness
from precision_marketing.privacy import lineage
from precision_marketing.privacy.inventory import disagreements, inventory, leaks
from precision_marketing.privacy.lineage_picture import main

PEOPLE = {
    "customer_id": ("L2", "keep"), "name": ("L3", "mask"), "phone": ("L3", "mask+hash+encrypt"),
    "birth_date": ("L3", "generalise"), "balance": ("L3", "generalise"), "shop": ("L1", "keep"),
}  # fmt: skip
REGISTER = [
    {"table_name": "people", "column_name": name, "level": level, "treatment": treatment}
    for name, (level, treatment) in PEOPLE.items()
]
REGISTER_FILE = str(harness.ROOT / "seeds" / "pii_register.csv")
MACROS = "".join((harness.ROOT / "macros" / name).read_text() for name in ("privacy/masks.sql", "cleaning/numbers.sql"))
MASKS = jinja2.Environment().from_string(MACROS).module


def node(name, kind="model", schema="build", columns=(), reads=(), **more):
    """A node as dbt's manifest has it."""
    described = {c: {"config": {"meta": {}}} for c in columns}
    config = {"materialized": "table", "meta": {"published": True}}
    return {
        "resource_type": kind, "name": name, "alias": name, "schema": schema, "language": "sql", "config": config,
        "columns": described, "depends_on": {"nodes": list(reads)}, "fqn": ["p", "marts", name], **more,
    }  # fmt: skip


def project(models):
    """The manifest of a project with the raw table ``people``, the seed ``codes`` and ``models``: SQL, or a node."""
    nodes = {"codes": node("codes", "seed", columns=["code", "word"])}
    for name, model in models.items():
        if isinstance(model, str):
            reads = {read for read in re.findall(r"(?:build|raw)\.(\w+)", model) if read in models} - {name}
            model = node(name, compiled_code=model, reads=reads)
        nodes[name] = model
    people = {**node("people", "source", "raw", PEOPLE), "source_name": "raw"}
    return {"nodes": nodes, "sources": {"people": people}}


def flows(models, relation="mart"):
    """What ``relation`` shows: {(column, raw column): treatment}."""
    rows = inventory(project(models), REGISTER)
    return {(r["column_name"], r["source_column"]): r["treatment"] for r in rows if r["relation"] == relation}


# --------------------------------------------------------------------------------- what is planted


LEAKS = {
    "as it is": ["select phone from raw.people"],
    "through a view": ["select phone from raw.people", "select phone from build.v"],
    "renamed twice": ["select phone as a from raw.people", "select b as c from (select a as b from build.v)"],
    "select *": ["select * from raw.people", "select * from build.v"],
    "select * of one of two": ["select * from raw.people", "select v.* from build.codes cross join build.v"],
    "select * but another": ["select * except (name) from raw.people"],
    "a struct": ["select struct(customer_id, phone) as s from raw.people"],
    "a struct of all": ["select struct(*) as s from raw.people"],
    "a field of a struct": ["select struct(*) as s from raw.people", "select v.s.phone from build.v"],
    "the fields of a struct": ["select s.* from (select struct(*) as s from raw.people)"],
    "JSON": ["select to_json(named_struct('id', customer_id, 'p', phone)) as j from raw.people"],
    "joined text": ["select concat_ws(' ', name, phone) as t from raw.people"],
    "cast and trimmed": ["select cast(trim(phone) as bigint) as p from raw.people"],
    "part of a case": ["select case when shop = 'a' then phone end as p from raw.people"],
    "a default": ["select coalesce(shop, phone) as p from raw.people"],
    "the second half of a union": ["select shop from raw.people union all select phone from raw.people"],
    "a union by name": ["select 1 as a, 'x' as b union all by name select phone as b, 1 as a from raw.people"],
    "a scalar subquery": ["select (select max(phone) from raw.people) as p"],
    "an outer query": ["select (select max(concat(word, p.phone)) from build.codes) as w from raw.people as p"],
    "a join's own column": ["select phone from build.codes left join raw.people on code = shop"],
    "the key of a lookup": ["select map('1', 'a')[phone] as w from raw.people"],
    "a window": ["select lag(phone) over (partition by shop order by customer_id) as p from raw.people"],
    "a group's one": ["select max_by(phone, birth_date) filter (where shop = 'a') as p from raw.people group by shop"],
    "a list": ["select collect_list(struct(phone)) as l from raw.people", "select l[0].phone from build.v"],
    "a lambda": ["select transform(array(phone), x -> concat(x, shop)) as l from raw.people"],
    "an exploded list": ["select p from (select array(phone) as l from raw.people) lateral view explode(l) e as p"],
    "an alias beside it": ["select phone as p, upper(p) as q from raw.people"],
    "a CTE with column names": ["with x(a, b) as (select shop, phone from raw.people) select b from x"],
    "an ephemeral model": ["with __dbt__cte__e as (select phone from raw.people) select phone from __dbt__cte__e"],
    "a hash without a key": ["select sha2(phone, 256) as h from raw.people"],
    "decryption": ["select aes_encrypt(phone, k()) e from raw.people", "select aes_decrypt(e, k()) p from build.v"],
    "a mask that shows too much": ["select concat(left(phone, 7), '****') as p from raw.people"],
    "a mask beside the value": ["select concat(left(phone, 3), '****', phone) as p from raw.people"],
    "ends without a mask": ["select concat(left(phone, 4), right(phone, 4)) as p from raw.people"],
    "stars that hide nothing": ["select concat('**', phone) as p from raw.people"],
}  # fmt: skip


@pytest.mark.parametrize("models", LEAKS.values(), ids=LEAKS)
def test_a_leak_is_found(models):
    manifest = project(dict(zip(["v", "mart"][-len(models) :], models, strict=True)))
    rows = [row for row in inventory(manifest, REGISTER) if row["relation"] == "mart"]
    assert any("shows people.phone (people > " in leak for leak in leaks(rows, REGISTER))


PATHS = {
    "people > v > mart": {"v": "select phone as p from raw.people", "mart": "select p from build.v"},
    "people > e > mart": {
        "mart": "with __dbt__cte__e as (select phone as p from raw.people) select p from __dbt__cte__e",
    },
    "people > mart": {
        "v": "select phone as p from raw.people",
        "mart": "select p from build.v union all select phone from raw.people",
    },
}  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_the_path_names_the_relations_passed(path):
    rows = inventory(project(PATHS[path]), REGISTER)
    assert [row["path"] for row in rows if row["relation"] == "mart"] == [path]


# -------------------------------------------------------------------------- what it met on the way

TREATED = {
    "keyed_hash(sha2(phone, 256))": "hash",
    "base64(aes_encrypt(phone, vault_key(vault_key_id()), 'GCM', 'DEFAULT', '', customer_id))": "encrypt",
    "try_aes_decrypt(keyed_hash(aes_encrypt(phone, k())), k())": "hash",
    "keyed_hash(concat(left(phone, 3), '****'))": "mask+hash",
    "'****' || right(phone, 2)": "mask",
    "round(try_cast(phone as double), 2)": "generalise",
    "round(try_cast(phone as double), 6)": "none",
    "cast(floor(months_between(current_date(), phone) / 12) as int)": "generalise",
    "floor(months_between(current_date(), phone))": "none",
    "datediff(current_date(), phone)": "none",
    "year(phone)": "generalise",
    "date_trunc('month', phone)": "generalise",
    "date_trunc('day', phone)": "none",
    "phone like '138%'": "generalise",
    "case when phone < '2' then 'low' when phone < '3' then shop end": "generalise",
    "case phone when '1' then 'one' end": "generalise",
    "avg(phone)": "aggregate",
    "sum(phone) over (partition by shop)": "aggregate",
    "sum(aes_encrypt(phone, k()))": "encrypt+aggregate",
    "max(phone)": "none",
    MASKS.mask_phone("phone"): "mask",
    MASKS.mask_name("phone"): "mask",
    MASKS.mask_email("phone"): "mask",
    MASKS.mask_id_number("phone"): "mask",
    MASKS.generalise_coordinate("phone"): "generalise",
    MASKS.generalise_date("phone"): "generalise",
}


@pytest.mark.parametrize("expression", TREATED)
def test_a_treatment_is_recognised(expression):
    models = {"mart": f"select {expression} as x from raw.people"}
    assert flows(models) == {("x", "phone"): TREATED[expression]}


@pytest.mark.parametrize(
    "expression",
    [
        "phone is null", "isnotnull(phone)", "count(phone)", "count(distinct phone)", "length(phone)",
        "case when phone is not null then '****' end", "row_number() over (partition by phone order by phone)",
        "max_by(shop, phone)", "max(shop) filter (where phone > '1')", "exists (select phone from raw.people)",
        "aes_encrypt(shop, k(), 'GCM', '', phone)", "shop",
    ],
)  # fmt: skip
def test_what_does_not_show_a_value_carries_nothing(expression):
    assert flows({"mart": f"select {expression} as x from raw.people"}) == {}


def test_joins_filters_and_sorting_carry_nothing():
    sql = """
        select codes.word from build.codes
        inner join raw.people on codes.code = people.phone left semi join raw.people as p on p.phone = codes.code
        where people.name = 'x' group by codes.word, people.phone having max(people.name) > 'a' order by people.phone
    """
    assert flows({"mart": sql}) == {}
    assert flows({"mart": "select * from build.codes left semi join raw.people on code = phone"}) == {}


def test_what_a_star_leaves_out_is_not_carried():
    flow = flows({"mart": "select * except (phone, name, birth_date, balance), p.shop as s from raw.people as p"})
    assert flow == {("customer_id", "customer_id"): "none"}


def test_a_column_treated_on_one_way_only_is_untreated():
    sql = "select keyed_hash(phone) as p from raw.people union all select phone from raw.people"
    assert flows({"mart": sql}) == {("p", "phone"): "none"}


def test_staging_may_keep_what_is_only_to_be_generalised():
    staged = node("v", compiled_code="select birth_date, phone from raw.people", fqn=["p", "staging", "v"])
    manifest = project({"v": staged, "mart": "select year(birth_date) as y, birth_date as b from build.v"})
    assert leaks(inventory(manifest, REGISTER), REGISTER) == [
        "v.phone shows people.phone (people > v)",
        "mart.b shows people.birth_date (people > v > mart)",
    ]


# ----------------------------------------------------------------------------------- Python models


def python_model(columns, meta=None, **derived_from):
    """A Python model that reads v, with ``derived_from`` of some columns."""
    model = node("mart", language="python", columns=columns, reads=["v"])
    model["config"]["meta"] = meta or {}
    for name, references in derived_from.items():
        model["columns"][name]["config"]["meta"]["derived_from"] = references
    return {"v": "select customer_id, phone, keyed_hash(name) as n from raw.people", "mart": model}


def test_a_python_model_hands_on_columns_by_name():
    assert flows(python_model(["customer_id", "phone"])) == {
        ("customer_id", "customer_id"): "none", ("phone", "phone"): "none", ("*", "phone"): "none",
    }  # fmt: skip


def test_a_new_column_of_a_python_model_may_hold_anything_sensitive_and_untreated():
    assert flows(python_model(["score"]))["score", "phone"] == "none"


def test_a_python_model_says_what_a_column_derives_from():
    assert ("score", "phone") not in flows(python_model(["score"], score=[]))
    assert ("score", "phone") not in flows(python_model(["score"], meta={"derived_from": []}))
    assert flows(python_model(["score"], score=["v.n"]))["score", "name"] == "hash"
    with pytest.raises(lineage.LineageError, match=r"^mart: derived_from of score names v\.gone"):
        flows(python_model(["score"], score=["v.gone"]))


# ------------------------------------------------------------------------- what cannot be followed

UNCLEAR = {
    "no such column": ("select fone from raw.people", "there is no column fone"),
    "no such struct": ("select s.* from raw.people", "there is no relation or struct s"),
    "a table of nobody": ("select phone from elsewhere.people", "reads elsewhere.people"),
    "a pivot": ("select * from raw.people pivot (max(phone) for shop in ('a'))", "pivot"),
    "recursion": ("with recursive r as (select phone from raw.people) select * from r", "recursive"),
    "two statements": ("select 1; select phone from raw.people", "one query"),
    "no query": ("drop table raw.people", "one query"),
    "no SQL": ("select from where", ""),
    "not compiled": ("", "dbt compile"),
    "a union of unlike halves": ("select phone from raw.people union all select 1, 2", "union"),
}


@pytest.mark.parametrize("sql, message", UNCLEAR.values(), ids=UNCLEAR)
def test_what_cannot_be_followed_is_an_error_that_names_the_model(sql, message):
    models = {"mart": sql, "reader": "select * from build.mart"}
    with pytest.raises(lineage.LineageError, match=f"^mart: .*{message}"):
        inventory(project(models), REGISTER)


def test_a_raw_column_that_nobody_registered_is_an_error():
    with pytest.raises(lineage.LineageError, match=r"^people: column phone is not in seeds/pii_register\.csv"):
        inventory(project({}), [row for row in REGISTER if row["column_name"] != "phone"])


def test_a_level_that_there_is_not_is_an_error():
    """It would count as neither personal nor harmless."""
    register = [row | {"level": "l3"} if row["column_name"] == "phone" else row for row in REGISTER]
    with pytest.raises(lineage.LineageError, match=r"^people: column phone has level l3 .*, none of L1, L2, L3, L4"):
        inventory(project({}), register)


@pytest.mark.parametrize("own", ["build.mart", "build.mart__v20250630120000ab12"])
def test_an_incremental_model_may_read_itself(own):
    sql = f"select phone from raw.people union all select phone from {own}"
    assert flows({"mart": sql}) == {("phone", "phone"): "none"}


def test_what_reads_its_own_reader_is_an_error():
    hard_coded = node("mart", compiled_code="select phone from build.v")
    with pytest.raises(lineage.LineageError, match=r"without a ref"):
        flows({"mart": hard_coded, "v": "select phone from build.mart"})


def test_a_project_without_models_has_no_personal_data():
    assert inventory(project({}), REGISTER) == []


# ------------------------------------------------------------------------------------ the register


def test_the_register_and_the_project_must_agree():
    models = {
        "unstored": node("unstored", compiled_code="select customer_id from raw.people"),
        "v": "select keyed_hash(name) as n, concat('**', right(phone, 2)) as p from raw.people",
        "mart": "select customer_id, keyed_hash(phone) as p from raw.people",
    }
    models["unstored"]["config"] = {**models["unstored"]["config"], "materialized": "view"}
    register = [{**row, "treatment": "drop"} if row["column_name"] == "customer_id" else row for row in REGISTER]
    assert sorted(disagreements(inventory(project(models), register), register)) == [
        "people.balance: nothing does generalise",
        "people.birth_date: nothing does generalise",
        "people.customer_id: to be dropped, but in mart.customer_id",
        "people.name: hash is not in the register",
        "people.name: nothing does mask",
        "people.phone: nothing does encrypt",
    ]


def test_the_picture_needs_a_compiled_project(tmp_path):
    with pytest.raises(SystemExit, match="manifest.json does not exist; run dbt compile"):
        main(["--manifest", str(tmp_path / "manifest.json"), "--register", REGISTER_FILE])
