"""What kind each mailbox in Exchange Online is (Get-Mailbox, Set-Mailbox -Type)."""

from __future__ import annotations

from blocks.microsoft365.answers import Json, Rejected
from blocks.microsoft365.cmdlet_errors import WHO, is_absent
from blocks.microsoft365.exchange_admin import ExchangeAdmin
from blocks.microsoft365.fields import text, texts_or, word_or
from mailmove.errors import Blocked, NotYet
from mailmove.ports.tenant import TenantMailboxes
from mailmove.tenant_state import MailboxKind

KINDS: dict[str, MailboxKind] = {
    "UserMailbox": "Regular",
    "SharedMailbox": "Shared",
    "RoomMailbox": "Room",
    "EquipmentMailbox": "Equipment",
}
"""RecipientTypeDetails -> Type. System mailboxes (discovery, arbitration) have others and are left out."""


class Mailboxes(TenantMailboxes):
    def __init__(self, exchange: ExchangeAdmin) -> None:
        self._exchange = exchange

    def kinds(self) -> dict[str, MailboxKind]:
        rows = self._exchange.run("Get-Mailbox", {"ResultSize": "Unlimited"}, wanted="the tenant's mailboxes")
        return {text(row, "PrimarySmtpAddress").lower(): kind for row in rows if (kind := _kind(row))}

    def set_kind(self, mailbox: str, kind: MailboxKind) -> None:
        """NotYet: the conversion is not to be seen yet. Blocked: no such mailbox."""
        if self._kind_of(mailbox) == kind:
            return
        self._exchange.run("Set-Mailbox", {"Identity": mailbox, "Type": kind}, wanted=f"{mailbox} as {kind}")
        after = self._kind_of(mailbox)
        if after != kind:
            raise NotYet(WHO, wanted=f"{mailbox} as {kind}", seen=f"{after}", todo="Look again in a minute.")

    def x500(self) -> dict[str, frozenset[str]]:
        rows = self._exchange.run("Get-Mailbox", {"ResultSize": "Unlimited"}, wanted="the tenant's mailboxes")
        return {text(row, "PrimarySmtpAddress").lower(): _x500(row) for row in rows if _kind(row)}

    def change_x500(self, mailbox: str, *, add: frozenset[str], remove: frozenset[str]) -> None:
        """NotYet: it is not to be seen yet. Each is sent with its prefix, as a proxy address."""
        wanted = f"X500 addresses of {mailbox}"
        current = self._x500_of(mailbox)
        change = {"Add": sorted(add - current), "Remove": sorted(remove & current)}
        change = {verb: [f"X500:{address}" for address in named] for verb, named in change.items() if named}
        if not change:
            return
        self._exchange.run("Set-Mailbox", {"Identity": mailbox, "EmailAddresses": change}, wanted=wanted)
        after = self._x500_of(mailbox)
        if not add <= after or remove & after:
            raise NotYet(WHO, wanted=wanted, seen=f"{len(after)} of them", todo="Look again in a minute.")

    def _x500_of(self, mailbox: str) -> frozenset[str]:
        return _x500(self._one(mailbox))

    def _kind_of(self, mailbox: str) -> MailboxKind | None:
        return _kind(self._one(mailbox))

    def _one(self, mailbox: str) -> Json:
        wanted = f"the mailbox {mailbox}"
        try:
            rows = self._exchange.of_one("Get-Mailbox", {"Identity": mailbox}, wanted=wanted)
        except Rejected as error:
            if not is_absent(error):
                raise
            rows = []
        if len(rows) != 1:
            raise Blocked(
                WHO,
                wanted=wanted,
                seen=f"{len(rows)} of that name",
                todo="Wait until the batch has made it, or see who else bears the address.",
            )
        [row] = rows
        return row


def _x500(mailbox: Json) -> frozenset[str]:
    addresses = texts_or(mailbox, "EmailAddresses")
    return frozenset(address[5:] for address in addresses if address[:5].upper() == "X500:")


def _kind(mailbox: Json) -> MailboxKind | None:
    return KINDS.get(word_or(mailbox, "RecipientTypeDetails"))
