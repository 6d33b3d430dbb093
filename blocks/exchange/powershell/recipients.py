"""What `Get-ExchangeServer`, `Get-Mailbox` and their kin answer, as our own values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Literal, TypeVar

from blocks.exchange.powershell import values
from blocks.exchange.powershell.values import Properties
from mailmove.errors import Blocked
from mailmove.inventory.full import DisconnectedMailbox
from mailmove.inventory.server import SourceMailbox

T = TypeVar("T")
P = TypeVar("P", bound=Properties)
Kind = Literal["user", "shared", "room", "equipment"]
Counts = tuple[int | None, int | None]
"""Items and bytes; None: not shown, or not to be read."""
_KINDS: dict[str, Kind] = {"SharedMailbox": "shared", "RoomMailbox": "room", "EquipmentMailbox": "equipment"}
_NOBODYS = {"DiscoveryMailbox", "ArbitrationMailbox", "MonitoringMailbox", "SystemMailbox", "AuditLogMailbox"}
"""Mailboxes of Exchange itself; a cutover batch does not carry them."""
_VERSION = re.compile(r"Version (\d+)\.(\d+) \(Build (\d+)\.(\d+)\)")
_CONNECTED = {"", "none"}
"""DisconnectReason of a mailbox in use, in lower case; whatever else stands there, it is not in use."""


def server_version(row: Properties) -> str:
    """`Version 8.3 (Build 83.6)` -> `8.3.83.6`. Blocked: it is written in some other way."""
    shown = values.optional_text(row, "AdminDisplayVersion", "nothing")
    match = _VERSION.search(shown)
    if match is None:
        raise Blocked(
            f"Get-ExchangeServer on {row.get('Name')}",
            wanted="its version",
            seen=f"AdminDisplayVersion {shown!r}",
            todo="Report this; Mailmove must know the version to spell the settings.",
        )
    return ".".join(match.groups())


def statistics(rows: Iterable[Properties], refused: list[str] | None = None) -> dict[str, Counts]:
    """`Get-MailboxStatistics -Server`: legacyExchangeDN in lower case -> counts of the mailbox in use.

    The database lists disconnected mailboxes too, which may bear the name of the one in use, and archives (2010 and
    later). refused: takes what could not be read of single mailboxes.
    """
    counts: dict[str, Counts] = {}
    for row in rows:
        name = values.optional_text(row, "LegacyDN").lower()
        if not name or _is_disconnected(row) or values.flag(row, "IsArchiveMailbox", absent=False):
            continue
        counted = counts_of(row, refused)
        if name in counts and counts[name] != counted:  # two in use of one name: nobody knows which is meant
            counted = (None, None)
            _note(refused, f"{name}: two mailboxes of this name are in use")
        counts[name] = counted
    return counts


def counts_of(row: Properties, refused: list[str] | None = None) -> Counts:
    """Items and bytes of one mailbox. A size that cannot be read is None, and noted."""
    items = _tried(partial(values.count, row, "ItemCount"), refused)
    size = values.size(row, "TotalItemSize")
    if size is None and row.get("TotalItemSize") is not None:
        _note(refused, f"{row.get('DisplayName')}: TotalItemSize {row.get('TotalItemSize')!r}")
    return items, size


def disconnected(rows: Iterable[Properties], boxes: Iterable[SourceMailbox]) -> list[DisconnectedMailbox]:
    """Those without an owner in the same list, by name; `mailbox` is the one in use with the same legacyExchangeDN."""
    in_use = {box.legacy_exchange_dn.lower(): box.address for box in boxes if box.legacy_exchange_dn}
    gone = []
    for row in rows:
        if _is_disconnected(row):
            items, size = counts_of(row, [])
            gone.append(
                DisconnectedMailbox(
                    display_name=values.optional_text(row, "DisplayName", "without a name"),
                    mailbox=in_use.get(values.optional_text(row, "LegacyDN").lower(), ""),
                    reason=values.optional_text(row, "DisconnectReason"),
                    since=_tried(partial(values.moment, row, "DisconnectDate", zoneless=True), []),
                    items=items,
                    size=size,
                )
            )
    return sorted(gone, key=lambda box: (box.display_name, box.items or 0))


def mailboxes(
    rows: Iterable[Properties], counts: dict[str, Counts], refused: list[str] | None = None
) -> list[SourceMailbox]:
    """`Get-Mailbox`, without those that are Exchange's own, by address. refused: takes what could not be read."""
    moving = []
    for row in rows:
        details = values.optional_text(row, "RecipientTypeDetails")
        if details in _NOBODYS:
            continue
        count, size = counts.get(values.optional_text(row, "LegacyExchangeDN").lower(), (None, None))
        kind = _KINDS.get(details, "user")
        box = _tried(partial(_recipient, row, kind, count, size), refused)
        if box is not None:
            moving.append(box)
    return sorted(moving, key=lambda box: box.address)


def public_folders(rows: Iterable[Properties]) -> list[SourceMailbox]:
    """`Get-MailPublicFolder`, by address."""
    return sorted((_recipient(row, "public_folder", None, None) for row in rows), key=lambda box: box.address)


def address_of(row: Properties) -> str:
    """A recipient's primary SMTP address, in lower case; empty: it has none."""
    return values.optional_text(row, "PrimarySmtpAddress").lower()


def addresses_of(row: Properties) -> tuple[str, ...]:
    """All of its addresses with their prefixes: `SMTP:` is the primary one, `smtp:` others, `X500:`, `SIP:`."""
    return values.texts(row, "EmailAddresses")


def aliases_of(row: Properties) -> tuple[str, ...]:
    """Only the primary address is written SMTP: in capitals; X500, SIP and the like are no mail addresses."""
    return tuple(sorted(name[5:].lower() for name in addresses_of(row) if name.startswith("smtp:")))


def name_of(row: Properties) -> str:
    return values.optional_text(row, "DisplayName") or values.optional_text(row, "Name")


def _recipient(
    row: Properties, kind: Kind | Literal["public_folder"], count: int | None, size: int | None
) -> SourceMailbox:
    values.shown(row, "EmailAddresses", "LegacyExchangeDN", "HiddenFromAddressListsEnabled")
    return SourceMailbox(
        address=values.address(row, "PrimarySmtpAddress"),
        display_name=name_of(row),
        kind=kind,
        aliases=aliases_of(row),
        x500=tuple(sorted(name[5:] for name in addresses_of(row) if name[:5].upper() == "X500:")),
        legacy_exchange_dn=values.optional_text(row, "LegacyExchangeDN"),
        hidden=values.flag(row, "HiddenFromAddressListsEnabled", absent=False),
        item_count=count,
        size=size,
    )


def _is_disconnected(row: Properties) -> bool:
    """2007 shows a DisconnectDate only; later versions a reason, too (Disabled, SoftDeleted)."""
    reason = values.optional_text(row, "DisconnectReason")
    return row.get("DisconnectDate") not in (None, "") or reason.lower() not in _CONNECTED


def each(read: Callable[[P], T], rows: Iterable[P], refused: list[str]) -> list[T]:
    """What can be read of each; the others are put into `refused`, one by one."""
    results: list[T] = []
    for row in rows:
        try:
            results.append(read(row))
        except Blocked as error:
            refused.append(f"{error.wanted}: {error.seen}")
    return results


def _tried(read: Callable[[], T], refused: list[str] | None) -> T | None:
    """One object's answer is that object's answer. refused: None: it is raised."""
    try:
        return read()
    except Blocked as error:
        if refused is None:
            raise
        refused.append(f"{error.wanted}: {error.seen}")
        return None


def _note(refused: list[str] | None, words: str) -> None:
    if refused is not None:
        refused.append(words)
