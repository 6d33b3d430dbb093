"""What is in the mailboxes and who may open them: one pipeline for all mailboxes, so that a question costs one journey.

`Select-Object` at its end keeps what goes over the wire small; the shells of all versions have it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from blocks.exchange.inventory.directory import ALL, Directory
from blocks.exchange.inventory.sessions import Sessions
from blocks.exchange.powershell import values
from blocks.exchange.powershell.from_clixml import Row
from blocks.exchange.powershell.recipients import each
from blocks.exchange.powershell.shell import ExchangeShell
from blocks.exchange.powershell.values import Account
from mailmove.errors import Blocked
from mailmove.inventory.full import Grant, MailFolder

_SELF = "S-1-5-10"
"""SID of the owner of whatever an entry stands on (MS-DTYP 2.4.2.4 PRINCIPAL_SELF)."""
_OF_WINDOWS = re.compile(r"S-1-5-(?!21-|32-)")
"""NT AUTHORITY's own: SELF, SYSTEM, NETWORK SERVICE. 21 is a domain's, 32 a built-in group's (MS-DTYP 2.4.2.4)."""
_ALIAS = "NT AUTHORITY\\"
"""Exchange's own names of well-known SIDs, on every Windows (SecurityPrincipalIdParameter.MapSidToAlias)."""
_ROOT = "Root"
"""FolderType of the top of a mailbox, in every language."""
PERMISSIONS = {"full_access": "full-access permissions", "send_as": "send-as permissions"}
"""Right -> what it is called where it could not be read."""
_ASKED = 5  # mailboxes that are asked by what name Windows calls their owner, until one knows


def read_folders(sessions: Sessions, shell: ExchangeShell, known: Directory) -> dict[str, tuple[MailFolder, ...]]:
    """Address -> its folders, by path."""
    by_owner: dict[str, list[MailFolder]] = {}
    wanted = ("Identity", "FolderPath", "FolderType", "ItemsInFolder", "FolderSize")
    refused: list[str] = []
    rows = _of_every_mailbox(sessions, shell, "Get-MailboxFolderStatistics", wanted, "folders")
    for owner, folder in each(lambda row: _folder(row, known), rows, refused):
        if not (folder.kind == _ROOT and not folder.items):
            by_owner.setdefault(owner, []).append(folder)
            if folder.size is None:
                refused.append(f"the size of {folder.path} of {owner}")
    sessions.refused("single folders", refused)
    return {owner: tuple(sorted(folders, key=lambda folder: folder.path)) for owner, folders in by_owner.items()}


def _folder(row: Row, known: Directory) -> tuple[str, MailFolder]:
    path = values.text(row, "FolderPath")
    items = values.count(row, "ItemsInFolder")
    if items is None:
        raise values.unreadable(row, "ItemsInFolder")
    # Identity is the mailbox's own, then the path with backslashes: as long as the path.
    owner = known.owner(values.text(row, "Identity")[: -len(path)])
    if owner is None:
        raise values.unreadable(row, "Identity")
    kind = values.optional_text(row, "FolderType")
    return owner, MailFolder(path=path.strip("/"), items=items, size=values.size(row, "FolderSize"), kind=kind)


def read_grants(
    sessions: Sessions, shell: ExchangeShell, known: Directory, right: Literal["full_access", "send_as"]
) -> list[Grant]:
    """Rights that somebody gave by hand: not inherited, not denied, not one's own."""
    if right == "full_access":
        cmdlet, property_name, word = "Get-MailboxPermission", "AccessRights", "fullaccess"
    else:
        cmdlet, property_name, word = "Get-ADPermission", "ExtendedRights", "send-as"
    wanted = ("Identity", "User", property_name, "IsInherited", "Deny")
    what = PERMISSIONS[right]
    self_names = _names_of_self(shell, known)
    refused: list[str] = []
    grants = set()

    def granted(row: Row) -> Grant | None:
        owner, user = known.owner(values.text(row, "Identity")), values.account(row, "User")
        if owner is None:
            raise values.unreadable(row, "Identity")
        values.shown(row, property_name)
        rights = [name.lower() for name in values.names(row, property_name)]
        if not rights and (property_name == "AccessRights" or row.get(property_name) not in (None, [])):
            raise values.unreadable(row, property_name)
        if word not in rights:
            return None
        if values.flag(row, "IsInherited") or values.flag(row, "Deny") or _nobody(user, self_names):
            return None
        return Grant(mailbox=owner, right=right, trustee=known.trustee(user.name))

    for grant in each(granted, _of_every_mailbox(sessions, shell, cmdlet, wanted, what), refused):
        if grant is not None:
            grants.add(grant)
    sessions.refused(f"single {what}", refused)
    return sorted(grants, key=lambda grant: (grant.mailbox, grant.trustee))


def _nobody(user: Account, self_names: frozenset[str]) -> bool:
    """The owner, the system, and accounts that are gone: rights of theirs mean nothing after the move.

    An account that is gone has no name any more: its SID stands there instead.
    """
    if user.sid is not None:
        return user.sid == user.name.upper() or _OF_WINDOWS.match(user.sid) is not None
    name = user.name.lower()
    return user.name.upper().startswith(_ALIAS) or not self_names.isdisjoint({name, name.rpartition("\\")[0]} - {""})


def _names_of_self(shell: ExchangeShell, known: Directory) -> frozenset[str]:
    """What Windows calls SELF and its authority, in lower case: "nt-autorität\\selbst" and "nt-autorität".

    Where the SID of an account does not travel, its name does, translated. The shell finds the entry by SID
    (Get-MailboxPermission -User takes one), and so the name of `S-1-5-10` is known in every language.
    """
    asked = [box.address for box in known.mailboxes if box.kind != "public_folder"][:_ASKED]
    for address in asked:
        try:
            rows = shell.run("Get-MailboxPermission", Identity=address, User=_SELF)
        except Blocked:
            continue  # a mailbox that cannot be asked: the next may know; without any, names are all that is known
        shown = {values.optional_text(row, "User") for row in rows} - {""}
        if len(shown) == 1 and known.trustee(name := shown.pop()) == name:  # the one that was asked for, and no person
            return frozenset({name.lower(), name.lower().rpartition("\\")[0]} - {""})
    return frozenset()


def _of_every_mailbox(
    sessions: Sessions, shell: ExchangeShell, cmdlet: str, wanted: tuple[str, ...], what: str
) -> Iterator[Row]:
    """Blocked: it was refused of every mailbox; of single ones, that is noted in `sessions`."""
    refused: list[str] = []
    select = ("Select-Object", {"Property": list(wanted)})
    shown = False
    for row in shell.stream(("Get-Mailbox", ALL), (cmdlet, {}), select, refused=refused):
        shown = True
        yield row
    if refused and not shown:
        raise Blocked(
            "Exchange",
            wanted=f"{what} of every mailbox",
            seen="; ".join(refused[:3]),
            todo="Give the account the right that is missing; then try again.",
            code="UnreadValue",
        )
    sessions.refused(what, refused)
