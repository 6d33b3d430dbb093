"""What has changed in a mailbox of the old server: SyncFolderItems, folder by folder.

Source: learn.microsoft.com/exchange/client-developer how-to-synchronize-items-by-using-ews-in-exchange; Exchange 2007
has it too. A SyncState stays good when its answer is lost, and is asked with again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from blocks.exchange.ews.copy_source import LISTED, EwsOrigin, item_of
from blocks.exchange.ews.soap import EwsConnections, M, T, error_of
from mailmove.items.folder_path import FolderPath, shown
from mailmove.items.reconcile.changes import Folder, MailboxChanges, Page, StateLost, place_of

PAGE = 512  # the most that MaxChangesReturned may say


class EwsChanges(MailboxChanges):
    def __init__(self, connections: EwsConnections) -> None:
        self._ews, self._origin = connections, EwsOrigin(connections)
        self._empty: set[str] = set()

    def folders(self, mailbox: str) -> list[Folder]:
        folders = self._origin.folders(mailbox)
        known = {folder.path: folder.well_known for folder in folders if folder.well_known}
        self._empty |= {folder.id for folder in folders if not folder.count}
        self._empty -= {folder.id for folder in folders if folder.count}
        return [Folder(folder.id, folder.path, place_of(folder.kind, folder.path, known)) for folder in folders]

    def changes(self, mailbox: str, folder: Folder, state: str | None) -> Iterator[Page]:
        if state is None and folder.id in self._empty:
            return
        wanted = f"the changes in {shown(folder.path)} of {mailbox}"
        while True:
            tree = self._ews.ask(_request(folder, state), wanted)
            message = next(tree.iter(f"{M}SyncFolderItemsResponseMessage"))
            code = message.findtext(f"{M}ResponseCode") or ""
            if code == "ErrorInvalidSyncStateData":
                raise StateLost
            if message.get("ResponseClass") != "Success":
                raise error_of(self._ews.who, wanted, code, message.findtext(f"{M}MessageText") or "")
            state = message.findtext(f"{M}SyncState") or ""
            page = _page(message, folder.path, state)
            last = page.last
            del tree, message
            yield page
            if last:
                return


def _request(folder: Folder, state: str | None) -> str:
    known = f"<m:SyncState>{escape(state)}</m:SyncState>" if state else ""
    return (
        "<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>"
        f"<t:AdditionalProperties>{LISTED}</t:AdditionalProperties></m:ItemShape>"
        f"<m:SyncFolderId><t:FolderId Id={quoteattr(folder.id)}/></m:SyncFolderId>{known}"
        f"<m:MaxChangesReturned>{PAGE}</m:MaxChangesReturned></m:SyncFolderItems>"
    )


def _page(message: Any, path: FolderPath, state: str) -> Page:
    """Create and Update have the item, Delete its id; that an item was read (ReadFlagChange) is nothing to us."""
    changes = next(message.iter(f"{M}Changes"), ())
    items = [item_of(change[0], path) for change in changes if change.tag in (f"{T}Create", f"{T}Update")]
    removed = [change.find(f"{T}ItemId").get("Id") for change in changes if change.tag == f"{T}Delete"]
    last = message.findtext(f"{M}IncludesLastItemInRange", "true") == "true"
    return Page(items, removed, state, last)
