"""EWS items: FindItem, GetItem, CreateItem, DeleteItem, SyncFolderItems, ExportItems and UploadItems."""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parsedate_to_datetime

from lab.changes import Changes, Memory, Unknown
from lab.cloud.item_stream.from_item import properties_of
from lab.cloud.item_stream.reader import read_stream
from lab.cloud.item_stream.refusal import StreamRefused
from lab.cloud.item_stream.to_item import filed
from lab.cloud.item_stream.writer import write_stream
from lab.exchange.ews.attachments import get_attachment as attachment_content
from lab.exchange.ews.fields import Shape, asked_for, matches
from lab.exchange.ews.folders import FolderTree, resolve
from lab.exchange.ews.item_writer import view_xml, written
from lab.exchange.ews.session import Session
from lab.exchange.ews.sickness import refuse_folder, refuse_item, refuse_page, spoil_content, spoil_subject
from lab.exchange.ews.view import find
from lab.exchange.ews.xml import Element, EwsError, attribute, each, local, make_id, page_xml
from lab.faults import Faults, declare
from lab.mail_store import Mailbox, StoredItem
from mailmove.clock import now

declare(exchange_sync_state_lost="EWS has forgotten every SyncState")
MOST_CHANGES = 512  # of one SyncFolderItems, by the schema
LARGEST_PAGE = 1000  # Exchange's own throttling policy for FindItem


def _item(session: Session, reference: Element) -> tuple[Mailbox, StoredItem]:
    """An item of its own; EwsError: the id is of an occurrence."""
    box, item, day = find(session, reference)
    if day:
        raise EwsError("ErrorCalendarCannotUseIdForOccurrenceId", "The id is of an occurrence.")
    return box, item


def find_item(session: Session, request: Element) -> str:
    """Shallow traversal of each folder; newest first unless a SortOrder says Ascending."""
    shape = asked_for(request, major=session.state.major)
    view = request.find("{*}IndexedPageItemView")
    offset = int(view.get("Offset", 0)) if view is not None else 0
    limit = min(int(view.get("MaxEntriesReturned", LARGEST_PAGE)) if view is not None else LARGEST_PAGE, LARGEST_PAGE)
    restriction = request.find("{*}Restriction")
    order = request.find("{*}SortOrder/{*}FieldOrder")
    ascending = order is not None and order.get("Order") == "Ascending"
    trees: dict[str, FolderTree] = {}

    def page_of(reference: Element) -> str:
        tree, folder = resolve(session, reference, trees)
        refuse_folder(session, tree, folder)
        items = tree.items.get(folder.path, [])
        matching = [item for item in items if restriction is None or matches(item, restriction)]
        matching.sort(key=lambda item: (item.received, item.id), reverse=not ascending)
        page = matching[offset : offset + limit]
        refuse_page(session, tree.box, page)
        inner = "".join(
            spoil_subject(session, item, written(session, tree.box, item, shape, listing=True)) for item in page
        )
        return page_xml("Items", inner, offset + len(page), len(matching))

    return each("FindItem", request.findall("{*}ParentFolderIds/*"), page_of)


def get_item(session: Session, request: Element) -> str:
    shape = asked_for(request, major=session.state.major)
    if shape.base != "IdOnly":
        named = {"item:Subject", "item:DateTimeReceived", "message:InternetMessageId"}
        shape = replace(shape, uris=shape.uris | named)

    def item_response(reference: Element) -> str:
        box, item, day = find(session, reference)
        item = refuse_item(session, box, item)
        if session.is_2007 and item.kind == "contact" and "mime" in shape.uris:
            raise EwsError("ErrorUnsupportedMimeConversion", "Contacts have no MIME content in this version.")
        content = spoil_content(session, item, written(session, box, item, shape, listing=False, day=day))
        return f"<m:Items>{spoil_subject(session, item, content)}</m:Items>"

    return each("GetItem", request.findall("{*}ItemIds/*"), item_response)


def get_attachment(session: Session, request: Element) -> str:
    shape = asked_for(request, major=session.state.major, name="AttachmentShape")
    return attachment_content(session, request, lambda view: view_xml(view, shape))


def create_item(session: Session, request: Element) -> str:
    """Save a message into a folder, from MimeContent or from Subject and Body. Nothing is sent."""
    saved = request.find("{*}SavedItemFolderId/*")

    def create(element: Element) -> str:
        if request.get("MessageDisposition", "SaveOnly") != "SaveOnly" or local(element) != "Message":
            raise EwsError("ErrorInvalidOperation", "This server only saves messages; it does not send.")
        if saved is None:
            raise EwsError("ErrorInvalidRequest", "SavedItemFolderId is missing.")
        tree, folder = resolve(session, saved, {})
        mime = element.findtext("{*}MimeContent")
        content = base64.b64decode(mime) if mime else _written(session, element)
        item = session.state.store.put(tree.box.address, content, folder=folder.path, received=_date(content))
        item_id = make_id("item", tree.box.address, item.id)
        return f'<m:Items><t:Message><t:ItemId Id="{item_id}" ChangeKey="AQ=="/></t:Message></m:Items>'

    return each("CreateItem", request.findall("{*}Items/*"), create)


def _written(session: Session, element: Element) -> bytes:
    message = EmailMessage()
    message["From"] = session.acting
    message["Subject"] = element.findtext("{*}Subject") or ""
    message["Date"] = format_datetime(now())
    message["Message-ID"] = make_msgid(domain=session.state.server.lower())
    message.set_content(element.findtext("{*}Body") or "")
    return message.as_bytes()


def _date(mime: bytes) -> datetime:
    head = mime.partition(b"\r\n\r\n")[0].decode("latin-1")
    for line in head.splitlines():
        if line.lower().startswith("date:"):
            try:
                return parsedate_to_datetime(line[5:].strip())
            except ValueError:
                break
    return now()


def delete_item(session: Session, request: Element) -> str:
    def delete(reference: Element) -> str:
        box, item = _item(session, reference)
        with session.state.store.lock:
            box.items.pop(item.id, None)
        return ""

    return each("DeleteItem", request.findall("{*}ItemIds/*"), delete)


class Synchronisation:
    """SyncFolderItems: what a client was given is remembered under its SyncState."""

    def __init__(self, faults: Faults) -> None:
        self._memory, self._faults = Memory(), faults

    def __call__(self, session: Session, request: Element) -> str:
        shape = asked_for(request, major=session.state.major)
        state = request.findtext("{*}SyncState") or ""
        limit = int(request.findtext("{*}MaxChangesReturned") or 0)
        if not 1 <= limit <= MOST_CHANGES:
            raise EwsError("ErrorSchemaValidation", "MaxChangesReturned must be between 1 and 512.", fault=True)
        if self._faults.take("exchange.sync_state_lost"):
            self._memory.forget()

        def synchronise(reference: Element) -> str:
            tree, folder = resolve(session, reference, {})
            refuse_folder(session, tree, folder)
            try:
                delta = self._memory.since(
                    (tree.box.address, folder.path), state, tree.items.get(folder.path, []), limit
                )
            except Unknown:
                raise EwsError(
                    "ErrorInvalidSyncStateData", "The synchronization state data is corrupt or otherwise invalid."
                ) from None
            refuse_page(session, tree.box, [*delta.new, *delta.changed])
            return _changes_xml(session, tree.box, delta, shape)

        return each("SyncFolderItems", request.findall("{*}SyncFolderId/*"), synchronise)


def _changes_xml(session: Session, box: Mailbox, delta: Changes, shape: Shape) -> str:
    changes = "".join(
        f"<t:{name}>{spoil_subject(session, item, written(session, box, item, shape, listing=True))}</t:{name}>"
        for name, items in (("Create", delta.new), ("Update", delta.changed))
        for item in items
    )
    changes += "".join(
        f'<t:Delete><t:ItemId Id="{make_id("item", box.address, item_id)}" ChangeKey="AQ=="/></t:Delete>'
        for item_id in delta.gone
    )
    return (
        f"<m:SyncState>{delta.state}</m:SyncState><m:IncludesLastItemInRange>{str(delta.complete).lower()}"
        f"</m:IncludesLastItemInRange><m:Changes>{changes}</m:Changes>"
    )


def export_items(session: Session, request: Element) -> str:
    """A stream per item: MS-OXCFXICS in the envelope of MS-OXWSBTRF."""

    major, minor, build = (int(part) for part in session.state.version.split(".")[:3])

    def export(reference: Element) -> str:
        item = refuse_item(session, *_item(session, reference))
        try:
            data = base64.b64encode(write_stream(properties_of(item), (major, minor, build))).decode()
        except ValueError as error:
            raise EwsError("ErrorInvalidItemForOperationExportItems", str(error)) from None
        content = f'<m:ItemId Id={attribute(reference.get("Id", ""))} ChangeKey="AQ=="/><m:Data>{data}</m:Data>'
        return spoil_content(session, item, content)

    return each("ExportItems", request.findall("{*}ItemIds/*"), export)


def upload_items(session: Session, request: Element) -> str:
    def upload(element: Element) -> str:
        parent = element.find("{*}ParentFolderId")
        if parent is None:
            raise EwsError("ErrorInvalidRequest", "ParentFolderId is missing.")
        tree, folder = resolve(session, parent, {})
        try:
            read = filed(read_stream(base64.b64decode(element.findtext("{*}Data") or "", validate=True)))
        except (binascii.Error, StreamRefused):
            raise EwsError("ErrorCorruptData", "Data is corrupt.") from None
        item = session.state.store.put(
            tree.box.address, read.mime, folder=folder.path, kind=read.kind, received=read.received, mapi=read.kept
        )
        return f'<m:ItemId Id="{make_id("item", tree.box.address, item.id)}" ChangeKey="AQ=="/>'

    return each("UploadItems", request.findall("{*}Items/*"), upload)
