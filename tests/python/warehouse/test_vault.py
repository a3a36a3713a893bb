"""Keys, encryption and hashes of personal data: who has the key reads them, and no artefact of a build holds them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import dbt_precision_marketing
import harness
from precision_marketing import vault

AES_KEY, HASH_KEY = harness.KEYS["MARKETING_AES_KEY"], harness.KEYS["MARKETING_HASH_KEY"]
KEY_ID = vault.key_id(AES_KEY.encode())
NEW_KEY = "n" * 16 + "k" * 16
NEW_KEY_ID = vault.key_id(NEW_KEY.encode())
FIELDS = ("name", "phone", "email", "id_number", "address")


# -------------------------------------------------------------------------------------------- keys


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An environment without keys; where its key file would be."""
    for name in (*harness.KEYS, "MARKETING_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MARKETING_HOME", str(tmp_path))
    return tmp_path / "keys.env"


KEY = bytes(range(32))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (KEY.hex(), KEY),
        (KEY.hex().upper(), KEY),
        (base64.b64encode(KEY).decode(), KEY),
        (base64.b64encode(KEY).decode().rstrip("="), KEY),
        ("0123456789abcdef0123456789abcdef", b"0123456789abcdef0123456789abcdef"),
    ],
)
def test_an_aes_key_is_32_bytes_in_any_of_three_forms(text: str, key: bytes) -> None:
    assert vault.parse_aes_key(text) == key


@pytest.mark.parametrize(
    "text", ["secret", "é" * 32, KEY.hex()[:-1], "g" * 64, base64.b64encode(KEY[:30]).decode(), "*" * 43 + "="]
)
def test_a_malformed_key_is_refused_without_being_shown(no_keys: Path, monkeypatch, text: str) -> None:
    monkeypatch.setenv("MARKETING_AES_KEY_OLD", text)
    monkeypatch.setenv("MARKETING_AES_KEY", AES_KEY)
    monkeypatch.setenv("MARKETING_HASH_KEY", HASH_KEY)
    with pytest.raises(vault.VaultKeyError, match="MARKETING_AES_KEY_OLD is no key of 32 bytes") as error:
        vault.load_keys()
    assert text not in str(error.value)
    monkeypatch.delenv("MARKETING_AES_KEY_OLD")
    monkeypatch.setenv("MARKETING_HASH_KEY", "short")
    with pytest.raises(vault.VaultKeyError, match="MARKETING_HASH_KEY is too short: give at least 32"):
        vault.load_keys()


def test_the_key_file_is_made_once(no_keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(vault.VaultKeysMissing, match="no MARKETING_AES_KEY and no MARKETING_HASH_KEY"):
        vault.load_keys()
    assert vault.create_keys() == ["MARKETING_AES_KEY", "MARKETING_HASH_KEY"]
    made = no_keys.read_text()
    assert no_keys.stat().st_mode & 0o777 == 0o600
    assert vault.create_keys() == [] and no_keys.read_text() == made
    keys = vault.load_keys()
    assert list(keys.aes) == [keys.key_id]

    # For a rotation: the present key becomes the old one.
    no_keys.write_text(made.replace("MARKETING_AES_KEY=", "MARKETING_AES_KEY_OLD="))
    assert vault.create_keys() == ["MARKETING_AES_KEY"]
    rotated = vault.load_keys()
    assert rotated.key_id != keys.key_id and set(rotated.aes) == {rotated.key_id, keys.key_id}
    assert rotated.hash_key == keys.hash_key

    monkeypatch.setenv("MARKETING_AES_KEY", AES_KEY)
    assert vault.load_keys().key_id == KEY_ID
    no_keys.chmod(0o644)
    with pytest.raises(vault.VaultKeyError, match="chmod 600"):
        vault.load_keys()


def test_keys_are_not_shown() -> None:
    keys = vault.Keys({KEY_ID: AES_KEY.encode()}, KEY_ID, HASH_KEY.encode())
    shown = f"{keys!r} {keys} {vault.session_functions(keys)}"
    with pytest.raises(ValueError, match=f"values of key deadbeef; the keys given are {KEY_ID}") as error:
        vault.session_functions(keys)["vault_key"][0]("deadbeef")
    assert harness.found_in([f"{shown} {error.value}".encode()], key_forms()) == set()


def test_a_key_id_is_an_hmac() -> None:
    assert vault.key_id(KEY) == hmac.new(KEY, b"key id", hashlib.sha256).hexdigest()[:8]


def test_functions_need_only_the_standard_library_where_they_run(tmp_path: Path) -> None:
    from pyspark import cloudpickle

    keys = vault.Keys({KEY_ID: AES_KEY.encode()}, KEY_ID, HASH_KEY.encode())
    functions = {name: function for name, (function, _) in vault.session_functions(keys).items()}
    (tmp_path / "functions").write_bytes(cloudpickle.dumps(functions))
    program = """
import pickle, sys
functions = pickle.load(open("functions", "rb"))
assert not any("precision" in name for name in sys.modules)
key = functions["vault_key"](functions["vault_key_id"]())
print(key.decode(), functions["keyed_hash"]("tél"), functions["keyed_hash"](None))
"""
    for package in ("pyspark", "py4j"):  # what a Spark of its own brings along
        (tmp_path / package).symlink_to(Path(sys.modules[package].__file__).parent)
    result = subprocess.run(
        [sys.executable, "-S", "-c", program], cwd=tmp_path, env={"PYTHONPATH": "."}, capture_output=True, text=True
    )
    expected = hmac.new(HASH_KEY.encode(), "tél".encode(), hashlib.sha256).hexdigest()
    assert result.stdout.strip() == f"{AES_KEY} {expected} None", result.stderr


# --------------------------------------------------------------------------- the build without keys


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"MARKETING_AES_KEY": ""}, "no MARKETING_AES_KEY: personal data cannot be encrypted"),
        ({"MARKETING_AES_KEY": "tooshortforakey"}, "MARKETING_AES_KEY is no key of 32 bytes"),
    ],
)
def test_no_build_begins_without_keys(tmp_path: Path, environment: dict, message: str) -> None:
    result = harness.run_dbt("build", home=tmp_path, check=False, **environment)
    assert result.returncode == 2 and message in result.stdout, result.stdout
    assert "Traceback" not in result.stdout + result.stderr and "tooshort" not in result.stdout + result.stderr
    assert not (tmp_path / "metastore").exists() and not (tmp_path / "warehouse").exists()


@pytest.mark.parametrize(
    ("project", "command", "stops"),
    [
        ("precision_marketing", "build", True),
        ("precision_marketing", "run", True),
        ("precision_marketing", "retry", True),
        ("precision_marketing", "parse", False),
        ("precision_marketing", "test", False),
        ("somebody_elses", "build", False),
    ],
)
def test_only_what_writes_this_warehouse_needs_keys(no_keys, monkeypatch, project, command, stops) -> None:
    flags = type("Flags", (), {"WHICH": command})
    monkeypatch.setattr(dbt_precision_marketing, "get_flags", lambda: flags)
    if stops:
        with pytest.raises(Exception, match="no MARKETING_AES_KEY"):
            dbt_precision_marketing.VaultKeys(project)
    else:
        assert dbt_precision_marketing.VaultKeys(project).project_name == project


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


def raw_customers(home: Path) -> dict[str, dict[str, str]]:
    """The newest raw record of each of the sixty customers."""
    rows = pq.read_table(home / "warehouse" / "raw.db" / "crm_customers").to_pylist()
    known = [row for row in rows if row["customer_id"] and row["customer_id"] <= "C000000060"]
    return {row["customer_id"]: row for row in sorted(known, key=lambda row: row["updated_at"])}


def stored(server: harness.Server, table: str = VAULT) -> dict[str, dict[str, str]]:
    """The vault's rows as a thrift client sees them, by customer."""
    names = ["customer_id", *(f"{field}_encrypted" for field in FIELDS), "key_id"]
    rows = server.query(f"select {', '.join(names)} from {table}")
    return {row[0]: dict(zip(names, row, strict=True)) for row in rows}


def decrypted(row: dict[str, str], field: str, key: bytes) -> str | None:
    """A value of the vault, decrypted by another implementation than Spark's."""
    text = row[f"{field}_encrypted"]
    if text is None:
        return None
    data = base64.b64decode(text)
    return AESGCM(key).decrypt(data[:12], data[12:], row["customer_id"].encode()).decode()


def assert_holds_raw_values(rows: dict[str, dict[str, str]], raw: dict[str, dict[str, str]], key: bytes) -> None:
    for customer_id, row in rows.items():
        expected = [raw[customer_id][field] for field in FIELDS]
        assert [decrypted(row, field, key) for field in FIELDS] == expected, customer_id
        assert row["key_id"] == vault.key_id(key)


def test_another_aes_implementation_reads_the_vault(demo, vaulted: Path, spark_cluster: harness.Server) -> None:
    raw, rows = raw_customers(demo.home), stored(spark_cluster)
    assert rows.keys() == raw.keys() - {ERASED}
    assert_holds_raw_values(rows, raw, AES_KEY.encode())
    assert any(row["email_encrypted"] is None for row in rows.values())
    nonces = [row["phone_encrypted"][:16] for row in rows.values()]
    assert len(set(nonces)) == len(nonces)

    in_process = {
        name: row for name, row in stored(spark_cluster, "marketing_vault.customer_vault").items() if name in raw
    }
    assert len(in_process) > 40
    assert_holds_raw_values(in_process, raw, AES_KEY.encode())


def test_hashes_match_partners_members(demo, vaulted: Path, spark_cluster: harness.Server) -> None:
    def keyed(text: str) -> str:
        digest = hashlib.sha256(text.encode()).hexdigest()
        return hmac.new(HASH_KEY.encode(), digest.encode(), hashlib.sha256).hexdigest()

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
    raw, before = raw_customers(demo.home), stored(spark_cluster)
    wrong = rotate(vaulted, spark_cluster, check=False, MARKETING_AES_KEY=NEW_KEY, MARKETING_AES_KEY_OLD="o" * 32)
    assert wrong.returncode != 0 and f"the vault holds values of key {KEY_ID}" in wrong.stdout, wrong.stdout
    assert stored(spark_cluster) == before

    kill_while_rotating(vaulted, spark_cluster)
    assert stored(spark_cluster) == before

    spark_cluster.query(f"alter table {VAULT} rename to {VAULT}__replaced")
    done = rotate(vaulted, spark_cluster, **ROTATION)
    assert re.search(rf"Rotated {VAULT}: 59 customers, checksum -?\d+, equal before and after", done.stdout), (
        done.stdout
    )
    after = stored(spark_cluster)
    assert after.keys() == before.keys()
    assert_holds_raw_values(after, raw, NEW_KEY.encode())
    assert spark_cluster.query(f"show tables in {SCHEMA}_vault") == [(f"{SCHEMA}_vault", "customer_vault", False)]


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


def key_forms() -> set[bytes]:
    """Both keys as they could be written down."""
    raw = [AES_KEY.encode(), HASH_KEY.encode()]
    hexadecimal = [key.hex().encode() for key in raw]
    return {*raw, *hexadecimal, *(text.upper() for text in hexadecimal), *map(base64.b64encode, raw)}


def personal_values(home: Path) -> set[bytes]:
    """Telephone numbers, e-mail addresses and identity numbers of some fifty demo customers."""
    known = [
        row for row in raw_customers(home).values() if row["email"] and row["id_number"] and row["phone"].isdigit()
    ]
    assert len(known) >= 40
    return {row[field].encode() for row in known for field in ("phone", "email", "id_number")}


def test_no_artefact_of_a_build_holds_a_key_or_personal_data(
    demo, vaulted: Path, spark_cluster: harness.Server, tmp_path: Path
) -> None:
    secrets = key_forms() | personal_values(demo.home)
    warehouse = demo.home / "warehouse"
    raw = {"raw.db", "demo_truth.db"} | {path.name for path in warehouse.glob("raw_*.db")}
    searched = [path for path in warehouse.iterdir() if path.name not in raw]
    searched += [path for path in demo.home.iterdir() if path != warehouse]
    searched += [demo.events, vaulted]
    if spark_cluster.logs:  # Spark Connect and thrift: the server's log and the event log behind its UI
        searched.append(spark_cluster.logs)
    names = {path.name for path in searched}
    assert {"target", "logs", "metastore", "marketing_vault.db", "marketing_staging.db"} <= names
    for folder in searched:
        assert harness.found_in(harness.stored_bytes(folder), secrets) == set(), folder

    # The search finds what is there: in Parquet, in the event log, and as plain text.
    assert harness.found_in(harness.stored_bytes(warehouse / "raw.db"), secrets) == personal_values(demo.home)
    assert harness.found_in(harness.stored_bytes(demo.events), {b"vault_key(vault_key_id()"}) != set()
    (tmp_path / "log").write_bytes(b"key " + AES_KEY.encode())
    assert harness.found_in(harness.stored_bytes(tmp_path), secrets) == {AES_KEY.encode()}
