"""Fields of contacts, distribution lists and tasks (MS-OXWSCONT, MS-OXWSDLIST, MS-OXWSTASK), read from properties."""

from __future__ import annotations

from lab.cloud.item_stream.contact_addresses import read_email_blocks
from lab.cloud.item_stream.entry_ids import BookEntry, OneOff, Wrapped, read_members
from lab.cloud.item_stream.named_properties import ADDRESS, COMMON, TASK, Name
from lab.cloud.item_stream.recurrence import read_task_recurrence
from lab.exchange.ews.item_fields import Writer, boolean, choice, moment, number, strings, text, texts
from lab.exchange.ews.people import mailbox_xml
from lab.exchange.ews.recurrence_xml import recurrence_xml
from lab.exchange.ews.view import View
from lab.exchange.ews.xml import attribute, text_of

_PHONES = {
    "AssistantPhone": 0x3A2E, "BusinessFax": 0x3A24, "BusinessPhone": 0x3A08, "BusinessPhone2": 0x3A1B,
    "Callback": 0x3A02, "CarPhone": 0x3A1E, "CompanyMainPhone": 0x3A57, "HomeFax": 0x3A25, "HomePhone": 0x3A09,
    "HomePhone2": 0x3A2F, "Isdn": 0x3A2D, "MobilePhone": 0x3A1C, "OtherFax": 0x3A23, "OtherTelephone": 0x3A1F,
    "Pager": 0x3A21, "PrimaryPhone": 0x3A1A, "RadioPhone": 0x3A1D, "Telex": 0x3A2C, "TtyTddPhone": 0x3A4B,
}  # fmt: skip
_PLACES: dict[str, tuple[int | Name, ...]] = {
    "Business": tuple(Name(ADDRESS, lid) for lid in (0x8045, 0x8046, 0x8047, 0x8049, 0x8048)),
    "Home": (0x3A5D, 0x3A59, 0x3A5C, 0x3A5A, 0x3A5B),
    "Other": (0x3A63, 0x3A5F, 0x3A62, 0x3A60, 0x3A61),
}
_PARTS = ("Street", "City", "State", "CountryOrRegion", "PostalCode")
_STATUS = {0: "NotStarted", 1: "InProgress", 2: "Completed", 3: "WaitingOnOthers", 4: "Deferred"}
_DELEGATION = {0: "NoMatch", 1: "OwnNew", 2: "Accepted", 3: "Declined"}
_POSTAL = {0: "None", 1: "Home", 2: "Business", 3: "Other"}


def _entries(pairs: list[tuple[str, str]]) -> str | None:
    return "".join(f'<t:Entry Key="{key}">{text_of(value)}</t:Entry>' for key, value in pairs if value) or None


def _emails(view: View) -> str | None:
    pairs = []
    for block in read_email_blocks(view.message.properties):
        address = (view.resolve(block.address) or block.address) if block.type == "EX" else block.address
        pairs.append((f"EmailAddress{block.number}", address))
    return _entries(pairs)


def _phones(view: View) -> str | None:
    return _entries([(key, view.message.properties.text(number)) for key, number in _PHONES.items()])


def _places(view: View) -> str | None:
    shown = []
    for key, keys in _PLACES.items():
        values = [view.message.properties.text(part) for part in keys]
        if any(values):
            inner = "".join(
                f"<t:{name}>{text_of(value)}</t:{name}>" for name, value in zip(_PARTS, values, strict=True) if value
            )
            shown.append(f'<t:Entry Key="{key}">{inner}</t:Entry>')
    return "".join(shown) or None


def _complete_name(view: View) -> str | None:
    names = {
        "Title": 0x3A45, "FirstName": 0x3A06, "MiddleName": 0x3A44, "LastName": 0x3A11, "Suffix": 0x3A05,
        "Initials": 0x3A0A, "FullName": 0x3001, "Nickname": 0x3A4F,
    }  # fmt: skip
    shown = ((name, view.message.properties.text(number)) for name, number in names.items())
    return "".join(f"<t:{name}>{text_of(value)}</t:{name}>" for name, value in shown if value) or None


def _members(view: View) -> str | None:
    """Since 2010."""
    properties = view.message.properties
    members = properties.value(Name(ADDRESS, 0x8055))
    if not members:
        return None
    shown = []
    pairs = read_members(members, properties.value(Name(ADDRESS, 0x8054)) or ())
    for place, (member, one_off) in enumerate(pairs):
        entry: OneOff | BookEntry | None = member.entry if isinstance(member, Wrapped) else member
        kind, address = ("EX", entry.dn) if isinstance(entry, BookEntry) else ("SMTP", one_off.address)
        who = mailbox_xml(one_off.name, kind, address, view.resolve)
        shown.append(f"<t:Member Key={attribute(f'{place:08x}')}>{who}<t:Status>Normal</t:Status></t:Member>")
    return "".join(shown)


def _task_recurrence(view: View) -> str | None:
    blob = view.message.properties.lid(TASK, 0x8116)
    if not isinstance(blob, bytes) or not blob:
        return None
    return recurrence_xml(read_task_recurrence(blob), None, major=view.major)


def _percent(view: View) -> str | None:
    """The store has a share of one, EWS hundreds."""
    return f"{(view.message.properties.lid(TASK, 0x8102) or 0.0) * 100:g}"


CONTACT: dict[str, Writer] = {
    "contacts:FileAs": text(Name(ADDRESS, 0x8005)),
    "contacts:DisplayName": text(0x3001),
    "contacts:GivenName": text(0x3A06),
    "contacts:Initials": text(0x3A0A),
    "contacts:MiddleName": text(0x3A44),
    "contacts:Nickname": text(0x3A4F),
    "contacts:CompleteName": _complete_name,
    "contacts:CompanyName": text(0x3A16),
    "contacts:EmailAddresses": _emails,
    "contacts:PhysicalAddresses": _places,
    "contacts:PhoneNumbers": _phones,
    "contacts:AssistantName": text(0x3A30),
    "contacts:Birthday": moment(0x3A42),
    "contacts:BusinessHomePage": text(0x3A51),
    "contacts:Children": lambda view: strings(view.message.properties.value(0x3A58)),
    "contacts:Companies": texts(Name(COMMON, 0x8539)),
    "contacts:ContactSource": lambda view: "Store",
    "contacts:Department": text(0x3A18),
    "contacts:Generation": text(0x3A05),
    "contacts:ImAddresses": lambda view: _entries(
        [("ImAddress1", view.message.properties.text(Name(ADDRESS, 0x8062)))]
    ),
    "contacts:JobTitle": text(0x3A17),
    "contacts:Manager": text(0x3A4E),
    "contacts:Mileage": text(Name(COMMON, 0x8534)),
    "contacts:OfficeLocation": text(0x3A19),
    "contacts:PostalAddressIndex": choice(Name(ADDRESS, 0x8022), _POSTAL),
    "contacts:Profession": text(0x3A46),
    "contacts:SpouseName": text(0x3A48),
    "contacts:Surname": text(0x3A11),
    "contacts:WeddingAnniversary": moment(0x3A41),
    "contacts:HasPicture": boolean(Name(ADDRESS, 0x8015)),
}
LIST: dict[str, Writer] = {
    "contacts:DisplayName": text(0x3001),
    "contacts:FileAs": text(Name(ADDRESS, 0x8005)),
    "contacts:ContactSource": lambda view: "Store",
    "distributionlist:Members": _members,
}
TASK_FIELDS: dict[str, Writer] = {
    "task:ActualWork": number(Name(TASK, 0x8110)),
    "task:AssignedTime": moment(Name(TASK, 0x8115)),
    "task:BillingInformation": text(Name(COMMON, 0x8535)),
    "task:ChangeCount": number(Name(TASK, 0x8112)),
    "task:Companies": texts(Name(COMMON, 0x8539)),
    "task:CompleteDate": moment(Name(TASK, 0x810F)),
    "task:Contacts": texts(Name(COMMON, 0x853A)),
    "task:DelegationState": choice(Name(TASK, 0x812A), _DELEGATION),
    "task:Delegator": text(Name(TASK, 0x8121)),
    "task:DueDate": moment(Name(TASK, 0x8105)),
    "task:IsComplete": boolean(Name(TASK, 0x811C)),
    "task:IsRecurring": boolean(Name(TASK, 0x8126)),
    "task:IsTeamTask": boolean(Name(TASK, 0x8103)),
    "task:Mileage": text(Name(COMMON, 0x8534)),
    "task:Owner": text(Name(TASK, 0x811F)),
    "task:PercentComplete": _percent,
    "task:Recurrence": _task_recurrence,
    "task:StartDate": moment(Name(TASK, 0x8104)),
    "task:Status": choice(Name(TASK, 0x8101), _STATUS),
    "task:StatusDescription": text(Name(TASK, 0x8137)),
    "task:TotalWork": number(Name(TASK, 0x8111)),
}
