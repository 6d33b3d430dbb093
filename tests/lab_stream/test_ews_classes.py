"""Every class of item in the lab's EWS: its element, its fields, its people and attachments, by version."""

from __future__ import annotations

import base64
from typing import Any

import lab_ews as ews
import pytest

from lab.cloud.item_stream.from_item import put
from lab.cloud.item_stream.named_properties import TASK
from lab.cloud.item_stream.reader import read_stream
from lab.cloud.item_stream.stored import StoredProperties
from lab.exchange.ews.schema import SINCE, element_of
from lab.exchange.ews.server import Ews
from lab.mailbox_content import meetings, messages, others
from lab.mailbox_content.draft import Draft, Person
from lab.mailbox_content.generator import CLASSES

ANNA = Person("Anna", ews.ANNA, inside=True)
ELEMENTS = {
    "message": "Message", "report": "Message", "secure": "Message", "post": "PostItem", "appointment": "CalendarItem",
    "series": "CalendarItem", "contact": "Contact", "list": "DistributionList", "task": "Task",
    "task request": "Message", "note": "Message", "journal": "Message", "custom": "Message",
}  # fmt: skip


def drafts(number: int = 400) -> list[Draft]:
    return [Draft(7, at, ANNA, (ANNA, Person("Lukasz", "lukasz@contoso.com", inside=True))) for at in range(number)]


@pytest.mark.parametrize("year", [2007, 2010, 2016])
@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.name)
def test_an_item_of_every_class_is_given_whole(kind: Any, year: int) -> None:
    server = ews.Server(year)
    for draft in drafts(3):
        message = kind.make(draft)
        item = server.file(message)
        element = server.whole(item)
        name = element.tag.partition("}")[2]
        assert name == ELEMENTS.get(kind.name, name) == element_of(message.message_class)
        assert ews.text(element, "ItemClass") == message.message_class
        assert ews.text(element, "Subject") == (message.properties.text(0x0037) or None)
        unknown = [child.tag for child in element if not known(child.tag.partition("}")[2], name, server.state.major)]
        assert not unknown, "a field that the schema of this version does not have"


def known(field: str, element: str, major: int) -> bool:
    if field in ("ItemId", "ExtendedProperty"):
        return True
    places = {"Message": "message", "PostItem": "postitem message", "CalendarItem": "calendar", "Task": "task",
              "Contact": "contacts", "DistributionList": "contacts distributionlist"}  # fmt: skip
    uris = [
        f"{place}:{field}"
        for place in ("item", *places.get(element, "message meeting meetingRequest calendar").split())
    ]
    return any(SINCE.get(uri, 99) <= major for uri in uris)


@pytest.mark.parametrize(
    ("name", "element"),
    [
        ("IPM.Note.SMIME.MultipartSigned", "Message"), ("ipm.appointment.own", "CalendarItem"),
        ("IPM.Schedule.Meeting.Resp.Tent", "MeetingResponse"), ("IPM.Schedule.Meeting.Canceled", "MeetingCancellation"),
        ("IPM.Schedule.Meeting.Notification.Forward", "MeetingMessage"), ("IPM.TaskRequest.Accept", "Message"),
        ("REPORT.IPM.Note.NDR", "Message"), ("IPM.Contact.Northwind", "Contact"), ("IPM.Northwind.Order", "Message"),
        ("IPM.Contacts", "Message"),
    ],
)  # fmt: skip
def test_the_element_of_a_class(name: str, element: str) -> None:
    assert element_of(name) == element


def test_people_of_the_directory_are_shown_by_their_smtp_addresses() -> None:
    server = ews.Server(2007)
    message = next(m for m in map(messages.message, drafts()) if m.properties.value(0x0064) == "EX" and m.recipients)
    element = server.whole(server.file(message))
    assert ews.text(element, "From/Mailbox/EmailAddress") in ("anna@contoso.com", "lukasz@contoso.com")
    assert ews.text(element, "From/Mailbox/RoutingType") == "SMTP"
    kinds = {1: "ToRecipients", 2: "CcRecipients", 3: "BccRecipients"}
    for kind, name in kinds.items():
        wanted = [row.text(0x39FE) for row in message.recipients if row.value(0x0C15) == kind]
        found = [box.findtext("{*}EmailAddress") for box in element.findall(f"{ews.T}{name}/{ews.T}Mailbox")]
        assert found == wanted


def test_attendees_have_their_answers_and_the_organizer_is_none_of_them() -> None:
    server = ews.Server(2007)
    message = next(m for m in map(meetings.appointment, drafts()) if len(m.recipients) > 2)
    element = server.whole(server.file(message))
    box = f"{ews.T}Attendee/{ews.T}Mailbox/{ews.T}EmailAddress"
    names = ("RequiredAttendees", "OptionalAttendees", "Resources")
    shown = [email.text for name in names for email in element.findall(f"{ews.T}{name}/{box}")]
    rows = [row.text(0x39FE) for kind in (1, 2, 3) for row in message.recipients[1:] if row.value(0x0C15) == kind]
    assert shown == rows
    assert ews.text(element, "IsMeeting") == "true"


@pytest.mark.parametrize("year", [2007, 2010])
def test_attachments_come_byte_for_byte_and_items_in_items_too(year: int) -> None:
    server = ews.Server(year)
    deep = next(
        message
        for message in map(messages.message, drafts())
        if any(file.message and len(file.message.attachments) == 2 for file in message.attachments)
    )
    element = server.whole(server.file(deep))
    listed = list(element.find(f"{ews.T}Attachments"))
    assert len(listed) == len(deep.attachments)
    for shown, file in zip(listed, deep.attachments, strict=True):
        given = server.attached(shown.find("{*}AttachmentId").get("Id"), ews.tag(0x1035, "String"))
        assert (given.find("{*}IsInline") is None) == (year == 2007), "IsInline came with 2010"
        if file.message is None:
            assert base64.b64decode(given.findtext("{*}Content") or "") == file.properties.value(0x3701)
            assert (given.findtext("{*}ContentId") or "") == file.properties.text(0x3712)
            continue
        [inside] = given.findall(f"{ews.T}Message")
        assert inside.findtext("{*}Subject") == file.message.properties.text(0x0037)
        assert ews.values(inside) == [[file.message.properties.text(0x1035)]]
        deeper = [one.find("{*}AttachmentId").get("Id") for one in inside.find(f"{ews.T}Attachments")]
        if len(deeper) == 2:
            [deepest] = server.attached(deeper[1]).findall(f"{ews.T}Message")
            assert deepest.findtext(f"{ews.T}Subject").startswith("Deeper")


def test_bodies_come_as_asked_for() -> None:
    server = ews.Server(2007)
    both = StoredProperties(put({0x001A: "IPM.Note", 0x1013: "<p>ä</p>".encode("cp1252"), 0x3FDE: 1252}))
    item = server.file(both)
    for body, kind, wanted in (("Best", "HTML", "<p>ä</p>"), ("HTML", "HTML", "<p>ä</p>"), ("Text", "Text", "ä")):
        found = server.get(ews.reference(item), fields="item:Body", body=body)[0].find("{*}Body")
        assert (found.get("BodyType"), found.text) == (kind, wanted)


@pytest.mark.parametrize(("kind", "make"), [
    ("contact", others.contact), ("list", others.distribution_list), ("task", others.task)
])  # fmt: skip
def test_2007_has_no_mime_of_what_is_no_mail(kind: str, make: Any) -> None:
    for year, refused in ((2007, True), (2010, False)):
        server = ews.Server(year)
        [element] = server.get(ews.reference(server.file(make(drafts(1)[0]))), mime=True)
        assert (element is None) == refused


def test_only_2010_sp1_exports_and_it_exports_the_whole_store() -> None:
    assert [("ExportItems" in Ews(ews.Server(year).state, ews.Server(year).state.faults)._operations)
            for year in ews.VERSIONS] == [False, True, True, True]  # fmt: skip
    server = ews.Server(2013, seed=3, count=60)
    ids = "".join(ews.reference(item) for item in server.items)
    answer = server.ask("ExportItems", f"<m:ItemIds>{ids}</m:ItemIds>")
    for item, data in zip(server.items, answer.iter("{*}Data"), strict=True):
        read = read_stream(base64.b64decode(data.text))
        assert item.mapi is not None and read.version[:3] == (15, 0, 847)
        assert [kept.value for kept in read.properties.values()] == [
            kept.value for kept in item.mapi.properties.values()
        ]


def test_a_task_and_a_contact_say_what_they_have() -> None:
    server = ews.Server(2007)
    task = next(m for m in map(others.task, drafts()) if m.properties.lid(TASK, 0x8101) == 1)
    element = server.whole(server.file(task))
    assert (ews.text(element, "Status"), ews.text(element, "PercentComplete")) == ("InProgress", "25")
    assert ews.text(element, "Owner") == "Anna" and ews.text(element, "ChangeCount") == "3"
    contact = next(m for m in map(others.contact, drafts()) if m.attachments)
    element = server.whole(server.file(contact))
    entries = {entry.get("Key"): entry.text for entry in element.findall(f"{ews.T}PhoneNumbers/{ews.T}Entry")}
    assert entries["BusinessPhone"] == contact.properties.text(0x3A08)
    assert ews.text(element, "Attachments/FileAttachment/Name") == "ContactPicture.jpg"
    assert element.find("{*}HasPicture") is None, "of 2010"


def test_one_entry_of_a_dictionary_is_given_where_one_is_asked_for() -> None:
    server = ews.Server(2007)
    item = server.file(others.contact(drafts(1)[0]))
    asked = '<t:IndexedFieldURI FieldURI="contacts:PhoneNumber" FieldIndex="HomePhone"/>'
    asked += '<t:IndexedFieldURI FieldURI="contacts:PhysicalAddress:City" FieldIndex="Home"/>'
    [element] = server.get(ews.reference(item), extended=asked)
    keys = [entry.get("Key") for entry in element.iter(f"{ews.T}Entry")]
    assert keys == ["Home", "HomePhone"]
