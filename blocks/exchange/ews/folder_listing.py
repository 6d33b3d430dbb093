"""The items of one folder by FindItem, page by page; where a page fails because of one item, the others are listed.

Source: graph-docs 2913 (one corrupt message, InternalServerError for the whole page). A page that fails is asked for in
smaller pieces. An item that cannot be listed even alone is an `Item` without a name: its content is "missing" with the
server's words, so that it is left and named as every item that cannot be had.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from blocks.exchange.ews.answers import Answer
from blocks.exchange.ews.folder_errors import FolderGone, read_in_folder
from blocks.exchange.ews.item_reader import item_of, listed_shape
from blocks.exchange.ews.pages import listing_of
from blocks.exchange.ews.request_xml import folder_id, m, oldest_first, page_of
from blocks.exchange.ews.response_codes import RIGHTS
from blocks.exchange.ews.soap import PAGE, EwsConnections
from mailmove.errors import AnswerUnreadable, FolderUnreadable, MailmoveError, SignInRefused, Throttled
from mailmove.items.folder_path import FolderPath, shown
from mailmove.items.item import Item

_SMALLER = (50, 5, 1)
"""Items in a page that is asked for after a larger one failed."""
_FEW = 3.0
"""Seconds of patience with a single item."""
_IN_A_ROW = 5
"""Items one after the other, none of which can be listed: then something is wrong with the folder, not with them."""
_UNLISTED = "unlistable:"


def is_unlisted(item: Item) -> bool:
    """Is this an item of which the server tells nothing but that it is there?"""
    return item.id.startswith(_UNLISTED)


@dataclass(frozen=True)
class FolderListing:
    """Of a folder of that id, path and kind of items. It is read anew by each call of `pages`."""

    ews: EwsConnections
    mailbox: str
    id: str
    path: FolderPath
    kind: str

    def pages(self) -> Iterator[list[Item]]:
        """Oldest first; the last page may be empty. Nothing more, where the folder was deleted meanwhile.

        FolderUnreadable: this folder alone cannot be read.
        """
        offset, last = 0, False
        while not last:
            read = partial(self._page, offset, PAGE)
            try:
                page, last = read_in_folder(self.ews, self.mailbox, self.id, list(self.path), read)
            except FolderGone:
                return
            except FolderUnreadable as error:
                if error.code in RIGHTS:
                    raise
                page, last = self._window(offset, offset + PAGE, 0, error)
            offset += len(page)
            yield page

    def _window(self, start: int, end: int, level: int, error: FolderUnreadable) -> tuple[list[Item], bool]:
        """The items from one place to another by pages of `_SMALLER[level]`, and whether the folder ends with them.

        Those that fail are asked for in still smaller ones. The error is raised where nothing can be had.
        """
        items: list[Item] = []
        size, last = _SMALLER[level], False
        while start + len(items) < end and not last:
            place = start + len(items)
            piece = self._piece(place, size)
            if piece is None and size > 1:
                piece = self._window(place, place + size, level + 1, error)
            page, last = piece or ([self._unlisted(place, error)], False)
            items += page
            if size == 1 and len(items) == _IN_A_ROW and all(is_unlisted(item) for item in items):
                raise error
        return items, last

    def _piece(self, offset: int, size: int) -> tuple[list[Item], bool] | None:
        """None: it cannot be had either. Raises what is no answer to this page at all."""
        try:
            return self._page(offset, size, _FEW if size == 1 else 0.0)
        except (SignInRefused, Throttled):
            raise
        except MailmoveError as error:
            if error.code is None and not isinstance(error, AnswerUnreadable):
                raise
            return None

    def _unlisted(self, place: int, error: FolderUnreadable) -> Item:
        name = f"{_UNLISTED}{self.id}:{place}"
        return Item(
            id=name,
            folder=self.path,
            kind=self.kind,
            key=name,
            subject=f"(number {place + 1} of this folder, which the old server cannot list: {error.seen})",
        )

    def _page(self, offset: int, size: int, patience: float | None = None) -> tuple[list[Item], bool]:
        request = m.FindItem(
            listed_shape(),
            page_of("IndexedPageItemView", size, offset),
            oldest_first(),
            m.ParentFolderIds(folder_id(self.id)),
            Traversal="Shallow",
        )

        def read(answer: Answer) -> tuple[list[Item], bool]:
            listing = listing_of(answer, "Items", offset)
            return [item_of(answer.speaker, element, self.path) for element in listing.elements], listing.last

        return self.ews.ask(request, f"the items in {shown(self.path)} of {self.mailbox}", read, patience=patience)
