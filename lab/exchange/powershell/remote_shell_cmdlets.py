"""What the cmdlets of the old Exchange do, on `ExchangeState`. Parameters come bound and checked (`cmdlet_contract`).

Each returns rows: (type name, properties). Property names and values are those of the Exchange Management Shell.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from lab.exchange.powershell.cmdlet_contract import CmdletError
from lab.exchange.powershell.objects import directory_id, enumeration, version_number
from lab.exchange.recipients import (
    KINDS,
    MANAGEMENT,
    Row,
    identity_of,
    mailbox_entry,
    mailboxes_asked,
    object_missing,
    recipient_type,
    result_size,
    this_server,
    unlimited_bytes,
)
from lab.exchange.state import ExchangeState
from lab.faults import declare
from lab.mail_store import Mailbox

declare(exchange_disconnected="beside each mailbox in use a disconnected one with its LegacyDN stands in the database")

__all__ = ["READERS", "Row", "object_missing"]


def get_exchange_server(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    this_server(state, asked.get("Identity"))
    major, minor, build, revision = (*state.version.split("."), "0", "0", "0")[:4]
    roles = "Mailbox, ClientAccess, HubTransport"
    yield (
        f"{MANAGEMENT}.ExchangeServer",
        {
            "Name": state.server,
            "Fqdn": f"{state.server}.{state.domains[0].partition('.')[0]}.local".lower(),
            "Identity": state.server,
            "AdminDisplayVersion": version_number(f"Version {major}.{minor} (Build {build}.{revision})"),
            "Edition": "Standard",
            "ServerRole": enumeration("Microsoft.Exchange.Data.Directory.SystemConfiguration.ServerRole", roles, 38),
            "IsClientAccessServer": True,
            "IsMailboxServer": True,
            "IsHubTransportServer": True,
        },
    )


def get_mailbox(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    kinds = asked.get("RecipientTypeDetails")
    wanted = {str(kind).lower() for kind in ([kinds] if isinstance(kinds, str) else kinds or ())}
    boxes = [box for box in mailboxes_asked(state, asked) if not wanted or KINDS[box.kind].lower() in wanted]
    for box in boxes[: result_size(asked)]:
        yield (
            f"{MANAGEMENT}.Mailbox",
            {
                **mailbox_entry(state, box),
                "RecipientType": "UserMailbox",
                "RecipientTypeDetails": recipient_type(KINDS[box.kind]),
                "IsShared": box.kind == "shared",
                "IsResource": box.kind in ("room", "equipment"),
                "SamAccountName": box.address.partition("@")[0],
                "UserPrincipalName": box.address,
                "ServerName": state.server.lower(),
                "Database": f"{state.server}\\First Storage Group\\Mailbox Database",
                "GrantSendOnBehalfTo": [
                    directory_id(identity_of(state, entry.trustee))
                    for entry in state.directory.of("rights", box.address)
                    if entry.right == "SendOnBehalf"
                ],
                **_forwarding(state, box),
                **(_archive(state, box) if state.major >= 14 else {}),
            },
        )


def _forwarding(state: ExchangeState, box: Mailbox) -> dict[str, Any]:
    known: dict[str, Any] = {"ForwardingAddress": None, "DeliverToMailboxAndForward": False}
    if state.major >= 14:
        known["ForwardingSmtpAddress"] = None
    for forwarding in state.directory.of("forwardings", box.address):
        if forwarding.by_address and state.major >= 14:
            known["ForwardingSmtpAddress"] = f"smtp:{forwarding.to}"
        elif not forwarding.by_address:
            known["ForwardingAddress"] = directory_id(identity_of(state, forwarding.to))
        known["DeliverToMailboxAndForward"] = forwarding.keeps_copy
    return known


def _archive(state: ExchangeState, box: Mailbox) -> dict[str, Any]:
    held = state.directory.of("archives", box.address)
    guid = uuid.uuid5(uuid.NAMESPACE_DNS, box.address) if held else uuid.UUID(int=0)
    return {"ArchiveGuid": str(guid), "ArchiveName": [archive.name for archive in held]}


def get_mailbox_statistics(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    if not {"Identity", "Server", "Database"} & asked.keys():
        message = "Cannot process command because of one or more missing mandatory parameters: Identity."
        kind = "System.Management.Automation.ParameterBindingException"
        raise CmdletError(message, kind, "MissingMandatoryParameter,Get-MailboxStatistics")
    for box in mailboxes_asked(state, asked):
        with state.store.lock:
            items = list(box.items.values())
        count, size = len(items), sum(item.size for item in items)
        if asked.get("Archive"):
            held = state.directory.of("archives", box.address)
            if not held:
                raise object_missing(f"archive of {box.display_name}", state)
            count, size = sum(archive.items for archive in held), sum(archive.size for archive in held)
        yield _statistics(
            state,
            box.display_name,
            box.legacy_exchange_dn,
            count,
            size,
            LastLogonTime=max((item.received for item in items), default=None),
        )
    if "Identity" not in asked:
        yield from _besides(state)


def _besides(state: ExchangeState) -> Iterable[Row]:
    """What a database holds beside mailboxes in use: disconnected ones, and archives (2010 and later)."""
    moved = state.store.mailboxes.values() if state.faults.take("exchange.disconnected") else ()
    for box in moved:
        gone = {"DisconnectDate": _GONE, "DisconnectReason": _REASONS["SoftDeleted"]}
        yield _statistics(state, box.display_name, box.legacy_exchange_dn, 3, 4096, **gone)
    for left in state.directory.disconnected:
        gone = {"DisconnectDate": left.since, "DisconnectReason": _REASONS[left.reason]}
        yield _statistics(state, left.display_name, left.legacy_exchange_dn, left.items, left.size, **gone)
    for archive in state.directory.archives if state.major >= 14 else ():
        owner = state.store.find(archive.mailbox)
        dn = owner.legacy_exchange_dn if owner else ""
        yield _statistics(state, archive.name, dn, archive.items, archive.size, IsArchiveMailbox=True)


_GONE = datetime(2026, 11, 2, 3, tzinfo=UTC)
_REASONS = {
    name: enumeration("Microsoft.Exchange.Data.Mapi.MailboxState", name, number)
    for number, name in enumerate(("Disabled", "SoftDeleted"), 1)
}


def _statistics(state: ExchangeState, name: str, dn: str, count: int, size: int, **more: Any) -> Row:
    row = {
        "DisplayName": name,
        "LegacyDN": dn,
        "ItemCount": count,
        "TotalItemSize": unlimited_bytes(state, size),
        "DeletedItemCount": 0,
        "ServerName": state.server,
        "LastLogonTime": None,
        "DisconnectDate": None,
    }
    if state.major >= 14:
        row |= {"DisconnectReason": None, "IsArchiveMailbox": False}
    return "Microsoft.Exchange.Data.Mapi.MailboxStatistics", row | {k: v for k, v in more.items() if k in row}


def get_mail_public_folder(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    folders = [box for box in state.store.mailboxes.values() if box.kind == "public_folder"]
    for box in folders[: result_size(asked)]:
        if asked.get("Identity") in (None, box.address, box.display_name):
            yield (
                f"{MANAGEMENT}.MailEnabledPublicFolder",
                {**mailbox_entry(state, box), "RecipientType": "PublicFolder"},
            )


def get_message_tracking_log(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    this_server(state, asked.get("Server"))
    start, end = asked.get("Start"), asked.get("End")
    recipients = asked.get("Recipients") or []
    wanted = {str(r).lower() for r in ([recipients] if isinstance(recipients, str) else recipients)}
    with state.lock:
        arrivals = [*state.relayed, *state.arrivals]
    if str(asked.get("EventId", "RECEIVE")).upper() != "RECEIVE":
        return
    chosen = [
        arrival
        for arrival in arrivals
        if (start is None or arrival.at >= start)
        and (end is None or arrival.at < end)
        and asked.get("Sender", arrival.sender) == arrival.sender
        and asked.get("MessageId", arrival.message_id) == arrival.message_id
        and (not wanted or wanted & {r.lower() for r in arrival.recipients})
    ]
    for arrival in chosen[: result_size(asked)]:
        yield (
            "Microsoft.Exchange.Management.TransportLogSearchTasks.MessageTrackingEvent",
            {
                "Timestamp": arrival.at,
                "ClientIp": arrival.client_ip,
                "ClientHostname": state.hosts.get(arrival.client_ip, arrival.client_ip),
                "ServerHostname": state.server,
                "Source": state.sources.get(arrival.message_id, "SMTP"),
                "EventId": "RECEIVE",
                "MessageId": arrival.message_id,
                "Sender": arrival.sender,
                "Recipients": list(arrival.recipients),
            },
        )


READERS: dict[str, Callable[[ExchangeState, dict[str, Any]], Iterable[Row]]] = {
    "Get-ExchangeServer": get_exchange_server,
    "Get-Mailbox": get_mailbox,
    "Get-MailboxStatistics": get_mailbox_statistics,
    "Get-MailPublicFolder": get_mail_public_folder,
    "Get-MessageTrackingLog": get_message_tracking_log,
}
