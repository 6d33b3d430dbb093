"""The old server as the origin of a copy: folders, items page by page, and their contents in one of three forms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import quoteattr

from blocks.exchange.ews.soap import BASE_VERSION, EXPORT_VERSION, PAGE, EwsConnections, M, T, error_of
from mailmove.items.copy.interfaces import Content, Kind, Origin, SourceFolder
from mailmove.items.folder_path import FolderPath, shown
from mailmove.items.item import Item
from mailmove.items.keys import contact_key, event_key, other_key

_WELL_KNOWN = ("inbox", "sentitems", "drafts", "deleteditems", "junkemail", "outbox", "calendar", "contacts")
"""EWS's names, which are Graph's as well."""
_FOLDER_KINDS: dict[str, Kind] = {
    f"{T}CalendarFolder": "event",
    f"{T}ContactsFolder": "contact",
    f"{T}Folder": "message",
}
_ITEM_ID, _PREFIX = f"{T}ItemId", len(T)
_KINDS = {"IPM.Appointment": "event", "IPM.Contact": "contact", "IPM.Task": "task"}
LISTED = "".join(
    f'<t:FieldURI FieldURI="{name}"/>'
    for name in (
        "item:ItemClass", "item:Subject", "item:DateTimeReceived", "item:DateTimeSent", "item:Size",
        "message:InternetMessageId", "calendar:UID", "calendar:Start", "contacts:DisplayName",
    )
) + '<t:IndexedFieldURI FieldURI="contacts:EmailAddress" FieldIndex="EmailAddress1"/>'  # fmt: skip
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
_CONTACT_FIELDS = "".join(
    [f'<t:FieldURI FieldURI="contacts:{name}"/>' for name in _CONTACT]
    + [f'<t:IndexedFieldURI FieldURI="contacts:EmailAddress" FieldIndex="{name}"/>' for name in _EMAILS]
    + [f'<t:IndexedFieldURI FieldURI="contacts:PhoneNumber" FieldIndex="{name}"/>' for name in _PHONES]
)


class EwsOrigin(Origin):
    """Exchange 2007 SP1 and later; streams come from 2010 SP1 and later."""

    def __init__(self, connections: EwsConnections) -> None:
        self._ews = connections

    def gives_streams(self, mailbox: str) -> bool:
        if self._ews.server_version == (0, 0):
            self._well_known(mailbox)
        return self._ews.server_version >= (14, 1)

    def folders(self, mailbox: str) -> list[SourceFolder]:
        wanted = f"the folders of {mailbox}"
        known = self._well_known(mailbox)
        rows: dict[str, tuple[str, str, int, str]] = {}
        offset = 0
        while True:
            tree = self._ews.ask(
                '<m:FindFolder Traversal="Deep"><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape>'
                '<t:AdditionalProperties><t:FieldURI FieldURI="folder:DisplayName"/><t:FieldURI FieldURI="folder:'
                'ParentFolderId"/><t:FieldURI FieldURI="folder:TotalCount"/><t:FieldURI FieldURI="folder:FolderClass"/>'
                f"</t:AdditionalProperties></m:FolderShape>{self._folder_page(offset)}<m:ParentFolderIds>"
                f"{_distinguished('msgfolderroot', mailbox)}</m:ParentFolderIds></m:FindFolder>",
                wanted,
            )
            self._check(tree, wanted)
            page = list(next(tree.iter(f"{T}Folders"), ()))
            for element in page:
                parent = element.find(f"{T}ParentFolderId")
                rows[element.find(f"{T}FolderId").get("Id")] = (
                    "" if parent is None else parent.get("Id"),
                    element.findtext(f"{T}DisplayName") or "",
                    int(element.findtext(f"{T}TotalCount") or 0),
                    str(element.tag),
                )
            offset += len(page)
            root = next(tree.iter(f"{M}RootFolder"))
            if root.get("IncludesLastItemInRange", "true") == "true" or not page:
                return _in_order(rows, known)

    def _folder_page(self, offset: int) -> str:
        # Exchange 2007 knows no pages of folders, and gives all.
        if self._ews.server_version < (14, 0):
            return ""
        return f'<m:IndexedPageFolderView MaxEntriesReturned="{PAGE}" Offset="{offset}" BasePoint="Beginning"/>'

    def _well_known(self, mailbox: str) -> dict[str, str]:
        """Folder id -> well-known name; people's folders are called in their own language."""
        wanted = f"the folders of {mailbox}"
        tree = self._ews.ask(
            "<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape><m:FolderIds>"
            f"{''.join(_distinguished(name, mailbox) for name in _WELL_KNOWN)}</m:FolderIds></m:GetFolder>",
            wanted,
        )
        names = {}
        for name, message in zip(_WELL_KNOWN, tree.iter(f"{M}GetFolderResponseMessage"), strict=False):
            identity = next(message.iter(f"{T}FolderId"), None)
            if identity is not None:
                names[identity.get("Id")] = name
        if not names:
            self._check(tree, wanted)
        return names

    def items(self, mailbox: str, folder: SourceFolder) -> Iterator[Item]:
        wanted = f"the items in {shown(folder.path)} of {mailbox}"
        offset = 0
        while True:
            # Oldest first, so that mail arriving meanwhile joins at the end and shifts no page.
            tree = self._ews.ask(
                '<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>'
                f"<t:AdditionalProperties>{LISTED}</t:AdditionalProperties></m:ItemShape>"
                f'<m:IndexedPageItemView MaxEntriesReturned="{PAGE}" Offset="{offset}" BasePoint="Beginning"/>'
                '<m:SortOrder><t:FieldOrder Order="Ascending"><t:FieldURI FieldURI="item:DateTimeReceived"/>'
                f"</t:FieldOrder></m:SortOrder><m:ParentFolderIds><t:FolderId Id={quoteattr(folder.id)}/>"
                "</m:ParentFolderIds></m:FindItem>",
                wanted,
            )
            self._check(tree, wanted)
            root = next(tree.iter(f"{M}RootFolder"))
            page = [item_of(element, folder.path) for element in next(root.iter(f"{T}Items"), ())]
            last = root.get("IncludesLastItemInRange", "true") == "true" or not page
            offset += len(page)
            del tree, root
            yield from page
            if last:
                return

    def contents(self, mailbox: str, items: Sequence[Item], *, streams: bool) -> list[Content]:
        if not items:
            return []
        wanted = f"the content of {len(items)} items of {mailbox}"
        ids = "".join(f"<t:ItemId Id={quoteattr(item.id)}/>" for item in items)
        if streams:
            body, version = f"<m:ExportItems><m:ItemIds>{ids}</m:ItemIds></m:ExportItems>", EXPORT_VERSION
        else:
            contacts = items[0].kind == "contact"  # 2007 has no MIME of a contact, and Graph takes none of it
            fields = f"<t:AdditionalProperties>{_CONTACT_FIELDS}</t:AdditionalProperties>" if contacts else ""
            mime = "false" if contacts else "true"
            body = (
                "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>"
                f"<t:IncludeMimeContent>{mime}</t:IncludeMimeContent>{fields}</m:ItemShape>"
                f"<m:ItemIds>{ids}</m:ItemIds></m:GetItem>"
            )
            version = BASE_VERSION
        tree = self._ews.ask(body, wanted, version=version)
        messages = list(next(tree.iter(f"{M}ResponseMessages"), ()))
        if len(messages) != len(items):
            raise error_of(self._ews.who, wanted, "ErrorInternalServerError", f"{len(messages)} answers")
        return [self._content(item, message, wanted, streams) for item, message in zip(items, messages, strict=True)]

    def _content(self, item: Item, message: Any, wanted: str, streams: bool) -> Content:
        code = message.findtext(f"{M}ResponseCode") or ""
        if message.get("ResponseClass") != "Success":
            error = error_of(self._ews.who, wanted, code, message.findtext(f"{M}MessageText") or "")
            if code == "ErrorItemNotFound":
                return Content(item, missing="it is gone from the old server")
            if not code.startswith(("ErrorUnsupportedMime", "ErrorCorrupt", "ErrorContentConversion", "ErrorExport")):
                raise error
            return Content(item, missing=f"the old server cannot give it: {error.seen}")
        if streams:
            return Content(item, stream="".join((message.findtext(f"{M}Data") or "").split()))
        if item.kind == "contact":
            return Content(item, fields=_contact(message))
        return Content(item, mime="".join((message.findtext(f".//{T}MimeContent") or "").split()))

    def _check(self, tree: Any, wanted: str) -> None:
        for message in next(tree.iter(f"{M}ResponseMessages"), ()):
            if message.get("ResponseClass") == "Error":
                code, text = message.findtext(f"{M}ResponseCode") or "", message.findtext(f"{M}MessageText") or ""
                raise error_of(self._ews.who, wanted, code, text)


def _distinguished(name: str, mailbox: str) -> str:
    owner = f"<t:Mailbox><t:EmailAddress>{mailbox}</t:EmailAddress></t:Mailbox>"
    return f'<t:DistinguishedFolderId Id="{name}">{owner}</t:DistinguishedFolderId>'


def _in_order(rows: dict[str, tuple[str, str, int, str]], known: dict[str, str]) -> list[SourceFolder]:
    """Parents first. Search folders show what lies elsewhere; notes and tasks have no place in Graph's mailbox."""
    made: dict[str, SourceFolder] = {}

    def make(identity: str) -> SourceFolder:
        if identity not in made:
            above, name, count, tag = rows[identity]
            parent = make(above) if above in rows else None
            kind = _FOLDER_KINDS.get(tag, "message")
            path = (*parent.path, name) if parent else (name,)
            made[identity] = SourceFolder(identity, path, kind, known.get(identity), count, parent)
        return made[identity]

    usable = [identity for identity, row in rows.items() if row[3] != f"{T}SearchFolder"]
    return [make(identity) for identity in usable]


def item_of(element: Any, path: FolderPath) -> Item:
    """As `blocks.exchange.ews.client` names items, so that both ways of reading agree on what an item is."""
    text: dict[str, str] = {}
    identity = ""
    for child in element:
        tag = child.tag
        if tag == _ITEM_ID:
            identity = child.get("Id")
        else:
            text[tag[_PREFIX:]] = child.text or ""
    item_class = text.get("ItemClass") or "IPM.Note"
    base = ".".join(item_class.split(".")[:2])
    message_id = text.get("InternetMessageId") or None
    is_message = message_id or base in ("IPM.Note", "IPM.Schedule", "REPORT.IPM")
    kind = _KINDS.get(base) or ("message" if is_message else "other")
    subject, received = text.get("Subject", ""), _moment(text.get("DateTimeReceived"))
    sent = _moment(text.get("DateTimeSent"))
    if kind == "event":
        key = event_key(text.get("UID") or subject, _moment(text.get("Start")))
    elif kind == "contact":
        emails = [entry.text or "" for entry in element.iter(f"{T}Entry") if entry.get("Key") == "EmailAddress1"]
        key = contact_key(text.get("DisplayName") or subject, emails[0] if emails else "")
    else:
        key = other_key(kind, subject, sent or received)
    return Item(
        id=identity,
        folder=path,
        kind=kind,
        message_id=message_id if kind == "message" else None,
        key=key,
        subject=subject,
        received=received,
        sent=sent,
        size=int(text["Size"]) if text.get("Size") else None,
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _contact(message: Any) -> dict[str, object]:
    fields: dict[str, object] = {}
    for name, graph in _CONTACT.items():
        if value := message.findtext(f".//{T}{name}"):
            fields[graph] = value
    entries = {entry.get("Key"): entry.text or "" for entry in message.iter(f"{T}Entry")}
    name = str(fields.get("displayName") or "")
    fields["emailAddresses"] = [{"address": entries[email], "name": name} for email in _EMAILS if entries.get(email)]
    for key, graph in _PHONES.items():
        if entries.get(key):
            fields[graph] = entries[key] if graph == "mobilePhone" else [entries[key]]
    return fields
