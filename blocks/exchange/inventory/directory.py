"""Recipients of every kind, with what is set on them: one wide cmdlet for each kind."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from blocks.exchange.inventory.sessions import Sessions
from blocks.exchange.powershell import recipients, values
from blocks.exchange.powershell.from_clixml import Row
from blocks.exchange.powershell.recipients import address_of, addresses_of, aliases_of, each, name_of
from blocks.exchange.powershell.shell import Command, ExchangeShell
from blocks.exchange.powershell.values import Properties
from mailmove.inventory.full import (
    Archive,
    Contact,
    DisconnectedMailbox,
    Forwarding,
    Grant,
    Group,
    OtherRecipient,
)
from mailmove.inventory.server import SourceMailbox

SINGLE_RECIPIENTS, GROUP_SETTINGS = "single recipients", "owners of groups"
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
    disconnected: list[DisconnectedMailbox] = field(default_factory=list)
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
    counting = sessions.start(lambda shell: shell.run("Get-MailboxStatistics", Server=server))
    reading = sessions.start(lambda shell: list(shell.stream(("Get-Mailbox", ALL))))
    listing = sessions.start(lambda shell: list(shell.stream(("Get-Recipient", ALL))))
    publishing: Future[list[Row]] = sessions.optional(
        "mail-enabled public folders", lambda shell: shell.run("Get-MailPublicFolder", **ALL), list
    )
    counted, rows, listed = counting.result(), reading.result(), listing.result()
    refused: list[str] = []
    boxes = recipients.mailboxes(rows, recipients.statistics(counted, refused), refused)
    archived = [row for row in rows if values.optional_text(row, "ArchiveGuid", _NO_ARCHIVE) != _NO_ARCHIVE]
    others = [row for row in listed if _kind(row) not in (_MAILBOXES | _GROUPS.keys() | _CONTACTS.keys())]
    contacts = each(_contact, (row for row in listed if _kind(row) in _CONTACTS), refused)
    x500 = each(lambda row: (address_of(row), _x500(row)), (*listed, *rows), refused)
    directory = Directory(
        mailboxes=[*boxes, *recipients.public_folders(publishing.result())],
        groups=[],
        contacts=sorted(contacts, key=lambda contact: contact.address),
        others=each(_other, others, refused),
        forwardings=[],
        archives=each(_archive, archived, refused),
        x500={address: names for address, names in x500 if names},
        disconnected=recipients.disconnected(counted, boxes),
    )
    for row in (*rows, *listed):
        for known, name in (
            (directory.by_identity, "Identity"),
            (directory.by_logon, "SamAccountName"),
            (directory.by_dn, "LegacyExchangeDN"),
        ):
            if shown := values.optional_text(row, name):
                known[shown.lower()] = address_of(row)
    forwardings = each(partial(_forwardings, known=directory), rows, refused)
    on_behalf = each(partial(_on_behalf, known=directory), rows, refused)
    directory.forwardings = [forwarding for of_one in forwardings for forwarding in of_one]
    directory.on_behalf = [grant for of_one in on_behalf for grant in of_one]
    sessions.refused(SINGLE_RECIPIENTS, dict.fromkeys(refused))
    directory.groups = _groups(sessions, directory, [row for row in listed if _kind(row) in _GROUPS])
    _count_archives(sessions, directory)
    return directory


def _groups(sessions: Sessions, known: Directory, rows: list[Row]) -> list[Group]:
    """One question each: no cmdlet says for many groups who is in which."""
    managing: Future[dict[str, Row]] = sessions.optional(GROUP_SETTINGS, _group_settings, dict)

    def members(row: Row, shell: ExchangeShell) -> tuple[str, ...]:
        refused: list[str] = []
        addresses = each(_member, shell.stream(_members_of(row)), refused)
        sessions.refused(f"members of {address_of(row)}", refused)
        return tuple(sorted(address for address in addresses if address))

    asked = [
        (row, None)
        if _GROUPS[_kind(row)] == "dynamic"
        else (row, sessions.optional(f"members of {address_of(row)}", partial(members, row), tuple))
        for row in rows
    ]
    groups = [
        Group(
            address=address_of(row),
            display_name=name_of(row),
            kind=_GROUPS[_kind(row)],
            members=being_read.result() if being_read else (),
            aliases=aliases_of(row),
            hidden=values.flag(row, "HiddenFromAddressListsEnabled", absent=False),
            **_managed(managing.result().get(address_of(row)), known),
        )
        for row, being_read in asked
    ]
    if not any(part.what == GROUP_SETTINGS for part in sessions.not_read):
        asked_about = [group.address for group in groups if group.kind != "dynamic"]  # those have another cmdlet
        silent = [address for address in asked_about if address not in managing.result()]
        sessions.refused(GROUP_SETTINGS, [f"{address}: the server shows none" for address in silent])
    return sorted(groups, key=lambda group: group.address)


def _group_settings(shell: ExchangeShell) -> dict[str, Row]:
    """Get-Recipient shows neither owners nor who may send to a group."""
    return {address_of(row): row for row in shell.run("Get-DistributionGroup", **ALL)}


def _managed(row: Row | None, known: Directory) -> dict[str, Any]:
    """Owners by address; one who has no mail here is left out, as nobody could name them in the tenant."""
    if row is None:
        return {}
    owners = (known.by_identity.get(name.lower(), "") for name in values.texts(row, "ManagedBy"))
    closed = row.get("RequireSenderAuthenticationEnabled")
    return {
        "owners": tuple(sorted(filter(None, owners))),
        "inside_only": None if closed is None else values.flag(row, "RequireSenderAuthenticationEnabled", absent=False),
    }


def _member(row: Row) -> str:
    """A member's address; empty: it is of a kind that has no mail."""
    has_mail = _kind(row) in (_MAILBOXES | _GROUPS.keys() | _CONTACTS.keys()) or not name_of(row)
    return values.address(row, "PrimarySmtpAddress") if has_mail else address_of(row)


def _members_of(row: Row) -> Command:
    return "Get-DistributionGroupMember", {"Identity": values.text(row, "Identity"), **ALL}


def _count_archives(sessions: Sessions, directory: Directory) -> None:
    def counted(archive: Archive, shell: ExchangeShell) -> Archive:
        rows = shell.run("Get-MailboxStatistics", Identity=archive.mailbox, Archive=True)
        counts = [recipients.counts_of(row) for row in rows]
        items, size = counts[0] if len(counts) == 1 else (None, None)
        return archive.model_copy(update={"items": items, "size": size})

    counting = [
        sessions.optional(
            f"size of the archive of {archive.mailbox}", partial(counted, archive), partial(_same, archive)
        )
        for archive in directory.archives
    ]
    directory.archives = [archive.result() for archive in counting]


def _same(archive: Archive) -> Archive:
    return archive


def _forwardings(row: Properties, known: Directory) -> list[Forwarding]:
    values.shown(row, "ForwardingAddress", "DeliverToMailboxAndForward")
    target = values.optional_text(row, "ForwardingAddress")
    outside = values.optional_text(row, "ForwardingSmtpAddress").lower().removeprefix("smtp:")
    to = known.by_identity.get(target.lower(), target) if target else outside
    if not to:
        return []
    keeps_copy = values.flag(row, "DeliverToMailboxAndForward", absent=False)
    return [Forwarding(mailbox=address_of(row), to=to, keeps_copy=keeps_copy)]


def _on_behalf(row: Properties, known: Directory) -> list[Grant]:
    """Who may send on behalf of a mailbox: the shell names them as it names `Identity`."""
    values.shown(row, "GrantSendOnBehalfTo")
    mailbox = values.address(row, "PrimarySmtpAddress")
    return [
        Grant(mailbox=mailbox, right="send_on_behalf", trustee=known.by_identity.get(name.lower(), name))
        for name in sorted(values.texts(row, "GrantSendOnBehalfTo"))
    ]


def _other(row: Properties) -> OtherRecipient:
    name = name_of(row) or address_of(row)
    if not name:
        raise values.unreadable(row, "Name")
    return OtherRecipient(address=address_of(row), display_name=name, kind=_kind(row), aliases=aliases_of(row))


def _archive(row: Properties) -> Archive:
    names = values.texts(row, "ArchiveName")
    return Archive(mailbox=address_of(row), name=names[0] if names else "")


def _contact(row: Properties) -> Contact:
    target = values.optional_text(row, "ExternalEmailAddress") or address_of(row)
    return Contact(
        address=address_of(row),
        display_name=name_of(row),
        kind=_CONTACTS[_kind(row)],
        target=target.partition(":")[2].lower() if ":" in target else target.lower(),
        aliases=aliases_of(row),
    )


def _kind(row: Properties) -> str:
    return values.optional_text(row, "RecipientTypeDetails", "unknown")


def _x500(row: Properties) -> tuple[str, ...]:
    return tuple(sorted(address[5:] for address in addresses_of(row) if address.upper().startswith("X500:")))
