"""Items over the size limit, through EWS, and only where a folder is large enough to hold one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from mailmove.errors import Blocked
from mailmove.inventory.full import LARGEST_ITEM, LargeItem, MailFolder
from mailmove.inventory.server import NotRead, SourceMailbox
from mailmove.items.folder_path import shown

if TYPE_CHECKING:
    from blocks.exchange.ews.client import EwsClient

CONVERSATIONS = 4
"""At once. Exchange 2010's default throttling policy allows an account ten (EWSMaxConcurrency)."""


def suspects(boxes: list[SourceMailbox], folders: dict[str, tuple[MailFolder, ...]]) -> list[str]:
    """Mailboxes where a folder, or what is known of the whole, leaves room for an item over the limit."""

    def may(box: SourceMailbox) -> bool:
        if box.address in folders:
            return any(folder.size is None or folder.size > LARGEST_ITEM for folder in folders[box.address])
        return box.size is None or box.size > LARGEST_ITEM

    return [box.address for box in boxes if box.kind != "public_folder" and may(box)]


def read_large_items(
    open_ews: Callable[[], AbstractContextManager[EwsClient]], mailboxes: list[str]
) -> tuple[list[LargeItem], list[NotRead]]:
    """The items by name, and the mailboxes that could not be opened."""

    def read(mailbox: str) -> list[LargeItem] | NotRead:
        try:
            with open_ews() as ews:
                return [
                    LargeItem(
                        mailbox=mailbox,
                        folder=shown(item.folder),
                        subject=item.subject,
                        size=item.size,
                        received=item.received,
                    )
                    for item in ews.larger_than(mailbox, LARGEST_ITEM)
                    if item.size is not None
                ]
        except Blocked as error:
            return NotRead(what=f"large items of {mailbox}", why=error.seen)

    with ThreadPoolExecutor(CONVERSATIONS, thread_name_prefix="large-items") as pool:
        results = list(pool.map(read, mailboxes))
    return (
        [item for result in results if not isinstance(result, NotRead) for item in result],
        [result for result in results if isinstance(result, NotRead)],
    )
