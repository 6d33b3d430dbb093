"""The old server as the origin of a copy: folders, items page by page, and their contents in one of three forms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from blocks.exchange.ews.answers import Answer
from blocks.exchange.ews.content_reader import ContentReader
from blocks.exchange.ews.folder_errors import FolderGone, read_in_folder
from blocks.exchange.ews.folder_reader import read_folders, read_well_known
from blocks.exchange.ews.item_reader import item_of, listed_shape
from blocks.exchange.ews.pages import listing_of
from blocks.exchange.ews.request_xml import folder_id, m, oldest_first, page_of
from blocks.exchange.ews.soap import PAGE, EwsConnections
from mailmove.items.copy.interfaces import Content, Origin, SourceFolder
from mailmove.items.folder_path import shown
from mailmove.items.item import Item


class EwsOrigin(Origin):
    """Exchange 2007 SP1 and later; streams come from 2010 SP1 and later."""

    def __init__(self, connections: EwsConnections) -> None:
        self._ews, self._contents = connections, ContentReader(connections)

    def gives_streams(self, mailbox: str) -> bool:
        if self._ews.server_version == (0, 0):
            read_well_known(self._ews, mailbox)
        return self._ews.server_version >= (14, 1)

    def folders(self, mailbox: str) -> list[SourceFolder]:
        return read_folders(self._ews, mailbox)

    def items(self, mailbox: str, folder: SourceFolder) -> Iterator[Item]:
        """Nothing more, where the folder was deleted meanwhile. FolderUnreadable: this one alone cannot be read."""
        offset = 0
        while True:
            read = partial(self._page, mailbox, folder, offset)
            try:
                page, last = read_in_folder(self._ews, mailbox, folder.id, list(folder.path), read)
            except FolderGone:
                return
            offset += len(page)
            yield from page
            if last:
                return

    def _page(self, mailbox: str, folder: SourceFolder, offset: int) -> tuple[list[Item], bool]:
        request = m.FindItem(
            listed_shape(),
            page_of("IndexedPageItemView", PAGE, offset),
            oldest_first(),
            m.ParentFolderIds(folder_id(folder.id)),
            Traversal="Shallow",
        )

        def read(answer: Answer) -> tuple[list[Item], bool]:
            listing = listing_of(answer, "Items", offset)
            return [item_of(answer.speaker, element, folder.path) for element in listing.elements], listing.last

        return self._ews.ask(request, f"the items in {shown(folder.path)} of {mailbox}", read)

    def contents(self, mailbox: str, items: Sequence[Item], *, streams: bool) -> list[Content]:
        return self._contents.contents(mailbox, items, streams=streams) if items else []
