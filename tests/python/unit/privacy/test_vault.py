"""Keys: their forms, their file, what they are never shown in, and what needs them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import subprocess
import sys
from pathlib import Path

import pytest

import dbt_precision_marketing
import harness
from precision_marketing.privacy import vault
from vault_values import AES_KEY, HASH_KEY, KEY_ID, key_forms


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
    assert list(keys.aes)[0] == keys.key_id and len(keys.aes) == 2

    # For a rotation: the present key becomes the old one.
    no_keys.write_text(made.replace("MARKETING_AES_KEY=", "MARKETING_AES_KEY_OLD="))
    assert vault.create_keys() == ["MARKETING_AES_KEY"]
    rotated = vault.load_keys()
    assert rotated.key_id != keys.key_id and len(rotated.aes) == 4 and set(keys.aes) < set(rotated.aes)
    assert rotated.hash_key == keys.hash_key

    monkeypatch.setenv("MARKETING_AES_KEY", AES_KEY)
    assert vault.load_keys().key_id == KEY_ID
    no_keys.chmod(0o640)
    with pytest.raises(vault.VaultKeyError, match="chmod 600"):
        vault.load_keys()


def test_keys_are_not_shown() -> None:
    keys = vault.Keys({KEY_ID: AES_KEY.encode()}, KEY_ID, HASH_KEY.encode(), b"s" * 32)
    shown = f"{keys!r} {keys} {vault.session_functions(keys)}"
    with pytest.raises(ValueError, match=f"values of key deadbeef; the keys given are {KEY_ID}") as error:
        vault.session_functions(keys)["vault_key"][0]("deadbeef")
    assert harness.found_in([f"{shown} {error.value}".encode()], key_forms()) == set()


def test_a_key_file_without_a_last_line_end_loses_no_key(no_keys: Path) -> None:
    no_keys.write_text(f"MARKETING_HASH_KEY={HASH_KEY}")
    no_keys.chmod(0o600)
    assert vault.create_keys() == ["MARKETING_AES_KEY"]
    assert vault.settings()["MARKETING_HASH_KEY"] == HASH_KEY


def test_each_purpose_has_a_key_of_its_own() -> None:
    """HKDF as RFC 5869 tells it: extract with no salt, expand by one block."""
    purposes = (vault.VAULT, vault.HASHES, vault.SIGNATURES)
    extracted = hmac.digest(bytes(32), KEY, "sha256")
    for purpose in purposes:
        info = f"precision_marketing {purpose}".encode()
        assert vault.derived(KEY, purpose) == hmac.digest(extracted, info + b"\x01", "sha256")
    assert len({vault.derived(KEY, purpose) for purpose in purposes} | {KEY}) == 4


def test_a_key_id_is_an_hmac() -> None:
    assert vault.key_id(KEY) == hmac.new(KEY, b"key id", hashlib.sha256).hexdigest()[:8]


def test_functions_need_only_the_standard_library_where_they_run(tmp_path: Path) -> None:
    from pyspark import cloudpickle

    keys = vault.Keys({KEY_ID: AES_KEY.encode()}, KEY_ID, HASH_KEY.encode(), b"s" * 32)
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
