"""What has changed in a mailbox of the cloud, by Microsoft Graph v1.0.

Messages by change tracking, folder by folder (learn.microsoft.com/graph/delta-query-messages). Events and contacts are
read whole each time: v1.0 tracks events by a window of days only, in which a series is its occurrences, and both are
few. Pages are asked for by Prefer: `$top` ends the whole round (issue 7946 of microsoft-graph-docs-contrib).
Permissions: Mail.ReadBasic.All or Mail.Read, Calendars.Read, Contacts.Read.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from blocks.microsoft365.answers import Json, Rejected
from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.mailbox_items import FIELDS, PAGE, contact_of, event_of, folders_below, message_of
from mailmove.items.folder_path import FolderPath, shown
from mailmove.items.item import Item
from mailmove.items.reconcile.changes import Folder, MailboxChanges, Page, Standing, StateLost, place_of

_WELL_KNOWN = ("inbox", "sentitems", "drafts", "deleteditems", "junkemail", "outbox")
RECOVERABLE = "recoverableitemsdeletions"
"""What was emptied from Deleted Items, for 14 days unless set otherwise (graph/api/resources/mailfolder)."""
_PREFER = {"Prefer": f"odata.maxpagesize={PAGE}"}
_LOST = {"syncStateNotFound", "resyncRequired", "SyncStateInvalid", "syncStateInvalid"}


class GraphChanges(MailboxChanges):
    def __init__(self, graph: JsonClient) -> None:
        self._graph = graph
        self._empty: set[str] = set()

    def folders(self, mailbox: str) -> list[Folder]:
        user = f"users/{quote(mailbox, safe='@')}"
        return [*self._mail(user, mailbox), *self._calendars(user, mailbox), *self._contacts(user, mailbox)]

    def _mail(self, user: str, mailbox: str) -> Iterator[Folder]:
        known = {self._well_known(user, name, mailbox): name for name in _WELL_KNOWN}
        rows = list(folders_below(self._graph, user, "mailFolders", mailbox))
        places = {path: known[str(row["id"])] for row, path in rows if row["id"] in known}
        for row, path in rows:
            identity, place = f"{user}/mailFolders/{quote(str(row['id']), safe='')}/messages", ""
            place = place_of("message", path, places)
            standing: Standing = "deleted" if place.partition("/")[0] == "deleteditems" else "live"
            (self._empty.discard if row.get("totalItemCount") else self._empty.add)(identity)
            yield Folder(identity, path, place, standing)
        if deletions := self._well_known(user, RECOVERABLE, mailbox):
            identity = f"{user}/mailFolders/{quote(deletions, safe='')}/messages"
            yield Folder(identity, ("Recoverable Items",), RECOVERABLE, "recoverable")

    def _well_known(self, user: str, name: str, mailbox: str) -> str:
        """The id of a folder; "" where there is none."""
        try:
            folder = self._graph.get(
                f"{user}/mailFolders/{name}", wanted=f"the {name} of {mailbox}", params={"$select": "id"}
            )
        except Rejected as error:
            if error.status == 404 and error.code == "ErrorItemNotFound":
                return ""
            raise
        return str(folder["id"])

    def _calendars(self, user: str, mailbox: str) -> Iterator[Folder]:
        params = {"$select": "id,name,isDefaultCalendar", "$top": "100"}
        for calendar in self._graph.pages(f"{user}/calendars", wanted=f"calendars of {mailbox}", params=params):
            name = str(calendar.get("name") or "Calendar")
            known: dict[FolderPath, str] = {(name,): "calendar"} if calendar.get("isDefaultCalendar") else {}
            identity = f"{user}/calendars/{quote(str(calendar['id']), safe='')}/events"
            yield Folder(identity, (name,), place_of("event", (name,), known))

    def _contacts(self, user: str, mailbox: str) -> Iterator[Folder]:
        yield Folder(f"{user}/contacts", ("Contacts",), "contacts")
        for row, path in folders_below(self._graph, user, "contactFolders", mailbox):
            identity = f"{user}/contactFolders/{quote(str(row['id']), safe='')}/contacts"
            yield Folder(identity, ("Contacts", *path), place_of("contact", path, {}))

    def changes(self, mailbox: str, folder: Folder, state: str | None) -> Iterator[Page]:
        kind = folder.id.rpartition("/")[2]
        if kind == "messages":
            return self._messages(mailbox, folder, state)
        return self._whole(mailbox, folder, "event" if kind == "events" else "contact")

    def _messages(self, mailbox: str, folder: Folder, state: str | None) -> Iterator[Page]:
        if state is None and folder.id in self._empty:
            return
        wanted = f"the changes in {shown(folder.path)} of {mailbox}"

        def fetch(url: str, first: bool) -> Json:
            params = {"$select": FIELDS["message"]} if first and state is None else None
            try:
                return self._graph.call("GET", url, wanted=wanted, params=params, headers=_PREFER).body
            except Rejected as error:
                if error.status == 410 or error.code in _LOST:
                    raise StateLost from None
                raise

        for body in self._graph.follow(state or f"{folder.id}/delta", fetch):
            items: dict[str, Item] = {}
            removed: dict[str, None] = {}
            for row in self._graph.value_of(body, wanted):
                identity = str(row["id"])
                if "@removed" in row:
                    items.pop(identity, None)
                    removed[identity] = None
                # Of a message that was only read, an answer may have no more than id and isRead.
                elif "receivedDateTime" in row or "internetMessageId" in row:
                    items[identity] = message_of(row, folder.path)
            following = str(body.get("@odata.nextLink") or "")
            after = following or str(body["@odata.deltaLink"])
            yield Page(list(items.values()), list(removed), after, last=not following)

    def _whole(self, mailbox: str, folder: Folder, kind: str) -> Iterator[Page]:
        wanted, of = f"{kind}s in {shown(folder.path)} of {mailbox}", event_of if kind == "event" else contact_of
        params = {"$select": FIELDS[kind], "$top": PAGE}
        bodies = self._graph.follow(
            folder.id, lambda url, first: self._graph.get(url, wanted=wanted, params=params if first else None)
        )
        for body in bodies:
            items = [of(row, folder.path) for row in self._graph.value_of(body, wanted)]
            yield Page(items, last=not body.get("@odata.nextLink"), whole=True)
