"""The folders of a mailbox: GetFolder and FindFolder, elements to `SourceFolder`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from blocks.exchange.ews.answers import Answer, M, Speaker, T, number
from blocks.exchange.ews.pages import Listing, listing_of
from blocks.exchange.ews.request_xml import Element, distinguished, field, id_and, m, page_of
from blocks.exchange.ews.response_codes import PASSING
from blocks.exchange.ews.soap import PAGE, EwsConnections
from mailmove.items.copy.interfaces import Kind, SourceFolder

_WELL_KNOWN = (
    "inbox", "sentitems", "drafts", "deleteditems", "junkemail", "outbox", "calendar", "contacts", "tasks", "notes",
    "journal",
)  # fmt: skip
"""EWS's names; those of mail are Graph's as well."""
_FOLDER_KINDS: dict[str, Kind] = {
    f"{T}CalendarFolder": "event",
    f"{T}ContactsFolder": "contact",
    f"{T}TasksFolder": "other",
}
"""Element of a folder -> what it holds; of a plain `Folder` the class says it."""
_CLASS_KINDS: dict[str, Kind] = {
    "ipf.appointment": "event",
    "ipf.contact": "contact",
    "ipf.task": "other",
    "ipf.stickynote": "other",
    "ipf.journal": "other",
}
"""Class of a folder, without what stands after its second part -> what it holds; every other class holds mail."""
_SEARCH_FOLDER = f"{T}SearchFolder"
_FIELDS = ("folder:DisplayName", "folder:ParentFolderId", "folder:TotalCount", "folder:FolderClass")
_NAMELESS = "(no name)"


@dataclass(frozen=True)
class _Row:
    """A folder as it is listed. count: items; 1 where the server does not say, so that it is read."""

    id: str
    parent: str
    name: str
    count: int
    tag: str
    kind: Kind
    folder_class: str


def read_folders(ews: EwsConnections, mailbox: str) -> list[SourceFolder]:
    """Every folder that shows items of its own, parents first. Refused, Blocked: the mailbox cannot be opened."""
    known = read_well_known(ews, mailbox)
    rows: dict[str, _Row] = {}
    offset = 0
    while True:
        request = m.FindFolder(
            m.FolderShape(*id_and(*(field(name) for name in _FIELDS))),
            # Exchange 2007 knows no pages of folders, and gives all.
            *([page_of("IndexedPageFolderView", PAGE, offset)] if offset or ews.server_version >= (14, 0) else []),
            m.ParentFolderIds(distinguished("msgfolderroot", mailbox)),
            Traversal="Deep",
        )

        def read(answer: Answer, offset: int = offset) -> tuple[list[_Row], Listing]:
            listing = listing_of(answer, "Folders", offset)
            return [_row(answer.speaker, element) for element in listing.elements], listing

        page, listing = ews.ask(request, f"the folders of {mailbox}", read)
        rows |= {row.id: row for row in page}
        offset += len(page)
        if listing.last:
            return _in_order(Speaker(ews.who, f"the folders of {mailbox}"), rows, known)


def read_well_known(ews: EwsConnections, mailbox: str) -> dict[str, str]:
    """Folder id -> well-known name; people's folders are called in their own language.

    One that a mailbox lacks is left out. Refused, Blocked: none can be had.
    """
    request = m.GetFolder(
        m.FolderShape(*id_and()), m.FolderIds(*(distinguished(name, mailbox) for name in _WELL_KNOWN))
    )

    def read(answer: Answer) -> dict[str, str]:
        names: dict[str, str] = {}
        if len(answer.messages) != len(_WELL_KNOWN):
            raise answer.speaker.unreadable(f"{len(answer.messages)} answers to {len(_WELL_KNOWN)} questions")
        for name, message in zip(_WELL_KNOWN, answer.messages, strict=True):
            if message.code in PASSING:  # not shown is not absent: a second Inbox would be made
                raise answer.speaker.error(message.code, message.text)
            if message.ok:
                names[_id(answer.speaker, next(message.element.iterfind(f"{M}Folders/*"), None))] = name
        if not names:
            raise answer.speaker.error(answer.messages[0].code, answer.messages[0].text)
        return names

    return ews.ask(request, f"the folders of {mailbox}", read)


def is_there(ews: EwsConnections, mailbox: str, identity: str) -> bool:
    """A second look at the tree: is a folder still in it?"""
    return any(folder.id == identity for folder in read_folders(ews, mailbox))


def _row(speaker: Speaker, element: Any) -> _Row:
    folder_class = (element.findtext(f"{T}FolderClass") or "").strip()
    name, count = element.findtext(f"{T}DisplayName"), number(element.findtext(f"{T}TotalCount"))
    parent = element.find(f"{T}ParentFolderId")
    if name is None or parent is None or not parent.get("Id"):
        raise speaker.unreadable("a folder without its name, or without the folder that it lies in")
    return _Row(
        id=_id(speaker, element),
        parent=parent.get("Id"),
        name=name or _NAMELESS,
        count=1 if count is None else count,
        tag=str(element.tag),
        kind=_kind(str(element.tag), folder_class),
        folder_class=folder_class,
    )


def _kind(tag: str, folder_class: str) -> Kind:
    """What a folder holds: by its element, else by its class, whose case differs between clients ('IPF.note')."""
    base = ".".join(folder_class.strip().casefold().split(".")[:2])
    return _FOLDER_KINDS.get(tag) or _CLASS_KINDS.get(base, "message")


def _id(speaker: Speaker, element: Element) -> str:
    identity = None if element is None else element.find(f"{T}FolderId")
    if identity is None or not identity.get("Id"):
        raise speaker.unreadable("a folder without an id")
    return str(identity.get("Id"))


def _in_order(speaker: Speaker, rows: dict[str, _Row], known: dict[str, str]) -> list[SourceFolder]:
    """Parents first. Search folders show what lies elsewhere."""
    made: dict[str, SourceFolder] = {}
    for identity in rows:
        chain: list[_Row] = []
        while identity in rows and identity not in made:
            if any(row.id == identity for row in chain):
                raise speaker.unreadable("folders that lie in each other")
            chain.append(rows[identity])
            identity = rows[identity].parent
        for row in reversed(chain):
            parent = made.get(row.parent)
            path = (*parent.path, row.name) if parent else (row.name,)
            made[row.id] = SourceFolder(row.id, path, row.kind, known.get(row.id), row.count, parent, row.folder_class)
    return [folder for identity, folder in made.items() if rows[identity].tag != _SEARCH_FOLDER]
