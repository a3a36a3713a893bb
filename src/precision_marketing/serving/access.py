"""Who may connect to the BI endpoint, from where and how: the options of ``python -m precision_marketing.serve``."""

from __future__ import annotations

import argparse
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlparse

from precision_marketing.project import private
from precision_marketing.serving.directory import Directory, DirectoryUnavailable
from precision_marketing.serving.server import HOST

LDAP_OPTIONS = ("ldap_user_dn", "ldap_certificates", "ldap_without_tls", "analyst_group", "steward_group",
                "analyst_user", "steward_user")  # fmt: skip


class Wrong(Exception):
    """Options that do not go together, or name what is not there; the message says why in one line."""


@dataclass(frozen=True)
class Access:
    """Checked options: the roles that are served, the directory of users, TLS, and what to warn of."""

    roles: list[str]
    family: socket.AddressFamily
    directory: Directory | None = None
    tls: ssl.SSLContext | None = None
    warnings: tuple[str, ...] = ()

    def summary(self) -> str:
        """Who can connect, in a line."""
        if self.directory:
            return f"Log-in by {self.directory.url}, for: {', '.join(self.roles)}. TLS: {'on' if self.tls else 'off'}."
        return f"No log-in: every user of this machine is served as {self.roles[0]}."


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the endpoint."""
    parser.add_argument("--host", default=HOST, help="an address of this machine; another than 127.0.0.1 needs\n"
                        "log-in and TLS")  # fmt: skip
    parser.add_argument("--port", type=int, default=10000)
    parser.add_argument("--role", choices=("analyst", "steward"),
                        help="what is shown where nobody logs in. analyst (default): the published tables;\n"
                        "steward: the results of the gates as well")  # fmt: skip
    group = parser.add_argument_group("TLS")
    group.add_argument("--tls-certificate", metavar="FILE", help="the certificate and those it is signed by, PEM")
    group.add_argument("--tls-key", metavar="FILE", help="its key, PEM, without a password")
    group = parser.add_argument_group("log-in by LDAP: each user has the role that a group, or his name, gives him")
    group.add_argument("--ldap-url", metavar="URL", help="ldaps://host[:port], or ldap://host[:port] with StartTLS")
    group.add_argument("--ldap-user-dn", metavar="PATTERN", help="for example uid={user},ou=people,dc=example,dc=org")
    group.add_argument("--ldap-certificates", metavar="FILE",
                       help="the authority of the directory's certificate, PEM; default: this machine's")  # fmt: skip
    group.add_argument("--ldap-without-tls", action="store_true", help="for a directory on this machine")
    for role in ("analyst", "steward"):
        group.add_argument(f"--{role}-group", metavar="DN", action="append", default=[], help="may be repeated")
        group.add_argument(f"--{role}-user", metavar="NAME", action="append", default=[], help="may be repeated")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine and no other reaches it."""
    try:
        return all(ipaddress.ip_address(found[4][0]).is_loopback for found in socket.getaddrinfo(host, None))
    except OSError as error:
        raise Wrong(f"no address of {host}: {error.strerror or error}") from None


def server_tls(certificate: str, key: str) -> ssl.SSLContext:
    """TLS 1.2 or newer with a certificate and its key. Raises Wrong."""

    def refuse() -> NoReturn:
        raise Wrong(f"{key} has a password: give a key without, which nobody else can read")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for path in (certificate, key):
        try:
            Path(path).read_bytes()
        except OSError as error:
            raise Wrong(f"{path}: {error.strerror}") from None
    try:
        context.load_cert_chain(certificate, key, refuse)
    except ssl.SSLError as error:
        raise Wrong(f"{certificate} and {key} are no certificate and its key (PEM): {error.reason or error}") from None
    return context


def directory(arguments: argparse.Namespace) -> Directory:
    """The directory of users that the options name. Raises Wrong."""
    try:
        url = urlparse(arguments.ldap_url)
    except ValueError:
        url = urlparse("")
    pattern = arguments.ldap_user_dn or ""
    if url.scheme not in ("ldap", "ldaps") or not url.hostname or url.path.strip("/"):
        raise Wrong(f"--ldap-url is ldaps://host[:port] or ldap://host[:port], not {arguments.ldap_url}")
    if pattern.count("{user}") != 1 or "={user}" not in pattern:
        raise Wrong("--ldap-user-dn is a DN with {user} in it, such as uid={user},ou=people,dc=example,dc=org")
    if arguments.ldap_without_tls and not is_loopback(url.hostname):
        raise Wrong("--ldap-without-tls would send passwords through a network: leave it out")
    if arguments.ldap_certificates and not Path(arguments.ldap_certificates).is_file():
        raise Wrong(f"{arguments.ldap_certificates}: no such file")
    groups = {"analyst": arguments.analyst_group, "steward": arguments.steward_group}
    for group in (*arguments.analyst_group, *arguments.steward_group):
        if "=" not in group:
            raise Wrong(f"a group is a DN such as cn=analysts,ou=groups,dc=example,dc=org, not {group}")
    users = {"analyst": arguments.analyst_user, "steward": arguments.steward_user}
    found = Directory(
        arguments.ldap_url, pattern, arguments.ldap_certificates, not arguments.ldap_without_tls, groups, users
    )
    if not found.roles():
        raise Wrong("nobody has a role: give --analyst-group, --steward-group, --analyst-user or --steward-user")
    try:
        found.check()
    except DirectoryUnavailable as error:
        raise Wrong(f"the directory of users cannot be asked: {error}") from None
    return found


def checked(arguments: argparse.Namespace, is_contained: bool) -> Access:
    """What the options say, with a connection to the directory tried. Raises Wrong."""
    has_log_in = arguments.ldap_url is not None
    if not has_log_in and (given := [name for name in LDAP_OPTIONS if getattr(arguments, name)]):
        raise Wrong(f"--{given[0].replace('_', '-')} needs --ldap-url")
    if has_log_in and arguments.role:
        raise Wrong("--role is for an endpoint without log-in: with one, groups and names give the role")
    if has_log_in and not is_contained:
        raise Wrong("log-in needs bubblewrap: without it clients run programs as you, and could read what others type")
    if bool(arguments.tls_certificate) != bool(arguments.tls_key):
        raise Wrong("--tls-certificate and --tls-key go together")
    if not is_loopback(arguments.host) and not (has_log_in and arguments.tls_key):
        raise Wrong(f"--host {arguments.host} needs log-in and TLS: --ldap-url, --tls-certificate and --tls-key")
    tls, warnings = None, []
    if arguments.tls_key:
        tls = server_tls(arguments.tls_certificate, arguments.tls_key)
        if Path(arguments.tls_key).stat().st_mode & private.OTHERS:
            warnings.append(f"other users can read or change {arguments.tls_key}: chmod 600 {arguments.tls_key}")
    if has_log_in and not tls:
        warnings.append("log-in without TLS: whoever reads this machine's own traffic reads passwords")
    family = socket.getaddrinfo(arguments.host, arguments.port, type=socket.SOCK_STREAM)[0][0]
    found = directory(arguments) if has_log_in else None
    return Access(found.roles() if found else [arguments.role or "analyst"], family, found, tls, tuple(warnings))
