"""What has changed in a mailbox of the cloud, by Microsoft Graph v1.0.

Messages by change tracking, folder by folder (learn.microsoft.com/graph/delta-query-messages). Events and contacts are
read whole each time: v1.0 tracks events by a window of days only, in which a series is its occurrences, and both are
few. Pages are asked for by Prefer: `$top` ends the whole round (issue 7946 of microsoft-graph-docs-contrib).
Permissions: Mail.ReadBasic.All or Mail.Read, Calendars.Read, Contacts.Read.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from blocks.microsoft365.answers import NO_ITEM, Json, Rejected
from blocks.microsoft365.closed_mailbox import opened
from blocks.microsoft365.fields import flag_or, number_or, text, text_or
from blocks.microsoft365.http import JsonClient, next_link
from blocks.microsoft365.items.careful_pages import Broken, CarefulList, PageSizes, by_arrival, is_about_items
from blocks.microsoft365.items.mailbox_items import FIELDS, contact_of, event_of, folders_below, message_of
from mailmove.errors import AnswerUnreadable, MailmoveError
from mailmove.items.folder_path import FolderPath, shown
from mailmove.items.item import Item
from mailmove.items.reconcile.changes import Folder, MailboxChanges, Page, Standing, StateLost, Unreadable, place_of

_WELL_KNOWN = ("inbox", "sentitems", "drafts", "deleteditems", "junkemail", "outbox")
RECOVERABLE = "recoverableitemsdeletions"
"""What was emptied from Deleted Items, for 14 days unless set otherwise (graph/api/resources/mailfolder)."""
_READERS = {"message": message_of, "event": event_of, "contact": contact_of}
_LOST = {"syncStateNotFound", "resyncRequired", "SyncStateInvalid", "syncStateInvalid"}


class GraphChanges(MailboxChanges):
    def __init__(self, graph: JsonClient) -> None:
        self._graph = graph
        self._empty: set[str] = set()

    def folders(self, mailbox: str) -> list[Folder]:
        user = f"users/{quote(mailbox, safe='@')}"
        with opened(mailbox):
            return [*self._mail(user, mailbox), *self._calendars(user, mailbox), *self._contacts(user, mailbox)]

    def _mail(self, user: str, mailbox: str) -> Iterator[Folder]:
        known = {self._well_known(user, name, mailbox): name for name in _WELL_KNOWN}
        rows = list(folders_below(self._graph, user, "mailFolders", mailbox))
        places = {path: known[text(row, "id")] for row, path in rows if text(row, "id") in known}
        for row, path in rows:
            identity, place = f"{user}/mailFolders/{quote(text(row, 'id'), safe='')}/messages", ""
            place = place_of("message", path, places)
            standing: Standing = "deleted" if place.partition("/")[0] == "deleteditems" else "live"
            (self._empty.discard if number_or(row, "totalItemCount", 1) else self._empty.add)(identity)
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
            if error.code in NO_ITEM:
                return ""
            raise
        return text(folder, "id")

    def _calendars(self, user: str, mailbox: str) -> Iterator[Folder]:
        params = {"$select": "id,name,isDefaultCalendar", "$top": "100"}
        for calendar in self._graph.pages(f"{user}/calendars", wanted=f"calendars of {mailbox}", params=params):
            name = text_or(calendar, "name") or "Calendar"
            known: dict[FolderPath, str] = {(name,): "calendar"} if flag_or(calendar, "isDefaultCalendar") else {}
            identity = f"{user}/calendars/{quote(text(calendar, 'id'), safe='')}/events"
            yield Folder(identity, (name,), place_of("event", (name,), known))

    def _contacts(self, user: str, mailbox: str) -> Iterator[Folder]:
        yield Folder(f"{user}/contacts", ("Contacts",), "contacts")
        for row, path in folders_below(self._graph, user, "contactFolders", mailbox):
            identity = f"{user}/contactFolders/{quote(text(row, 'id'), safe='')}/contacts"
            yield Folder(identity, ("Contacts", *path), place_of("contact", path, {}))

    def changes(self, mailbox: str, folder: Folder, state: str | None) -> Iterator[Page]:
        with opened(mailbox):
            if folder.id.endswith("/messages"):
                yield from self._messages(mailbox, folder, state)
            else:
                yield from self._whole(mailbox, folder, "event" if folder.id.endswith("/events") else "contact")

    def _messages(self, mailbox: str, folder: Folder, state: str | None) -> Iterator[Page]:
        """By change tracking. A delta cannot step over a message that breaks its page: from there on the folder is
        read whole, at each call, until that message is mended or gone."""
        if state is None and folder.id in self._empty:
            return
        try:
            yield from self._tracked(mailbox, folder, state)
        except MailmoveError as error:
            if not is_about_items(error):
                raise
        else:
            return
        yield from self._whole(mailbox, folder, "message", failed=True)

    def _tracked(self, mailbox: str, folder: Folder, state: str | None) -> Iterator[Page]:
        wanted, sizes = f"the changes in {shown(folder.path)} of {mailbox}", PageSizes(self._graph)

        def fetch(url: str, first: bool) -> Json:
            params = {"$select": FIELDS["message"]} if first and state is None else None
            try:
                return sizes.ask(lambda size, seconds: self._page(url, params, wanted, size, seconds), wanted)
            except Rejected as error:
                if error.status == 410 or error.code in _LOST:
                    raise StateLost from None
                raise

        for body in self._graph.follow(state or f"{folder.id}/delta", fetch):
            items: dict[str, Item] = {}
            removed: dict[str, None] = {}
            unreadable: list[Unreadable] = []
            for row in self._graph.value_of(body, wanted):
                identity = text(row, "id")
                if "@removed" in row:
                    items.pop(identity, None)
                    removed[identity] = None
                # Of a message that was only read, an answer may have no more than id and isRead.
                elif "receivedDateTime" in row or "internetMessageId" in row:
                    try:
                        items[identity] = message_of(row, folder.path)
                    except AnswerUnreadable as error:
                        unreadable.append(_torn("message", row, error))
            following = next_link(body)
            after = following or text(body, "@odata.deltaLink")
            yield Page(list(items.values()), list(removed), after, last=not following, unreadable=unreadable)

    def _page(self, url: str, params: dict[str, str] | None, wanted: str, size: int, seconds: float) -> Json:
        prefer = {"Prefer": f"odata.maxpagesize={size}"}
        return self._graph.call("GET", url, wanted=wanted, params=params, headers=prefer, patience=seconds).body

    def _whole(self, mailbox: str, folder: Folder, kind: str, *, failed: bool = False) -> Iterator[Page]:
        wanted = f"{kind}s in {shown(folder.path)} of {mailbox}"
        user = f"users/{quote(mailbox, safe='@')}"
        careful = CarefulList(self._graph, mailbox, folder.path, lambda: self._well_known(user, "inbox", mailbox))
        for page in careful.pages(folder.id, {"$select": FIELDS[kind], **by_arrival(kind)}, wanted, failed=failed):
            items: list[Item] = []
            unreadable = [_broken(kind, broken, folder.path) for broken in page.broken]
            for row in page.rows:
                try:
                    items.append(_READERS[kind](row, folder.path))
                except AnswerUnreadable as error:
                    unreadable.append(_torn(kind, row, error))
            yield Page(items, last=page.last, whole=True, unreadable=unreadable)


def _broken(kind: str, broken: Broken, path: FolderPath) -> Unreadable:
    row = broken.before or {}
    subject, received = (row.get("subject") or row.get("displayName"), str(row.get("receivedDateTime") or "")[:16])
    after = f", after '{subject}' {received}".rstrip() if subject else ""
    return Unreadable(kind, f"{kind} number {broken.place + 1} of {shown(path)}{after}", broken.error.seen)


def _torn(kind: str, row: Json, error: AnswerUnreadable) -> Unreadable:
    """A row whose members are not what they should be; its id may be, and its subject."""
    identity, subject = (str(row.get(name) or "") for name in ("id", "subject"))
    return Unreadable(kind, f"{kind} '{subject}' {identity}".strip(), error.seen, id=identity)
