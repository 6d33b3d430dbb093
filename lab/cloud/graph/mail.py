"""Graph: folders and items of mailboxes, and message traces."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from lab.cloud.contract import filtered_names
from lab.cloud.errors import ApiError
from lab.cloud.graph.folder_kinds import ALWAYS, homes
from lab.cloud.graph.users import Users, mailbox_missing
from lab.cloud.hostile_answers import check_principal
from lab.cloud.item_filters import expanded, narrowed, newest_first
from lab.cloud.item_stream.graph_rows import contact_fields, event_fields, message_fields
from lab.cloud.tenant import Tenant, utc
from lab.cloud.wire import Call, Reply, Routes, entity, page, page_of
from lab.faults import Faults, declare
from lab.item_parts import contact_parts, event_parts
from lab.mail_store import RECOVERABLE, StoredItem, shown_name

_MAIL = ("Mail.Read", "Mail.ReadWrite", "Mail.ReadBasic.All")
_CALENDARS = ("Calendars.Read", "Calendars.ReadWrite")
_CONTACTS = ("Contacts.Read", "Contacts.ReadWrite")
_ALWAYS = ALWAYS["message"]
_WELL_KNOWN = {name.replace(" ", "").lower(): name for name in _ALWAYS} | {"recoverableitemsdeletions": RECOVERABLE}
_MOST = 1000


declare(
    graph_broken_item="the newest message of the folder listed cannot be converted from now on: 500 to it and its page",
    graph_unlicensed="mailboxes whose user has no licence are not opened (MailboxNotEnabledForRESTAPI)",
)


def add_routes(routes: Routes, tenant: Tenant, faults: Faults) -> None:
    mail = Mail(tenant, faults)
    user = "/users/{key}"
    routes.add("GET", f"{user}/mailFolders", mail.folders, *_MAIL)
    routes.add("GET", f"{user}/mailFolders/{{folder}}", mail.folder, *_MAIL)
    routes.add("GET", f"{user}/mailFolders/{{folder}}/childFolders", mail.folders, *_MAIL)
    routes.add("GET", f"{user}/mailFolders/{{folder}}/messages", mail.messages, *_MAIL)
    routes.add("GET", f"{user}/messages", mail.messages, *_MAIL)
    routes.add("GET", f"{user}/messages/{{item}}", mail.message, *_MAIL)
    routes.add("GET", f"{user}/messages/{{item}}/$value", mail.mime, "Mail.Read", "Mail.ReadWrite")
    routes.add("DELETE", f"{user}/messages/{{item}}", mail.delete, "Mail.ReadWrite")
    routes.add("GET", f"{user}/calendars", mail.calendars, *_CALENDARS)
    routes.add("GET", f"{user}/calendars/{{folder}}/events", mail.events, *_CALENDARS)
    routes.add("GET", f"{user}/events", mail.events, *_CALENDARS)
    routes.add("GET", f"{user}/contactFolders", mail.contact_folders, *_CONTACTS)
    routes.add("GET", f"{user}/contactFolders/{{folder}}/childFolders", mail.contact_folders, *_CONTACTS)
    routes.add("GET", f"{user}/contactFolders/{{folder}}/contacts", mail.contacts, *_CONTACTS)
    routes.add("GET", f"{user}/contacts", mail.contacts, *_CONTACTS)
    routes.add("GET", "/admin/exchange/tracing/messageTraces", mail.traces, "ExchangeMessageTrace.Read.All")


def folder_id(path: str) -> str:
    """The id of a folder; the lab can read the path back from it."""
    return "AAMk" + base64.urlsafe_b64encode(path.encode()).decode().rstrip("=")


def folder_path(identity: str) -> str:
    """The path behind a folder id or a well-known name. ApiError 404, 400."""
    if identity.lower() in _WELL_KNOWN:
        return _WELL_KNOWN[identity.lower()]
    try:
        text = identity.removeprefix("AAMk")
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        raise ApiError(400, "ErrorInvalidIdMalformed", "Id is malformed.") from None


def mail_folders(items: list[StoredItem], made: Iterable[str] = ()) -> dict[str, int]:
    """Path -> number of items, for every mail folder: made, with mail, above one with mail, or always there."""
    counts = dict.fromkeys([*_ALWAYS, *made], 0)
    for item in items:
        if item.kind == "message" and item.folder != RECOVERABLE:
            parts = item.folder.split("/")
            for depth in range(1, len(parts)):
                counts.setdefault("/".join(parts[:depth]), 0)
            counts[item.folder] = counts.get(item.folder, 0) + 1
    return counts


def _children(paths: list[str], parent: str | None) -> list[str]:
    prefix = f"{parent}/" if parent else ""
    return [path for path in paths if path.startswith(prefix) and path != parent and "/" not in path[len(prefix) :]]


class Mail:
    def __init__(self, tenant: Tenant, faults: Faults) -> None:
        self.tenant, self._users, self._faults = tenant, Users(tenant), faults

    def _items(self, key: str, kind: str) -> list[StoredItem]:
        user = self._users.find(key)
        unlicensed = user.kind == "Regular" and not user.skus
        if not user.has_mailbox or (unlicensed and self._faults.take("graph.unlicensed")):
            raise mailbox_missing()
        late = {item for item, at in list(self.tenant.shown_from.items()) if at > time.monotonic()}
        return [item for item in self.tenant.store.snapshot(user.upn) if item.kind == kind and item.id not in late]

    def _homes(self, key: str, kind: str) -> list[StoredItem]:
        return homes(self.tenant, self._users.find(key).upn, kind, self._items(key, kind))

    def _made(self, key: str, kind: str) -> set[str]:
        return self.tenant.folders.get((self._users.find(key).upn, kind), set())

    def _folder_rows(self, key: str) -> dict[str, dict[str, Any]]:
        counts = mail_folders(self._homes(key, "message"), self._made(key, "message"))
        return {
            path: {
                "id": folder_id(path),
                "displayName": shown_name(path),
                "parentFolderId": folder_id(path.rpartition("/")[0]),
                "childFolderCount": len(_children(list(counts), path)),
                "unreadItemCount": 0,
                "totalItemCount": count,
                "isHidden": False,
            }
            for path, count in sorted(counts.items())
        }

    def folders(self, call: Call, key: str, folder: str | None = None) -> Reply:
        rows = self._folder_rows(key)
        parent = folder_path(folder) if folder else None
        if parent is not None and parent not in rows:
            raise no_item()
        return page(call, [rows[path] for path in _children(list(rows), parent)], size=10, most=_MOST)

    def folder(self, call: Call, key: str, folder: str) -> Reply:
        path = folder_path(folder)
        if path == RECOVERABLE:
            return entity(call, {"id": folder_id(path), "displayName": "Deletions", "totalItemCount": 0})
        row = self._folder_rows(key).get(path)
        if row is None:
            raise no_item()
        return entity(call, row)

    def held(self, key: str, folder: str) -> tuple[str, str, list[StoredItem]]:
        """(address of the mailbox, path, messages) of a mail folder. ApiError 404."""
        items, path = self._items(key, "message"), folder_path(folder)
        if path != RECOVERABLE and path not in mail_folders(self._homes(key, "message"), self._made(key, "message")):
            raise no_item()
        return self._users.find(key).upn, path, [item for item in items if item.folder == path]

    def messages(self, call: Call, key: str, folder: str | None = None) -> Reply:
        items = self._items(key, "message") if folder is None else self.held(key, folder)[2]
        items, call = narrowed(items, call, self.tenant.properties)
        items.sort(key=lambda item: (item.received, item.id), reverse=newest_first(call))
        if items and self._faults.take("graph.broken_item"):
            items[0] = self.tenant.store.make_sick(self._users.find(key).upn, items[0].id, CONVERSION)
        return self._shown(call, items, self.row)

    def _shown(self, call: Call, items: list[StoredItem], row: Callable[[StoredItem], dict[str, Any]]) -> Reply:
        def whole_row(item: StoredItem) -> dict[str, Any]:
            return expanded(row(item), call, self.tenant)

        return whole(page_of(call, items, whole_row, size=10, most=_MOST), items)

    def message(self, call: Call, key: str, item: str) -> Reply:
        return entity(call, self.row(self._given(key, item)))

    def mime(self, call: Call, key: str, item: str) -> Reply:
        return Reply(200, self._given(key, item).mime)

    def _given(self, key: str, item: str) -> StoredItem:
        message = self._one(key, item)
        if message.sick:
            raise ApiError(500, message.sick, "Content conversion failed., Content conversion: Body conversion failed.")
        return message

    def delete(self, call: Call, key: str, item: str) -> Reply:
        """Delete a message at once; the real Graph lets it be recovered for some days."""
        message, user = self._one(key, item), self._users.find(key)
        with self.tenant.store.lock:
            self.tenant.store.mailboxes[user.upn].items.pop(message.id, None)
        return Reply(204)

    def _one(self, key: str, item: str) -> StoredItem:
        message = next((message for message in self._items(key, "message") if message.id == item), None)
        if message is None:
            raise no_item()
        return message

    def row(self, item: StoredItem) -> dict[str, Any]:
        kept = self.tenant.stored.get(item.id)
        row = message_row(item, draft=item.id in self.tenant.drafts)
        return row | message_fields(kept) if kept else row

    def calendars(self, call: Call, key: str) -> Reply:
        names = sorted({"Calendar", *self._made(key, "event"), *(item.folder for item in self._homes(key, "event"))})
        rows = [
            {"id": folder_id(name), "name": shown_name(name), "isDefaultCalendar": name == "Calendar"} for name in names
        ]
        return page(call, rows, size=10, most=_MOST)

    def events(self, call: Call, key: str, folder: str | None = None) -> Reply:
        path = folder_path(folder) if folder else "Calendar"
        items, call = narrowed(self._items(key, "event"), call, self.tenant.properties)
        items = [item for item in items if item.folder == path]
        return self._shown(call, items, self._event)

    def contact_folders(self, call: Call, key: str, folder: str | None = None) -> Reply:
        """Only what lies under the default folder: /contacts itself lists that one."""
        items = self._homes(key, "contact")
        paths = sorted({"Contacts", *self._made(key, "contact"), *(item.folder for item in items)})
        parent = folder_path(folder) if folder else "Contacts"
        rows = [
            {"id": folder_id(path), "displayName": shown_name(path), "parentFolderId": folder_id(parent)}
            for path in _children(paths, parent)
        ]
        return page(call, rows, size=10, most=_MOST)

    def contacts(self, call: Call, key: str, folder: str | None = None) -> Reply:
        path = folder_path(folder) if folder else "Contacts"
        items, call = narrowed(self._items(key, "contact"), call, self.tenant.properties)
        items = [item for item in items if item.folder == path]
        return self._shown(call, items, self._contact)

    def _event(self, item: StoredItem) -> dict[str, Any]:
        kept = self.tenant.stored.get(item.id)
        return _event(item) | (event_fields(kept) if kept else {})

    def _contact(self, item: StoredItem) -> dict[str, Any]:
        kept = self.tenant.stored.get(item.id)
        return _contact(item) | (contact_fields(kept) if kept else {})

    def traces(self, call: Call) -> Reply:
        """Message traces. Both bounds of receivedDateTime are wanted, at most 10 days apart, none in the future."""
        check_principal(self._faults)
        text = call.query.get("$filter", "")
        if filtered_names(text).count("receivedDateTime") == 1:
            raise ApiError(400, "BadRequest", "receivedDateTime needs both a start and an end.")
        bounds = [datetime.fromisoformat(word) for word in text.split() if word[:4].isdigit() and "T" in word]
        if bounds and max(bounds) - min(bounds) > timedelta(days=10):
            raise ApiError(400, "BadRequest", "The time range must not exceed 10 days.")
        if bounds and max(bounds) > datetime.now(UTC) + timedelta(seconds=5):
            raise ApiError(400, "BadRequest", "The end must not be in the future.")
        with self.tenant.lock:
            rows = sorted(self.tenant.traces, key=lambda row: str(row["receivedDateTime"]), reverse=True)
        return page(call, rows, size=1000, most=5000)


CONVERSION = "ErrorContentConversionFailed"


def whole(reply: Reply, items: list[StoredItem]) -> Reply:
    """A page of items. ApiError 500: one of them cannot be converted; which, Graph does not say
    (microsoft-graph-docs-contrib issue 7758)."""
    sick = {item.id for item in items if item.sick}
    if any(row["id"] in sick for row in reply.body["value"]):
        raise ApiError(500, "InternalServerError", "Error while processing response.")
    return reply


def no_item() -> ApiError:
    return ApiError(404, "ErrorItemNotFound", "The specified object was not found in the store.")


def message_row(item: StoredItem, *, draft: bool = False) -> dict[str, Any]:
    return {
        "@odata.etag": f'W/"{item.id}"',
        "id": item.id,
        # A message migrated without the header stays without it: MAPI copies properties, it makes none up (inferred).
        "internetMessageId": item.message_id or None,
        "subject": item.subject,
        "receivedDateTime": utc(item.received),
        "sentDateTime": utc(item.sent),
        "parentFolderId": folder_id(item.folder),
        "isDraft": draft,
        "hasAttachments": b"attachment" in item.mime,
    }


def _event(item: StoredItem) -> dict[str, Any]:
    parts = event_parts(item.mime)
    return {
        "@odata.etag": f'W/"{item.id}"',
        "id": item.id,
        "subject": parts.subject,
        "iCalUId": parts.uid,
        "start": _when(parts.start),
        "end": _when(parts.end),
        "type": "seriesMaster" if parts.recurring else "singleInstance",
    }


def _when(at: datetime) -> dict[str, str]:
    return {"dateTime": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.0000000"), "timeZone": "UTC"}


def _contact(item: StoredItem) -> dict[str, Any]:
    parts = contact_parts(item.mime)
    return {
        "@odata.etag": f'W/"{item.id}"',
        "id": item.id,
        "displayName": parts.name,
        "emailAddresses": [{"name": parts.email, "address": parts.email}] if parts.email else [],
        "parentFolderId": folder_id(item.folder),
    }
