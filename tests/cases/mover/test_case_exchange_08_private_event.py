"""A private event with all that Outlook lets one say: kept, or named."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailmove.items.copy.calendar_events import event_fields, parts_lost

EVENT = (
    (Path(__file__).parents[1] / "recorded" / "08_private_event.ics")
    .read_bytes()
    .replace(b"\r\n", b"\n")
    .replace(b"\n", b"\r\n")
)


def with_lines(*lines: str) -> bytes:
    return EVENT.replace(b"CLASS:PRIVATE", "\r\n".join(lines).encode())


def test_everything_is_kept_or_named() -> None:
    fields = event_fields(EVENT)
    assert fields == {
        "subject": "Doctor",
        "body": {"contentType": "html", "content": "<p>bring <b>papers</b></p>"},
        "start": {"dateTime": "2027-03-08T09:00:00", "timeZone": "W. Europe Standard Time"},
        "end": {"dateTime": "2027-03-08T10:30:00", "timeZone": "W. Europe Standard Time"},
        "isAllDay": False,
        "showAs": "oof",
        "sensitivity": "private",
        "importance": "high",
        "categories": ["Red", "Blue"],
        "isReminderOn": True,
        "reminderMinutesBeforeStart": 45,
    }
    assert parts_lost(EVENT) == ("the attachment plan.txt",)


@pytest.mark.parametrize(
    ("lines", "name", "value"),
    [
        (("CLASS:CONFIDENTIAL",), "sensitivity", "confidential"),
        (("CLASS:X-PERSONAL",), "sensitivity", "personal"),
        (("CLASS:PUBLIC",), "sensitivity", "normal"),
        (("CLASS:private",), "sensitivity", "private"),
        (("X-MICROSOFT-CDO-IMPORTANCE:0",), "importance", "low"),
        (("CATEGORIES:Grün\\, hell",), "categories", ["Grün, hell", "Red", "Blue"]),
        (("BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-P1D", "END:VALARM"), "reminderMinutesBeforeStart", 1440),
        (
            ("BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER;RELATED=END:-PT3H", "END:VALARM"),
            "reminderMinutesBeforeStart",
            90,
        ),
    ],
)
def test_each_way_to_say_it(lines: tuple[str, ...], name: str, value: object) -> None:
    assert event_fields(with_lines(*lines))[name] == value


@pytest.mark.parametrize(
    ("lines", "lost"),
    [
        (("ATTACH;VALUE=BINARY;ENCODING=BASE64;X-FILENAME=a.pdf:AAAA",), "the attachment a.pdf"),
        (("BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT15M", "END:VALARM"), "the reminder 15 minutes before"),
        (("BEGIN:VALARM", "ACTION:EMAIL", "TRIGGER:-PT15M", "END:VALARM"), "a reminder that Graph has no kind for"),
        (("STATUS:CANCELLED",), "that it was cancelled"),
    ],
)
def test_what_graph_cannot_say_is_named(lines: tuple[str, ...], lost: str) -> None:
    assert lost in parts_lost(with_lines(*lines))


def test_what_text_can_keep_is_in_the_text() -> None:
    content = event_fields(with_lines("URL:https://x.example/1", "ATTACH:https://x.example/a.pdf"))["body"]["content"]
    assert "Link: https://x.example/1" in content and "Attachment: https://x.example/a.pdf" in content


def test_without_a_reminder_there_is_none() -> None:
    bare = EVENT[: EVENT.index(b"BEGIN:VALARM")] + EVENT[EVENT.index(b"END:VALARM") + len(b"END:VALARM\r\n") :]
    fields = event_fields(bare)
    assert fields["isReminderOn"] is False and "reminderMinutesBeforeStart" not in fields
