"""Every item of a mailbox in the cloud, by Microsoft Graph v1.0: messages, events and contacts.

Graph has no tasks of Exchange (they are To Do lists there) and no notes or journal entries.
Sources: learn.microsoft.com/graph/api user-list-mailfolders, mailfolder-list-messages, calendar-list-events,
user-list-contacts. Permissions: Mail.ReadBasic.All or Mail.Read, Calendars.Read, Contacts.Read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from urllib.parse import quote

from blocks.microsoft365.answers import Json, moment
from blocks.microsoft365.fields import number_or, part_or, rows_or, text, text_or, time_or
from blocks.microsoft365.http import JsonClient
from mailmove.items.folder_path import FolderPath
from mailmove.items.item import Item
from mailmove.items.keys import contact_key, event_key, other_key

PAGE = "500"
FIELDS = {
    "message": "id,internetMessageId,subject,receivedDateTime,sentDateTime",
    "event": "id,subject,start,iCalUId",
    "contact": "id,displayName,emailAddresses",
}
"""What names an item of each kind."""
MAX_DEPTH = 300  # Exchange's own limit on nested folders


def message_of(row: Json, folder: FolderPath) -> Item:
    """The item behind a message that has `FIELDS["message"]`."""
    subject = text_or(row, "subject")
    received, sent = time_or(row, "receivedDateTime"), time_or(row, "sentDateTime")
    return Item(
        id=text(row, "id"),
        folder=folder,
        kind="message",
        message_id=text_or(row, "internetMessageId") or None,
        key=other_key("message", subject, sent or received),
        subject=subject,
        received=received,
        sent=sent,
    )


def event_of(row: Json, folder: FolderPath) -> Item:
    subject = text_or(row, "subject")
    key = event_key(text_or(row, "iCalUId") or subject, start_of(row))
    return Item(id=text(row, "id"), folder=folder, kind="event", key=key, subject=subject)


def contact_of(row: Json, folder: FolderPath) -> Item:
    name = text_or(row, "displayName")
    addresses = [text_or(entry, "address") for entry in rows_or(row, "emailAddresses")]
    key = contact_key(name, addresses[0] if addresses else "")
    return Item(id=text(row, "id"), folder=folder, kind="contact", key=key, subject=name)


def folders_below(graph: JsonClient, user: str, kind: str, mailbox: str) -> Iterator[tuple[Json, FolderPath]]:
    """(folder, its path) of every folder but search folders: what they show lies elsewhere.

    user: `users/<address>`. kind: mailFolders or contactFolders. The folder has id and displayName.
    """
    fields = "id,displayName,childFolderCount,totalItemCount" if kind == "mailFolders" else "id,displayName"
    waiting: list[tuple[str, FolderPath]] = [(f"{user}/{kind}", ())]
    while waiting:
        place, above = waiting.pop()
        rows = graph.pages(place, wanted=f"folders of {mailbox}", params={"$select": fields, "$top": "100"})
        for row in rows:
            if text_or(row, "@odata.type").endswith("mailSearchFolder"):
                continue
            folder = (*above, text_or(row, "displayName"))
            yield row, folder
            # Contact folders do not say how many children they have.
            if number_or(row, "childFolderCount", 1) and len(above) < MAX_DEPTH:
                waiting.append((f"{user}/{kind}/{_id(row)}/childFolders", folder))


def start_of(event: Json) -> datetime | None:
    """The start of an event, aware. Graph writes times in UTC when no other zone is asked for."""
    return moment(text_or(part_or(event, "start"), "dateTime"))


def _id(entity: Json) -> str:
    return quote(text(entity, "id"), safe="")
