"""People of an item as EWS shows them: senders, recipients, attendees.

Who is in the server's own directory has an address of type EX in the store; GetItem shows the SMTP address behind it
(learn.microsoft.com, EmailAddressType: FindItem does not). MS-OXWSCDATA 2.2.4.31, MS-OXWSMTGS 2.2.4.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lab.cloud.item_stream import tags
from lab.cloud.item_stream.contact_addresses import read_flat_entries
from lab.cloud.item_stream.entry_ids import BookEntry, OneOff
from lab.cloud.item_stream.stored import Properties, StoredProperties
from lab.exchange.ews.xml import stamp, text_of

Resolve = Callable[[str], str]
"""Legacy DN -> SMTP address; "" where the directory does not have it."""
TO, CC, BCC = 1, 2, 3
FROM = (0x0042, 0x0064, 0x0065, 0x5D02)
SENDER = (0x0C1A, 0x0C1E, 0x0C1F, 0x5D01)
RECEIVED_BY = (0x0040, 0x0075, 0x0076, 0x5D07)
RECEIVED_REPRESENTING = (0x0044, 0x0077, 0x0078, 0x5D08)
_ORGANIZER = 0x00000002  # PidTagRecipientFlags: recipOrganizer
_RESPONSES = {0: "Unknown", 1: "Organizer", 2: "Tentative", 3: "Accept", 4: "Decline", 5: "NoResponseReceived"}


def mailbox_xml(name: str, kind: str, address: str, resolve: Resolve) -> str:
    shown, routing = address, kind or "SMTP"
    if routing == "EX":
        smtp = resolve(address)
        shown, routing = (smtp, "SMTP") if smtp else (address, "EX")
    email = f"<t:EmailAddress>{text_of(shown)}</t:EmailAddress>" if shown else ""
    return (
        f"<t:Mailbox><t:Name>{text_of(name)}</t:Name>{email}<t:RoutingType>{text_of(routing)}</t:RoutingType>"
        "</t:Mailbox>"
    )


def single(properties: Properties, who: tuple[int, int, int, int], resolve: Resolve) -> str:
    """One person by four properties: name, type, address, SMTP address; "" where there is none."""
    name, kind, address, smtp = (properties.text(number) for number in who)
    if not (name or address):
        return ""
    if kind == "EX" and smtp:
        kind, address = "SMTP", smtp
    return mailbox_xml(name, kind, address, resolve)


def _rows(message: StoredProperties, kind: int) -> Iterable[Properties]:
    for row in message.recipients:
        if row.value(tags.RECIPIENT_TYPE) & 0xF == kind and not (row.value(0x5FFD) or 0) & _ORGANIZER:
            yield row


def _person(row: Properties, resolve: Resolve) -> str:
    kind, address = row.text(0x3002), row.text(0x3003)
    if kind == "EX" and row.text(0x39FE):
        kind, address = "SMTP", row.text(0x39FE)
    return mailbox_xml(row.text(0x3001) or row.text(0x5FF6), kind, address, resolve)


def recipients(message: StoredProperties, kind: int, resolve: Resolve) -> str:
    return "".join(_person(row, resolve) for row in _rows(message, kind))


def attendees(message: StoredProperties, kind: int, resolve: Resolve) -> str:
    """To are required, Cc optional, Bcc resources (MS-OXOCAL 2.2.4.10)."""
    parts = []
    for row in _rows(message, kind):
        response = _RESPONSES.get(row.value(0x5FFF) or 0, "Unknown")
        when = row.moment(0x5FFB)
        at = f"<t:LastResponseTime>{stamp(when)}</t:LastResponseTime>" if when else ""
        parts.append(f"<t:Attendee>{_person(row, resolve)}<t:ResponseType>{response}</t:ResponseType>{at}</t:Attendee>")
    return "".join(parts)


def reply_to(properties: Properties, resolve: Resolve) -> str:
    blob = properties.value(0x004F)
    if not isinstance(blob, bytes) or not blob:
        return ""
    parts = []
    for entry in read_flat_entries(blob):
        if isinstance(entry, OneOff):
            parts.append(mailbox_xml(entry.name, entry.address_type, entry.address, resolve))
        elif isinstance(entry, BookEntry):
            parts.append(mailbox_xml(entry.dn.rpartition("=")[2], "EX", entry.dn, resolve))
    return "".join(parts)


def shown_names(message: StoredProperties, kind: int) -> str:
    """PidTagDisplayTo, PidTagDisplayCc, PidTagDisplayBcc: names, with semicolons (MS-OXOMSG 2.2.1.7 to 9)."""
    rows = [row for row in message.recipients if row.value(tags.RECIPIENT_TYPE) & 0xF == kind]
    return "; ".join(row.text(0x3001) or row.text(0x3003) for row in rows)
