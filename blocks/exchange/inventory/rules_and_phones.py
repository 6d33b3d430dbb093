"""Inbox rules that send mail on, and phones."""

from __future__ import annotations

import re
from concurrent.futures import Future
from functools import partial
from typing import Any

from blocks.exchange.inventory.directory import ALL, Directory
from blocks.exchange.inventory.sessions import Sessions
from blocks.exchange.powershell.shell import ExchangeShell
from mailmove.errors import Blocked
from mailmove.inventory.full import Forwarding, NotRead, Phone

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
    rules = [rule for row in rows for rule in _rule(row, known)]
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
    every, each = ("Get-MobileDevice", "Get-MobileDeviceStatistics") if major >= 15 else _OF_2010
    refused: list[str] = []
    rows = list(shell.stream((every, ALL), (each, {}), refused=refused))
    sessions.refused("mobile phones", refused)
    phones = []
    for row in rows:
        identity = str(row.get("Identity"))
        owner = known.owner(identity.partition(_DEVICES)[0])
        phones.append(_phone(owner or identity, row))  # of a mailbox that is gone: shown as the server shows it
    return phones


def _with_phones(known: Directory, shell: ExchangeShell) -> list[str]:
    """Where the server does not say who has a phone, everybody is asked."""
    mailboxes = {box.address for box in known.mailboxes if box.kind != "public_folder"}
    rows = shell.stream(("Get-CASMailbox", ALL))
    named = {str(row["PrimarySmtpAddress"]).lower() for row in rows if row.get("HasActiveSyncDevicePartnership", True)}
    return sorted(named & mailboxes)


def _phones_of_2007(sessions: Sessions, mailboxes: list[str], shell: ExchangeShell) -> list[Phone]:
    phones, refused = [], []
    for mailbox in mailboxes:
        try:
            phones += [_phone(mailbox, row) for row in shell.run("Get-ActiveSyncDeviceStatistics", Mailbox=mailbox)]
        except Blocked as error:
            refused.append(f"{mailbox}: {error.seen}")
    sessions.refused("mobile phones", refused)
    return phones


def _rule(row: dict[str, Any], known: Directory) -> list[Forwarding]:
    owner = str(row.get("MailboxOwnerId"))
    mailbox, forwardings = known.owner(owner) or owner, []
    for what in _ACTIONS:
        targets = row.get(what) or []
        for target in [targets] if isinstance(targets, str) else targets:
            forwardings.append(
                Forwarding(
                    mailbox=mailbox,
                    to=_rule_target(str(target), known),
                    keeps_copy=True,  # a rule that also deletes is rare, and its copy is in Deleted Items
                    rule=str(row.get("Name")),
                    enabled=bool(row.get("Enabled", True)),
                )
            )
    return forwardings


def _rule_target(shown: str, known: Directory) -> str:
    """`"Anna Berg" [EX:/o=...]` or `"x" [SMTP:x@y]` as an address; as it is, where it is neither."""
    match = _TARGET.search(shown)
    if match is None:
        return shown
    return match[2].lower() if match[1].upper() == "SMTP" else known.by_dn.get(match[2].lower(), match[2])


def _phone(mailbox: str, row: dict[str, Any]) -> Phone:
    return Phone(
        mailbox=mailbox,
        device_id=str(row.get("DeviceID") or row.get("DeviceId") or ""),
        device_type=str(row.get("DeviceType") or ""),
        model=str(row.get("DeviceModel") or row.get("DeviceFriendlyName") or row.get("DeviceUserAgent") or ""),
        last_sync=row.get("LastSuccessSync"),
    )
