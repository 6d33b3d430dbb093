"""Graph's mailbox import: folders of a mailbox, an import session, and the address outside Graph that takes items.

Sources: learn.microsoft.com/graph/import-exchange-mailbox-item, graph/api/mailbox-createimportsession,
mailbox-list-folders, user settings `exchange`. The stream is read by `lab.cloud.item_stream`. What the service answers
to one that it cannot read is not published: ErrorCorruptData is what it says of broken properties elsewhere
(alcionai/corso pull 5191: "Data is corrupt., Invalid global object ID").
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from datetime import UTC, datetime, timedelta

from lab.cloud.batching import MailboxConcurrency
from lab.cloud.errors import ApiError
from lab.cloud.graph import mailbox_items
from lab.cloud.graph.folder_kinds import CLASSES, kinds_by_path
from lab.cloud.graph.mail import folder_id, folder_path
from lab.cloud.graph.users import Users, mailbox_missing
from lab.cloud.graph.writing import Writing
from lab.cloud.item_stream.checks import check_item
from lab.cloud.item_stream.reader import read_stream
from lab.cloud.item_stream.refusal import StreamRefused
from lab.cloud.item_stream.to_item import Filed, filed
from lab.cloud.tenant import CloudUser, Tenant, utc
from lab.cloud.wire import Call, Reply, Routes, page
from lab.faults import Faults, declare
from lab.mail_store import shown_name

declare(graph_import_expired="an import session is over at once")
LARGEST = 150 * 1024 * 1024
"""Most bytes of a stream; Microsoft names 150 MB per five minutes and mailbox (graph/throttling-limits), no item larger
could ever come in."""


def add_routes(routes: Routes, tenant: Tenant, faults: Faults, concurrency: MailboxConcurrency) -> Importing:
    importing = Importing(tenant, faults, concurrency)
    box = "/admin/exchange/mailboxes/{box}"
    read, write = "MailboxFolder.Read.All", "MailboxFolder.ReadWrite.All"
    routes.add("GET", "/users/{key}/settings/exchange", importing.settings, "User.Read.All", "User.ReadWrite.All")
    routes.add("GET", f"{box}/folders", importing.folders, read, write)
    routes.add("GET", f"{box}/folders/{{folder}}/childFolders", importing.folders, read, write)
    routes.add("POST", f"{box}/folders", importing.make_folder, write)
    routes.add("POST", f"{box}/folders/{{folder}}/childFolders", importing.make_folder, write)
    routes.add("GET", f"{box}/folders/{{folder}}/items", importing.items, "MailboxItem.Read.All")
    export = ("MailboxItem.Export.All", "MailboxItem.ImportExport.All")
    routes.add("POST", f"{box}/exportItems", importing.export, *export)
    routes.add("POST", f"{box}/createImportSession", importing.session, "MailboxItem.ImportExport.All")
    return importing


class Importing:
    def __init__(self, tenant: Tenant, faults: Faults, concurrency: MailboxConcurrency) -> None:
        self.tenant, self.faults, self._users = tenant, faults, Users(tenant)
        self._writing = Writing(tenant, faults)
        self._sessions: dict[str, tuple[str, float]] = {}  # token -> (address, end)
        self._concurrency = concurrency

    def settings(self, call: Call, key: str) -> Reply:
        user = self._users.find(key)
        if not user.has_mailbox:
            raise mailbox_missing()
        return Reply(200, {"primaryMailboxId": f"MBX:{user.id}@{self.tenant.id}"})

    def _user(self, box: str) -> CloudUser:
        user = self.tenant.user(box.removeprefix("MBX:").partition("@")[0])
        if user is None or not user.has_mailbox:
            raise ApiError(404, "MailboxInfoStale", "Mailbox info is stale.")
        return user

    def folders(self, call: Call, box: str, folder: str | None = None) -> Reply:
        address = self._user(box).upn
        above = folder_path(folder) if folder else ""
        with self.tenant.lock:
            kinds = kinds_by_path(self.tenant, address)
        rows = [
            {"id": folder_id(path), "displayName": shown_name(path), "type": CLASSES[kind],
             "parentFolderId": folder_id(above), "childFolderCount": sum(p.startswith(path + "/") for p in kinds)}
            for path, kind in kinds.items() if path.rpartition("/")[0] == above
        ]  # fmt: skip
        return page(call, rows, size=10, most=1000)

    def make_folder(self, call: Call, box: str, folder: str | None = None) -> Reply:
        body = call.body
        name, folder_class = str(body.get("displayName") or ""), str(body.get("type") or "")
        return self._writing.mailbox_folder(self._user(box).upn, folder, name, folder_class)

    def items(self, call: Call, box: str, folder: str) -> Reply:
        return mailbox_items.items(self.tenant, call, self._user(box).upn, folder)

    def export(self, call: Call, box: str) -> Reply:
        return mailbox_items.export(self.tenant, call, self._user(box).upn)

    def session(self, call: Call, box: str) -> Reply:
        token, life = secrets.token_urlsafe(32), 0.0 if self.faults.take("graph.import_expired") else 3600.0
        self._sessions[token] = (self._user(box).upn, time.monotonic() + life)
        return Reply(
            200,
            {
                "importUrl": f"{call.base.removesuffix('/v1.0')}/importing/importItem?authtoken={token}",
                "expirationDateTime": utc(datetime.now(UTC) + timedelta(hours=1)),
            },
        )

    def take(self, call: Call) -> Reply:
        """Take one item at the pre-authenticated address."""
        if "authorization" in call.headers:
            raise ApiError(400, "BadRequest", "This address is authenticated already; send no Authorization header.")
        address, end = self._sessions.get(call.query.get("authtoken", ""), ("", 0.0))
        if time.monotonic() >= end:
            raise ApiError(401, "InvalidAuthenticationToken", "The import session is over.")
        body = call.body
        if call.method != "POST" or not isinstance(body, dict) or set(body) - {
            "FolderId", "Mode", "Data", "ItemId", "ChangeKey"
        }:  # fmt: skip
            raise ApiError(400, "BadRequest", "FolderId, Mode and Data are wanted.")
        if body.get("Mode") != "create":
            raise ApiError(501, "NotImplemented", "The lab creates only.")
        with self._concurrency.of(["users", address, "import"]):
            read = item_in(body.get("Data"))
            path = self._writing.any_standing(address, str(body.get("FolderId")))
            with self.tenant.store.lock:
                item = self.tenant.store.put(
                    address, read.mime, folder=path, kind=read.kind, received=read.received, mapi=read.kept
                )
                self.tenant.stored[item.id] = read.kept
            if read.draft:
                self.tenant.drafts.add(item.id)
            self._writing.keep(item, {})
        self.tenant.note("POST", f"/importing/{address}", 200)
        return Reply(200, {"itemId": item.id, "changeKey": "AQ=="})


def item_in(data: object) -> Filed:
    """The item in a posted stream. ApiError 400: it is none, or a blob in it is one that no client could read."""
    try:
        stream = base64.b64decode(str(data or ""), validate=True)
        if len(stream) > LARGEST:
            raise ApiError(413, "RequestEntityTooLarge", f"The item is larger than {LARGEST} bytes.")
        message = read_stream(stream)
        check_item(message)
    except binascii.Error:
        raise ApiError(400, "ErrorInvalidRequest", "Data is not base64.") from None
    except StreamRefused as refused:
        raise ApiError(400, "ErrorCorruptData", f"Data is corrupt., {refused}") from None
    return filed(message)
