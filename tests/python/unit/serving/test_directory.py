"""Users and roles, by a directory that is there: OpenLDAP's own server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import ldap_server
from ldap_server import BASE, COMMA, FILTER, PASSWORDS, USER_DN, LdapServer, make_certificate
from precision_marketing.serving import directory
from precision_marketing.serving.directory import Directory, DirectoryUnavailable, NoRole, WrongPassword

GROUPS = {"analyst": [ldap_server.ANALYSTS], "steward": [ldap_server.STEWARDS]}


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LdapServer]:
    with ldap_server.ldap_server(tmp_path_factory.mktemp("ldap")) as server:
        yield server


@pytest.fixture(scope="module")
def users(slapd: LdapServer) -> Directory:
    return Directory(slapd.url, USER_DN, has_tls=False, groups=GROUPS)


def test_groups_give_the_role_and_the_stewards_comes_first(users: Directory) -> None:
    assert users.roles() == ["steward", "analyst"]
    assert users.role("anna", PASSWORDS["anna"]) == "analyst"
    assert users.role("stefan", PASSWORDS["stefan"]) == "steward"
    with pytest.raises(NoRole):
        users.role("gast", PASSWORDS["gast"])


@pytest.mark.parametrize("user", ["anna", "nobody", "*", "", " anna", "anna ", "anna\n", "a" * 257])
def test_wrong_names_and_passwords_are_refused(users: Directory, user: str) -> None:
    for password in ("wrong", PASSWORDS["stefan"], ""):
        with pytest.raises(WrongPassword):
            users.role(user, password)


def test_a_name_is_put_into_a_dn_and_into_a_filter_as_it_is(slapd: LdapServer, users: Directory) -> None:
    assert users.role(COMMA, PASSWORDS[COMMA]) == "analyst"
    with pytest.raises(NoRole):
        users.role(FILTER, PASSWORDS[FILTER])
    shorter = Directory(slapd.url, f"uid={{user}},{BASE}", has_tls=False, users={"analyst": ["anna,ou=people"]})
    with pytest.raises(WrongPassword):
        shorter.role("anna,ou=people", PASSWORDS["anna"])


def test_names_give_the_role_too_and_only_as_they_are_written(slapd: LdapServer) -> None:
    named = Directory(
        slapd.url, USER_DN, has_tls=False, users={"steward": ["gast"]}, groups={"analyst": GROUPS["analyst"]}
    )
    assert named.role("gast", PASSWORDS["gast"]) == "steward"
    assert named.role("anna", PASSWORDS["anna"]) == "analyst"
    with pytest.raises(NoRole):
        named.role("GAST", PASSWORDS["gast"])


def test_a_group_that_is_not_there_gives_nobody_a_role_and_is_named(slapd: LdapServer) -> None:
    absent = Directory(slapd.url, USER_DN, has_tls=False, groups={"steward": [f"cn=absent,{BASE}"]})
    with pytest.raises(NoRole, match="cn=absent,dc=example,dc=org: noSuchObject"):
        absent.role("stefan", PASSWORDS["stefan"])


def test_tls_is_started_or_there_from_the_beginning_and_the_certificate_is_checked(
    slapd: LdapServer, tmp_path: Path
) -> None:
    other, _ = make_certificate(tmp_path)
    for url in (slapd.url, slapd.tls_url):
        good = Directory(url, USER_DN, str(slapd.certificate), groups=GROUPS)
        good.check()
        assert good.role("anna", PASSWORDS["anna"]) == "analyst"
        for certificates in (None, str(other)):
            wrong = Directory(url, USER_DN, certificates, groups=GROUPS)
            with pytest.raises(DirectoryUnavailable, match="certificate verify failed"):
                wrong.check()
            with pytest.raises(DirectoryUnavailable, match="certificate verify failed"):
                wrong.role("anna", PASSWORDS["anna"])


@pytest.mark.parametrize(("scheme", "has_tls"), [("ldap", False), ("ldap", True), ("ldaps", True)])
def test_a_server_that_says_nothing_does_not_hold_anybody_up(
    monkeypatch: pytest.MonkeyPatch, scheme: str, has_tls: bool
) -> None:
    monkeypatch.setattr(directory, "CONNECT_SECONDS", 1)
    monkeypatch.setattr(directory, "ANSWER_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"{scheme}://127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(DirectoryUnavailable, match=url):
            Directory(url, USER_DN, has_tls=has_tls, users={"analyst": ["anna"]}).role("anna", "x")
    with pytest.raises(DirectoryUnavailable, match=url):
        Directory(url, USER_DN, has_tls=has_tls).check()
