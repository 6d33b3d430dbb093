"""Findings about phones that sync with the old server, and machines that send through it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import ip_address

from mailmove.evidence import Finding
from mailmove.inventory.full import FullInventory, Phone, Relay
from mailmove.inventory.transport import Deliverer
from mailmove.smtp.other_ways import OTHER_WAYS
from mailmove.streets.judge import brings_mail_in

_STALE = timedelta(days=60)
"""Age of a phone's last sync from which it may no longer exist."""


def of_phones(inventory: FullInventory) -> Iterator[Finding]:
    """A finding for each phone, by name: a person must set it up anew. Age is counted from the newest sync of all."""
    newest = max((phone.last_sync for phone in inventory.phones if phone.last_sync), default=None)
    for phone in inventory.phones:
        last = f", last seen {phone.last_sync:%Y-%m-%d}" if phone.last_sync else ", never seen"
        yield Finding(
            subject=phone.mailbox,
            about="phone",
            seen=f"a phone: {named(phone)}{last}",
            means="Its account points at the old server; it gets no mail after the switch.",
            todo="It has not synced for two months: ask whether it still exists."
            if _stale(phone, newest)
            else "Remove the account on the phone and add it again after the switch.",
        )


def named(phone: Phone) -> str:
    """A phone's model and type, and its id at the server."""
    names = [name for name in dict.fromkeys((phone.model, phone.device_type)) if name]
    return f"{' / '.join(names) or 'unnamed'} ({phone.device_id})"


def _stale(phone: Phone, newest: datetime | None) -> bool:
    return newest is not None and (phone.last_sync is None or newest - phone.last_sync > _STALE)


def of_relays(inventory: FullInventory) -> Iterator[Finding]:
    """A finding for each machine that sends through the server, with its address."""
    incoming = inventory.incoming.deliverers if inventory.incoming else ()
    bringing = {deliverer.client_ip: deliverer for deliverer in incoming if brings_mail_in(deliverer)}
    for relay in inventory.relays:
        if deliverer := bringing.get(relay.client_ip):
            yield _bringing(relay, deliverer)
            continue
        host = f" ({relay.host})" if relay.host else ""
        senders = ", ".join(relay.senders) or "the empty sender"
        yield Finding(
            code="MachineSends",
            subject=relay.client_ip,
            seen=f"{relay.messages:,} messages through the server from {relay.client_ip}{host} as {senders}; "
            f"last {relay.last:%Y-%m-%d %H:%M} UTC",
            means=_meaning(relay.client_ip),
            todo=f"Before port 25 of the old server is closed, give it another way to send: {OTHER_WAYS}.",
        )


def _bringing(relay: Relay, deliverer: Deliverer) -> Finding:
    """It hands in mail of strangers: it is given no other way to send."""
    host = f" ({relay.host})" if relay.host else ""
    return Finding(
        code="BringsMailIn",
        subject=relay.client_ip,
        seen=f"{deliverer.messages:,} messages from outside, of {deliverer.sender_domains} senders' domains, handed in "
        f"by {relay.client_ip}{host}; last {deliverer.last:%Y-%m-%d %H:%M} UTC",
        means="Not a printer: a gateway, a filter, or a program that fetches mail by POP3 and hands it to the server.",
        todo="See the finding about the way of mail. After the switch it must fetch or pass on a last time, be seen "
        "empty, and then be switched off.",
    )


def _meaning(address: str) -> str:
    try:
        inside = ip_address(address.partition("%")[0]).is_private
    except ValueError:
        inside = False
    if inside:
        return "A printer, scanner or application sends by the old server; its mail is lost when that is gone."
    return "A machine outside sends in the company's name by the old server, or somebody forges the name."
