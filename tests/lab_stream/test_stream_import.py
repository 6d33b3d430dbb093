"""The lab's two servers with true streams: what ExportItems writes, the import reads, and every view shows it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
import stream_items as items
import stream_samples as samples

from lab.cloud.errors import ApiError
from lab.cloud.graph.import_session import item_in
from lab.cloud.item_stream.appointment_recurrence import read_appointment_recurrence
from lab.cloud.item_stream.checks import check_item
from lab.cloud.item_stream.from_item import MIME_SKELETON, properties_of, put
from lab.cloud.item_stream.graph_rows import contact_fields, event_fields, extended_value, message_fields
from lab.cloud.item_stream.named_properties import APPOINTMENT, COMMON, PUBLIC_STRINGS, Name
from lab.cloud.item_stream.occurrences import occurrences
from lab.cloud.item_stream.reader import read_stream
from lab.cloud.item_stream.stored import Properties, StoredProperties
from lab.cloud.item_stream.to_item import UNSENT, filed
from lab.cloud.item_stream.writer import write_stream
from lab.company import make_company
from lab.item_parts import ContactParts, EventParts, contact_mime, contact_parts, event_mime, event_parts
from lab.mail_store import Mailbox, MailStore, StoredItem

THEN = datetime(2026, 3, 2, 9, 30, 15, 123456, tzinfo=UTC)
EXCHANGES = f"040000008200E00074C5B7101A82E008{'00' * 20}10000000{'AB' * 16}"


def an_item(kind: str, mime: bytes) -> StoredItem:
    store = MailStore([Mailbox("anna@contoso.com", "Anna")])
    return store.put("anna@contoso.com", mime, kind=kind, received=THEN)


def posted(message: StoredProperties) -> str:
    return base64.b64encode(write_stream(message)).decode()


def without_mime(message: StoredProperties) -> StoredProperties:
    """As it comes from a writer that has no MIME to give along."""
    rest = Properties({key: value for key, value in message.properties.items() if key != MIME_SKELETON})
    return StoredProperties(rest, message.recipients, message.attachments)


def test_every_item_of_the_labs_company_goes_through_whole() -> None:
    company = make_company(messages=600)
    kinds: dict[str, int] = {}
    for box in company.mailboxes:
        for item in list(box.items.values())[:60]:
            stream = write_stream(properties_of(item))
            kept = read_stream(stream)
            check_item(kept)
            read = filed(kept)
            assert (read.kind, read.mime, read.received) == (item.kind, item.mime, item.received)
            again = filed(without_mime(kept))
            assert again.kind == item.kind
            if item.kind == "message":
                named = an_item("message", again.mime)
                assert (named.message_id, named.subject.strip()) == (item.message_id, item.subject.strip())
            else:
                assert again.mime == item.mime, "all that these have is in their properties"
            kinds[item.kind] = kinds.get(item.kind, 0) + 1
    assert set(kinds) == {"message", "event", "contact"}


@pytest.mark.parametrize("uid", ["weekly@contoso.com", EXCHANGES, "040000008200E00074C5B7101A82E008-not", "ü" * 30])
def test_an_events_uid_comes_back(uid: str) -> None:
    parts = EventParts(
        uid, "Termin\x07", THEN.replace(microsecond=0), THEN.replace(microsecond=0) + timedelta(hours=1), True
    )
    message = properties_of(an_item("event", event_mime(parts)))
    read = item_in(posted(without_mime(message)))
    assert event_parts(read.mime) == parts
    series = occurrences(_recurrence(message))
    assert len(series) == 52 and series[51].start - series[0].start == timedelta(weeks=51)
    assert series[0].start == parts.start.replace(second=0, tzinfo=None)


def _recurrence(message: StoredProperties) -> Any:
    return read_appointment_recurrence(message.properties.lid(APPOINTMENT, 0x8216))


def test_a_rule_that_the_old_server_cannot_say_is_an_error() -> None:
    parts = EventParts("a@b.c", "x", THEN, THEN, True)
    mime = event_mime(parts).replace(b"FREQ=WEEKLY;COUNT=52", b"FREQ=YEARLY")
    with pytest.raises(ValueError, match="weekly"):
        properties_of(an_item("event", mime))


def test_a_message_is_made_of_its_properties() -> None:
    read = item_in(posted(items.a_message()))
    parsed = message_from_bytes(read.mime, policy=policy.default)
    assert parsed["subject"] == "Grüße – 会议" and parsed["message-id"] == "<a@contoso.com>"
    assert parsed["to"] == "Alice <alice@contoso.com>" and parsed["cc"] == "Bob <bob@contoso.com>"
    names = {part.get_filename(): part.get_content() for part in parsed.iter_attachments()}
    assert names["a.bin"] == bytes(range(256)) * 4
    inner = message_from_bytes(names["Inside.eml"], policy=policy.default)
    assert inner["subject"] == "Inside"
    assert (read.kind, read.received, read.draft) == ("message", items.MONDAY, False)


def test_a_signed_message_keeps_its_bytes() -> None:
    entity = b'Content-Type: multipart/signed; boundary="x"\r\n\r\n--x\r\n\r\nhi\r\n--x--\r\n'
    message = StoredProperties(
        put({0x001A: "IPM.Note.SMIME.MultipartSigned", 0x0037: "Signed"}), (), (items.a_file(0, "smime.p7m", entity),)
    )
    assert item_in(posted(message)).mime.endswith(b"Subject: Signed\r\n" + entity)


def test_a_line_break_in_a_subject_makes_no_header() -> None:
    message = StoredProperties(put({0x001A: "IPM.Note", 0x0037: "a\r\nBcc: evil@x.example", 0x1035: "<1>\r\nX-A: b"}))
    parsed = message_from_bytes(item_in(posted(message)).mime, policy=policy.default)
    assert parsed["bcc"] is None and parsed["x-a"] is None


@pytest.mark.parametrize(("flags", "draft"), [(0, False), (1, False), (UNSENT, True), (UNSENT | 1, True)])
def test_only_an_unsent_message_is_a_draft(flags: int, draft: bool) -> None:
    assert item_in(posted(StoredProperties(put({0x001A: "IPM.Note", 0x0E07: flags})))).draft is draft


def test_graphs_rows_say_what_the_properties_say() -> None:
    more: dict[Any, Any] = {
        0x001A: "IPM.Appointment", 0x0017: 2, 0x0036: 2, 0x0E07: 1, Name(PUBLIC_STRINGS, "Keywords"): ("Red",),
        Name(APPOINTMENT, 0x8205): 3, Name(APPOINTMENT, 0x8215): True, Name(COMMON, 0x8503): True,
        Name(COMMON, 0x8501): 45, Name(APPOINTMENT, 0x8208): "Room 1", 0x3A06: "Anna",
    }  # fmt: skip
    kept = StoredProperties(put(more))
    assert message_fields(kept)["isRead"] is True and message_fields(kept)["importance"] == "high"
    row = event_fields(kept)
    assert (row["sensitivity"], row["showAs"], row["isAllDay"]) == ("private", "oof", True)
    assert (row["isReminderOn"], row["reminderMinutesBeforeStart"]) == (True, 45)
    assert row["categories"] == ["Red"] and row["location"] == {"displayName": "Room 1"}
    assert contact_fields(kept)["givenName"] == "Anna"
    assert extended_value(kept, "Integer 0x0E07") == "1"
    assert extended_value(kept, "Boolean {00062008-0000-0000-C000-000000000046} Id 0x8503") == "true"
    assert extended_value(kept, "String {00062008-0000-0000-C000-000000000046} Name nothing") is None
    assert extended_value(kept, "Integer {no} Id 0x") is None
    dated = StoredProperties(put({0x001A: "IPM.Note", 0x0E06: THEN, 0x300B: b"key"}))
    assert extended_value(dated, "SystemTime 0x0E06") == "2026-03-02T09:30:15Z"
    assert extended_value(dated, "Binary 0x300B") == base64.b64encode(b"key").decode()


def test_a_contact_shows_its_name_and_first_address() -> None:
    parts = ContactParts("Anna\x07 Berg", "anna@contoso.com")
    read = item_in(posted(properties_of(an_item("contact", contact_mime(parts)))))
    assert contact_parts(read.mime) == parts and read.kind == "contact"


BROKEN = items.a_series()
BROKEN.properties.update(put({Name(APPOINTMENT, 0x8216): samples.WEEKLY[:-1]}))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("not base64!", "ErrorInvalidRequest"), ("", "ErrorCorruptData"), ("e30=", "ErrorCorruptData"),
        (posted(items.a_message())[:-8], "ErrorCorruptData"), (posted(BROKEN), "ErrorCorruptData"),
        (None, "ErrorCorruptData"),
    ],
)  # fmt: skip
def test_what_is_no_stream_is_answered_as_such(data: str | None, code: str) -> None:
    with pytest.raises(ApiError) as caught:
        item_in(data)
    assert caught.value.code == code
