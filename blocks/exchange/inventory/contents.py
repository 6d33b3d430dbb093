"""What is in the mailboxes and who may open them: one pipeline for all mailboxes, so that a question costs one journey.

`Select-Object` at its end keeps what goes over the wire small; the shells of all versions have it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from blocks.exchange.inventory.directory import ALL, Directory
from blocks.exchange.inventory.sessions import Sessions
from blocks.exchange.powershell.recipients import bytes_of
from blocks.exchange.powershell.shell import ExchangeShell
from mailmove.inventory.full import Grant, MailFolder

_NOBODY = ("NT AUTHORITY\\", "S-1-5-")
"""The owner, the system, and accounts that are gone: rights of theirs mean nothing after the move."""
_TOP = "Top of Information Store"


def read_folders(sessions: Sessions, shell: ExchangeShell, known: Directory) -> dict[str, tuple[MailFolder, ...]]:
    """Address -> its folders, by path."""
    by_owner: dict[str, list[MailFolder]] = {}
    wanted = ("Identity", "FolderPath", "ItemsInFolder", "FolderSize")
    for row in _of_every_mailbox(sessions, shell, "Get-MailboxFolderStatistics", wanted, "folders"):
        path = str(row["FolderPath"])
        # Identity is the mailbox's own, then the path with backslashes: as long as the path.
        owner = known.owner(str(row["Identity"])[: -len(path)])
        if owner is None or (path.strip("/") == _TOP and not row["ItemsInFolder"]):
            continue
        folder = MailFolder(path=path.strip("/"), items=row["ItemsInFolder"], size=bytes_of(row["FolderSize"]) or 0)
        by_owner.setdefault(owner, []).append(folder)
    return {owner: tuple(sorted(folders, key=lambda folder: folder.path)) for owner, folders in by_owner.items()}


def read_grants(
    sessions: Sessions, shell: ExchangeShell, known: Directory, right: Literal["full_access", "send_as"]
) -> list[Grant]:
    """Rights that somebody gave by hand: not inherited, not denied, not one's own."""
    if right == "full_access":
        cmdlet, property_name, word = "Get-MailboxPermission", "AccessRights", "fullaccess"
    else:
        cmdlet, property_name, word = "Get-ADPermission", "ExtendedRights", "send-as"
    wanted = ("Identity", "User", property_name, "IsInherited", "Deny")
    grants = set()
    for row in _of_every_mailbox(sessions, shell, cmdlet, wanted, right.replace("_", "-") + " permissions"):
        rights = row.get(property_name) or []
        given = {name.strip().lower() for name in (rights.split(",") if isinstance(rights, str) else map(str, rights))}
        user, owner = str(row.get("User")), known.owner(str(row["Identity"]))
        if word in given and owner and not (row.get("IsInherited") or row.get("Deny") or user.startswith(_NOBODY)):
            grants.add(Grant(mailbox=owner, right=right, trustee=known.trustee(user)))
    return sorted(grants, key=lambda grant: (grant.mailbox, grant.trustee))


def _of_every_mailbox(
    sessions: Sessions, shell: ExchangeShell, cmdlet: str, wanted: tuple[str, ...], what: str
) -> Iterator[dict[str, Any]]:
    refused: list[str] = []
    select = ("Select-Object", {"Property": list(wanted)})
    yield from shell.stream(("Get-Mailbox", ALL), (cmdlet, {}), select, refused=refused)
    sessions.refused(what, refused)
