"""Cmdlets of the old Exchange about what is in and around a mailbox: folders, rights, rules, phones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from lab.directory import Phone
from lab.exchange.ews.folders import DISTINGUISHED
from lab.exchange.powershell.cmdlet_contract import CmdletError
from lab.exchange.powershell.cultures import SELF, SYSTEM
from lab.exchange.powershell.objects import NetObject, account, directory_id, enumeration, switch
from lab.exchange.recipients import (
    MANAGEMENT,
    Row,
    bytes_shown,
    canonical,
    logon_name,
    mailbox_entry,
    mailboxes_asked,
    result_size,
    trustee,
    windows_account,
)
from lab.exchange.state import ExchangeState
from lab.mail_store import Mailbox

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
            shown = state.speech.folder(path)
            yield (
                "Microsoft.Exchange.Management.Tasks.MailboxFolderConfiguration",
                {
                    "Name": shown.rpartition("/")[2],
                    "FolderPath": f"/{shown}",
                    "FolderType": _folder_type(path),
                    "ItemsInFolder": items,
                    "FolderSize": bytes_shown(state, size),
                    "Identity": NetObject(
                        "Microsoft.Exchange.Configuration.Tasks.MailboxFolderId",
                        f"{canonical(state, box.display_name)}\\{shown.replace('/', chr(92))}",
                    ),
                },
            )


def _folder_type(path: str) -> str:
    """DefaultFolderType (Microsoft.Exchange.Data.Storage), the same in every language."""
    if path == _TOP:
        return "Root"
    return {"Junk E-Mail": "JunkEmail"}.get(path, path.replace(" ", "")) if path in _DEFAULT else "User Created"


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
            (trustee(state, entry.trustee), ["FullAccess"], False, entry.denied)
            for entry in state.directory.of("rights", box.address)
            if entry.right == "FullAccess"
        ]
        always = [
            (windows_account(state, SELF), ["FullAccess", "ReadPermission"], False, False),
            (_domain_admins(state), ["FullAccess"], True, True),
            (windows_account(state, SYSTEM), ["FullAccess"], True, False),
        ]
        for user, rights, inherited, deny in _about(asked, (*always, *given)):
            yield (
                "Microsoft.Exchange.Management.RecipientTasks.MailboxAcePresentationObject",
                {
                    "Identity": directory_id(canonical(state, box.display_name)),
                    "User": user,
                    "AccessRights": [enumeration(_RIGHTS, right, _MAILBOX_RIGHTS[right]) for right in rights],
                    "IsInherited": inherited,
                    "Deny": switch(deny),
                    "InheritanceType": _INHERITANCE,
                },
            )


def get_ad_permission(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    """In life there are dozens of entries on each object; here the few that a reader must tell apart."""
    for box in _chosen(state, asked):
        given = [
            (trustee(state, entry.trustee), ["Send-As"], False, entry.denied)
            for entry in state.directory.of("rights", box.address)
            if entry.right == "Send-As"
        ]
        always = [
            (windows_account(state, SELF), ["Send-As"], False, False),
            (windows_account(state, SELF), ["Receive-As"], False, False),
            (trustee(state, "Exchange Servers"), ["ms-Exch-Store-Constrained-Delegation"], True, False),
        ]
        for user, rights, inherited, deny in _about(asked, (*always, *given)):
            yield (
                "Microsoft.Exchange.Management.RecipientTasks.ADAcePresentationObject",
                {
                    "Identity": directory_id(canonical(state, box.display_name)),
                    "User": user,
                    "AccessRights": [_AD_RIGHT],
                    "ExtendedRights": [NetObject(_EXTENDED, right) for right in rights],
                    "IsInherited": inherited,
                    "Deny": switch(deny),
                },
            )


_AD_RIGHT = enumeration("System.DirectoryServices.ActiveDirectoryRights", "ExtendedRight", 256)
_INHERITANCE = enumeration("System.DirectoryServices.ActiveDirectorySecurityInheritance", "All", 1)
_RIGHTS = "Microsoft.Exchange.Management.RecipientTasks.MailboxRights"
_EXTENDED = "Microsoft.Exchange.Configuration.Tasks.ExtendedRightIdParameter"
_MAILBOX_RIGHTS = {"FullAccess": 1, "ReadPermission": 131072}


def _domain_admins(state: ExchangeState) -> NetObject:
    return account(logon_name(state, "Domain Admins"), "S-1-5-21-1004336348-1177238915-682003330-512")


def _about(asked: dict[str, Any], entries: Iterable[tuple[NetObject, list[str], bool, bool]]) -> Iterable[Any]:
    """Entries of the account that User names, by SID or name; all, where it names none. The task compares SIDs."""
    user = str(asked.get("User", "")).lower()
    for entry in entries:
        if user in ("", str(entry[0]).lower(), str(entry[0].parts["SecurityIdentifier"]).lower()):
            yield entry


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
