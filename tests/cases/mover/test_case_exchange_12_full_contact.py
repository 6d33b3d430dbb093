"""A contact with all that Outlook lets one say: every property that Graph has, the rest in its notes."""

from __future__ import annotations

from pathlib import Path

from recorded_ews import BOX, RecordedEws

from blocks.exchange.ews.copy_source import EwsOrigin
from mailmove.items.copy.interfaces import Content
from mailmove.items.item import Item

RECORDED = (Path(__file__).parents[1] / "recorded" / "12_contact.xml").read_bytes()
CONTRACT = Path(__file__).parents[3] / "lab" / "contracts" / "graph-v1.0-extract.json"
ITEM = Item(id="c", folder=("Contacts",), kind="contact", key="contact|ann example|ann@fabrikam.example")


def read(recorded: bytes = RECORDED) -> tuple[Content, bytes]:
    asked: list[bytes] = []

    def answer(request: bytes) -> tuple[int, bytes]:
        asked.append(request)
        return 200, recorded

    [content] = EwsOrigin(RecordedEws(answer)).contents(BOX, [ITEM], way="converted")
    return content, asked[0]


def test_everything_is_kept() -> None:
    content, asked = read()
    assert content.fields == {
        "displayName": "Ann Example",
        "givenName": "Ann",
        "surname": "Example",
        "nickName": "Annie",
        "companyName": "Fabrikam",
        "emailAddresses": [{"address": "ann@fabrikam.example", "name": "Ann Example"}],
        "businessPhones": ["+49 1", "+49 2"],
        "homePhones": ["+49 4"],
        "businessAddress": {"street": "Main 1", "city": "Berlin"},
        "assistantName": "Bo",
        "birthday": "1970-05-12T00:00:00Z",
        "businessHomePage": "https://fabrikam.example",
        "manager": "Cy",
        "officeLocation": "5.1",
        "spouseName": "Max",
        "categories": ["Customer"],
        "personalNotes": "knows us since 1999\n\nBusiness fax: +49 3",
    }
    assert content.without == ()
    for wanted in (b"item:Body", b"item:Categories", b"contacts:Birthday", b"BusinessFax", b"PhysicalAddress:Street"):
        assert wanted in asked, "what is not asked for does not come"


def test_what_is_lost_is_named() -> None:
    more = b"<t:HasAttachments>true</t:HasAttachments><t:Sensitivity>Private</t:Sensitivity><t:DisplayName>"
    content, _ = read(RECORDED.replace(b"<t:DisplayName>", more))
    assert content.without == ("its picture or attachments", "its sensitivity 'Private'")


def test_keys_of_one_name_in_two_places_are_told_apart() -> None:
    both = RECORDED.replace(
        b"<t:AssistantName>",
        b'<t:ImAddresses><t:Entry Key="ImAddress1">sip:ann</t:Entry></t:ImAddresses><t:AssistantName>',
    ).replace(b'Key="HomePhone"', b'Key="Business"')
    fields, _ = read(both)
    assert fields.fields is not None
    assert fields.fields["businessAddress"] == {"street": "Main 1", "city": "Berlin"}
    assert fields.fields["imAddresses"] == ["sip:ann"]
