"""Fields that every item can have, and those of messages and posts, read from its properties.

A writer gives the content of the field's element, or None: the item has none such. Sources: MS-OXWSCORE 2.2.4.24,
MS-OXWSMSG 2.2.4.1, MS-OXWSPOST; which property a field is: "EWS schema and MAPI properties" in learn.microsoft.com's
pages of the elements, and MS-OXPROPS.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime, timedelta
from email.parser import HeaderParser

from lab.cloud.item_stream.named_properties import COMMON, INTERNET_HEADERS, TASK, Name
from lab.exchange.ews import people
from lab.exchange.ews.attachments import attachments_xml
from lab.exchange.ews.series import shown_attachments
from lab.exchange.ews.view import View
from lab.exchange.ews.xml import attribute, stamp, text_of

Writer = Callable[[View], str | None]
_SENSITIVITY = {0: "Normal", 1: "Personal", 2: "Private", 3: "Confidential"}
_IMPORTANCE = {0: "Low", 1: "Normal", 2: "High"}
_UNMODIFIED, _SUBMITTED, _UNSENT, _RESEND, _FROM_ME = 0x02, 0x04, 0x08, 0x80, 0x20
_FLAG = {0: "NotFlagged", 1: "Complete", 2: "Flagged"}


def text(key: int | Name) -> Writer:
    return lambda view: text_of(value) if (value := view.message.properties.text(key)) else None


def number(key: int | Name) -> Writer:
    return lambda view: str(value) if isinstance(value := view.message.properties.value(key), int) else None


def boolean(key: int | Name, *, absent: str | None = "false") -> Writer:
    return lambda view: str(bool(v)).lower() if (v := view.message.properties.value(key)) is not None else absent


def moment(key: int | Name) -> Writer:
    return lambda view: stamp(at) if (at := view.message.properties.moment(key)) else None


def binary(key: int | Name) -> Writer:
    def write(view: View) -> str | None:
        value = view.message.properties.value(key)
        return base64.b64encode(value).decode() if isinstance(value, bytes) and value else None

    return write


def strings(values: object) -> str | None:
    if not isinstance(values, tuple) or not values:
        return None
    return "".join(f"<t:String>{text_of(str(value))}</t:String>" for value in values)


def texts(key: Name) -> Writer:
    return lambda view: strings(view.message.properties.value(key))


def choice(key: int | Name, words: dict[int, str], absent: int = 0) -> Writer:
    return lambda view: words.get(value if isinstance(value := view.message.properties.value(key), int) else absent)


def flag(bit: int) -> Writer:
    return lambda view: str(bool((view.message.properties.value(0x0E07) or 0) & bit)).lower()


def person(who: tuple[int, int, int, int]) -> Writer:
    return lambda view: people.single(view.message.properties, who, view.resolve) or None


def crowd(kind: int) -> Writer:
    return lambda view: people.recipients(view.message, kind, view.resolve) or None


def _at(when: datetime | None) -> str | None:
    return stamp(when) if when else None


def _headers(view: View) -> str | None:
    """Transport headers, one element each, and what stands in PS_INTERNET_HEADERS."""
    pairs = list(HeaderParser().parsestr(view.message.properties.text(0x007D)).items())
    pairs += [
        (str(key.id), str(kept.value))
        for key, kept in view.message.properties.items()
        if isinstance(key, Name) and key.set == INTERNET_HEADERS
    ]
    shown = (
        f"<t:InternetMessageHeader HeaderName={attribute(name)}>{text_of(' '.join(value.split()))}"
        "</t:InternetMessageHeader>"
        for name, value in pairs
    )
    return "".join(shown) or None


def _reminder_due(view: View) -> str | None:
    signal = view.message.properties.moment(Name(COMMON, 0x8560)), view.message.properties.moment(Name(COMMON, 0x8502))
    if view.element == "CalendarItem" and signal[0] and not signal[1]:
        before = view.message.properties.value(Name(COMMON, 0x8501)) or 0
        return stamp(signal[0] + timedelta(minutes=before))
    return _at(signal[1] or signal[0])


def _flag_xml(view: View) -> str | None:
    """item:Flag, since 2013."""
    properties = view.message.properties
    parts = [f"<t:FlagStatus>{_FLAG.get(properties.value(0x1090) or 0, 'NotFlagged')}</t:FlagStatus>"]
    for name, key in (("StartDate", 0x8104), ("DueDate", 0x8105)):
        if at := properties.moment(Name(TASK, key)):
            parts.append(f"<t:{name}>{stamp(at)}</t:{name}>")
    if at := properties.moment(0x1091):
        parts.append(f"<t:CompleteDate>{stamp(at)}</t:CompleteDate>")
    return "".join(parts)


HEAD: dict[str, Writer] = {
    "item:ItemClass": text(0x001A),
    "item:Subject": text(0x0037),
    "item:Sensitivity": choice(0x0036, _SENSITIVITY),
    "item:Attachments": lambda view: attachments_xml(view) or None,
    "item:DateTimeReceived": lambda view: _at(view.message.properties.moment(0x0E06) or view.received),
    "item:Size": lambda view: str(view.size),
    "item:Categories": lambda view: strings(view.message.categories),
    "item:Importance": choice(0x0017, _IMPORTANCE, 1),
    "item:InReplyTo": text(0x1042),
    "item:IsSubmitted": flag(_SUBMITTED),
    "item:IsDraft": flag(_UNSENT),
    "item:IsFromMe": flag(_FROM_ME),
    "item:IsResend": flag(_RESEND),
    "item:IsUnmodified": flag(_UNMODIFIED),
    "item:InternetMessageHeaders": _headers,
    "item:DateTimeSent": lambda view: _at(view.message.properties.moment(0x0039) or view.received),
    "item:DateTimeCreated": lambda view: _at(view.message.properties.moment(0x3007) or view.received),
    "item:ReminderDueBy": _reminder_due,
    "item:ReminderIsSet": boolean(Name(COMMON, 0x8503)),
    "item:ReminderMinutesBeforeStart": lambda view: str(view.message.properties.value(Name(COMMON, 0x8501)) or 0),
    "item:DisplayCc": lambda view: text_of(people.shown_names(view.message, people.CC)),
    "item:DisplayTo": lambda view: text_of(people.shown_names(view.message, people.TO)),
    "item:HasAttachments": lambda view: str(any(
        not file.properties.value(0x7FFE) for file in shown_attachments(view.message)
    )).lower(),
}  # fmt: skip
"""In the order of the schema; extended properties follow."""
TAIL: dict[str, Writer] = {
    "item:LastModifiedName": text(0x3FFA),
    "item:LastModifiedTime": lambda view: _at(view.message.properties.moment(0x3008) or view.received),
    "item:IsAssociated": lambda view: "false",
    "item:Flag": _flag_xml,
}
MESSAGE: dict[str, Writer] = {
    "message:Sender": person(people.SENDER),
    "message:ToRecipients": crowd(people.TO),
    "message:CcRecipients": crowd(people.CC),
    "message:BccRecipients": crowd(people.BCC),
    "message:IsReadReceiptRequested": boolean(0x0029),
    "message:IsDeliveryReceiptRequested": boolean(0x0023),
    "message:ConversationIndex": binary(0x0071),
    "message:ConversationTopic": text(0x0070),
    "message:From": person(people.FROM),
    "message:InternetMessageId": text(0x1035),
    "message:IsRead": flag(0x01),
    "message:IsResponseRequested": boolean(0x0063, absent=None),
    "message:References": text(0x1039),
    "message:ReplyTo": lambda view: people.reply_to(view.message.properties, view.resolve) or None,
    "message:ReceivedBy": person(people.RECEIVED_BY),
    "message:ReceivedRepresenting": person(people.RECEIVED_REPRESENTING),
}
_POST = ("ConversationIndex", "ConversationTopic", "From", "InternetMessageId", "IsRead")
POST: dict[str, Writer] = {
    **{f"message:{name}": MESSAGE[f"message:{name}"] for name in _POST},
    "postitem:PostedTime": moment(0x0039),
    "message:References": MESSAGE["message:References"],
    "message:Sender": MESSAGE["message:Sender"],
}
