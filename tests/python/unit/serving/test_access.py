"""The options that say who may connect: what does not go together is told in a line, before anything is started."""

from __future__ import annotations

import argparse
import re
import socket
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

import harness
from ldap_server import make_certificate
from precision_marketing.serving import access
from precision_marketing.serving.directory import Directory, DirectoryUnavailable

LDAP = ["--ldap-url", "ldaps://directory.example.org", "--ldap-user-dn", "uid={user},ou=people,dc=example,dc=org"]
ANALYSTS = ["--analyst-group", "cn=analysts,dc=example,dc=org"]


@pytest.fixture
def tls(tmp_path: Path) -> list[str]:
    certificate, key = make_certificate(tmp_path)
    return ["--tls-certificate", str(certificate), "--tls-key", str(key)]


@pytest.fixture(autouse=True)
def answering(monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory is there."""
    monkeypatch.setattr(Directory, "check", lambda self: None)


def checked(*options: str, is_contained: bool = True) -> access.Access:
    parser = argparse.ArgumentParser()
    access.add_options(parser)
    return access.checked(parser.parse_args(options), is_contained)


def test_the_page_lists_every_option() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    access.add_options(parser)
    page = (harness.ROOT / "docs" / "engines.md").read_text()
    section = page.split("### For BI tools: `make serve`")[1].split("### For builds")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `--")]
    assert {option for cell in cells for option in re.findall("--[a-z-]+", cell)} == set(parser._option_string_actions)


def test_without_options_nobody_logs_in_and_only_this_machine_connects() -> None:
    found = checked()
    assert (found.roles, found.directory, found.tls, found.warnings) == (["analyst"], None, None, ())
    assert found.summary() == "No log-in: every user of this machine is served as analyst."
    assert checked("--role", "steward").roles == ["steward"]


def test_a_server_is_started_for_each_role_that_somebody_can_have(tls: list[str]) -> None:
    assert checked(*LDAP, *ANALYSTS, *tls).roles == ["analyst"]
    both = checked(*LDAP, *ANALYSTS, "--steward-user", "stefan", *tls, "--host", "0.0.0.0")
    assert both.roles == ["steward", "analyst"]
    assert both.directory is not None and both.directory.users["steward"] == ["stefan"]
    assert both.summary() == "Log-in by ldaps://directory.example.org, for: steward, analyst. TLS: on."
    assert both.tls is not None and both.tls.minimum_version.name == "TLSv1_2"
    assert both.family == socket.AF_INET and checked(*LDAP, *ANALYSTS, *tls, "--host", "::").family == socket.AF_INET6


@pytest.mark.parametrize("given", ["", "log-in", "TLS"])
def test_other_machines_need_log_in_and_tls(tls: list[str], given: str) -> None:
    options = {"": [], "log-in": [*LDAP, *ANALYSTS], "TLS": tls}[given]
    with pytest.raises(access.Wrong, match="^--host 0.0.0.0 needs log-in and TLS: .*--tls-key$"):
        checked(*options, "--host", "0.0.0.0")
    assert checked(*options, "--host", "localhost").roles == ["analyst"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (ANALYSTS, "--analyst-group needs --ldap-url"),
        (["--ldap-without-tls"], "--ldap-without-tls needs --ldap-url"),
        ([*LDAP, *ANALYSTS, "--role", "steward"], "--role is for an endpoint without log-in"),
        (LDAP, "nobody has a role"),
        ([*LDAP, "--analyst-group", "analysts"], "a group is a DN such as .*, not analysts"),
        ([*LDAP[:2], *ANALYSTS], "--ldap-user-dn is a DN with {user}"),
        ([*LDAP[:2], *ANALYSTS, "--ldap-user-dn", "ou=people,dc=example"], "--ldap-user-dn is a DN with {user}"),
        ([*LDAP[:2], *ANALYSTS, "--ldap-user-dn", "{user}@example.org"], "--ldap-user-dn is a DN with {user}"),
        (["--ldap-url", "http://x", *LDAP[2:], *ANALYSTS], "--ldap-url is ldaps://.*, not http://x"),
        (["--ldap-url", "ldaps://[x", *LDAP[2:], *ANALYSTS], "--ldap-url is ldaps://"),
        (["--ldap-url", "ldap://", *LDAP[2:], *ANALYSTS], "--ldap-url is ldaps://"),
        ([*LDAP, *ANALYSTS, "--ldap-certificates", "/absent"], "/absent: no such file"),
        (["--ldap-url", "ldap://192.0.2.1", *LDAP[2:], *ANALYSTS, "--ldap-without-tls"], "through a network"),
        (["--tls-key", "/absent"], "--tls-certificate and --tls-key go together"),
        (["--tls-key", "/absent", "--tls-certificate", "/absent"], "/absent: No such file"),
        (["--host", "no.such.host.invalid"], "no address of no.such.host.invalid"),
    ],
)
def test_options_that_do_not_go_together(options: list[str], text: str) -> None:
    with pytest.raises(access.Wrong, match=text) as wrong:
        checked(*options)
    assert "\n" not in str(wrong.value)


def test_log_in_needs_the_sandbox() -> None:
    with pytest.raises(access.Wrong, match="log-in needs bubblewrap"):
        checked(*LDAP, *ANALYSTS, is_contained=False)
    assert checked(is_contained=False).roles == ["analyst"]


def test_a_directory_that_cannot_be_asked_is_told_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Directory) -> None:
        raise DirectoryUnavailable("ldaps://directory.example.org: certificate verify failed")

    monkeypatch.setattr(Directory, "check", fail)
    with pytest.raises(access.Wrong, match="cannot be asked: ldaps://directory.example.org: certificate verify"):
        checked(*LDAP, *ANALYSTS)


def test_a_key_is_that_of_the_certificate_private_and_without_a_password(tls: list[str], tmp_path: Path) -> None:
    key = Path(tls[3])
    assert checked(*tls).warnings == ()
    key.chmod(0o640)
    assert checked(*tls).warnings == (f"other users can read or change {key}: chmod 600 {key}",)
    (tmp_path / "other").mkdir()
    _, other = make_certificate(tmp_path / "other")
    with pytest.raises(access.Wrong, match="are no certificate and its key .*KEY_VALUES_MISMATCH"):
        checked(*tls[:3], str(other))
    locked = serialization.load_pem_private_key(other.read_bytes(), None).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    other.write_bytes(locked)
    with pytest.raises(access.Wrong, match="has a password"):
        checked(*tls[:3], str(other))


def test_passwords_that_go_unencrypted_over_this_machine_are_told() -> None:
    (warning,) = checked(*LDAP, *ANALYSTS).warnings
    assert warning.startswith("log-in without TLS")
