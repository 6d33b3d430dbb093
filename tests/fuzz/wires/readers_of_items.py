"""Readers of an item's own content: MIME of messages, events in messages, content in base64, on the way to Graph."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from answers import Answer
from mutate_text import bytes_mutation, lines_mutation
from reader import Case, Reader
from readers_of_texts import RECORDED

from blocks.microsoft365.items.item_requests import Unsendable, request_for, without_parts
from lab.cloud.item_stream.from_item import properties_of
from lab.cloud.item_stream.writer import write_stream
from lab.item_parts import ContactParts, EventParts, contact_mime, event_mime
from lab.mail_store import Mailbox, MailStore
from mailmove.items.copy.calendar_events import Unmovable
from mailmove.items.copy.interfaces import Content
from mailmove.items.item import Item
from mailmove.items.stream.item import StreamItem
from mailmove.items.stream.reader import read_item

ITEM_NAMES = ("item MIME", "event in MIME", "item in base64", "item stream")


def _message(name: str) -> bytes:
    """A message with everything that messages have: three charsets, an attachment, a message in it, long headers."""
    message = EmailMessage()
    message["From"], message["To"] = "Änne Berg <anna@contoso.com>", ", ".join(f"b{n}@contoso.com" for n in range(9))
    message["Subject"], message["Date"] = "Grüße 中文 " + "lang " * 30, "Mon, 30 Nov 2026 03:00:00 +0000"
    if name != "no Message-ID":
        message["Message-ID"] = "<1@contoso.com>"
    message.set_content("Zeile\n.\n..\n" + "ß" * 200, charset="iso-8859-1")
    message.add_alternative("<p>中文</p>", subtype="html", charset="utf-8")
    message.add_attachment(b"\0\1\2" * 50, "application", "octet-stream", filename="Übersicht.bin")
    inner = EmailMessage()
    inner["Subject"] = "inner"
    inner.set_content("inner")
    message.add_attachment(inner)
    return message.as_bytes(policy=SMTP)


def _read(kind: str, message_id: str | None) -> Callable[[bytes], Any]:
    item = Item(id="1", folder=("Inbox",), kind=kind, message_id=message_id, key=f"{kind}|x|y")

    def read(mime: bytes) -> Any:
        content = Content(item, mime=base64.b64encode(mime).decode())
        result = request_for(content, "users/a", "folder")["body"], without_parts(content)
        return _kept_whole(result, mime) if kind == "message" else result

    return read


def _kept_whole(result: Any, mime: bytes) -> Any:
    """A message goes as it is: whatever was spoiled in it, nothing of it is missing from what is sent."""
    sent = base64.b64decode(result[0], validate=True)
    _, gap, body = mime.partition(b"\r\n\r\n")
    assert len(sent) >= len(mime) and (not gap or sent.endswith(body)), "octets of the message are gone"
    return result


def _case(name: str, body: bytes, read: Callable[[bytes], Any]) -> Case:
    return Case(name, [Answer(body)], lambda answers: read(answers[0].body))


def _in_base64(answers: Sequence[Answer]) -> Any:
    """What EWS gives is base64 in an element; spoiled there, before anybody has read it."""
    item = Item(id="1", folder=("Inbox",), kind="message", message_id="<1@contoso.com>")
    content = Content(item, mime=answers[0].body.decode("utf-8", "replace"))
    return request_for(content, "users/a", "folder")["body"], without_parts(content)


def _streams() -> list[Case]:
    """As the lab's servers write them: of a message with a message in it, an event, a contact."""
    store = MailStore([Mailbox("anna@contoso.com", "Anna")])
    now = datetime(2026, 11, 30, tzinfo=UTC)
    contents = {"message": _message("whole"), "event": event_mime(EventParts("uid-1", "Meeting", now, now, True)),
                "contact": contact_mime(ContactParts("Berg", "berg@x.example"))}  # fmt: skip
    return [
        _case(
            kind, write_stream(properties_of(store.put("anna@contoso.com", mime, kind=kind, received=now))), read_item
        )
        for kind, mime in contents.items()
    ]


def _parts(item: StreamItem) -> Counter[str]:
    inner = [attachment.embedded for attachment in item.attachments if attachment.embedded is not None]
    counts = Counter({"properties": len(item.properties), "recipients": len(item.recipients),
                      "attachments": len(item.attachments)})  # fmt: skip
    return counts + sum(map(_parts, inner), Counter[str]())


def item_readers() -> list[Reader]:
    """What cannot be read of an event is left to a person (Unsendable); a message is not looked into."""
    now = datetime(2026, 11, 30, tzinfo=UTC)
    wrapped = EmailMessage()
    wrapped["Subject"] = "Meeting"
    wrapped.set_content("see the calendar")
    wrapped.add_attachment(event_mime(EventParts("uid-1", "Meeting", now, now, False)), "text", "calendar",
                           filename="meeting.ics", cte="base64")  # fmt: skip
    messages = [_case(name, _message(name), _read("message", message_id))
                for name, message_id in (("whole", "<1@contoso.com>"), ("no Message-ID", None))]  # fmt: skip
    events = [_case("event in base64", wrapped.as_bytes(), _read("event", None))]
    events += [_case(path.name, path.read_bytes(), _read("event", None)) for path in RECORDED.glob("*event*.eml")]
    encoded = Case("base64", [Answer(base64.b64encode(_message("whole")))], _in_base64)
    refused = (Unsendable, Unmovable)
    return [
        Reader("item MIME", messages, [lines_mutation, bytes_mutation], measure=lambda result: Counter(),
               raises=refused),
        Reader("event in MIME", events, [lines_mutation, bytes_mutation], measure=lambda result: Counter(),
               raises=refused),
        Reader("item in base64", [encoded], [bytes_mutation], measure=lambda result: Counter(),
               raises=refused),
        Reader("item stream", _streams(), [bytes_mutation], measure=_parts),
    ]  # fmt: skip
