"""Success, and MimeContent that is empty, left out or no base64. Source: exchangelib 707 (14.3), 584, 683."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from case_world import ANNA, message, world

from lab.mail_store import MIME_BROKEN, MIME_EMPTY, MIME_MISSING
from mailmove.errors import Blocked, ItemUnreadable
from mailmove.smtp.redeliver import redeliver

SICK = [MIME_BROKEN, MIME_EMPTY, MIME_MISSING]


@pytest.mark.parametrize("sick", SICK)
def test_it_is_named_and_never_copied(sick: str, tmp_path: Path) -> None:
    items = [replace(message("odd", "Rechnung 4711"), sick=sick), message("a", "Hallo")]
    with world({ANNA: items}) as w:
        [moved] = w.mover(tmp_path).move([ANNA])
        assert moved.copied == 1 and w.held() == ["Inbox: Hallo"]
        [(item, why)] = moved.left
        assert item.subject == "Rechnung 4711" and "MimeContent" in why
        with pytest.raises(ItemUnreadable, match="MimeContent"):
            w.source.messages.content(ANNA, item.id)


@pytest.mark.parametrize("sick", SICK)
def test_streams_without_data(sick: str) -> None:
    items = [replace(message("odd", "Rechnung 4711"), sick=sick), message("a", "Hallo")]
    with world({ANNA: items}, version="14.3.123.4") as w:
        origin = w.source.origin()
        assert origin.best_way(ANNA) == "exported"
        [folder] = [folder for folder in origin.folders(ANNA) if folder.count]
        contents = {
            content.item.subject: content
            for content in origin.contents(ANNA, list(origin.items(ANNA, folder)), way="exported")
        }
        assert contents["Hallo"].stream
        assert contents["Rechnung 4711"].stream is None and "Data" in str(contents["Rechnung 4711"].missing)


def test_broken_in_passing_is_asked_for_again() -> None:
    with world({ANNA: [message("a", "Hallo")]}) as w:
        [item] = w.source.messages.find(ANNA, ["<a@kunde.example>"])
        w.faults.set("ews.mime_broken_once", times=1)
        assert w.source.messages.content(ANNA, item.id).endswith(b"text\r\n")


@pytest.mark.parametrize("content", [b"", b"\r\n"])
def test_nothing_is_not_sent_by_smtp(content: bytes) -> None:
    with pytest.raises(Blocked, match="nothing in it"):
        redeliver(content, sender="", recipient=ANNA, mx=("127.0.0.1", 9), helo="old.example")
