"""What phones and machines found on the old server mean for the move."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import ip_address

from mailmove.evidence import Finding
from mailmove.inventory.full import FullInventory, Phone

_STALE = timedelta(days=60)

PHONE = "a phone: "
"""How `seen` of a phone's finding begins."""


def of_phones(inventory: FullInventory) -> Iterator[Finding]:
    """Each phone by name: somebody has to walk to it. The newest sync of all is what age is measured against."""
    newest = max((one.last_sync for one in inventory.phones if one.last_sync), default=None)
    for one in inventory.phones:
        last = f", last seen {one.last_sync:%Y-%m-%d}" if one.last_sync else ", never seen"
        yield Finding(
            subject=one.mailbox,
            seen=f"{PHONE}{named(one)}{last}",
            means="Its account points at the old server; it gets no mail after the switch.",
            todo="It has not synced for two months: ask whether it still exists."
            if _stale(one, newest)
            else "Remove the account on the phone and add it again after the switch.",
        )


def named(phone: Phone) -> str:
    """Its model and kind, and the id by which the server knows it."""
    names = [name for name in dict.fromkeys((phone.model, phone.device_type)) if name]
    return f"{' / '.join(names) or 'unnamed'} ({phone.device_id})"


def _stale(phone: Phone, newest: datetime | None) -> bool:
    return newest is not None and (phone.last_sync is None or newest - phone.last_sync > _STALE)


def of_relays(inventory: FullInventory) -> Iterator[Finding]:
    """Each machine that sends through the server, with its address."""
    for one in inventory.relays:
        host = f" ({one.host})" if one.host else ""
        senders = ", ".join(one.senders) or "the empty sender"
        yield Finding(
            subject=one.client_ip,
            seen=f"{one.messages:,} messages through the server from {one.client_ip}{host} as {senders}; "
            f"last {one.last:%Y-%m-%d %H:%M} UTC",
            means=_meaning(one.client_ip),
            todo="Give it another way to send (Microsoft 365 SMTP submission, a connector, or a relay) before port 25 "
            "of the old server is closed.",
        )


def _meaning(address: str) -> str:
    try:
        inside = ip_address(address.partition("%")[0]).is_private
    except ValueError:
        inside = False
    if inside:
        return "A printer, scanner or application sends by the old server; its mail is lost when that is gone."
    return "A machine outside sends in the company's name by the old server, or somebody forges the name."
