"""What has changed in a mailbox of the old server: SyncFolderItems, folder by folder.

Source: learn.microsoft.com/exchange/client-developer how-to-synchronize-items-by-using-ews-in-exchange; Exchange 2007
has it too. A SyncState stays good when its answer is lost, and is asked with again.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from lxml import etree

from blocks.exchange.ews.answers import Answer, M, Speaker, T
from blocks.exchange.ews.folder_errors import FolderGone, read_in_folder
from blocks.exchange.ews.folder_listing import FolderListing
from blocks.exchange.ews.folder_reader import read_folders
from blocks.exchange.ews.item_reader import item_of, listed_shape
from blocks.exchange.ews.pages import truth
from blocks.exchange.ews.request_xml import Element, folder_id, m, sayable
from blocks.exchange.ews.response_codes import RIGHTS, STATE_LOST
from blocks.exchange.ews.soap import EwsConnections
from mailmove.errors import FolderUnreadable
from mailmove.items.folder_path import FolderPath, shown
from mailmove.items.item import Item
from mailmove.items.reconcile.changes import Folder, MailboxChanges, Page, StateLost, place_of

PAGE = 512  # the most that MaxChangesReturned may say
_ITEM, _REMOVED, _OTHER = (f"{T}Create", f"{T}Update"), f"{T}Delete", f"{T}ReadFlagChange"


class EwsChanges(MailboxChanges):
    def __init__(self, connections: EwsConnections) -> None:
        self._ews = connections
        self._empty: set[str] = set()
        self._kinds: dict[str, str] = {}

    def folders(self, mailbox: str) -> list[Folder]:
        folders = read_folders(self._ews, mailbox)
        known = {folder.path: folder.well_known for folder in folders if folder.well_known}
        self._empty |= {folder.id for folder in folders if not folder.count}
        self._empty -= {folder.id for folder in folders if folder.count}
        self._kinds |= {folder.id: folder.kind for folder in folders}
        return [Folder(folder.id, folder.path, place_of(folder.kind, folder.path, known)) for folder in folders]

    def changes(self, mailbox: str, folder: Folder, state: str | None) -> Iterator[Page]:
        """Of a folder that was deleted meanwhile: that it is empty. Where the server cannot tell changes because of one
        item: the folder as it is now, as FindItem lists it. FolderUnreadable: this one alone cannot be read at all.
        """
        if state is None and folder.id in self._empty:
            return
        while True:
            read = partial(self._page, mailbox, folder, state)
            try:
                page = read_in_folder(self._ews, mailbox, folder.id, list(folder.path), read)
            except FolderGone:
                yield Page([], whole=True)
                return
            except FolderUnreadable as error:
                if error.code in RIGHTS:
                    raise
                yield Page(self._whole(mailbox, folder), whole=True)
                return
            if page is None:
                raise StateLost
            state = page.state
            yield page
            if page.last:
                return

    def _whole(self, mailbox: str, folder: Folder) -> list[Item]:
        kind = self._kinds.get(folder.id, "message")
        listing = FolderListing(self._ews, mailbox, folder.id, folder.path, kind)
        return [item for page in listing.pages() for item in page]

    def _page(self, mailbox: str, folder: Folder, state: str | None) -> Page | None:
        """None: the server no longer knows the state."""

        def read(answer: Answer) -> Page | None:
            if state is not None and [message.code for message in answer.messages] == [STATE_LOST]:
                return None
            return _page(answer.speaker, answer.only(), folder.path, state)

        return self._ews.ask(_request(folder, state), f"the changes in {shown(folder.path)} of {mailbox}", read)


def _request(folder: Folder, state: str | None) -> Element:
    return m.SyncFolderItems(
        listed_shape(),
        m.SyncFolderId(folder_id(folder.id)),
        *([m.SyncState(sayable(state))] if state else []),
        m.MaxChangesReturned(str(PAGE)),
    )


def _page(speaker: Speaker, message: Any, path: FolderPath, before: str | None) -> Page:
    """Create and Update have the item, Delete its id; that an item was read (ReadFlagChange) is nothing to us."""
    state, last = message.findtext(f"{M}SyncState"), truth(message.findtext(f"{M}IncludesLastItemInRange"))
    changes = message.find(f"{M}Changes")
    if not state or last is None or changes is None:
        raise speaker.unreadable("changes without their state, or without saying whether more follow")
    items, removed = [], []
    for change in changes.iterchildren(etree.Element):
        inner = next(change.iterchildren(etree.Element), None)
        if change.tag in _ITEM and inner is not None:
            items.append(item_of(speaker, inner, path))
        elif change.tag == _REMOVED and inner is not None and inner.get("Id"):
            removed.append(str(inner.get("Id")))
        elif change.tag != _OTHER:
            raise speaker.unreadable("a change that is none of create, update and delete")
    if not last and state == before:
        raise speaker.unreadable("the same state as before, and more to follow")
    return Page(items, removed, state, last)
