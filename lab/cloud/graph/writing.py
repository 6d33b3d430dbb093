"""Graph: new folders, messages from MIME, events and contacts in mailboxes."""

from __future__ import annotations

import base64
import binascii
import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from lab.cloud.errors import ApiError
from lab.cloud.graph import folder_kinds
from lab.cloud.graph.mail import folder_id, folder_path, message_row, no_item
from lab.cloud.graph.users import Users, mailbox_missing
from lab.cloud.tenant import Tenant
from lab.cloud.wire import Call, Reply, Routes
from lab.faults import Faults, declare
from lab.item_parts import ContactParts, EventParts, contact_mime, event_mime
from lab.mail_store import StoredItem, kept_name

declare(graph_lagging_items="a new item shows in lists and look-ups a second and a half after its 201")
LAG = 1.5  # seconds
LARGEST = 4 * 1024 * 1024  # bytes of a request
_HEADERS = "string {00020386-0000-0000-c000-000000000046} name "  # PS_INTERNET_HEADERS
_GLOBAL_OBJECT_ID = "binary {6ed8da90-450b-101b-98da-00aa003f1305} id 0x3"
_VCAL = b"vCal-Uid\x01\x00\x00\x00"


def add_routes(routes: Routes, tenant: Tenant, faults: Faults) -> None:
    writing = Writing(tenant, faults)
    user = "/users/{key}"
    mail, calendars, contacts = "Mail.ReadWrite", "Calendars.ReadWrite", "Contacts.ReadWrite"
    routes.add("POST", f"{user}/mailFolders", writing.mail_folder, mail)
    routes.add("POST", f"{user}/mailFolders/{{folder}}/childFolders", writing.mail_folder, mail)
    routes.add("POST", f"{user}/mailFolders/{{folder}}/messages", writing.message, mail)
    routes.add("POST", f"{user}/calendars", writing.calendar, calendars)
    routes.add("POST", f"{user}/calendars/{{folder}}/events", writing.event, calendars)
    routes.add("POST", f"{user}/events", writing.event, calendars)
    routes.add("POST", f"{user}/contactFolders", writing.contact_folder, contacts)
    routes.add("POST", f"{user}/contactFolders/{{folder}}/childFolders", writing.contact_folder, contacts)
    routes.add("POST", f"{user}/contactFolders/{{folder}}/contacts", writing.contact, contacts)
    routes.add("POST", f"{user}/contacts", writing.contact, contacts)


class Writing:
    def __init__(self, tenant: Tenant, faults: Faults) -> None:
        self.tenant, self.faults, self._users = tenant, faults, Users(tenant)

    def _address(self, key: str) -> str:
        user = self._users.find(key)
        if not user.has_mailbox:
            raise mailbox_missing()
        return user.upn

    def mail_folder(self, call: Call, key: str, folder: str | None = None) -> Reply:
        return self._make_folder(self._address(key), "message", folder, str(call.body.get("displayName") or ""))

    def calendar(self, call: Call, key: str) -> Reply:
        return self._make_folder(self._address(key), "event", None, str(call.body.get("name") or ""), label="name")

    def contact_folder(self, call: Call, key: str, folder: str | None = None) -> Reply:
        above = folder or folder_id("Contacts")  # what is made at the top appears under the default folder
        return self._make_folder(self._address(key), "contact", above, str(call.body.get("displayName") or ""))

    def mailbox_folder(self, address: str, above: str | None, name: str, folder_class: str) -> Reply:
        """A folder of any class, by the mailbox import (graph/api/mailbox-post-folders)."""
        if not folder_class and above:
            kind = folder_kinds.kinds_by_path(self.tenant, address).get(folder_path(above), "message")
        else:
            kind = folder_kinds.kind_of_class(folder_class or "IPF.Note")
        if name and folder_kinds.known_kind(self.tenant, address, f"{folder_path(above)}/{name}" if above else name):
            raise ApiError(409, "ErrorFolderExists", "A folder with the specified name already exists.")
        made = self._make_folder(address, kind, above, name)
        return Reply(201, made.body | {"type": folder_class or folder_kinds.CLASSES[kind]})

    def _make_folder(self, address: str, kind: str, above: str | None, name: str, label: str = "displayName") -> Reply:
        if not name:
            raise ApiError(400, "ErrorInvalidRequest", "A folder needs a name.")
        path = f"{folder_path(above)}/{kept_name(name)}" if above else kept_name(name)
        with self.tenant.lock:
            made = self.tenant.folders.setdefault((address, kind), set())
            if path.lower() in (known.lower() for known in self.paths(address, kind)):
                raise ApiError(409, "ErrorFolderExists", "A folder with the specified name already exists.")
            made.add(path)
        return Reply(201, {"id": folder_id(path), label: name, "childFolderCount": 0, "totalItemCount": 0})

    def paths(self, address: str, kind: str) -> set[str]:
        return folder_kinds.paths(self.tenant, address, kind)

    def any_standing(self, address: str, folder: str) -> str:
        """The path of a folder of whatever class. ApiError 404."""
        path = folder_path(folder)
        if not folder_kinds.known_kind(self.tenant, address, path) and not any(
            path in self.paths(address, kind) for kind in folder_kinds.CLASSES
        ):
            raise no_item()
        return path

    def standing(self, address: str, kind: str, folder: str) -> str:
        """The path of a folder that exists, asked the cheap way first."""
        path = folder_path(folder)
        if folder_kinds.known_kind(self.tenant, address, path) == kind:
            return path
        if path not in self.paths(address, kind):
            raise no_item()
        return path

    def message(self, call: Call, key: str, folder: str) -> Reply:
        if not isinstance(call.body, str):
            raise ApiError(501, "NotImplemented", "The lab takes new messages as MIME only.")
        address = self._address(key)
        path = self.standing(address, "message", folder)
        if len(call.body) > LARGEST:
            raise ApiError(413, "RequestEntityTooLarge", "The request is larger than 4 MB.")
        try:
            mime = base64.b64decode(call.body, validate=True)
        except binascii.Error:
            raise ApiError(400, "ErrorMimeContentInvalidBase64String", "The MIME content is not base64.") from None
        # Graph dates a message made from MIME at the moment it is made, and it stays a draft.
        item = self.tenant.store.put(address, mime, folder=path)
        self.tenant.drafts.add(item.id)
        self.keep(item, {_HEADERS + name: value for name, value in _own_headers(mime)})
        return Reply(201, message_row(item, draft=True))

    def event(self, call: Call, key: str, folder: str | None = None) -> Reply:
        address, body = self._address(key), call.body
        path = self.standing(address, "event", folder) if folder else "Calendar"
        properties = _extended(body)
        goid = properties.get(_GLOBAL_OBJECT_ID)
        parts = EventParts(
            uid=_uid(base64.b64decode(goid)) if goid else f"040000008200E00074C5B7101A82E008{uuid4().hex.upper()}",
            subject=str(body.get("subject") or ""),
            start=_moment(body.get("start")),
            end=_moment(body.get("end")),
            recurring=body.get("recurrence") is not None,
        )
        item = self.tenant.store.put(address, event_mime(parts), folder=path, kind="event")
        self.keep(item, properties)
        return Reply(201, {"id": item.id, "subject": parts.subject, "iCalUId": parts.uid})

    def contact(self, call: Call, key: str, folder: str | None = None) -> Reply:
        address, body = self._address(key), call.body
        path = self.standing(address, "contact", folder) if folder else "Contacts"
        emails = [str(email.get("address") or "") for email in body.get("emailAddresses") or []]
        parts = ContactParts(str(body.get("displayName") or ""), emails[0] if emails else "")
        item = self.tenant.store.put(address, contact_mime(parts), folder=path, kind="contact")
        self.keep(item, _extended(body))
        return Reply(201, {"id": item.id, "displayName": parts.name})

    def keep(self, item: StoredItem, properties: dict[str, str]) -> None:
        if properties:
            self.tenant.properties[item.id] = properties
        if self.faults.take("graph.lagging_items"):
            self.tenant.shown_from[item.id] = time.monotonic() + LAG


def _own_headers(mime: bytes) -> list[tuple[str, str]]:
    """The X- headers at the very top: where whoever adds one adds it."""
    headers = []
    for line in mime[:1000].split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if not colon or not name.lower().startswith(b"x-"):
            break
        headers.append((name.decode("latin-1").lower(), value.strip().decode("latin-1")))
    return headers


def _extended(body: dict[str, Any]) -> dict[str, str]:
    return {
        str(extended["id"]).lower(): str(extended["value"])
        for extended in body.get("singleValueExtendedProperties") or []
    }


def _uid(goid: bytes) -> str:
    """iCalUId of a Global Object ID (MS-OXOCAL 2.2.1.27): the foreign UID inside it, or itself in hex."""
    inside = goid[40:]
    return inside[len(_VCAL) :].rstrip(b"\0").decode() if inside.startswith(_VCAL) else goid.hex().upper()


def _moment(value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(value["dateTime"])
    except (TypeError, KeyError, ValueError):
        raise ApiError(400, "ErrorPropertyValidationFailure", "An event needs start and end.") from None
    if value.get("timeZone") != "UTC":
        raise ApiError(501, "NotImplemented", "The lab keeps events in UTC only.")
    return at.replace(tzinfo=UTC)
