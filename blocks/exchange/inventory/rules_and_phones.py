"""Inbox rules that send mail on, and phones."""

from __future__ import annotations

import re
from concurrent.futures import Future
from functools import partial

from blocks.exchange.inventory.directory import ALL, Directory
from blocks.exchange.inventory.sessions import Sessions
from blocks.exchange.powershell import values
from blocks.exchange.powershell.from_clixml import Row
from blocks.exchange.powershell.recipients import each
from blocks.exchange.powershell.shell import ExchangeShell
from mailmove.errors import Blocked
from mailmove.inventory.full import Forwarding, Phone
from mailmove.inventory.server import NotRead

_TARGET = re.compile(r"\[(SMTP|EX):([^\]]+)\]", re.IGNORECASE)
_DEVICES = "/ExchangeActiveSyncDevices/"
_OF_2010 = ("Get-ActiveSyncDevice", "Get-ActiveSyncDeviceStatistics")
_SHARE = 100  # mailboxes of 2007 in a job
_ACTIONS = ("ForwardTo", "RedirectTo", "ForwardAsAttachmentTo")


def read_rules(sessions: Sessions, shell: ExchangeShell, major: int, known: Directory) -> list[Forwarding]:
    """Inbox rules that forward or redirect. Exchange 2007's shell cannot read rules."""
    if major < 14:
        why = "Exchange 2007 has no Get-InboxRule; only Outlook shows the rules of a mailbox"
        sessions.not_read.append(NotRead(what="inbox rules that forward mail", why=why))
        return []
    wanted = {"Property": ["MailboxOwnerId", "Name", "Enabled", *_ACTIONS]}
    refused: list[str] = []
    rows = shell.stream(("Get-Mailbox", ALL), ("Get-InboxRule", {}), ("Select-Object", wanted), refused=refused)
    rules = [rule for of_one in each(partial(_rule, known=known), rows, refused) for rule in of_one]
    sessions.refused("inbox rules", refused)
    return rules


def start_phones(sessions: Sessions, major: int, known: Directory) -> list[Future[list[Phone]]]:
    """ActiveSync partnerships. From 2010 on the server lists them all; 2007 is asked mailbox by mailbox."""
    if major < 14:
        having = partial(_with_phones, known)
        asking: Future[list[str]] = sessions.optional("which mailboxes have phones", having, list)
        asked = asking.result()
        shares = [asked[start : start + _SHARE] for start in range(0, len(asked), _SHARE)]
        return [sessions.start(partial(_phones_of_2007, sessions, share)) for share in shares]
    return [sessions.optional("mobile phones", partial(_phones, sessions, major, known), list)]


def _phones(sessions: Sessions, major: int, known: Directory, shell: ExchangeShell) -> list[Phone]:
    every, statistics = ("Get-MobileDevice", "Get-MobileDeviceStatistics") if major >= 15 else _OF_2010
    refused: list[str] = []
    rows = list(shell.stream((every, ALL), (statistics, {}), refused=refused))

    def owned(row: Row) -> Phone:
        identity = values.text(row, "Identity")
        owner = known.owner(identity.partition(_DEVICES)[0])
        return _phone(owner or identity, row)  # of a mailbox that is gone: shown as the server shows it

    phones = each(owned, rows, refused)
    sessions.refused("mobile phones", refused)
    return phones


def _with_phones(known: Directory, shell: ExchangeShell) -> list[str]:
    """Where the server does not say who has a phone, everybody is asked."""
    mailboxes = {box.address for box in known.mailboxes if box.kind != "public_folder"}
    rows = shell.stream(("Get-CASMailbox", ALL))
    named = {
        values.text(row, "PrimarySmtpAddress").lower()
        for row in rows
        if values.flag(row, "HasActiveSyncDevicePartnership", absent=True)
    }
    return sorted(named & mailboxes)


def _phones_of_2007(sessions: Sessions, mailboxes: list[str], shell: ExchangeShell) -> list[Phone]:
    phones: list[Phone] = []
    refused: list[str] = []
    for mailbox in mailboxes:
        try:
            rows = shell.run("Get-ActiveSyncDeviceStatistics", Mailbox=mailbox)
            phones += each(partial(_phone, mailbox), rows, refused)
        except Blocked as error:
            refused.append(f"{mailbox}: {error.seen}")
    sessions.refused("mobile phones", refused)
    return phones


def _rule(row: Row, known: Directory) -> list[Forwarding]:
    owner = values.text(row, "MailboxOwnerId")
    return [
        Forwarding(
            mailbox=known.owner(owner) or owner,
            to=_rule_target(target, known),
            keeps_copy=True,  # a rule that also deletes is rare, and its copy is in Deleted Items
            rule=values.optional_text(row, "Name"),
            enabled=values.flag(row, "Enabled", absent=True),
        )
        for action in _ACTIONS
        for target in values.texts(row, action)
    ]


def _rule_target(shown: str, known: Directory) -> str:
    """`"Anna Berg" [EX:/o=...]` or `"x" [SMTP:x@y]` as an address; as it is, where it is neither."""
    match = _TARGET.search(shown)
    if match is None:
        return shown
    return match[2].lower() if match[1].upper() == "SMTP" else known.by_dn.get(match[2].lower(), match[2])


def _phone(mailbox: str, row: Row) -> Phone:
    """The day of its last sync is what counts, so that a moment without a zone does."""
    shown = partial(values.optional_text, row)
    return Phone(
        mailbox=mailbox,
        device_id=shown("DeviceID") or values.text(row, "DeviceId"),
        device_type=shown("DeviceType"),
        model=shown("DeviceModel") or shown("DeviceFriendlyName") or shown("DeviceUserAgent"),
        last_sync=values.moment(row, "LastSuccessSync", zoneless=True),
    )
