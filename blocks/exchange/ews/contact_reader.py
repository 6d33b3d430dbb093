"""A contact of the old server, as the properties that Graph takes; what Graph has no property for goes into its notes.

Sources: Contact of EWS (MS-OXWSCONT); `contact` and `physicalAddress` of Graph's schema.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from blocks.exchange.ews.answers import T
from blocks.exchange.ews.request_xml import Element, field, indexed

_CONTACT = {
    "DisplayName": "displayName",
    "GivenName": "givenName",
    "Initials": "initials",
    "MiddleName": "middleName",
    "Surname": "surname",
    "Generation": "generation",
    "Nickname": "nickName",
    "CompanyName": "companyName",
    "Department": "department",
    "JobTitle": "jobTitle",
    "Profession": "profession",
    "OfficeLocation": "officeLocation",
    "Manager": "manager",
    "AssistantName": "assistantName",
    "SpouseName": "spouseName",
    "BusinessHomePage": "businessHomePage",
    "FileAs": "fileAs",
}
"""Element of EWS -> property of Graph."""
_COMPLETE_NAME = {
    "Title": "title",
    "YomiFirstName": "yomiGivenName",
    "YomiLastName": "yomiSurname",
}
"""Element of CompleteName -> property of Graph."""
_EMAILS = ("EmailAddress1", "EmailAddress2", "EmailAddress3")
_PHONES = {"businessPhones": ("BusinessPhone", "BusinessPhone2"), "homePhones": ("HomePhone", "HomePhone2")}
"""Property of Graph -> keys of EWS."""
_ADDRESSES = {"Business": "businessAddress", "Home": "homeAddress", "Other": "otherAddress"}
_PLACE = {
    "Street": "street",
    "City": "city",
    "State": "state",
    "CountryOrRegion": "countryOrRegion",
    "PostalCode": "postalCode",
}
_IM = ("ImAddress1", "ImAddress2", "ImAddress3")
_NOTED_PHONES = {
    "AssistantPhone": "Assistant's phone",
    "BusinessFax": "Business fax",
    "Callback": "Callback",
    "CarPhone": "Car phone",
    "CompanyMainPhone": "Company's phone",
    "HomeFax": "Home fax",
    "Isdn": "ISDN",
    "OtherFax": "Other fax",
    "OtherTelephone": "Other phone",
    "Pager": "Pager",
    "PrimaryPhone": "Primary phone",
    "RadioPhone": "Radio phone",
    "Telex": "Telex",
    "TtyTddPhone": "TTY/TDD phone",
}
"""Numbers that Graph has no property for, with their words in the notes."""
_NOTED = {"WeddingAnniversary": "Wedding anniversary", "Mileage": "Mileage"}
_PHONE_KEYS = ("MobilePhone", *(key for keys in _PHONES.values() for key in keys), *_NOTED_PHONES)


def contact_properties() -> list[Element]:
    """What GetItem is asked for; the body as text."""
    single = (*_CONTACT, "CompleteName", "Birthday", "Children", *_NOTED)
    return [
        *(field(f"item:{name}") for name in ("Body", "Categories", "HasAttachments", "Sensitivity")),
        *(field(f"contacts:{name}") for name in single),
        *(indexed("contacts:EmailAddress", name) for name in _EMAILS),
        *(indexed("contacts:ImAddress", name) for name in _IM),
        *(indexed("contacts:PhoneNumber", name) for name in _PHONE_KEYS),
        *(indexed(f"contacts:PhysicalAddress:{part}", name) for name in _ADDRESSES for part in _PLACE),
    ]


def contact_fields(element: Any) -> dict[str, object]:
    """element: `Contact`. Empty: it has none of the properties that we know."""
    fields: dict[str, object] = _texts(element, _CONTACT)
    complete = element.find(f"{T}CompleteName")
    if complete is not None:
        fields |= _texts(complete, _COMPLETE_NAME)
    fields |= _numbers(_entries(element, "PhoneNumbers"))
    emails, instant = _entries(element, "EmailAddresses"), _entries(element, "ImAddresses")
    name = str(fields.get("displayName") or "")
    fields |= _given(
        emailAddresses=[{"address": emails[key], "name": name} for key in _EMAILS if emails.get(key)],
        imAddresses=[instant[key] for key in _IM if instant.get(key)],
        categories=_strings(element, "Categories"),
        children=_strings(element, "Children"),
        birthday=_moment(_text(element, "Birthday")),
        personalNotes=_notes(element),
    )
    return {**fields, **_places(element)}


def contact_losses(element: Any) -> tuple[str, ...]:
    """What neither Graph's properties nor the notes can keep, in words."""
    private = _text(element, "Sensitivity")
    return (
        *(["its picture or attachments"] if _text(element, "HasAttachments").lower() in ("true", "1") else []),
        *([f"its sensitivity '{private}'"] if private not in ("", "Normal") else []),
    )


def _given(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value}


def _text(element: Any, name: str) -> str:
    return (element.findtext(f"{T}{name}") or "").strip()


def _texts(element: Any, names: dict[str, str]) -> dict[str, object]:
    return _given(**{graph: _text(element, name) for name, graph in names.items()})


def _entries(element: Any, container: str) -> dict[str, str]:
    """Key -> text. Addresses and numbers may have the same keys, so each is read in its own place."""
    return {
        str(entry.get("Key")): entry.text.strip()
        for entry in element.iterfind(f"{T}{container}/{T}Entry")
        if entry.text and entry.text.strip()
    }


def _strings(element: Any, container: str) -> list[str]:
    return [text.text for text in element.iterfind(f"{T}{container}/{T}String") if text.text]


def _numbers(phones: dict[str, str]) -> dict[str, object]:
    lists = {graph: [phones[key] for key in keys if key in phones] for graph, keys in _PHONES.items()}
    return _given(mobilePhone=phones.get("MobilePhone", ""), **lists)


def _places(element: Any) -> dict[str, object]:
    places = {
        str(entry.get("Key")): _texts(entry, _PLACE) for entry in element.iterfind(f"{T}PhysicalAddresses/{T}Entry")
    }
    return _given(**{graph: places.get(key, {}) for key, graph in _ADDRESSES.items()})


def _moment(text: str) -> str:
    """As Graph writes a DateTimeOffset; "": it is no date."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return ""
    return text if moment.tzinfo else f"{moment.isoformat()}Z"


def _notes(element: Any) -> str:
    """The contact's text, and below it what has no property of its own."""
    phones = _entries(element, "PhoneNumbers")
    birthday = _text(element, "Birthday")
    lines = [
        *(f"{words}: {phones[key]}" for key, words in _NOTED_PHONES.items() if key in phones),
        *(f"{words}: {_text(element, name)}" for name, words in _NOTED.items() if _text(element, name)),
        *([f"Birthday: {birthday}"] if birthday and not _moment(birthday) else []),
    ]
    body = element.findtext(f"{T}Body") or ""
    return "\n\n".join(part for part in (body if body.strip() else "", "\n".join(lines)) if part)
