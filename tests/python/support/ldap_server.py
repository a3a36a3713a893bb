"""A directory of users for tests: OpenLDAP's slapd on this machine, and certificates made for the occasion."""

from __future__ import annotations

import datetime as dt
import ipaddress
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from precision_marketing.serving.server import free_port, is_open

BASE = "dc=example,dc=org"
USER_DN = f"uid={{user}},ou=people,{BASE}"
ANALYSTS, STEWARDS = f"cn=analysts,ou=groups,{BASE}", f"cn=stewards,ou=groups,{BASE}"
# Names that would be another's, or in another's group, if they were put unescaped into a DN or a filter.
COMMA, FILTER = "o'hara, (eva*) \\ +uid=x", "x)(memberUid=stefan"
PASSWORDS = {name: f"the-password-of-{name[:8]}" for name in ("anna", "stefan", "gast", COMMA, FILTER)}
SCHEMAS = ("core", "cosine", "nis", "inetorgperson")


class LdapServer(NamedTuple):
    """Addresses of one slapd, and the certificate that it shows."""

    url: str
    tls_url: str
    certificate: Path


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of this machine, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "made for a test")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - dt.timedelta(days=1), now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].touch(mode=0o600)
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def entry(dn: str, *kinds: str, **attributes: str) -> dict[str, list[str]]:
    return {"dn": [dn], "objectClass": list(kinds), **{name: [value] for name, value in attributes.items()}}


def entries() -> list[dict[str, list[str]]]:
    """What the directory has: users, analysts as a group of DNs, and stewards as one of names."""
    from ldap3.utils.dn import escape_rdn

    def dn(user: str) -> str:
        return USER_DN.replace("{user}", escape_rdn(user))

    people = [entry(dn(user), "inetOrgPerson", uid=user, cn=user, sn=user, userPassword=password)
              for user, password in PASSWORDS.items()]  # fmt: skip
    analysts = entry(ANALYSTS, "groupOfNames", cn="analysts")
    analysts["member"] = [dn("anna"), dn("stefan"), dn(COMMA)]
    return [
        entry(BASE, "dcObject", "organization", dc="example", o="example"),
        entry(f"ou=people,{BASE}", "organizationalUnit", ou="people"),
        entry(f"ou=groups,{BASE}", "organizationalUnit", ou="groups"),
        *people,
        analysts,
        entry(STEWARDS, "posixGroup", cn="stewards", gidNumber="1", memberUid="stefan"),
    ]


def program(name: str) -> str | None:
    """Where a program of the server's package is; the folder is often on nobody's path but root's."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


@contextmanager
def ldap_server(folder: Path) -> Iterator[LdapServer]:
    """A directory in ``folder`` with the users of PASSWORDS. Skips the test where there is no slapd."""
    slapd, slapadd = program("slapd"), program("slapadd")
    if slapd is None or slapadd is None or not Path("/etc/ldap/schema").exists():
        pytest.skip("no slapd on this machine (Debian, Ubuntu: package slapd)")
    certificate, key = make_certificate(folder)
    (folder / "data").mkdir()
    configuration, content = folder / "slapd.conf", folder / "content.ldif"
    configuration.write_text(
        "".join(f"include /etc/ldap/schema/{schema}.schema\n" for schema in SCHEMAS)
        + "modulepath /usr/lib/ldap\nmoduleload back_mdb\n"
        + f"TLSCertificateFile {certificate}\nTLSCertificateKeyFile {key}\n"
        # As many directories do, it takes a name without a password for nobody in particular.
        + f'allow bind_anon_dn\ndatabase mdb\ndirectory {folder}/data\nsuffix "{BASE}"\n'
    )
    content.write_text("\n\n".join("\n".join(f"{name}: {value}" for name, values in each.items() for value in values)
                                   for each in entries()) + "\n")  # fmt: skip
    subprocess.run([slapadd, "-q", "-f", configuration, "-l", content], check=True, capture_output=True, text=True)
    ports = free_port(), free_port()
    urls = f"ldap://127.0.0.1:{ports[0]}", f"ldaps://127.0.0.1:{ports[1]}"
    with open(folder / "slapd.log", "w") as log:
        # -d 0: in the foreground.
        process = subprocess.Popen(
            [slapd, "-f", configuration, "-h", " ".join(urls), "-d", "0"], stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + 60
        while not all(is_open(port) for port in ports):
            assert process.poll() is None and time.monotonic() < deadline, (folder / "slapd.log").read_text()
            time.sleep(0.05)
        yield LdapServer(*urls, certificate)
    finally:
        process.terminate()
        process.wait(30)
