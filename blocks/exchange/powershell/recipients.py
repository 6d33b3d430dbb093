"""What `Get-ExchangeServer`, `Get-Mailbox` and their kin answer, as our own values."""

from __future__ import annotations

import re
from typing import Any, Literal

from mailmove.errors import Blocked
from mailmove.inventory.server import SourceMailbox

Kind = Literal["user", "shared", "room", "equipment"]
_KINDS: dict[str, Kind] = {"SharedMailbox": "shared", "RoomMailbox": "room", "EquipmentMailbox": "equipment"}
_NOBODYS = {"DiscoveryMailbox", "ArbitrationMailbox", "MonitoringMailbox", "SystemMailbox", "AuditLogMailbox"}
"""Mailboxes of Exchange itself; a cutover batch does not carry them."""
_VERSION = re.compile(r"Version (\d+)\.(\d+) \(Build (\d+)\.(\d+)\)")


def server_version(row: dict[str, Any]) -> str:
    """`Version 8.3 (Build 83.6)` -> `8.3.83.6`. Blocked: it is written in some other way."""
    shown = str(row.get("AdminDisplayVersion"))
    match = _VERSION.search(shown)
    if match is None:
        raise Blocked(
            f"Get-ExchangeServer on {row.get('Name')}",
            wanted="its version",
            seen=f"AdminDisplayVersion {shown!r}",
            todo="Report this; Mailmove must know the version to spell the settings.",
        )
    return ".".join(match.groups())


def statistics(rows: list[dict[str, Any]]) -> dict[str, tuple[int | None, int | None]]:
    """`Get-MailboxStatistics`: legacyExchangeDN in lower case -> (items, bytes)."""
    return {
        str(row.get("LegacyDN", "")).lower(): (row.get("ItemCount"), bytes_of(row.get("TotalItemSize"))) for row in rows
    }


def bytes_of(size: object) -> int | None:
    """2007 says `4366B`, later versions `4.264 KB (4,366 bytes)`."""
    shown = str(size or "")
    match = re.search(r"\(([\d,. ]+) bytes\)", shown) or re.fullmatch(r"(\d+)B?", shown)
    return int(re.sub(r"\D", "", match[1])) if match else None


def mailboxes(rows: list[dict[str, Any]], counts: dict[str, tuple[int | None, int | None]]) -> list[SourceMailbox]:
    """`Get-Mailbox`, without those that are Exchange's own, by address."""
    moving = []
    for row in rows:
        details = str(row.get("RecipientTypeDetails"))
        if details in _NOBODYS:
            continue
        count, size = counts.get(str(row.get("LegacyExchangeDN", "")).lower(), (None, None))
        moving.append(_recipient(row, _KINDS.get(details, "user"), count, size))
    return sorted(moving, key=lambda box: box.address)


def public_folders(rows: list[dict[str, Any]]) -> list[SourceMailbox]:
    """`Get-MailPublicFolder`, by address."""
    return sorted((_recipient(row, "public_folder", None, None) for row in rows), key=lambda box: box.address)


def _recipient(
    row: dict[str, Any], kind: Kind | Literal["public_folder"], count: int | None, size: int | None
) -> SourceMailbox:
    addresses = row.get("EmailAddresses") or []
    names = [str(address) for address in ([addresses] if isinstance(addresses, str) else addresses)]
    return SourceMailbox(
        address=str(row["PrimarySmtpAddress"]).lower(),
        display_name=str(row.get("DisplayName") or row.get("Name")),
        kind=kind,
        # Only the primary address is written SMTP: in capitals; X500, SIP and the like are no mail addresses.
        aliases=tuple(sorted(name[5:].lower() for name in names if name.startswith("smtp:"))),
        x500=tuple(sorted(name[5:] for name in names if name[:5].upper() == "X500:")),
        legacy_exchange_dn=str(row.get("LegacyExchangeDN") or ""),
        hidden=bool(row.get("HiddenFromAddressListsEnabled")),
        item_count=count,
        size=size,
    )
