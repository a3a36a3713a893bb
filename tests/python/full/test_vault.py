"""The vault on a cluster: who has the key reads it, a rotation may be killed, and no artefact of a build tells."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import harness
from precision_marketing.privacy import vault
from vault_values import (
    AES_KEY,
    FIELDS,
    HASH_KEY,
    KEY_ID,
    VAULT_KEY,
    assert_holds_raw_values,
    assert_tell_nothing,
    key_forms,
    raw_customers,
    stored,
)

NEW_KEY = "n" * 16 + "k" * 16
NEW_VAULT_KEY = vault.derived(NEW_KEY.encode(), vault.VAULT)
NEW_KEY_ID = vault.key_id(NEW_VAULT_KEY)


# ------------------------------------------------------------------- a vault of sixty demo customers

SCHEMA, RAW = "vaulted", "raw_vaulted"
VAULT = f"{SCHEMA}_vault.customer_vault"
ERASED = "C000000007"
RAW_TABLES = {
    "crm_customers": "from raw.crm_customers where customer_id <= 'C000000060' or customer_id is null",
    "partner_members": "from raw.partner_members where phone_hash in "
    "(select sha2(phone, 256) from raw.crm_customers where customer_id <= 'C000000060') or member_id is null",
    "crm_erasure_requests": f"from values ('R1', '{ERASED}', '2025-01-01') as (request_id, customer_id, requested_at)",
}


@pytest.fixture(scope="module")
def vaulted(demo, spark_cluster: harness.Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault built over thrift from rows of the demo's raw tables; the folder with dbt's files."""
    home = tmp_path_factory.mktemp("vaulted")
    spark_cluster.query(f"drop database if exists {RAW} cascade")
    spark_cluster.query(f"create database {RAW}")
    for table, rows in RAW_TABLES.items():
        spark_cluster.query(f"create table {RAW}.{table} using parquet as select * {rows}")
    dbt(
        home, spark_cluster, "build", "--target", "thrift", "--exclude-resource-type", "unit_test",
        "--indirect-selection", "buildable", "--select", "+customer_vault", "+stg_crm__customers",
        "stg_crm__customers__rejected", "+stg_partner__members",
    )  # fmt: skip
    return home


def dbt(home: Path, server: harness.Server, *arguments: str, check: bool = True, **environment: str):
    return harness.run_dbt(
        *arguments, "--vars", f"{{raw_database: {RAW}}}",
        home=home, check=check, **{"MARKETING_SCHEMA": SCHEMA, **server.environment, **environment},
    )  # fmt: skip


def test_another_aes_implementation_reads_the_vault(demo, vaulted: Path, spark_cluster: harness.Server) -> None:
    raw, rows = raw_customers(demo.home), stored(spark_cluster, VAULT)
    assert rows.keys() == raw.keys() - {ERASED}
    assert_holds_raw_values(rows, raw, VAULT_KEY)
    assert any(row["email_encrypted"] is None for row in rows.values())
    nonces = [row["phone_encrypted"][:16] for row in rows.values()]
    assert len(set(nonces)) == len(nonces)

    in_process = {
        name: row for name, row in stored(spark_cluster, "marketing_vault.customer_vault").items() if name in raw
    }
    assert len(in_process) > 40
    assert_holds_raw_values(in_process, raw, VAULT_KEY)


def test_hashes_match_partners_members(demo, vaulted: Path, spark_cluster: harness.Server) -> None:
    def keyed(text: str) -> str:
        digest = hashlib.sha256(text.encode()).hexdigest()
        return hmac.new(vault.derived(HASH_KEY.encode(), vault.HASHES), digest.encode(), hashlib.sha256).hexdigest()

    raw = raw_customers(demo.home)
    rows = spark_cluster.query(f"select customer_id, phone_hash, email_hash from {SCHEMA}_staging.stg_crm__customers")
    assert len(rows) == len(raw) - 1
    for customer_id, phone_hash, email_hash in rows:
        phone, email = raw[customer_id]["phone"], raw[customer_id]["email"]
        assert phone_hash == keyed(re.sub("[^0-9]", "", phone.removeprefix("+86")))
        assert email_hash == (email and keyed(email.lower()))
    matched = spark_cluster.query(
        f"select count(distinct member.member_id), count(distinct customer.customer_id) "
        f"from {SCHEMA}_staging.stg_partner__members as member "
        f"left join {SCHEMA}_staging.stg_crm__customers as customer on member.phone_hash = customer.phone_hash"
    )[0]
    members = spark_cluster.query(f"select count(*) from {SCHEMA}_staging.stg_partner__members")[0][0]
    assert members > 10 and matched[0] == members and matched[1] > 10


# ------------------------------------------------------------------------------- reading the vault

READER = """
import json, os, sys
from dbt_spark_python import open_session, error_text
answers = {}
for name, (sql, keys) in json.load(sys.stdin).items():
    os.environ.update(keys)
    session = open_session({"spark.remote": os.environ["SPARK_CONNECT_URL"],
                            "spark.dbt.sessionSetup": "precision_marketing.vault:register"})
    try:
        answers[name] = [list(row) for row in session.sql(sql).collect()]
    except Exception as error:
        answers[name] = error_text(error)
print(json.dumps(answers))
"""


def read(server: harness.Server, home: Path, queries: dict[str, tuple[str, dict[str, str]]]) -> dict[str, list | str]:
    """Rows or error of queries by name, each in a Spark Connect session of its own with the keys given."""
    asked = {name: (sql, {**harness.KEYS, **keys}) for name, (sql, keys) in queries.items()}
    result = subprocess.run(
        [sys.executable, "-c", READER], input=json.dumps(asked), capture_output=True, text=True,
        env=harness.dbt_environment(home, **server.environment),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def decrypt_sql(vaulted: Path, spark_cluster: harness.Server) -> str:
    """What the macro decrypt makes of the column phone."""
    arguments = ("compile", "--target", "connect", "--quiet", "--inline", "{{ decrypt('phone') }}")
    return dbt(vaulted, spark_cluster, *arguments).stdout.strip()


def test_only_the_right_key_and_unchanged_values_are_read(
    demo, vaulted: Path, decrypt_sql: str, spark_cluster: harness.Server
) -> None:
    raw = raw_customers(demo.home)
    phones = {row["phone"] for row in raw.values()}
    query = f"select customer_id, {decrypt_sql} from {{}}"
    third = "if(customer_id = 'C000000003', {}, phone_encrypted)"
    other_column = third.format(f"(select name_encrypted from {VAULT} where customer_id = 'C000000003')")
    swapped = third.format(f"(select phone_encrypted from {VAULT} where customer_id = 'C000000004')")
    flipped = third.format("base64(overlay(unbase64(phone_encrypted) placing x'00ff' from 15))")
    changed = f"(select * except (phone_encrypted), {{}} as phone_encrypted from {VAULT})"
    relabelled = f"(select * except (key_id), '{{}}' as key_id from {VAULT})"
    other = {"MARKETING_AES_KEY": NEW_KEY}
    answers = read(
        spark_cluster,
        vaulted,
        {
            "right": (query.format(VAULT), {}),
            "swapped": (query.format(changed.format(swapped)), {}),
            "another column": (query.format(changed.format(other_column)), {}),
            "tampered": (query.format(changed.format(flipped)), {}),
            "wrong id": (query.format(relabelled.format("deadbeef")), {}),
            "wrong key": (query.format(VAULT), other),
            "wrong key, right id": (query.format(relabelled.format(NEW_KEY_ID)), other),
            "no key": (query.format(VAULT), {"MARKETING_AES_KEY": ""}),
        },
    )
    assert dict(answers.pop("right")) == {name: row["phone"] for name, row in raw.items() if name != ERASED}
    expected = {
        "swapped": f"customer_vault: phone of customer C000000003 does not decrypt with key {KEY_ID}",
        "another column": f"customer_vault: phone of customer C000000003 does not decrypt with key {KEY_ID}",
        "tampered": f"customer_vault: phone of customer C000000003 does not decrypt with key {KEY_ID}",
        "wrong id": f"the vault holds values of key deadbeef; the keys given are {KEY_ID}",
        "wrong key": f"the vault holds values of key {KEY_ID}; the keys given are {NEW_KEY_ID}",
        "wrong key, right id": f"does not decrypt with key {NEW_KEY_ID}",
        "no key": "vault_key",
    }
    for name, message in expected.items():
        assert message in answers[name], name
        assert not any(phone in answers[name] for phone in phones), name


def test_dbt_reads_the_vault_and_refuses_on_thrift(demo, vaulted: Path, spark_cluster: harness.Server) -> None:
    inline = "select {{ decrypt('email') }} as email from {{ ref('customer_vault') }} where customer_id = 'C000000003'"
    show = ("show", "--quiet", "--output", "json", "--log-level-file", "none", "--inline", inline, "--target")
    shown = dbt(vaulted, spark_cluster, *show, "connect")
    assert json.loads(shown.stdout)["show"] == [{"email": raw_customers(demo.home)["C000000003"]["email"]}]
    refused = dbt(vaulted, spark_cluster, *show, "thrift", check=False)
    assert refused.returncode != 0 and "use --target connect" in refused.stdout


# ---------------------------------------------------------------------------------------- rotation


def rotate(home: Path, server: harness.Server, check: bool = True, **keys: str) -> subprocess.CompletedProcess[str]:
    return dbt(home, server, "run-operation", "rotate_vault_key", "--target", "connect", check=check, **keys)


ROTATION = {"MARKETING_AES_KEY": NEW_KEY, "MARKETING_AES_KEY_OLD": f"{'o' * 32}, {AES_KEY}"}


def test_rotation(demo, vaulted: Path, spark_cluster: harness.Server) -> None:
    """Wrong old key, killed at any moment, killed between its renames: the vault can be read. Then it is rotated."""
    raw, before = raw_customers(demo.home), stored(spark_cluster, VAULT)
    wrong = rotate(vaulted, spark_cluster, check=False, MARKETING_AES_KEY=NEW_KEY, MARKETING_AES_KEY_OLD="o" * 32)
    assert wrong.returncode != 0 and f"the vault holds values of key {KEY_ID}" in wrong.stdout, wrong.stdout
    assert stored(spark_cluster, VAULT) == before

    kill_while_rotating(vaulted, spark_cluster)
    assert stored(spark_cluster, VAULT) == before

    spark_cluster.query(f"alter table {VAULT} rename to {VAULT}__replaced")
    done = rotate(vaulted, spark_cluster, **ROTATION)
    assert re.search(rf"Rotated {VAULT}: 59 customers, checksum -?\d+, equal before and after", done.stdout), (
        done.stdout
    )
    after = stored(spark_cluster, VAULT)
    assert after.keys() == before.keys()
    assert_holds_raw_values(after, raw, NEW_VAULT_KEY)
    assert spark_cluster.query(f"show tables in {SCHEMA}_vault") == [(f"{SCHEMA}_vault", "customer_vault", False)]


def test_a_vault_of_an_earlier_release_is_read_and_migrated(
    demo, vaulted: Path, decrypt_sql: str, spark_cluster: harness.Server
) -> None:
    """Its values have the key that was given, underived, and are bound to their customer alone."""
    raw, key = raw_customers(demo.home), AES_KEY.encode()

    def encrypted(customer_id: str, value: str | None) -> str:
        if value is None:
            return "cast(null as string)"
        nonce = secrets.token_bytes(12)
        data = nonce + AESGCM(key).encrypt(nonce, value.encode(), customer_id.encode())
        return f"'{base64.b64encode(data).decode()}'"

    rows = ", ".join(
        f"('{name}', {', '.join(encrypted(name, row[field]) for field in FIELDS)}, '{vault.key_id(key)}')"
        for name, row in raw.items()
        if name != ERASED
    )
    columns = ", ".join(["customer_id", *(f"{field}_encrypted" for field in FIELDS), "key_id"])
    spark_cluster.query(f"drop table {VAULT}")
    spark_cluster.query(f"create table {VAULT} using parquet as select * from values {rows} as ({columns})")
    answers = read(spark_cluster, vaulted, {"old": (f"select customer_id, {decrypt_sql} from {VAULT}", {})})
    assert dict(answers["old"]) == {name: row["phone"] for name, row in raw.items() if name != ERASED}
    rotate(vaulted, spark_cluster)
    assert_holds_raw_values(stored(spark_cluster, VAULT), raw, VAULT_KEY)


def kill_while_rotating(home: Path, server: harness.Server) -> None:
    """SIGKILL the rotation as soon as its new table is there."""
    command = [harness.DBT, "run-operation", "rotate_vault_key", "--target", "connect"]
    environment = {"MARKETING_SCHEMA": SCHEMA, **server.environment, **ROTATION}
    process = subprocess.Popen(
        command, cwd=harness.ROOT, env=harness.dbt_environment(home, **environment), stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not server.query(f"show tables in {SCHEMA}_vault like '*__rotated'"):
        assert process.poll() is None and time.monotonic() < deadline, "the rotation made no new table"
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()


# ------------------------------------------------------------------------------------------- leaks


def test_no_artefact_of_a_build_holds_a_key_or_personal_data(
    demo, vaulted: Path, spark_cluster: harness.Server, tmp_path: Path
) -> None:
    warehouse = demo.home / "warehouse"
    raw = {"raw.db", "demo_truth.db"} | {path.name for path in warehouse.glob("raw_*.db")}
    searched = [path for path in warehouse.iterdir() if path.name not in raw]
    searched += [path for path in demo.home.iterdir() if path != warehouse]
    searched += [demo.events, vaulted]
    if spark_cluster.logs:  # Spark Connect and thrift: the server's log and the event log behind its UI
        searched.append(spark_cluster.logs)
    assert_tell_nothing(searched, demo)
    # Plain text is searched as well.
    (tmp_path / "log").write_bytes(b"key " + AES_KEY.encode())
    assert harness.found_in(harness.stored_bytes(tmp_path), key_forms()) == {AES_KEY.encode()}
