"""Cmdlets of the old Exchange about what is in and around a mailbox: folders, rights, rules, phones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from lab.directory import Phone
from lab.exchange.ews.folders import DISTINGUISHED
from lab.exchange.powershell.cmdlet_contract import CmdletError
from lab.exchange.recipients import (
    MANAGEMENT,
    Row,
    bytes_shown,
    canonical,
    logon_name,
    mailbox_entry,
    mailboxes_asked,
    result_size,
)
from lab.exchange.state import ExchangeState
from lab.mail_store import Mailbox

_SELF = "NT AUTHORITY\\SELF"
_DEVICES = "/ExchangeActiveSyncDevices/"
_TOP = "Top of Information Store"
_DEFAULT = tuple(path for path in DISTINGUISHED.values() if path[:1] > "\x01")


def get_mailbox_folder_statistics(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    for box in _chosen(state, asked):
        if asked.get("Archive"):
            held = {
                archive.name: (archive.items, archive.size) for archive in state.directory.of("archives", box.address)
            }
        else:
            held = _folders(box)
        for path, (items, size) in held.items():
            yield (
                "Microsoft.Exchange.Management.Tasks.MailboxFolderConfiguration",
                {
                    "Name": path.rpartition("/")[2],
                    "FolderPath": f"/{path}",
                    "FolderType": path.replace(" ", "") if path in _DEFAULT else "User Created",
                    "ItemsInFolder": items,
                    "FolderSize": bytes_shown(state, size),
                    "Identity": f"{canonical(state, box.display_name)}\\{path.replace('/', chr(92))}",
                },
            )


def _folders(box: Mailbox) -> dict[str, tuple[int, int]]:
    """Folder path -> (items, bytes), folders above included."""
    folders: dict[str, tuple[int, int]] = dict.fromkeys((_TOP, *_DEFAULT), (0, 0))
    for item in list(box.items.values()):
        count, size = folders.get(item.folder, (0, 0))
        folders[item.folder] = (count + 1, size + item.size)
    for path in list(folders):
        while "/" in path:
            path = path.rpartition("/")[0]
            folders.setdefault(path, (0, 0))
    return folders


def get_mailbox_permission(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    for box in _chosen(state, asked):
        given = [
            (logon_name(state, entry.trustee), ["FullAccess"], False, False)
            for entry in state.directory.of("rights", box.address)
            if entry.right == "FullAccess"
        ]
        always = [
            (_SELF, ["FullAccess", "ReadPermission"], False, False),
            (logon_name(state, "Domain Admins"), ["FullAccess"], True, True),
            ("NT AUTHORITY\\SYSTEM", ["FullAccess"], True, False),
        ]
        for user, rights, inherited, deny in (*always, *given):
            yield (
                f"{MANAGEMENT}.MailboxAcePresentationObject",
                {
                    "Identity": canonical(state, box.display_name),
                    "User": user,
                    "AccessRights": rights,
                    "IsInherited": inherited,
                    "Deny": deny,
                },
            )


def get_ad_permission(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    """In life there are dozens of entries on each object; here the few that a reader must tell apart."""
    for box in _chosen(state, asked):
        given = [
            (logon_name(state, entry.trustee), ["Send-As"], False)
            for entry in state.directory.of("rights", box.address)
            if entry.right == "Send-As"
        ]
        always = [
            (_SELF, ["Send-As"], False),
            (_SELF, ["Receive-As"], False),
            (logon_name(state, "Exchange Servers"), ["ms-Exch-Store-Constrained-Delegation"], True),
        ]
        for user, rights, inherited in (*always, *given):
            yield (
                "Microsoft.Exchange.Management.RecipientTasks.ADAcePresentationObject",
                {
                    "Identity": canonical(state, box.display_name),
                    "User": user,
                    "AccessRights": ["ExtendedRight"],
                    "ExtendedRights": rights,
                    "IsInherited": inherited,
                    "Deny": False,
                },
            )


def get_inbox_rule(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    for box in _chosen(state, asked):
        for number, rule in enumerate(state.directory.of("rules", box.address), 1):
            yield (
                f"{MANAGEMENT}.InboxRule",
                {
                    "Name": rule.name,
                    "Enabled": rule.enabled,
                    "Priority": number,
                    "ForwardTo": [_rule_target(state, recipient) for recipient in rule.forward_to] or None,
                    "RedirectTo": [_rule_target(state, recipient) for recipient in rule.redirect_to] or None,
                    "ForwardAsAttachmentTo": None,
                    "MailboxOwnerId": canonical(state, box.display_name),
                },
            )


def _rule_target(state: ExchangeState, address: str) -> str:
    """`"Anna Berg" [EX:/o=...]` inside, `"a@b.example" [SMTP:a@b.example]` outside."""
    box = state.store.find(address)
    return f'"{box.display_name}" [EX:{box.legacy_exchange_dn}]' if box else f'"{address}" [SMTP:{address}]'


def get_cas_mailbox(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    for box in mailboxes_asked(state, asked)[: result_size(asked)]:
        phones = bool(state.directory.of("phones", box.address))
        properties = {**mailbox_entry(state, box), "ActiveSyncEnabled": True, "OWAEnabled": True}
        yield f"{MANAGEMENT}.CASMailbox", {**properties, "HasActiveSyncDevicePartnership": phones}


def get_device_statistics(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    """Of all phones of a Mailbox, or of the one phone that Identity names."""
    owner, named, _ = str(asked.get("Identity", "")).partition(_DEVICES)
    asked_for = {"Mailbox": owner} if named else asked
    for box in _chosen(state, asked_for):
        for phone in state.directory.of("phones", box.address):
            identity = _device(state, box, phone)
            if not named or identity == asked["Identity"]:
                yield (
                    f"{MANAGEMENT}.MobileDeviceConfiguration",
                    {
                        "Identity": identity,
                        "DeviceID": phone.device_id,
                        "DeviceType": phone.device_type,
                        "DeviceModel": phone.model,
                        "DeviceUserAgent": phone.user_agent,
                        "DeviceFriendlyName": phone.model,
                        "LastSuccessSync": phone.last_sync,
                        "LastSyncAttemptTime": phone.last_sync,
                    },
                )


def get_devices(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    """Every partnership of the organisation, or of one Mailbox."""
    owner = {key: value for key, value in asked.items() if key == "Mailbox"}
    rows = (
        (
            f"{MANAGEMENT}.MobileDevice",
            {
                "Identity": _device(state, box, phone),
                "DeviceId": phone.device_id,
                "DeviceType": phone.device_type,
                "DeviceModel": phone.model,
                "DeviceUserAgent": phone.user_agent,
                "UserDisplayName": canonical(state, box.display_name),
            },
        )
        for box in mailboxes_asked(state, owner)
        for phone in state.directory.of("phones", box.address)
    )
    yield from islice(rows, result_size(asked))


def _device(state: ExchangeState, box: Mailbox, phone: Phone) -> str:
    return f"{canonical(state, box.display_name)}{_DEVICES}{phone.device_type}§{phone.device_id}"


def _chosen(state: ExchangeState, asked: dict[str, Any]) -> list[Mailbox]:
    """These cmdlets are about one mailbox; without one they ask for it, and nobody is there to answer."""
    if not {"Identity", "Mailbox"} & asked.keys():
        kind = "System.Management.Automation.ParameterBindingException"
        message = "Cannot process command because of one or more missing mandatory parameters: Identity."
        raise CmdletError(message, kind, "MissingMandatoryParameter")
    return mailboxes_asked(state, asked)


CMDLETS: dict[str, Callable[[ExchangeState, dict[str, Any]], Iterable[Row]]] = {
    "Get-MailboxFolderStatistics": get_mailbox_folder_statistics,
    "Get-MailboxPermission": get_mailbox_permission,
    "Get-ADPermission": get_ad_permission,
    "Get-InboxRule": get_inbox_rule,
    "Get-CASMailbox": get_cas_mailbox,
    "Get-ActiveSyncDeviceStatistics": get_device_statistics,
    "Get-MobileDeviceStatistics": get_device_statistics,
    "Get-ActiveSyncDevice": get_devices,
    "Get-MobileDevice": get_devices,
}
