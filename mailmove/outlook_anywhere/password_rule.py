"""To whom the account's password may be sent, and by which TLS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

MODERN = ("TLSv1.2", "TLSv1.3")
"""Versions of TLS that a password may go over unasked."""


@dataclass(frozen=True)
class PasswordRule:
    """The server that the person named, and names below their domain. Anybody else only on a person's word.

    host:    server that was named. domain: mail domain; the names below it count, the name itself does not: there the
             company's web site is, which is often somebody else's.
    send_to: further servers that may have it. old_tls: servers that may have it over TLS older than 1.2.
    ask:     puts a question to the person, who says yes or no; None: nobody is there.
    """

    host: str
    domain: str = ""
    send_to: frozenset[str] = frozenset()
    old_tls: frozenset[str] = frozenset()
    ask: Callable[[str], bool] | None = None
    _answers: dict[str, bool] = field(default_factory=dict, repr=False)

    def why_not(self, host: str, version: str, reached_by: str = "") -> tuple[str, str]:
        """(why the password is not sent there, what the person can do); both empty: it may be sent.

        version: of TLS, with a server that has proved its name. reached_by: who led us there, in words.
        """
        by = f" ({reached_by})" if reached_by else ""
        if not self._knows(host) and not self._agreed(f"The password would go to {host}{by}. Send it there?"):
            why = f"{host} asks for the password{by}; it is not sent: it is neither {self.host} nor a name below "
            todo = f"If that server is the customer's: --send-password-to {host}"
            return f"{why}{self.domain or 'its domain'}", todo
        if version in MODERN or _plain(host) in map(_plain, self.old_tls):
            return "", ""
        if self._agreed(f"{host} speaks {version} only, which others may read. Send the password all the same?"):
            return "", ""
        return f"the password is not sent over {version}, which others may read", f"--allow-old-tls {host} sends it."

    def _knows(self, host: str) -> bool:
        name, domain = _plain(host), _plain(self.domain)
        below = "." in domain and name.endswith(f".{domain}")
        return bool(name) and (name == _plain(self.host) or below or name in map(_plain, self.send_to))

    def _agreed(self, question: str) -> bool:
        if self.ask is None:
            return False
        if question not in self._answers:
            self._answers[question] = self.ask(question)
        return self._answers[question]


def _plain(name: str) -> str:
    try:
        return name.rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        return name.rstrip(".").lower()
