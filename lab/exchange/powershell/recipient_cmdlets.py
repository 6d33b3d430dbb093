"""Cmdlets of the old Exchange about recipients that hold no mail: groups, contacts, and the list of all recipients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lab.directory import Group, OtherRecipient
from lab.exchange.powershell.objects import NetObject, directory_id, enumeration
from lab.exchange.recipients import (
    KINDS,
    MANAGEMENT,
    Row,
    entry,
    identity_of,
    mailbox_entry,
    object_missing,
    recipient_type,
    result_size,
)
from lab.exchange.state import ExchangeState

_GROUPS = {
    "distribution": "MailUniversalDistributionGroup",
    "security": "MailUniversalSecurityGroup",
    "dynamic": "DynamicDistributionGroup",
}


_DOMAIN_TYPES = {"Authoritative": 0, "ExternalRelay": 1, "InternalRelay": 2}


def get_recipient(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    """Everything with an address: mailboxes, public folders, groups, contacts, and whatever else there is."""
    wanted = asked.get("RecipientTypeDetails") or []
    kinds = {str(details).lower() for details in ([wanted] if isinstance(wanted, str) else wanted)}
    rows = list(_recipients(state))
    rows = [row for row in rows if not kinds or str(row["RecipientTypeDetails"]).lower() in kinds]
    for row in _named(state, rows, asked)[: result_size(asked)]:
        yield f"{MANAGEMENT}.ReducedRecipient", row


def get_distribution_group(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    """Dynamic groups are not among them, in life either: Get-DynamicDistributionGroup has those."""
    rows = [
        {
            **_group(state, group),
            "ManagedBy": [directory_id(identity_of(state, owner)) for owner in group.owners],
            "RequireSenderAuthenticationEnabled": group.inside_only,
        }
        for group in _static(state)
    ]
    for row in _named(state, rows, asked)[: result_size(asked)]:
        yield f"{MANAGEMENT}.DistributionGroup", row


def get_distribution_group_member(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    asked_for = str(asked.get("Identity", "")).lower()
    group = next((known for known in _static(state) if asked_for in (known.address, known.display_name.lower())), None)
    if group is None:
        group = next(
            (known for known in _static(state) if identity_of(state, known.address).lower() == asked_for), None
        )
    if group is None:
        raise object_missing(asked.get("Identity"), state)
    members = set(group.members)
    for row in [row for row in _recipients(state) if row["PrimarySmtpAddress"] in members][: result_size(asked)]:
        yield f"{MANAGEMENT}.ReducedRecipient", row


def get_mail_contact(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    return _others(state, asked, "MailContact")


def get_mail_user(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    return _others(state, asked, "MailUser")


def get_accepted_domain(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    kind = "Microsoft.Exchange.Data.Directory.SystemConfiguration.AcceptedDomainType"
    for index, domain in enumerate(state.domains):
        name = state.domain_types.get(domain, "Authoritative")
        properties = {
            "Name": domain,
            "DomainName": NetObject("Microsoft.Exchange.Data.SmtpDomainWithSubdomains", domain, {"Domain": domain}),
            "DomainType": enumeration(kind, name, _DOMAIN_TYPES[name]),
            "Default": index == 0,
        }
        if asked.get("Identity") in (None, domain):
            yield "Microsoft.Exchange.Data.Directory.SystemConfiguration.AcceptedDomain", properties


def _recipients(state: ExchangeState) -> Iterable[dict[str, Any]]:
    with state.store.lock:
        boxes = list(state.store.mailboxes.values())
    for box in boxes:
        kind = "PublicFolder" if box.kind == "public_folder" else "UserMailbox"
        yield {
            **mailbox_entry(state, box),
            "RecipientType": kind,
            "RecipientTypeDetails": recipient_type(KINDS[box.kind]),
        }
    for group in state.directory.groups:
        yield _group(state, group)
    for other in state.directory.others:
        yield _other(state, other)


def _static(state: ExchangeState) -> list[Group]:
    return [group for group in state.directory.groups if group.kind != "dynamic"]


def _group(state: ExchangeState, group: Group) -> dict[str, Any]:
    kind = _GROUPS[group.kind]
    properties = entry(state, group.address, group.display_name, aliases=group.aliases, hidden=group.hidden)
    logon = group.address.partition("@")[0]
    return {**properties, "RecipientType": kind, "RecipientTypeDetails": recipient_type(kind), "SamAccountName": logon}


def _other(state: ExchangeState, other: OtherRecipient) -> dict[str, Any]:
    return {
        **entry(state, other.address, other.display_name, aliases=other.aliases),
        "ExternalEmailAddress": NetObject(
            "Microsoft.Exchange.Data.SmtpProxyAddress", f"SMTP:{other.target or other.address}"
        ),
        "RecipientType": other.details if other.details.startswith("Mail") else "UserMailbox",
        "RecipientTypeDetails": recipient_type(other.details),
    }


def _others(state: ExchangeState, asked: dict[str, Any], details: str) -> Iterable[Row]:
    rows = [_other(state, other) for other in state.directory.others if other.details == details]
    for row in _named(state, rows, asked)[: result_size(asked)]:
        yield f"{MANAGEMENT}.{details}", row


def _named(state: ExchangeState, rows: list[dict[str, Any]], asked: dict[str, Any]) -> list[dict[str, Any]]:
    identity = asked.get("Identity")
    if identity is None:
        return rows
    fields = ("PrimarySmtpAddress", "DisplayName", "Identity", "Alias")
    chosen = [row for row in rows if str(identity).lower() in (str(row[field]).lower() for field in fields)]
    if not chosen:
        raise object_missing(identity, state)
    return chosen


CMDLETS = {
    "Get-Recipient": get_recipient,
    "Get-DistributionGroup": get_distribution_group,
    "Get-DistributionGroupMember": get_distribution_group_member,
    "Get-MailContact": get_mail_contact,
    "Get-MailUser": get_mail_user,
    "Get-AcceptedDomain": get_accepted_domain,
}
