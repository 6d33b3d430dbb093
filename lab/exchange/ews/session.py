"""One EWS request: the account, whom it impersonates, the schema, and the mailboxes that it may open."""

from __future__ import annotations

from dataclasses import dataclass

from lab.exchange.ews.xml import Element, EwsError, find_text
from lab.exchange.state import ExchangeState
from lab.faults import Faults, declare
from lab.mail_store import Mailbox

declare(exchange_mailbox_denied="the administrator lacks Full Access to one mailbox, the last by address")

API_VERSIONS = (
    "Exchange2007",
    "Exchange2007_SP1",
    "Exchange2010",
    "Exchange2010_SP1",
    "Exchange2010_SP2",
    "Exchange2013",
    "Exchange2013_SP1",
    "Exchange2016",
)
_NEWEST = {"8.0": 0, "8": 1, "14.0": 2, "14.1": 3, "14": 4, "15.0": 6, "15": 7}


def newest_api(version: str) -> str:
    """The newest schema that a server of this build speaks."""
    major, minor, *rest = version.split(".")
    index = _NEWEST.get(f"{major}.{minor}", _NEWEST[major])
    if (major, minor) == ("15", "0") and int(rest[0]) < 847:
        index = 5
    return API_VERSIONS[index]


@dataclass
class Session:
    """`account` signed in; `acting` is who it acts as (another one when it impersonates)."""

    state: ExchangeState
    faults: Faults
    account: str
    acting: str

    @property
    def is_2007(self) -> bool:
        return self.state.major == 8

    def mailbox(self, address: str | None) -> Mailbox:
        """Open a mailbox; None: the own one. EwsError: there is none, or it may not be opened."""
        box = self.state.store.find(address or self.acting)
        if box is None or box.kind == "public_folder":
            raise EwsError("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.")
        if self.acting not in (self.state.admin, box.address):
            raise EwsError("ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        if self.acting == self.state.admin and self._denied(box):
            raise EwsError("ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        return box

    def _denied(self, box: Mailbox) -> bool:
        private = [
            mailbox.address for mailbox in self.state.store.mailboxes.values() if mailbox.kind != "public_folder"
        ]
        return box.address == max(private) and self.faults.take("exchange.mailbox_denied")


def open_session(state: ExchangeState, faults: Faults, account: str, header: Element | None) -> Session:
    """Read the SOAP header. EwsError (fault): a schema this server does not speak, or no right to impersonate."""
    if header is None:
        return Session(state, faults, account, account)
    asked = header.find("{*}RequestServerVersion")
    version = asked.get("Version", "") if asked is not None else "Exchange2007"
    spoken = API_VERSIONS[: API_VERSIONS.index(newest_api(state.version)) + 1]
    if version not in spoken:
        raise EwsError("ErrorInvalidServerVersion", "The specified server version is invalid.", fault=True)
    person = header.find("{*}ExchangeImpersonation/{*}ConnectingSID")
    if person is None:
        return Session(state, faults, account, account)
    if account != state.admin:
        raise EwsError(
            "ErrorImpersonationDenied", "The account does not have permission to impersonate the user.", fault=True
        )
    names = [find_text(person, f"t:{tag}") for tag in ("PrimarySmtpAddress", "SmtpAddress", "PrincipalName")]
    box = state.store.find(next((name for name in names if name), ""))
    if box is None:
        raise EwsError("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.", fault=True)
    return Session(state, faults, account, box.address)
