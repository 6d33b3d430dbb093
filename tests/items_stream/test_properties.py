"""The lists of properties: no property twice, none that is never written, and a question for EWS of each."""

from __future__ import annotations

from collections import Counter

import pytest

from mailmove.items.stream.ews_fields import extended_field, property_answered
from mailmove.items.stream.known.by_class import _OF_CLASS, properties_of
from mailmove.items.stream.known.parts import ATTACHMENT, RECIPIENT
from mailmove.items.stream.properties import (
    APPOINTMENT,
    INTERNET_HEADERS,
    NOTE,
    PUBLIC_STRINGS,
    Lid,
    Name,
    Property,
    Tag,
)  # fmt: skip
from mailmove.items.stream.property_types import PropertyType as T
from mailmove.items.stream.untransmitted import is_transmitted

CLASSES = [*_OF_CLASS, "IPM", "IPM.Note.SMIME.MultipartSigned", "IPM.Note.SMIME", "IPM.Customer.Order"]


@pytest.mark.parametrize("item_class", CLASSES)
def test_a_list_names_each_property_once_and_each_is_written_and_can_be_asked_for(item_class: str) -> None:
    listed = properties_of(item_class)
    assert [key for key, times in Counter(each.key for each in listed).items() if times > 1] == []
    assert [str(each) for each in listed if not is_transmitted("item", each)] == []
    questions = [extended_field(each) for each in listed]
    assert None not in questions
    assert len({tuple(question.items()) for question in questions if question}) == len(listed)


def test_parts_of_items_are_written_whole() -> None:
    assert all(is_transmitted("recipient", each) for each in RECIPIENT)
    assert all(is_transmitted("attachment", each) for each in ATTACHMENT)


@pytest.mark.parametrize(
    ("item_class", "title"),
    [
        ("IPM.Note", "PidTagTransportMessageHeaders"),
        ("ipm.note.SMIME.MultipartSigned", "PidNameKeywords"),
        ("REPORT.IPM.Note.NDR", "PidTagReportText"),
        ("REPORT.IPM.Note.IPNRN", "PidTagOriginalSubject"),
        ("IPM.Schedule.Meeting.Request", "PidLidGlobalObjectId"),
        ("IPM.Schedule.Meeting.Resp.Pos", "PidLidAttendeeCriticalChange"),
        ("IPM.Schedule.Meeting.Canceled", "PidLidAppointmentStateFlags"),
        ("IPM.Appointment", "PidLidAppointmentRecur"),
        ("IPM.OLE.CLASS.{00061055-0000-0000-C000-000000000046}", "PidLidExceptionReplaceTime"),
        ("IPM.Contact", "PidLidEmail3OriginalEntryId"),
        ("IPM.Contact.Customer", "PidLidFileUnder"),
        ("IPM.DistList", "PidLidDistributionListOneOffMembers"),
        ("IPM.Task", "PidLidTaskRecurrence"),
        ("IPM.TaskRequest.Accept", "PidLidTaskAcceptanceState"),
        ("IPM.StickyNote", "PidLidNoteColor"),
        ("IPM.Activity", "PidLidLogType"),
        ("IPM.Post.Rss", "PidLidPostRssItemGuid"),
        ("IPM.Note.Microsoft.Voicemail.UM", "PidTagVoiceMessageDuration"),
        ("IPM.Sharing", "PidLidSharingCapabilities"),
    ],
)
def test_a_class_has_its_own_properties(item_class: str, title: str) -> None:
    assert title in {each.title for each in properties_of(item_class)}


def test_a_class_that_only_begins_with_the_same_letters_is_another_one() -> None:
    titles = {each.title for each in properties_of("IPM.Contacts")}
    assert "PidLidFileUnder" not in titles and "PidTagSubject" in titles


def test_each_kind_of_name_is_asked_for_in_its_own_form() -> None:
    assert extended_field(Property(Tag(0x1013), T.BINARY)) == {"PropertyTag": "0x1013", "PropertyType": "Binary"}
    recurrence = {"DistinguishedPropertySetId": "Appointment", "PropertyId": "33302", "PropertyType": "Binary"}
    assert extended_field(Property(Lid(APPOINTMENT, 0x8216), T.BINARY)) == recurrence
    color = {
        "PropertySetId": "0006200e-0000-0000-c000-000000000046", "PropertyId": "35584", "PropertyType": "Integer",
    }  # fmt: skip
    assert extended_field(Property(Lid(NOTE, 0x8B00), T.INTEGER32)) == color
    words = {
        "DistinguishedPropertySetId": "PublicStrings", "PropertyName": "Keywords", "PropertyType": "StringArray",
    }  # fmt: skip
    assert extended_field(Property(Name(PUBLIC_STRINGS, "Keywords"), T.MULTIPLE_STRING)) == words
    header = extended_field(Property(Name(INTERNET_HEADERS, "Content-Class"), T.STRING))
    assert header is not None and header["DistinguishedPropertySetId"] == "InternetHeaders"
    assert extended_field(Property(Tag(0x3701), T.OBJECT)) is None
    assert extended_field(Property(Tag(0x6900), T.ERROR_CODE)) is None


@pytest.mark.parametrize("item_class", CLASSES)
def test_an_answer_names_the_property_that_was_asked_for(item_class: str) -> None:
    for each in properties_of(item_class):
        question = extended_field(each)
        assert question is not None and property_answered(question) == each
        short = {**question}
        if isinstance(each.key, Tag):
            short["PropertyTag"] = hex(each.key.id)
            assert property_answered({**question, "PropertyTag": str(each.key.id)}) == each
        elif "PropertySetId" in question:
            short["PropertySetId"] = question["PropertySetId"].upper()
        assert property_answered(short) == each


@pytest.mark.parametrize(
    "attributes",
    [
        {}, {"PropertyTag": "0x37"}, {"PropertyTag": "x", "PropertyType": "String"}, {"PropertyType": "String"},
        {"PropertyTag": "0x37", "PropertyType": "Strings"},
        {"PropertySetId": "1", "PropertyId": "1", "PropertyType": "String"},
        {"DistinguishedPropertySetId": "Nobody", "PropertyId": "1", "PropertyType": "String"},
        {"DistinguishedPropertySetId": "Common", "PropertyId": "x", "PropertyType": "String"},
        {"DistinguishedPropertySetId": "Common", "PropertyName": "", "PropertyType": "String"},
        {"DistinguishedPropertySetId": "Common", "PropertyType": "String"},
    ],
)  # fmt: skip
def test_what_names_no_property_is_none(attributes: dict[str, str]) -> None:
    assert property_answered(attributes) is None
