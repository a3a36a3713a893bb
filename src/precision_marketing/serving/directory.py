"""Who a user is and what he may see, by LDAP: his password by a bind as himself, his role by groups or by name."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from urllib.parse import urlparse

import ldap3
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import escape_rdn

# The first that a user has is his.
ROLES = ("steward", "analyst")
CONNECT_SECONDS = 5
ANSWER_SECONDS = 10
# What a bind is answered with if it is the user who is wrong (RFC 4511): the name, the password, or a policy on both.
USER_IS_WRONG = {
    ldap3.core.results.RESULT_CONSTRAINT_VIOLATION,
    ldap3.core.results.RESULT_NO_SUCH_OBJECT,
    ldap3.core.results.RESULT_INVALID_DN_SYNTAX,
    ldap3.core.results.RESULT_INAPPROPRIATE_AUTHENTICATION,
    ldap3.core.results.RESULT_INVALID_CREDENTIALS,
    ldap3.core.results.RESULT_INSUFFICIENT_ACCESS_RIGHTS,
    ldap3.core.results.RESULT_UNWILLING_TO_PERFORM,
}


class WrongPassword(Exception):
    """The directory does not know this user with this password."""


class NoRole(Exception):
    """The password is right, but the user is none of those that anything is served to; the message says why."""


class DirectoryUnavailable(Exception):
    """The directory cannot be asked; the message says why in one line."""


def is_name(user: str) -> bool:
    """Whether ``user`` can be a user's name: printable, and as directories compare names, without spaces to spare."""
    return 0 < len(user) <= 256 and user.isprintable() and user == " ".join(user.split())


@dataclass(frozen=True)
class Directory:
    """An LDAP server and who has which role.

    url: ``ldaps://host[:port]``, or ``ldap://host[:port]``, where TLS is started before anything is said.
    user_dn: the DN of a user, with ``{user}`` for the name.
    certificates: a file with the certificates that the server's is signed by; None: those of this machine.
    groups, users: by role, DNs of groups (``member``, ``uniqueMember``, ``memberUid``) and names of users.
    """

    url: str
    user_dn: str
    certificates: str | None = None
    has_tls: bool = True
    groups: dict[str, list[str]] = field(default_factory=dict)
    users: dict[str, list[str]] = field(default_factory=dict)

    def roles(self) -> list[str]:
        """The roles that somebody can have."""
        return [role for role in ROLES if self.groups.get(role) or self.users.get(role)]

    def _connect(self, dn: str | None = None, password: str | None = None) -> ldap3.Connection:
        tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=self.certificates)
        server = ldap3.Server(self.url, get_info=ldap3.NONE, tls=tls, connect_timeout=CONNECT_SECONDS)
        # A referral would take the password to another server.
        connection = ldap3.Connection(
            server,
            dn,
            password,
            auto_referrals=False,
            check_names=False,
            read_only=True,
            receive_timeout=ANSWER_SECONDS,
        )
        connection.open()
        if self.has_tls and urlparse(self.url).scheme == "ldap":
            connection.start_tls()
        return connection

    def check(self) -> None:
        """Connect, and start TLS. Raises DirectoryUnavailable."""
        try:
            self._connect().unbind()
        except (LDAPException, OSError) as error:
            raise DirectoryUnavailable(f"{self.url}: {error}") from None

    def role(self, user: str, password: str) -> str:
        """The role of a user with this password. Raises WrongPassword, NoRole, DirectoryUnavailable."""
        # A bind without a password is an anonymous one, which succeeds (RFC 4513, 5.1.2).
        if not is_name(user) or not password:
            raise WrongPassword
        dn = self.user_dn.replace("{user}", escape_rdn(user))
        try:
            connection = self._connect(dn, password)
            try:
                if not connection.bind():
                    if connection.result["result"] in USER_IS_WRONG:
                        raise WrongPassword
                    raise DirectoryUnavailable(f"{self.url}: {connection.result['description']}")
                return self._role(connection, user, dn)
            finally:
                connection.unbind()
        except (LDAPException, OSError) as error:
            raise DirectoryUnavailable(f"{self.url}: {error}") from None

    def _role(self, connection: ldap3.Connection, user: str, dn: str) -> str:
        """The role of a user as whom the connection is bound."""
        name, whole = escape_filter_chars(user), escape_filter_chars(dn)
        members = f"(|(member={whole})(uniqueMember={whole})(memberUid={name}))"
        unread = []
        for role in self.roles():
            if user in self.users.get(role, ()):
                return role
            for group in self.groups.get(role, ()):
                if connection.search(group, members, ldap3.BASE, attributes=[ldap3.NO_ATTRIBUTES]):
                    return role
                if connection.result["result"] != ldap3.core.results.RESULT_SUCCESS:
                    unread.append(f"{group}: {connection.result['description']}")
        raise NoRole("; ".join(unread) or "in none of the groups")
