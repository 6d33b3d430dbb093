"""Recipients of every kind, with what is set on them: one wide cmdlet for each kind."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from blocks.exchange.inventory.sessions import Sessions
from blocks.exchange.powershell import recipients
from blocks.exchange.powershell.shell import Command, ExchangeShell
from mailmove.inventory.full import Archive, Contact, Forwarding, Grant, Group, OtherRecipient
from mailmove.inventory.server import SourceMailbox

ALL: dict[str, Any] = {"ResultSize": "Unlimited"}
_GROUPS: dict[str, Literal["distribution", "security", "dynamic"]] = {
    "MailUniversalDistributionGroup": "distribution",
    "MailNonUniversalGroup": "distribution",
    "MailUniversalSecurityGroup": "security",
    "DynamicDistributionGroup": "dynamic",
}
_CONTACTS: dict[str, Literal["contact", "mail_user"]] = {"MailContact": "contact", "MailUser": "mail_user"}
_MAILBOXES = {"UserMailbox", "SharedMailbox", "RoomMailbox", "EquipmentMailbox", "PublicFolder"}
_NO_ARCHIVE = "00000000-0000-0000-0000-000000000000"


@dataclass
class Directory:
    """Recipients, and how the shell's other names for them lead to SMTP addresses."""

    mailboxes: list[SourceMailbox]
    groups: list[Group]
    contacts: list[Contact]
    others: list[OtherRecipient]
    forwardings: list[Forwarding]
    archives: list[Archive]
    x500: dict[str, tuple[str, ...]]
    on_behalf: list[Grant] = field(default_factory=list)
    by_identity: dict[str, str] = field(default_factory=dict)  # canonical name, lower case
    by_logon: dict[str, str] = field(default_factory=dict)  # SamAccountName, lower case
    by_dn: dict[str, str] = field(default_factory=dict)  # legacyExchangeDN, lower case

    def owner(self, identity: str) -> str | None:
        """The address of a mailbox by what `Identity` shows."""
        return self.by_identity.get(identity.lower())

    def trustee(self, user: str) -> str:
        """`CONTOSO\\anna` as an address, where it is one's logon name."""
        return self.by_logon.get(user.rpartition("\\")[2].lower(), user)


def read_directory(sessions: Sessions, server: str) -> Directory:
    counting = sessions.start(lambda shell: recipients.statistics(shell.run("Get-MailboxStatistics", Server=server)))
    reading = sessions.start(lambda shell: list(shell.stream(("Get-Mailbox", ALL))))
    listing = sessions.start(lambda shell: list(shell.stream(("Get-Recipient", ALL))))
    publishing: Future[list[dict[str, Any]]] = sessions.optional(
        "mail-enabled public folders", lambda shell: shell.run("Get-MailPublicFolder", **ALL), list
    )
    rows, listed = reading.result(), listing.result()
    directory = Directory(
        mailboxes=[
            *recipients.mailboxes(rows, counting.result()),
            *recipients.public_folders(publishing.result()),
        ],
        groups=[],
        contacts=sorted(
            (_contact(row) for row in listed if _kind(row) in _CONTACTS), key=lambda contact: contact.address
        ),
        others=[
            OtherRecipient(address=_address(row), display_name=_name(row), kind=_kind(row))
            for row in listed
            if _kind(row) not in (_MAILBOXES | _GROUPS.keys() | _CONTACTS.keys())
        ],
        forwardings=[],
        archives=[_archive(row) for row in rows if str(row.get("ArchiveGuid") or _NO_ARCHIVE) != _NO_ARCHIVE],
        x500={_address(row): _x500(row) for row in (*listed, *rows) if _x500(row)},
    )
    for row in (*rows, *listed):
        directory.by_identity[str(row.get("Identity")).lower()] = _address(row)
        if row.get("SamAccountName"):
            directory.by_logon[str(row["SamAccountName"]).lower()] = _address(row)
        if row.get("LegacyExchangeDN"):
            directory.by_dn[str(row["LegacyExchangeDN"]).lower()] = _address(row)
    directory.forwardings = [forwarding for row in rows for forwarding in _forwardings(row, directory)]
    directory.on_behalf = [grant for row in rows for grant in _on_behalf(row, directory)]
    directory.groups = _groups(sessions, [row for row in listed if _kind(row) in _GROUPS])
    _count_archives(sessions, directory)
    return directory


def _groups(sessions: Sessions, rows: list[dict[str, Any]]) -> list[Group]:
    """One question each: no cmdlet says for many groups who is in which."""

    def members(row: dict[str, Any], shell: ExchangeShell) -> tuple[str, ...]:
        return tuple(
            sorted(_address(member) for member in shell.stream(_members_of(row)) if member.get("PrimarySmtpAddress"))
        )

    asked = [
        (row, None)
        if _GROUPS[_kind(row)] == "dynamic"
        else (row, sessions.optional(f"members of {_address(row)}", partial(members, row), tuple))
        for row in rows
    ]
    groups = [
        Group(
            address=_address(row),
            display_name=_name(row),
            kind=_GROUPS[_kind(row)],
            members=being_read.result() if being_read else (),
            aliases=tuple(sorted(name[5:].lower() for name in _addresses(row) if name.startswith("smtp:"))),
            hidden=bool(row.get("HiddenFromAddressListsEnabled")),
        )
        for row, being_read in asked
    ]
    return sorted(groups, key=lambda group: group.address)


def _members_of(row: dict[str, Any]) -> Command:
    return "Get-DistributionGroupMember", {"Identity": str(row["Identity"]), **ALL}


def _count_archives(sessions: Sessions, directory: Directory) -> None:
    def counted(archive: Archive, shell: ExchangeShell) -> Archive:
        rows = shell.run("Get-MailboxStatistics", Identity=archive.mailbox, Archive=True)
        count, size = next(iter(recipients.statistics(rows).values()), (None, None))
        return archive.model_copy(update={"items": count, "size": size})

    counting = [
        sessions.optional(
            f"size of the archive of {archive.mailbox}", partial(counted, archive), partial(_same, archive)
        )
        for archive in directory.archives
    ]
    directory.archives = [archive.result() for archive in counting]


def _same(archive: Archive) -> Archive:
    return archive


def _forwardings(row: dict[str, Any], known: Directory) -> Iterable[Forwarding]:
    target = row.get("ForwardingAddress")
    outside = str(row.get("ForwardingSmtpAddress") or "").lower().removeprefix("smtp:")
    to = known.by_identity.get(str(target).lower(), str(target)) if target else outside
    if to:
        yield Forwarding(mailbox=_address(row), to=to, keeps_copy=bool(row.get("DeliverToMailboxAndForward")))


def _on_behalf(row: dict[str, Any], known: Directory) -> Iterable[Grant]:
    """Who may send on behalf of a mailbox: the shell names them as it names `Identity`."""
    named = row.get("GrantSendOnBehalfTo") or []
    for name in sorted([named] if isinstance(named, str) else map(str, named)):
        trustee = known.by_identity.get(name.lower(), name)
        yield Grant(mailbox=_address(row), right="send_on_behalf", trustee=trustee)


def _archive(row: dict[str, Any]) -> Archive:
    names = row.get("ArchiveName") or []
    name = names if isinstance(names, str) else next(iter(names), "")
    return Archive(mailbox=_address(row), name=str(name))


def _contact(row: dict[str, Any]) -> Contact:
    target = str(row.get("ExternalEmailAddress") or _address(row))
    return Contact(
        address=_address(row),
        display_name=_name(row),
        kind=_CONTACTS[_kind(row)],
        target=target.partition(":")[2].lower() if ":" in target else target.lower(),
    )


def _kind(row: dict[str, Any]) -> str:
    return str(row.get("RecipientTypeDetails"))


def _address(row: dict[str, Any]) -> str:
    return str(row.get("PrimarySmtpAddress") or "").lower()


def _name(row: dict[str, Any]) -> str:
    return str(row.get("DisplayName") or row.get("Name"))


def _addresses(row: dict[str, Any]) -> list[str]:
    addresses = row.get("EmailAddresses") or []
    return [str(address) for address in ([addresses] if isinstance(addresses, str) else addresses)]


def _x500(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(address[5:] for address in _addresses(row) if address.upper().startswith("X500:")))
