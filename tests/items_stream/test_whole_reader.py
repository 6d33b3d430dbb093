"""From an Exchange 2007 that only answers questions to whole streams: every class, its parts, and what goes wrong."""

from __future__ import annotations

import base64
import random
import re
import struct
from copy import deepcopy
from typing import Any

import pytest
from lxml import etree
from paper_ews import BOX, SETS, Attached, File, Paper, PaperEws, person
from plain_reader import Message, read

from blocks.exchange.ews.copy_source import EwsOrigin
from mailmove.errors import MailmoveError
from mailmove.items.copy.interfaces import Content
from mailmove.items.item import Item

ANNA, BERT = ("Anna Änder", "anna@northwind.example", "SMTP"), ("Bert", "/o=First/cn=bert", "EX")
COMMON, APPOINTMENT, STRINGS = SETS["Common"], SETS["Appointment"], SETS["PublicStrings"]
DEFINITIONS = (
    "03010100000045000000080000000000"
    "0A0054006500780074004600690065006C00640031000A546578744669656C643100000000000000001500"
    "00000A54006500780074004600690065006C006400310000000000"
)
"""Microsoft's own sample (office/client-developer/outlook/mapi/propertydefinition-stream-sample)."""


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def written(ews: PaperEws, items: list[Item] | None = None) -> list[Content]:
    return EwsOrigin(ews).contents(BOX, items or ews.listed(), way="written")


def only(ews: PaperEws) -> Message:
    [content] = written(ews)
    assert content.missing is None and content.stream
    return read(base64.b64decode(content.stream))


def text(message: Message | dict[Any, Any], place: Any) -> str:
    properties = message.properties if isinstance(message, Message) else message
    value: bytes = properties[place, 0x1F]
    return value.decode("utf-16-le")[:-1]


def test_a_message_is_written_with_its_people_properties_and_attachments() -> None:
    mail = Paper(
        "IPM.Note",
        fields={
            "message:From": person("From", ANNA), "message:Sender": person("Sender", BERT),
            "message:ToRecipients": person("ToRecipients", BERT, ("Liste", "", "")),
            "message:BccRecipients": person("BccRecipients", ANNA),
        },
        properties={
            ("0x37", "String"): "Ärger & <Freude>", ("0x1013", "Binary"): b64(b"<p><img src='cid:bild@1'></p>"),
            ("0x1000", "String"): "Text", ("0xe07", "Integer"): "1", ("0x1090", "Integer"): "2",
            ("0xe06", "SystemTime"): "2007-03-26T17:00:00Z", (f"{STRINGS} Keywords", "StringArray"): ["Rot", "Blau"],
        },
        attachments=["file", "picture", "empty"],
    )  # fmt: skip
    cid = "<t:ContentType>image/png</t:ContentType><t:ContentId>bild@1</t:ContentId>"
    files = {"file": File("größe.txt", b64(bytes(range(256)))), "picture": File("b.png", b64(b"PNG"), cid),
             "empty": File("leer.txt")}  # fmt: skip
    ews = PaperEws({"1": mail}, files)
    message = only(ews)
    assert text(message, 0x37) == "Ärger & <Freude>" and text(message, 0x5D02) == "anna@northwind.example"
    assert message.properties[0x0E07, 3] == struct.pack("<i", 1)
    assert message.properties[0x1090, 3] == struct.pack("<i", 2)
    assert message.properties[0x0E06, 0x40] and message.properties[0x1013, 0x102]
    assert [text(one, 0x3001) for one in message.recipients] == ["Bert", "Liste", "Anna Änder"]
    assert [struct.unpack("<i", one[0x0C15, 3])[0] for one in message.recipients] == [1, 1, 3]
    (first, _), (second, _), (third, _) = message.attachments
    assert text(first, 0x3707) == "größe.txt" and first[0x3701, 0x102] == bytes(range(256))
    assert second[0x3714, 3] == struct.pack("<i", 4), "2007 does not say that it is inline; the text shows it"
    assert (0x3714, 3) not in first and third[0x3701, 0x102] == b""
    assert ews.asked == {"GetItem": 1, "GetAttachment": 1}


def test_attached_items_are_written_as_what_they_are_and_so_is_what_lies_in_them() -> None:
    deepest = Paper("IPM.Note", properties={("0x37", "String"): "ganz innen"}, attachments=["f"])
    person_ = Paper("IPM.Contact", "Contact", properties={("0x3a06", "String"): "Berta"}, attachments=["p"])
    middle = Paper("IPM.Note", fields={"message:From": person("From", ANNA)},
                   properties={("0x37", "String"): "mitten"}, attachments=["deepest"])  # fmt: skip
    outer = Paper("IPM.Note", attachments=["middle", "person"])
    ews = PaperEws(
        {"1": outer},
        {"middle": Attached("mitten", middle), "person": Attached("Berta", person_),
         "deepest": Attached("innen", deepest), "f": File("f", b64(b"f")),
         "p": File("ContactPicture.jpg", b64(b"\xff"))},
    )  # fmt: skip
    (_, first), (_, second) = only(ews).attachments
    assert first and second and text(first, 0x37) == "mitten" and text(first, 0x5D02) == "anna@northwind.example"
    assert text(second, 0x3A06) == "Berta" and text(second, 0x1A) == "IPM.Contact"
    assert second.attachments[0][0][0x7FFF, 0xB] == b"\1\0", "2007 does not say that it is the photo; its name does"
    [(_, inner)] = first.attachments
    assert inner and text(inner, 0x37) == "ganz innen" and inner.attachments[0][0][0x3701, 0x102] == b"f"


def test_a_series_has_its_changed_occurrences_with_their_parts() -> None:
    zone = struct.pack("<iii", -60, 0, -60) + bytes(2) + struct.pack("<8H", 0, 10, 0, 5, 3, 0, 0, 0)
    zone += bytes(2) + struct.pack("<8H", 0, 3, 0, 5, 2, 0, 0, 0)
    event = {(f"{APPOINTMENT} 0x8233", "Binary"): b64(zone), (f"{APPOINTMENT} 0x8216", "Binary"): b64(b"muster")}
    series = Paper(
        "IPM.Appointment", "CalendarItem", properties=event,
        fields={"calendar:Organizer": person("Organizer", ANNA), "calendar:RequiredAttendees":
                "<t:RequiredAttendees><t:Attendee><t:Mailbox><t:Name>Bert</t:Name><t:EmailAddress>b@x.example"
                "</t:EmailAddress></t:Mailbox><t:ResponseType>Accept</t:ResponseType>"
                "<t:LastResponseTime>0001-01-01T00:00:00Z</t:LastResponseTime></t:Attendee></t:RequiredAttendees>"},
        occurrences=[("2026-01-12T08:00:00Z", "2026-01-12T10:00:00Z", "2026-01-12T11:00:00Z", "changed")],
    )  # fmt: skip
    changed = Paper("IPM.Appointment.Occurrence", "CalendarItem", attachments=["file"],
                    properties={**event, ("0x37", "String"): "verschoben"})  # fmt: skip
    ews = PaperEws({"series": series, "changed": changed}, {"file": File("a.txt", b64(b"a"))})
    items = [item for item in ews.listed("event") if item.id == "series"]
    [content] = written(ews, items)
    message = read(base64.b64decode(content.stream or ""))
    [(exception, inner)] = message.attachments
    assert exception[0x7FFD, 3] == struct.pack("<i", 2) and inner and text(inner, 0x37) == "verschoben"
    assert (0x7FFB, 0x40) in exception and inner.attachments[0][0][0x3701, 0x102] == b"a"
    assert [text(one, 0x3001) for one in message.recipients] == ["Anna Änder", "Bert"]
    gone = PaperEws({"series": series, "changed": Paper("x", error="ErrorItemNotFound")})
    [content] = written(gone, items)
    assert content.stream and content.without == ("what was changed on 2026-01-12 (ErrorItemNotFound: in words)",)


def test_signed_mail_keeps_what_was_signed_and_nothing_else_is_fetched() -> None:
    mime = b"Subject: x\r\nContent-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n"
    ews = PaperEws({"1": Paper("IPM.Note.SMIME", mime=b64(mime), attachments=["f"])}, {"f": File("smime.p7m", "QUJD")})
    [(attachment, _)] = only(ews).attachments
    assert attachment[0x3701, 0x102] == b"ABC" and ews.asked == {"GetItem": 1}
    [content] = written(PaperEws({"1": Paper("IPM.Note.SMIME")}))
    assert content.stream is None and "MIME" in str(content.missing)


def test_fields_that_a_company_has_made_are_found_in_the_item_s_definitions() -> None:
    assert len(bytes.fromhex(DEFINITIONS)) == 0x56
    custom = Paper("IPM.Contact.Kunde", "Contact", properties={
        (f"{COMMON} 0x8540", "Binary"): b64(bytes.fromhex(DEFINITIONS)), (f"{STRINGS} TextField1", "String"): "Gold",
    })  # fmt: skip
    plain = Paper("IPM.Contact.Kunde", "Contact")
    broken = Paper("IPM.Contact", "Contact", properties={(f"{COMMON} 0x8540", "Binary"): b64(b"\3\1\1\0\0\0")})
    ews = PaperEws({"custom": custom, "plain": plain, "broken": broken})
    first, second, third = written(ews, ews.listed("contact"))
    message = read(base64.b64decode(first.stream or ""))
    [value] = [value for ((key, _), value) in message.properties.items() if "TextField1" in str(key)]
    assert value == "Gold\0".encode("utf-16-le") and second.stream and not second.without
    assert third.stream and third.without == ("fields of its own, whose definitions cannot be read",)


CLASSES = {
    "IPM.Task": (f"{SETS['Common']} 0x8518", "Integer"), "IPM.StickyNote": ("0x1000", "String"),
    "IPM.Activity": ("0x37", "String"), "IPM.DistList": (f"{SETS['Address']} 0x8053", "String"),
    "IPM.Post": ("0x70", "String"), "REPORT.IPM.Note.NDR": ("0x1001", "String"),
    "IPM.Schedule.Meeting.Request": (f"{SETS['Meeting']} 0x26", "Integer"),
    "IPM.TaskRequest": ("0x37", "String"), "IPM.Kunde.Auftrag": ("0x37", "String"),
}  # fmt: skip


def test_every_class_in_one_portion_and_one_that_was_listed_as_another() -> None:
    papers = {name: Paper(name, "Item", properties={key: "3"}) for name, key in CLASSES.items()}
    ews = PaperEws(papers)
    unknown = [item.model_copy(update={"item_class": "", "kind": "task"}) for item in ews.listed()]
    for items in (ews.listed(), unknown):
        contents = written(ews, items)
        assert [content.missing for content in contents] == [None] * len(CLASSES)
        for name, content in zip(CLASSES, contents, strict=True):
            message = read(base64.b64decode(content.stream or ""))
            assert text(message, 0x1A) == name and len(message.properties) == 2, name


def test_sixty_messages_are_one_question() -> None:
    ews = PaperEws({str(number): Paper("IPM.Note") for number in range(60)})
    assert all(content.stream for content in written(ews)) and ews.asked == {"GetItem": 1}


@pytest.mark.parametrize("code", ["ErrorItemCorrupt", "ErrorItemNotFound", "ErrorInternalServerError"])
def test_an_item_that_is_refused_is_named_and_the_others_come(code: str) -> None:
    ews = PaperEws({"a": Paper("IPM.Note"), "b": Paper("IPM.Note", error=code), "c": Paper("IPM.Contact", "Contact")})
    first, second, third = written(ews)
    assert first.stream and third.stream and second.stream is None and second.missing
    assert sum(ews.asked.values()) < 12


def test_an_attachment_that_is_refused_is_left_out_and_named() -> None:
    files = {"bad": File("kaputt.doc", error="ErrorItemCorrupt"), "good": File("gut.doc", "QQ=="),
             "hollow": File("hohl.doc", None)}  # fmt: skip
    [content] = written(PaperEws({"1": Paper("IPM.Note", attachments=["bad", "good", "hollow"])}, files))
    [(attachment, _)] = read(base64.b64decode(content.stream or "")).attachments
    assert text(attachment, 0x3707) == "gut.doc"
    assert [what.partition(" (")[0] for what in content.without] == ["attachment 'kaputt.doc'", "attachment 'hohl.doc'"]


@pytest.mark.parametrize(
    ("file", "comes"),
    [
        (File("a", "QQ==", error="ErrorInternalServerError", times=1), True),
        (File("a", "QQ==", error="ErrorInternalServerError"), False),
        (File("a", "QQ="), False),
    ],
)
def test_what_may_pass_is_asked_again_and_no_half_item_is_made(file: File, comes: bool) -> None:
    ews = PaperEws({"1": Paper("IPM.Note", attachments=["f"]), "2": Paper("IPM.Note")}, {"f": file})
    first, second = written(ews)
    assert second.stream and bool(first.stream) == comes and first.without == ()
    assert comes or "the old server does not give it" in str(first.missing)
    assert sum(ews.asked.values()) < 20


@pytest.mark.parametrize("attached", [False, True])
def test_an_item_without_a_single_property_is_no_item(attached: bool) -> None:
    """A server, or something in between, that passes over what it is asked for: nothing empty is sent for it."""
    ews = PaperEws({"1": Paper("IPM.Note", attachments=["in"])}, {"in": Attached("in", Paper("IPM.Note"))})
    ews.mute = not attached
    if attached:
        ews.spoil = lambda answer: (
            re.sub(rb"<t:ExtendedProperty>.*?</t:ExtendedProperty>", b"", answer) if b"ItemAttachment><" in answer
            and b"m:Attachments" in answer else answer
        )  # fmt: skip
    [content] = written(ews)
    assert content.stream is None and "none of the properties" in str(content.missing)


def test_a_value_that_is_none_of_its_type_leaves_its_item_alone() -> None:
    bad = Paper("IPM.Note", properties={("0xe07", "Integer"): "viele"})
    first, second = written(PaperEws({"1": bad, "2": Paper("IPM.Note")}))
    assert second.stream and "cannot be written whole" in str(first.missing)


def test_large_attachments_are_asked_for_alone() -> None:
    files: dict[str, File | Attached] = {str(number): File(f"{number}", "QQ==") for number in range(4)}
    ews = PaperEws({"1": Paper("IPM.Note", attachments=list(files))}, files)
    [content] = written(ews, ews.listed(size=13_000_000))
    assert content.stream and ews.ids[1:] == [("0",), ("1",), ("2",), ("3",)]
    ews.ids.clear()
    written(ews, ews.listed(size=400_000))
    assert ews.ids[1:] == [("0", "1", "2", "3")]


def test_answers_in_another_order_are_not_mixed_up() -> None:
    ews = PaperEws({name: Paper("IPM.Note", properties={("0x37", "String"): name}) for name in "ab"})
    ews.spoil = lambda answer: (
        answer if b'Id="a"' not in answer or b'Id="b"' not in answer
        else answer.replace(b'Id="a"', b'Id="-"').replace(b'Id="b"', b'Id="a"').replace(b'Id="-"', b'Id="b"')
    )  # fmt: skip
    streams = [read(base64.b64decode(content.stream or "")) for content in written(ews)]
    assert [text(message, 0x37) for message in streams] == ["a", "b"]


def test_items_inside_of_one_another_without_end_are_named() -> None:
    ews = PaperEws({"1": Paper("IPM.Note", attachments=["again"])})
    ews.attachments["again"] = Attached("again", Paper("IPM.Note", attachments=["again"]))
    [content] = written(ews)
    assert content.stream is None and "inside of one another" in str(content.missing)


def _spoiled(answer: bytes, seed: int) -> bytes:
    """One element is dropped, doubled, emptied, or says something else."""
    dice = random.Random(seed)
    tree = etree.fromstring(answer)
    places = [one for one in tree.iter() if one.getparent() is not None and one.getparent() is not tree]
    place = dice.choice(places)
    parent = place.getparent()
    assert parent is not None
    match dice.randrange(5):
        case 0:
            parent.remove(place)
        case 1:
            parent.append(deepcopy(place))
        case 2:
            place.text = None
        case 3:
            place.text = dice.choice(
                ["-1", "0001-01-01T00:00:00", "9999999999999999999999", "Ä\ufffd" * 3, "QQ=", "true"]
            )
        case _:
            for name in place.attrib:
                place.attrib[name] = dice.choice(["", "0x0", "Integer", "String", "x"])
    return etree.tostring(tree)


def test_spoiled_answers_end_in_an_item_or_in_words() -> None:
    zone = bytes(48)
    series = Paper(
        "IPM.Appointment", "CalendarItem", attachments=["in"],
        properties={(f"{APPOINTMENT} 0x8233", "Binary"): b64(zone), ("0xe06", "SystemTime"): "2007-03-26T17:00:00Z",
                    (f"{STRINGS} Keywords", "StringArray"): ["Rot", "Blau"], ("0x1013", "Binary"): b64(b"<p>")},
        fields={"calendar:Organizer": person("Organizer", ANNA, BERT)},
        occurrences=[("2026-01-12T08:00:00Z", "2026-01-12T10:00:00Z", "2026-01-12T11:00:00Z", "changed")],
    )  # fmt: skip
    changed = Paper("IPM.Appointment", "CalendarItem", properties={(f"{APPOINTMENT} 0x8233", "Binary"): b64(zone)})
    parts: dict[str, File | Attached] = {
        "in": Attached("in", Paper("IPM.Note", fields={"message:From": person("From", ANNA)}, attachments=["f"])),
        "f": File("f", "QQ==", "<t:ContentId>c</t:ContentId>"),
    }
    whole = 0
    for seed in range(40):
        ews = PaperEws({"series": series, "changed": changed}, parts)
        ews.patience = 0.0
        ews.spoil = lambda answer, seed=seed: _spoiled(answer, seed)  # type: ignore[misc]
        items = [item for item in ews.listed("event") if item.id == "series"]
        try:
            [content] = written(ews, items)
        except MailmoveError:
            continue
        assert content.lack or read(base64.b64decode(content.stream or ""))
        whole += not content.lack
    assert 5 < whole < 40
