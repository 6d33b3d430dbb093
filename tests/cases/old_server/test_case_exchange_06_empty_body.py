"""Status 200, and no answer in it: an empty SOAP body, no byte, HTML, a torn or mislabelled answer, missing elements.

Source: ews-managed-api 280 (a blank body now and then).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from case_world import ANNA, message, world
from recorded_ews import BOX, ENVELOPE, RecordedEws, always, answers, items

from blocks.exchange.ews.copy_source import EwsOrigin
from blocks.exchange.ews.sync_changes import EwsChanges
from mailmove.errors import AnswerUnreadable, MailmoveError
from mailmove.items.copy.interfaces import SourceFolder

WHOLE = ENVELOPE.format(answers("GetFolder", "ErrorItemNotFound"))
NO_ANSWERS = {
    "empty body": ENVELOPE.format("").encode(),
    "nothing": b"",
    "blanks": b" \r\n",
    "html": b"<!DOCTYPE html><html><body>Please sign in<br></body></html>",
    "xhtml": b"<html><body>Please sign in</body></html>",
    "text": b"Service Unavailable",
    "torn": WHOLE.encode()[:-40],
    "another charset": WHOLE.encode("utf-16-le"),
    "not utf-8": WHOLE.replace("in words", "in W\u00f6rtern").encode("latin-1"),
    "another operation": ENVELOPE.format(answers("ResolveNames", "ErrorItemNotFound")).encode(),
    "no messages": ENVELOPE.format(answers("GetFolder")).encode(),
    "an unknown charset": b'<?xml version="1.0" encoding="klingon"?>' + WHOLE.encode(),
    "zeros": b"\x00" * 400,
}


@pytest.mark.parametrize("name", NO_ANSWERS)
@pytest.mark.parametrize("status", [200, 500])
def test_it_is_a_typed_error_with_the_servers_words(name: str, status: int) -> None:
    ews = RecordedEws(lambda _: (status, NO_ANSWERS[name]))
    for read in (
        lambda: EwsOrigin(ews).folders(BOX),
        lambda: EwsChanges(ews).folders(BOX),
        lambda: EwsOrigin(ews).contents(BOX, items("a", "b"), way="converted"),
    ):
        with pytest.raises(AnswerUnreadable) as caught:
            read()
        assert str(status) in caught.value.seen or name == "no messages"
    assert ews.asked < 60
    if name in ("html", "xhtml"):
        assert "Please sign in" in caught.value.seen


@pytest.mark.parametrize("fault", ["empty_200", "nothing_200", "html_200", "truncated", "wrong_charset", "no_messages"])
def test_it_passes(fault: str, tmp_path: Path) -> None:
    with world({ANNA: [message("a", "eins"), message("b", "zwei", "Projekte")]}) as w:
        for after in range(5):
            w.faults.set(f"ews.{fault}", times=1, after=after)
            of = w.source.item_changes()
            pages = [page for folder in of.folders(ANNA) for page in of.changes(ANNA, folder, None)]
            assert sorted(item.subject for page in pages for item in page.items) == ["eins", "zwei"]
        w.faults.set(f"ews.{fault}")
        with pytest.raises(MailmoveError):
            w.source.item_changes().folders(ANNA)


def test_a_page_that_holds_less_than_it_says() -> None:
    item = '<t:Message><t:ItemId Id="a"/></t:Message>'
    page = '<m:RootFolder TotalItemsInView="2" IncludesLastItemInRange="true"><t:Items>{}</t:Items></m:RootFolder>'
    whole = "<m:RootFolder {}><t:Items>" + item + "</t:Items></m:RootFolder>"
    for body in (page.format(item), page.format(""), whole.format(""), whole.format('IncludesLastItemInRange="x"')):
        with pytest.raises(MailmoveError):
            list(EwsOrigin(always(answers("FindItem", body))).items(BOX, FOLDER))


FOLDER = SourceFolder("f", ("Inbox",), "message")
