"""Keys of the vault of personal data, and the functions that Spark sessions use them by.

    python -m precision_marketing.vault create-keys

Keys come from the environment or from a key file with lines NAME=value; the environment wins:

    MARKETING_AES_KEY      encrypts the vault: 32 bytes as 64 hex digits, as base64, or as 32 characters
    MARKETING_AES_KEY_OLD  further keys that it may be read with, separated by commas
    MARKETING_HASH_KEY     keyed hashes, at least 32 characters
    MARKETING_KEY_FILE     the key file, by default keys.env in MARKETING_HOME

No key is used as it is given: each purpose has one of its own, derived by HKDF-SHA-256 (RFC 5869). So what one purpose
shows (a keyed hash of any text that somebody sends) is of no use for another (a signature).

A session that `register` prepared has three SQL functions. The keys travel inside the pickled functions, so none is
ever part of a statement, a plan, a setting or a log; where they run they need Python's standard library only:

    keyed_hash(text)   HMAC-SHA-256 of a text with the key for hashes, 64 hex digits; null for null
    vault_key(key_id)  the AES key with this id, binary; an error that names the known ids if there is none
    vault_key_id()     the id of the key that encrypts

Encryption is Spark's own aes_encrypt and aes_decrypt (AES-256-GCM); macros/privacy/vault.sql has the SQL.
"""

from __future__ import annotations

import argparse
import base64
import hmac
import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from precision_marketing.project import private

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

AES_KEY, OLD_AES_KEYS, HASH_KEY = "MARKETING_AES_KEY", "MARKETING_AES_KEY_OLD", "MARKETING_HASH_KEY"
REQUIRED = (AES_KEY, HASH_KEY)
HASH_KEY_CHARACTERS = 32
# What keys are derived for.
VAULT, HASHES, SIGNATURES = "vault", "keyed hashes", "model signatures"


class VaultKeyError(Exception):
    """Keys are missing or malformed; the message says which and what to do, and never holds a key."""


class VaultKeysMissing(VaultKeyError):
    """A key that is needed is set nowhere."""


@dataclass(frozen=True, repr=False)
class Keys:
    """The keys in use, each for one purpose: AES keys by key id, the current one's id, those of hashes and signatures.

    The AES keys include those given, underived: a vault of an earlier release is encrypted with one.
    """

    aes: Mapping[str, bytes]
    key_id: str
    hash_key: bytes
    signing_key: bytes

    def __repr__(self) -> str:
        return f"Keys(key_id={self.key_id!r})"


def derived(key: bytes, purpose: str) -> bytes:
    """The key of 32 bytes for a purpose (VAULT, HASHES, SIGNATURES): HKDF-SHA-256, RFC 5869."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"precision_marketing {purpose}".encode()).derive(key)


def key_id(key: bytes) -> str:
    """What names a key without telling it: the first 8 hex digits of HMAC-SHA-256(key, "key id")."""
    return hmac.digest(key, b"key id", "sha256").hex()[:8]


def parse_aes_key(text: str, name: str = AES_KEY) -> bytes:
    """The 32 bytes that ``text`` stands for; ``name`` is the setting that it comes from.

    Raises VaultKeyError unless it is 64 hex digits, the base64 of 32 bytes, or 32 characters of ASCII.
    """
    if re.fullmatch("[0-9a-fA-F]{64}", text):
        return bytes.fromhex(text)
    if re.fullmatch("[0-9a-zA-Z+/]{43}=?", text):
        return base64.b64decode(text[:43] + "=")
    if len(text) == 32 and text.isascii():
        return text.encode()
    raise VaultKeyError(f"{name} is no key of 32 bytes: give 64 hex digits, base64 of 32 bytes, or 32 characters")


def key_file() -> Path:
    """Where the key file is or would be: $MARKETING_KEY_FILE, else keys.env in $MARKETING_HOME."""
    return Path(os.environ.get("MARKETING_KEY_FILE") or private.home() / "keys.env")


def settings() -> dict[str, str]:
    """The keys as they are written, by name: those of the key file, overruled by the environment.

    Raises VaultKeyError if others than its owner can read the key file.
    """
    found, path = {}, key_file()
    if path.is_file():
        if path.stat().st_mode & private.OTHERS:
            raise VaultKeyError(f"{path.absolute()} is open to other users of this machine: chmod 600 it")
        lines = [line.partition("=") for line in path.read_text().splitlines() if not line.startswith("#")]
        found = {name.strip(): value.strip() for name, _, value in lines}
    names = (*REQUIRED, OLD_AES_KEYS)
    return {name: value for name in names if (value := os.environ.get(name) or found.get(name))}


def load_keys() -> Keys:
    """The keys in use. Raises VaultKeysMissing if one is set nowhere, VaultKeyError if one is malformed."""
    given = settings()
    missing = [name for name in REQUIRED if name not in given]
    if missing:
        raise VaultKeysMissing(
            f"no {' and no '.join(missing)}: personal data cannot be encrypted and hashed without. "
            "Make a key file once by `python -m precision_marketing.vault create-keys` "
            f"(it would be {key_file().absolute()}), or set the keys in the environment; see docs/privacy.md"
        )
    if len(given[HASH_KEY]) < HASH_KEY_CHARACTERS:
        raise VaultKeyError(f"{HASH_KEY} is too short: give at least {HASH_KEY_CHARACTERS} characters")
    old = [parse_aes_key(text.strip(), OLD_AES_KEYS) for text in given.get(OLD_AES_KEYS, "").split(",") if text.strip()]
    masters = [parse_aes_key(given[AES_KEY]), *old]
    vault_keys = [derived(key, VAULT) for key in masters]
    hash_master = given[HASH_KEY].encode()
    return Keys(
        {key_id(key): key for key in (*vault_keys, *masters)},
        key_id(vault_keys[0]),
        derived(hash_master, HASHES),
        derived(hash_master, SIGNATURES),
    )


def create_keys() -> list[str]:
    """Write the keys that are set nowhere to the key file, and return their names. Never changes a key.

    Raises VaultKeyError if a key that is set is malformed.
    """
    missing = [name for name in REQUIRED if name not in settings()]
    if missing:
        path = key_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path.read_text() if path.is_file() else ""
        unended = bool(written) and not written.endswith("\n")  # else the first new line would join the last one
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as file:
            file.write("\n" * unended)
            file.writelines(f"{name}={secrets.token_hex(32)}\n" for name in missing)
    load_keys()
    return missing


# ------------------------------------------------------------------------------------ Spark sessions


def created_message(created: Sequence[str]) -> str:
    """What whoever let ``create_keys`` make keys has to know; ``created`` is what it returned."""
    return f"Made {' and '.join(created)} in {key_file()}. Keep that file: nobody can read the vault without it."


def session_functions(keys: Keys) -> dict[str, tuple[Callable[..., Any], str]]:
    """The SQL functions of this module: Python function and Spark type of its result, by name."""
    hash_key, aes, current = keys.hash_key, dict(keys.aes), keys.key_id

    # Nested functions are pickled by value: executors need not have this package.
    def keyed_hash(text: str | None) -> str | None:
        return None if text is None else hmac.digest(hash_key, text.encode(), "sha256").hex()

    def vault_key(wanted: str | None) -> bytes:
        if wanted not in aes:
            raise ValueError(f"the vault holds values of key {wanted}; the keys given are {', '.join(aes)}")
        return aes[wanted]

    def vault_key_id() -> str:
        return current

    return {
        "keyed_hash": (keyed_hash, "string"),
        "vault_key": (vault_key, "binary"),
        "vault_key_id": (vault_key_id, "string"),
    }


def register(session: SparkSession) -> None:
    """Give ``session``, classic or Connect, the SQL functions; does nothing where no keys are set.

    Raises VaultKeyError if a key is malformed.
    """
    try:
        keys = load_keys()
    except VaultKeysMissing:
        return
    for name, (function, result_type) in session_functions(keys).items():
        session.udf.register(name, function, result_type)


def query_model(sql: str) -> Callable[[Any, SparkSession], DataFrame]:
    """The ``model`` function of a dbt Python model that is a query: see macros/privacy/session_table.sql."""
    return lambda dbt, session: session.sql(sql)


def main() -> None:
    """Entry point of ``python -m precision_marketing.vault``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("create-keys", help="write the keys that are set nowhere to the key file")
    parser.parse_args()
    private.from_now_on()
    try:
        created = create_keys()
        keys = load_keys()
    except VaultKeyError as error:
        sys.exit(f"error: {error}")
    if created:
        print(created_message(created))
    else:
        print(f"The keys are there, nothing changed (key {keys.key_id}).")
