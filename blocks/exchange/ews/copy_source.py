"""The old server as the origin of a copy: folders, items page by page, and their contents in one of three forms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from blocks.exchange.ews.content_reader import ContentReader
from blocks.exchange.ews.folder_listing import FolderListing, is_unlisted
from blocks.exchange.ews.folder_reader import read_folders, read_well_known
from blocks.exchange.ews.soap import EwsConnections
from mailmove.items.copy.interfaces import Content, Origin, SourceFolder, Way
from mailmove.items.item import Item


class EwsOrigin(Origin):
    """Exchange 2007 SP1 and later. From 2010 SP1 on it exports streams; before, we write them."""

    def __init__(self, connections: EwsConnections) -> None:
        self._ews, self._contents = connections, ContentReader(connections)

    def best_way(self, mailbox: str) -> Way:
        if self._ews.server_version == (0, 0):
            read_well_known(self._ews, mailbox)
        return "exported" if self._ews.server_version >= (14, 1) else "written"

    def folders(self, mailbox: str) -> list[SourceFolder]:
        return read_folders(self._ews, mailbox)

    def items(self, mailbox: str, folder: SourceFolder) -> Iterator[Item]:
        """Nothing more, where the folder was deleted meanwhile. FolderUnreadable: this one alone cannot be read."""
        for page in FolderListing(self._ews, mailbox, folder.id, folder.path, folder.kind).pages():
            yield from page

    def contents(self, mailbox: str, items: Sequence[Item], *, way: Way) -> list[Content]:
        listed = [item for item in items if not is_unlisted(item)]
        contents = self._contents.contents(mailbox, listed, way=way) if listed else []
        given = {content.item.id: content for content in contents}
        return [given.get(item.id) or Content(item, missing="the old server cannot even list it") for item in items]
