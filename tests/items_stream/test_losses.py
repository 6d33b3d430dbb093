"""The table of what our stream cannot carry, held against what is written: neither more nor less is lost."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from mailmove.items.copy.losses import CONVERTED, WRITTEN, families, loss_of
from mailmove.items.item_class import OTHER, family_of, people_call
from mailmove.items.stream.ews_item import EwsAddress, EwsAttendee, EwsFile, EwsInner, EwsItem, EwsOccurrence
from mailmove.items.stream.from_ews import item_of
from mailmove.items.stream.known.parts import ATTACHMENT, RECIPIENT
from mailmove.items.stream.properties import APPOINTMENT, Lid, Property
from mailmove.items.stream.property_types import PropertyType

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ANNA = EwsAddress("Anna", "anna@northwind.example")
ZONE = Property(Lid(APPOINTMENT, 0x8233), PropertyType.BINARY)


def short(properties: Iterable[Property]) -> set[str]:
    return {known.title.removeprefix("PidTag") for known in properties}


def test_properties_of_recipients_and_attachments_are_written_or_in_the_table() -> None:
    mime = b"Content-Type: multipart/signed; boundary=x\r\n\r\n--x--\r\n"
    file = EwsFile("bild.png", b"x", "image/png", "cid@1", "loc", inline=True, photo=True)
    changed = EwsOccurrence(NOW, NOW, NOW, EwsItem("IPM.Appointment", {}))
    event = EwsItem(
        "IPM.Appointment", {ZONE: "AAAA" * 16}, required=(EwsAttendee(ANNA, "Accept", NOW),),
        attachments=(file, EwsInner("x", EwsItem("IPM.Note", {}))), occurrences=(changed,),
    )  # fmt: skip
    whole, signed = item_of(event), item_of(EwsItem("IPM.Note.SMIME", {}, mime=mime))
    written = {
        "recipient": {title for one in whole.recipients for title in short(one.properties)},
        "attachment": {
            title for item in (whole, signed) for one in item.attachments for title in short(one.properties)
        },
    }
    by_writer = {"recipient": {"Rowid"}, "attachment": {"AttachDataBinary", "AttachNumber"}}
    for of, known in (("recipient", RECIPIENT), ("attachment", ATTACHMENT)):
        lost = [title for loss in WRITTEN if loss.of == of for title in loss.titles]
        assert len(lost) == len(set(lost))
        assert set(lost) | written[of] >= short(known), sorted(short(known) - set(lost) - written[of])
        assert not set(lost) & written[of], "it is not lost"
        assert set(lost) <= short(known) - by_writer[of]


@pytest.mark.parametrize(
    ("item_class", "family"),
    [
        ("IPM.Note", "IPM.Note"), ("ipm.note.smime.multipartsigned", "IPM.Note.SMIME"), ("", OTHER),
        ("IPM.Contact.Kunde", "IPM.Contact"), ("IPM.TaskRequest.Accept", "IPM.TaskRequest"),
        ("REPORT.IPM.Note.NDR", "REPORT"), ("IPM.Noteworthy", OTHER), ("IPM", OTHER),
    ],
)  # fmt: skip
def test_a_class_is_of_the_longest_family(item_class: str, family: str) -> None:
    assert family_of(item_class) == family and people_call(family)


def test_every_way_says_what_it_loses() -> None:
    assert set(CONVERTED) <= set(families())
    assert all(loss_of("converted", family) for family in families())
    assert not any(loss_of(way, family) for way in ("exported", "written") for family in families())
