"""Extended properties of the lab's EWS: what is asked for, there, and of its type; nothing else; by the schema."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import lab_ews as ews
import pytest

from lab.cloud.item_stream import property_types as t
from lab.cloud.item_stream.from_item import put
from lab.cloud.item_stream.named_properties import COMMON, INTERNET_HEADERS, NOTE, PUBLIC_STRINGS, TASK, Name
from lab.cloud.item_stream.stored import StoredProperties
from lab.exchange.ews.xml import EwsError

OWN = UUID("5A1C4C1E-3F0B-4E43-9F5D-6B2D0C7E1A20")
AT = datetime(2007, 3, 26, 18, 0, 1, 500_000, tzinfo=UTC)


def a_message() -> StoredProperties:
    values: dict[Any, Any] = {
        0x001A: "IPM.Note", 0x0037: "<&> ä", 0x0E07: 1, 0x0E06: AT, 0x0017: 2, 0x0029: True, 0x1013: b"<p>x</p>",
        Name(PUBLIC_STRINGS, "Keywords"): ("Red", "Grün"), Name(COMMON, 0x8503): False, Name(TASK, 0x8102): 0.25,
        Name(NOTE, 0x8B00): 3, Name(INTERNET_HEADERS, "x-mailer"): (t.STRING, "M"), Name(OWN, "K"): (t.GUID, OWN),
        Name(OWN, "Small"): (t.INT16, -3), Name(OWN, "Long"): (t.INT64, 1 << 40), Name(OWN, "C"): (t.CURRENCY, 12),
        Name(OWN, "Times"): (t.MULTIPLE | t.TIME, (t.ticks_of(AT),)), Name(OWN, 7): (t.MULTIPLE | t.INT32, (1, -2)),
    }  # fmt: skip
    return StoredProperties(put(values))


CASES = [
    (ews.tag(0x0037, "String"), [["<&> ä"]]),
    (ews.tag(0x0E06, "SystemTime"), [["2007-03-26T18:00:01Z"]]),
    (ews.tag(0x0017, "Integer"), [["2"]]),
    (ews.tag(0x0029, "Boolean"), [["true"]]),
    (ews.tag(0x1013, "Binary"), [[base64.b64encode(b"<p>x</p>").decode()]]),
    (ews.named("PublicStrings", "Keywords", "StringArray"), [["Red", "Grün"]]),
    (ews.lid("Common", 0x8503, "Boolean"), [["false"]]),
    (ews.lid("Task", 0x8102, "Double"), [["0.25"]]),
    (ews.lid(str(NOTE), 0x8B00, "Integer"), [["3"]]),
    (ews.named("InternetHeaders", "X-Mailer", "String"), [["M"]]),
    (ews.named(str(OWN), "K", "CLSID"), [[str(OWN)]]),
    (ews.named(str(OWN).upper(), "Small", "Short"), [["-3"]]),
    (ews.named(str(OWN), "Long", "Long"), [[str(1 << 40)]]),
    (ews.named(str(OWN), "C", "Currency"), [["12"]]),
    (ews.named(str(OWN), "Times", "SystemTimeArray"), [["2007-03-26T18:00:01Z"]]),
    (ews.lid(str(OWN), 7, "IntegerArray"), [["1", "-2"]]),
    (ews.tag(0x0E1B, "Boolean"), [["false"]]),
    # Not there, of another type, by another name: no element at all.
    (ews.tag(0x1000, "String"), []),
    (ews.tag(0x0017, "Short"), []),
    (ews.tag(0x0037, "Binary"), []),
    (ews.lid("Common", 0x8503, "Integer"), []),
    (ews.lid("Address", 0x8503, "Boolean"), []),
    (ews.named("PublicStrings", "keywords", "StringArray"), []),
    (ews.named("PublicStrings", "Keywords", "String"), []),
]


@pytest.mark.parametrize(("path", "wanted"), CASES, ids=[case[0][20:] for case in CASES])
def test_what_is_asked_for_and_there_is_answered_as_its_type(path: str, wanted: list[list[str]]) -> None:
    server = ews.Server(2007)
    [item] = server.get(ews.reference(server.file(a_message())), extended=path)
    assert ews.values(item) == wanted


def test_several_are_answered_in_their_order_each_with_its_path() -> None:
    server = ews.Server(2007)
    paths = ews.tag(0x0017, "Integer") + ews.tag(0x1000, "String") + ews.lid("Common", 34051, "Boolean")
    [item] = server.get(ews.reference(server.file(a_message())), extended=paths)
    found = [dict(path.attrib) for path in item.iter("{*}ExtendedFieldURI")]
    assert found == [
        {"PropertyTag": "0x17", "PropertyType": "Integer"},
        {"DistinguishedPropertySetId": "Common", "PropertyId": "34051", "PropertyType": "Boolean"},
    ]


REFUSED = [
    ('<t:ExtendedFieldURI PropertyTag="0x1000"/>', "ErrorSchemaValidation"),
    (ews.tag(0x1000, "Text"), "ErrorSchemaValidation"),
    ('<t:ExtendedFieldURI PropertyTag="0x12345" PropertyType="String"/>', "ErrorSchemaValidation"),
    (ews.lid("Common", 1 << 40, "String"), "ErrorSchemaValidation"),
    (ews.lid("Note", 0x8B00, "Integer"), "ErrorSchemaValidation"),
    (ews.lid("Log", 0x8700, "String"), "ErrorSchemaValidation"),
    (ews.lid("{00062008-0000-0000-C000-000000000046}", 0x8503, "Boolean"), "ErrorSchemaValidation"),
    (ews.tag(0x8503, "Boolean"), "ErrorInvalidExtendedProperty"),
    (f'<t:ExtendedFieldURI PropertyTag="0x1000" PropertySetId="{OWN}" PropertyType="String"/>',
     "ErrorInvalidExtendedProperty"),
    ('<t:ExtendedFieldURI DistinguishedPropertySetId="Common" PropertyType="String"/>', "ErrorInvalidExtendedProperty"),
    ('<t:ExtendedFieldURI PropertyName="x" PropertyType="String"/>', "ErrorInvalidExtendedProperty"),
    (ews.tag(0x1000, "Object"), "ErrorUnsupportedPropertyDefinition"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "code"), REFUSED)
def test_a_path_that_the_schema_does_not_have_is_refused(path: str, code: str) -> None:
    server = ews.Server(2007)
    item = server.file(a_message())
    with pytest.raises(EwsError) as caught:
        server.get(ews.reference(item), extended=path)
    assert caught.value.code == code


SINCE = [
    ("item:ConversationId", 2010), ("item:UniqueBody", 2010), ("calendar:StartTimeZone", 2010),
    ("distributionlist:Members", 2010), ("contacts:HasPicture", 2010), ("item:Flag", 2013), ("item:TextBody", 2013),
    ("item:StoreEntryId", 2013), ("item:Body", 2007), ("calendar:ModifiedOccurrences", 2007), ("item:Colour", 9999),
]  # fmt: skip


@pytest.mark.parametrize("year", ews.VERSIONS)
@pytest.mark.parametrize(("uri", "since"), SINCE)
def test_a_field_of_a_later_schema_is_refused(uri: str, since: int, year: int) -> None:
    server = ews.Server(year)
    item = server.file(a_message())
    if year >= since:
        assert server.get(ews.reference(item), fields=uri)[0] is not None
        return
    with pytest.raises(EwsError) as caught:
        server.get(ews.reference(item), fields=uri)
    assert caught.value.code == "ErrorSchemaValidation" and caught.value.fault


def test_a_list_cuts_long_values_and_an_item_does_not() -> None:
    server = ews.Server(2007)
    item = server.file(StoredProperties(put({0x001A: "IPM.Note", 0x1000: "ä" * 900})))
    path = ews.tag(0x1000, "String")
    [whole] = server.get(ews.reference(item), extended=path)
    answer = server.ask(
        "FindItem",
        f"<m:ItemShape>{ews.shape_xml(extended=path, fields='item:Body')}</m:ItemShape><m:ParentFolderIds>"
        f"<t:DistinguishedFolderId Id='inbox'><t:Mailbox><t:EmailAddress>{ews.ANNA}</t:EmailAddress></t:Mailbox>"
        "</t:DistinguishedFolderId></m:ParentFolderIds>",
    )
    [listed] = next(answer.iter("{*}Items"))
    assert ews.values(whole) == [["ä" * 900]] and ews.values(listed) == [["ä" * 255]]
    assert listed.find("{*}Body") is None
