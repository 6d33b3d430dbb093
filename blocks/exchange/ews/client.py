"""Single questions to mailboxes of the old server: open one, search all of its folders, fetch and delete an item."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal, Self

from pydantic import SecretStr

from blocks.exchange.ews.answers import Answer
from blocks.exchange.ews.content_reader import ContentReader
from blocks.exchange.ews.folder_errors import FolderGone, read_in_folder
from blocks.exchange.ews.folder_reader import read_folders, read_well_known
from blocks.exchange.ews.item_reader import item_of, listed_shape
from blocks.exchange.ews.pages import listing_in
from blocks.exchange.ews.request_xml import (
    Element,
    constant,
    field,
    folder_id,
    item_ids,
    m,
    oldest_first,
    page_of,
    t,
)
from blocks.exchange.ews.response_codes import GONE
from blocks.exchange.ews.soap import BASE_VERSION, PAGE, EwsConnections
from blocks.tls_roots import tls_context
from mailmove.errors import ItemUnreadable, MailmoveError, SignInRefused, Throttled
from mailmove.items.copy.interfaces import SourceFolder
from mailmove.items.item import Item

Condition = Callable[[], Element]
"""Makes a search expression; each request needs its own."""
FOLDERS = 50  # in a question
_RECEIPTS_VERSION = "Exchange2013"
"""The first schema in which a deletion can be told to send no receipts."""


class EwsClient:
    """One conversation with EWS; use it in a `with`. It shares no connection or setting with any other.

    url: `https://mail.contoso.com/EWS/Exchange.asmx`. extra_ca: PEM of a root to trust besides the system's.
    patience: seconds to spend in all, per request, on the server's wishes to wait before Throttled is raised.
    page: items in an answer. folders_at_once: folders in a question.
    """

    def __init__(
        self,
        url: str,
        username: str,
        password: SecretStr,
        authentication: Literal["basic", "ntlm"],
        extra_ca: str | None = None,
        *,
        patience: float = 120,
        page: int = PAGE,
        folders_at_once: int = FOLDERS,
    ) -> None:
        self._page_size, self._folders_at_once = page, folders_at_once
        self._ews = EwsConnections(
            url, username, password, authentication, tls_context(extra_ca), at_once=1, patience=patience
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ews.close()

    def open(self, mailbox: str) -> None:
        """Open a mailbox, or raise what stands in the way."""
        read_well_known(self._ews, mailbox)

    def larger_than(self, mailbox: str, size: int) -> Iterator[Item]:
        """The items of more than `size` bytes (PR_MESSAGE_SIZE, attachments and all); the server does the searching."""
        yield from self._search(mailbox, lambda: t.IsGreaterThan(field("item:Size"), constant(str(size))))

    def find(self, mailbox: str, message_ids: Sequence[str]) -> Iterator[Item]:
        """Every copy of the messages with these Message-IDs; the server does the searching."""

        def condition() -> Element:
            tests = [t.IsEqualTo(field("message:InternetMessageId"), constant(name)) for name in message_ids]
            return tests[0] if len(tests) == 1 else t.Or(*tests)

        if message_ids:
            yield from self._search(mailbox, condition)

    def remove(self, mailbox: str, item_id: str) -> None:
        """Hard-delete one item; one that is gone already is no error."""
        if self._ews.server_version == (0, 0):
            read_well_known(self._ews, mailbox)
        quiet = self._ews.server_version >= (15, 0)
        request = m.DeleteItem(
            item_ids([item_id]),
            DeleteType="HardDelete",
            SendMeetingCancellations="SendToNone",
            AffectedTaskOccurrences="AllOccurrences",
            **({"SuppressReadReceipts": "true"} if quiet else {}),
        )

        def read(answer: Answer) -> None:
            if [message.code for message in answer.messages if message.code in GONE] == []:
                answer.only()

        version = _RECEIPTS_VERSION if quiet else BASE_VERSION
        self._ews.ask(request, f"an item of {mailbox} to be deleted", read, version=version)

    def content(self, mailbox: str, item_id: str) -> bytes:
        """An item as RFC 5322 bytes, never empty. ItemUnreadable: it is gone, or the server gives no content of it."""
        asked = Item(id=item_id, folder=(), kind="message")
        [content] = ContentReader(self._ews).contents(mailbox, [asked], way="converted")
        if content.mime is None:
            raise ItemUnreadable(
                self._ews.who,
                wanted=f"the content of an item of {mailbox}",
                seen=content.missing or "no content",
                todo="Open it in Outlook, or leave it out.",
            )
        return _rfc5322(base64.b64decode(content.mime))

    def _search(self, mailbox: str, condition: Condition) -> Iterator[Item]:
        """The items that fulfil a condition, in all folders below the top of the information store.

        FolderUnreadable: one of them could not be searched, so that what is not shown may be there.
        """
        folders = read_folders(self._ews, mailbox)
        for start in range(0, len(folders), self._folders_at_once):
            yield from self._in_folders(mailbox, folders[start : start + self._folders_at_once], condition)

    def _in_folders(self, mailbox: str, folders: list[SourceFolder], condition: Condition) -> Iterator[Item]:
        """The first page of all these folders by one question; each alone where that fails, or where more follow."""
        try:
            pages = self._page(mailbox, folders, condition, 0)
        except (SignInRefused, Throttled):
            raise
        except MailmoveError:
            pages = [([], False)] * len(folders)
        for folder, (items, last) in zip(folders, pages, strict=True):
            yield from items
            if not last:
                yield from self._rest(mailbox, folder, condition, len(items))

    def _rest(self, mailbox: str, folder: SourceFolder, condition: Condition, offset: int) -> Iterator[Item]:
        last = False
        while not last:
            read = partial(self._page, mailbox, [folder], condition, offset)
            try:
                [(items, last)] = read_in_folder(self._ews, mailbox, folder.id, list(folder.path), read)
            except FolderGone:
                return
            yield from items
            offset += len(items)

    def _page(
        self, mailbox: str, folders: list[SourceFolder], condition: Condition, offset: int
    ) -> list[tuple[list[Item], bool]]:
        """For each folder the items of this page, and whether it is the last."""
        request = m.FindItem(
            listed_shape(),
            page_of("IndexedPageItemView", self._page_size, offset),
            m.Restriction(condition()),
            oldest_first(),
            m.ParentFolderIds(*(folder_id(folder.id) for folder in folders)),
            Traversal="Shallow",
        )

        def read(answer: Answer) -> list[tuple[list[Item], bool]]:
            if len(answer.messages) != len(folders):
                raise answer.speaker.unreadable(f"{len(answer.messages)} answers to {len(folders)} questions")
            pages = []
            for folder, message in zip(folders, answer.messages, strict=True):
                listing = listing_in(answer.speaker, message, "Items", offset)
                items = [item_of(answer.speaker, element, folder.path) for element in listing.elements]
                pages.append((items, listing.last))
            return pages

        return self._ews.ask(request, f"a search in {len(folders)} folders of {mailbox}", read)


def _rfc5322(content: bytes) -> bytes:
    """Exchange gives events as bare iCalendar and contacts as bare vCard; a message is needed around them."""
    for begins, kind in ((b"BEGIN:VCALENDAR", "text/calendar"), (b"BEGIN:VCARD", "text/vcard")):
        if content.lstrip().startswith(begins):
            head = f"MIME-Version: 1.0\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
            return head.encode() + b"\r\n" + content.lstrip()
    return content
