"""`mailmove compare`: what is in the items, held against the old server's, on a company that was moved whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest
from whole_company import WholeCompany, whole_company

from lab.big_company import make_big_company
from lab.cloud.item_stream.from_item import properties_of
from lab.cloud.item_stream.stored import Properties, Property
from lab.item_parts import ContactParts, EventParts, contact_mime, event_mime
from lab.mail_store import StoredItem
from mailmove.errors import Refused
from tasks.items.content_comparison import Comparison, compare_contents
from tasks.items.copy_mailboxes import copy_mailboxes, record_copy

SAMPLE = 30
THEN = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def furnish(company: WholeCompany) -> None:
    """What is no plain message: a series, a contact, a message with a file and a message in it."""
    letter = EmailMessage()
    letter["Message-ID"], letter["Subject"], letter["From"] = "<whole@x.example>", "Grüße 中文", "Berg <berg@x.example>"
    letter["To"], letter["Date"] = (
        "anna@northwind.example, Info <info@northwind.example>",
        "Mon, 2 Mar 2026 09:30:00 +0000",
    )
    letter.set_content("Zeile")
    letter.add_alternative("<p>Zeile</p>", subtype="html")
    letter.add_attachment(bytes(range(256)) * 40, "application", "octet-stream", filename="Übersicht.bin")
    inner = EmailMessage()
    inner["Subject"] = "inner"
    inner.set_content("inner")
    letter.add_attachment(inner)
    series = EventParts("uid-1", "Termin", THEN, THEN + timedelta(hours=1), True)
    for address in company.moving:
        company.old.put(address, letter.as_bytes(policy=SMTP), received=THEN)
        company.old.put(address, event_mime(series), folder="Calendar", kind="event", received=THEN)
        person = contact_mime(ContactParts("Berg", "berg@x.example"))
        company.old.put(address, person, folder="Contacts", kind="contact", received=THEN)


@contextmanager
def moved(home: Path, version: str = "8.3.83.6", *, streams: bool = True) -> Iterator[WholeCompany]:
    with whole_company(make_big_company(6), home, version, streams=streams, target={"mover": "direct"}) as company:
        furnish(company)
        company.until_done("copy_mailboxes", lambda context: record_copy(context, copy_mailboxes(context)))
        yield company


def compared(company: WholeCompany, folder: Path, sample: int = SAMPLE) -> Comparison:
    folder.mkdir(exist_ok=True)
    return compare_contents(company.context("compare"), folder, sample, seed=7)


def spoil(company: WholeCompany, address: str, item: StoredItem, change: Callable[[Properties], Properties]) -> None:
    tenant = company.lab.tenant
    kept = tenant.stored.get(item.id) or properties_of(item)
    tenant.stored[item.id] = replace(kept, properties=change(kept.properties))


@pytest.mark.parametrize("version", ["8.3.83.6", "14.3.123.4"], ids=["written", "exported"])
def test_what_was_copied_whole_is_the_same(version: str, tmp_path: Path) -> None:
    with moved(tmp_path, version) as company:
        outcome = compared(company, tmp_path / "a")
        assert [str(one) for one in outcome.of("differs")] == []
        assert [str(one) for one in outcome.of("not compared")] == []
        assert len(outcome.items) == SAMPLE and outcome.unread == []
        assert {one.mailbox for one in outcome.items} == set(company.moving), "every mailbox is looked into"
        assert {one.item.kind for one in outcome.items} == {"message", "event", "contact"}
        again = compared(company, tmp_path / "b")
        assert [str(one) for one in again.items] == [str(one) for one in outcome.items], "one seed, one sample"


def test_what_was_lost_on_the_way_is_named(tmp_path: Path) -> None:
    with moved(tmp_path) as company:
        outcome = compared(company, tmp_path / "a")
        spoiled = next(one for one in outcome.items if one.item.kind == "message" and one.item.message_id)
        [copy] = [
            item
            for item in company.cloud.snapshot(spoiled.mailbox)
            if item.message_id == spoiled.item.message_id
        ]  # fmt: skip

        def unimportant(properties: Properties) -> Properties:
            rest = {key: value for key, value in properties.items() if key != 0x0E06}
            return Properties({**rest, 0x0017: Property(3, 2)})

        spoil(company, spoiled.mailbox, copy, unimportant)
        again = compared(company, tmp_path / "b")
        [found] = again.of("differs")
        assert (found.mailbox, found.item.message_id) == (spoiled.mailbox, spoiled.item.message_id)
        assert set(found.found) == {"importance", "date received"}


def test_without_the_right_nothing_is_compared_and_it_is_said(tmp_path: Path) -> None:
    with moved(tmp_path, streams=False) as company:
        company.lab.app.roles.discard("MailboxItem.Export.All")
        with pytest.raises(Refused, match=r"MailboxItem\.Export\.All"):
            compared(company, tmp_path / "a")


def test_an_item_that_is_not_given_is_named_and_the_others_are_compared(tmp_path: Path) -> None:
    with moved(tmp_path) as company:
        first = compared(company, tmp_path / "a")
        sick = first.items[0]
        [item] = [
            item
            for item in company.old.snapshot(sick.mailbox)
            if (item.folder, item.subject) == ("/".join(sick.item.folder), sick.item.subject)
        ]
        company.old.make_sick(sick.mailbox, item.id, "ErrorItemCorrupt")
        again = compared(company, tmp_path / "b")
        [found] = again.of("not compared")
        assert found.item.id == sick.item.id and "the old server does not give it" in found.found[0]
        assert len(again.of("same")) == len(again.items) - 1
