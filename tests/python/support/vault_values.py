"""What the vault holds, by another AES than Spark's, and what must not be found elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import harness
from precision_marketing.privacy import vault

AES_KEY = harness.KEYS["MARKETING_AES_KEY"]

HASH_KEY = harness.KEYS["MARKETING_HASH_KEY"]

VAULT_KEY = vault.derived(AES_KEY.encode(), vault.VAULT)

KEY_ID = vault.key_id(VAULT_KEY)

FIELDS = ("name", "phone", "email", "id_number", "address")


def raw_customers(home: Path) -> dict[str, dict[str, str]]:
    """The newest raw record of each of the sixty customers."""
    rows = pq.read_table(home / "warehouse" / "raw.db" / "crm_customers").to_pylist()
    known = [row for row in rows if row["customer_id"] and row["customer_id"] <= "C000000060"]
    return {row["customer_id"]: row for row in sorted(known, key=lambda row: row["updated_at"])}


def stored(server: harness.Server, table: str) -> dict[str, dict[str, str]]:
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
    return AESGCM(key).decrypt(data[:12], data[12:], f"{field} of {row['customer_id']}".encode()).decode()


def assert_holds_raw_values(rows: dict[str, dict[str, str]], raw: dict[str, dict[str, str]], key: bytes) -> None:
    for customer_id, row in rows.items():
        expected = [raw[customer_id][field] for field in FIELDS]
        assert [decrypted(row, field, key) for field in FIELDS] == expected, customer_id
        assert row["key_id"] == vault.key_id(key)


def key_forms() -> set[bytes]:
    """All keys, given and derived, as they could be written down."""
    raw = [AES_KEY.encode(), HASH_KEY.encode(), VAULT_KEY]
    raw += [vault.derived(HASH_KEY.encode(), purpose) for purpose in (vault.HASHES, vault.SIGNATURES)]
    hexadecimal = [key.hex().encode() for key in raw]
    return {*raw, *hexadecimal, *(text.upper() for text in hexadecimal), *map(base64.b64encode, raw)}


def personal_values(home: Path) -> set[bytes]:
    """Telephone numbers, e-mail addresses and identity numbers of some fifty demo customers."""
    known = [
        row for row in raw_customers(home).values() if row["email"] and row["id_number"] and row["phone"].isdigit()
    ]
    assert len(known) >= 40
    return {row[field].encode() for row in known for field in ("phone", "email", "id_number")}


def assert_tell_nothing(searched: Sequence[Path], demo: harness.Demo) -> None:
    """No file in the folders ``searched`` tells a key or a personal value of ``demo``; the search finds what is."""
    secrets = key_forms() | personal_values(demo.home)
    names = {path.name for path in searched}
    assert {"target", "logs", "metastore", "marketing_vault.db", "marketing_staging.db"} <= names
    for folder in searched:
        assert harness.found_in(harness.stored_bytes(folder), secrets) == set(), folder
    raw = demo.home / "warehouse" / "raw.db"
    assert harness.found_in(harness.stored_bytes(raw), secrets) == personal_values(demo.home)
    assert harness.found_in(harness.stored_bytes(demo.events), {b"vault_key(vault_key_id()"}) != set()
