"""What an item loses on its way, as data: for the finding before the copy, the report after it, and the docs' table."""

from __future__ import annotations

from dataclasses import dataclass

from mailmove.items.copy.interfaces import Way
from mailmove.items.item_class import FAMILIES, OTHER


@dataclass(frozen=True)
class Loss:
    """part: of which items. why: it cannot be had. instead: what the target has. titles: of properties, if it is such.

    of: 'recipient' or 'attachment', whose properties these are.
    """

    part: str
    why: str
    instead: str
    titles: tuple[str, ...] = ()
    of: str = ""


WRITTEN: tuple[Loss, ...] = (
    Loss(
        "what a recipient of a report has: when and why it failed", "EWS shows no properties of recipients",
        "the report's text, which says the same",
        ("ReportTime", "NonDeliveryReportReasonCode", "NonDeliveryReportDiagCode", "SupplementaryInfo",
         "NonDeliveryReportStatusCode", "RemoteMessageTransferAgent", "ReportText"),
        "recipient",
    ),
    Loss(
        "the time that an attendee has proposed instead", "EWS shows no properties of recipients",
        "the answer with the proposal, as a message",
        ("RecipientProposed", "RecipientProposedStartTime", "RecipientProposedEndTime"), "recipient",
    ),
    Loss(
        "how the old address book showed a recipient, and in which encoding mail to it goes",
        "EWS shows no properties of recipients", "name and address; Outlook asks the new address book",
        ("Responsibility", "DisplayTypeEx", "AddressBookDisplayNamePrintable", "TransmittableDisplayName",
         "SendInternetEncoding"), "recipient",
    ),
    Loss(
        "where in a text with RTF an attachment stands, and its icon there", "EWS does not show it",
        "the attachment, in the row below the subject", ("AttachRendering",), "attachment",
    ),
    Loss(
        "objects of other programs inside a text (OLE), attachments by link or by a file's path",
        "EWS gives no content of them", "named with the item, as 'attachment' or 'the link'",
        ("AttachPathname", "AttachTag", "AttachLongPathname", "AttachPayloadProviderGuidString",
         "AttachPayloadClass"), "attachment",
    ),
    Loss(
        "dates of a file that is attached, and how another mail program had packed it",
        "EWS shows no properties of attachments", "the file, byte for byte, under its name",
        ("CreationTime", "LastModificationTime", "AttachTransportName", "AttachAdditionalInformation",
         "AttachContentBase", "TextAttachmentCharset"), "attachment",
    ),
    Loss(
        "properties that a program has made itself (PublicStrings and other sets)",
        "EWS enumerates none; known are those of Outlook, and fields that the item's own form defines",
        "fields of the form, by name and type; not those of attached items",
    ),
    Loss(
        "retention tags, links to the old address list, ids of conversations and of birthdays in the calendar",
        "they name things of the old organization", "made anew by Exchange Online",
    ),
    Loss(
        "values of the types Error, Null, Object and ServerId", "EWS cannot be asked for them", "nothing",
    ),
)  # fmt: skip
"""Of items that we write as streams; everything else of the published list goes along."""

CONVERTED: dict[str, str] = {
    "IPM.Note": "their dates, read state, flags and categories: a draft of the day of the copy",
    "IPM.Note.SMIME": "their dates, read state, flags and categories: a draft of the day of the copy",
    "IPM.Schedule": "buttons to accept or decline: a draft of the day of the copy",
    "REPORT": "the button to send again: a draft of the day of the copy",
    "IPM.Appointment": "privacy, categories, reminder, HTML and attachments; a series with changed occurrences is left",
    "IPM.Contact": "picture, categories and fields that Graph has no place for, which stand in its notes",
}
"""Family of classes -> what its items lose where Graph makes them. A family that is not here is left as a whole."""
NOT_CONVERTED = "Graph makes none of them: they are left, each with its name"


def loss_of(way: Way, family: str) -> str:
    """For people; "": nothing that would not stand in the table of the docs."""
    return CONVERTED.get(family, NOT_CONVERTED) if way == "converted" else ""


def families() -> tuple[str, ...]:
    return (*FAMILIES, OTHER)
