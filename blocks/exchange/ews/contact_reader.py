"""A contact of the old server, as the properties that Graph takes."""

from __future__ import annotations

from typing import Any

from blocks.exchange.ews.answers import T
from blocks.exchange.ews.request_xml import Element, field, indexed

_CONTACT = {
    "DisplayName": "displayName",
    "GivenName": "givenName",
    "MiddleName": "middleName",
    "Surname": "surname",
    "CompanyName": "companyName",
    "Department": "department",
    "JobTitle": "jobTitle",
    "FileAs": "fileAs",
}
"""Element of EWS -> property of Graph."""
_PHONES = {"BusinessPhone": "businessPhones", "HomePhone": "homePhones", "MobilePhone": "mobilePhone"}
_EMAILS = ("EmailAddress1", "EmailAddress2", "EmailAddress3")


def contact_properties() -> list[Element]:
    """What GetItem is asked for."""
    return [
        *(field(f"contacts:{name}") for name in _CONTACT),
        *(indexed("contacts:EmailAddress", name) for name in _EMAILS),
        *(indexed("contacts:PhoneNumber", name) for name in _PHONES),
    ]


def contact_fields(element: Any) -> dict[str, object]:
    """element: `Contact`. Empty: it has none of the properties that we know."""
    fields: dict[str, object] = {}
    for name, graph in _CONTACT.items():
        if value := element.findtext(f"{T}{name}"):
            fields[graph] = value
    entries = {entry.get("Key"): entry.text or "" for entry in element.iter(f"{T}Entry")}
    name = str(fields.get("displayName") or "")
    emails = [{"address": entries[email], "name": name} for email in _EMAILS if entries.get(email)]
    if emails:
        fields["emailAddresses"] = emails
    for key, graph in _PHONES.items():
        if entries.get(key):
            fields[graph] = entries[key] if graph == "mobilePhone" else [entries[key]]
    return fields
