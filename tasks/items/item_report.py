"""Look at every item of every mailbox, on both sides, and leave the list where people find it."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.settings import get_current_settings

from mailmove.disk_full import room_in
from mailmove.errors import MailmoveError, SignInRefused, Transient
from mailmove.items.identity import is_searchable
from mailmove.items.item import Item
from mailmove.items.reconcile.changes import Unread
from mailmove.items.reconcile.report import SHOWN, Account, Book
from mailmove.items.reconcile.spool import Spool
from mailmove.items.reconcile.verdicts import counts, differences
from mailmove.leavable import Leavable
from tasks.engine.current import engine
from tasks.engine.prefect_internals import result_storage
from tasks.execution.context import Context
from tasks.items.left_out import Decisions, mailbox_or_folder
from tasks.items.read_sides import read_sides, spool_path

MOST_LOST = 5000
"""Items handed on to be moved, in one round; what is more comes in the next."""


def compare(context: Context, stage: str) -> list[Account]:
    """Every mailbox; only what has changed since the last look is read. The list is kept as `keep` says.

    A folder or a mailbox that cannot be read is named in its account, and the others are compared. Raised: an error
    that every mailbox has, a refused sign-in, a full disk.
    """
    boxes = [box.address for box in context.source.inventory().moving]
    folder = _spools(context)
    decisions = Decisions(context)
    with room_in(folder):
        unread = read_sides(context, folder, boxes)
        book = Book(MOST_LOST)
        for address in boxes:
            parts = [(part, "" if part.item else decisions.words(thing_of(address, part))) for part in unread[address]]
            whole = all(part.path for part in unread[address])
            with Spool(spool_path(folder, address)) as spool:
                by_name = partial(_of_name, context, address)
                found = differences(spool, unread[address], by_name) if whole else iter(())
                book.add(address, counts(spool) if whole else (0, 0), found, parts)
        keep(context, stage, book)
    return book.accounts


def _of_name(context: Context, address: str, item: Item) -> int | None:
    """Messages of this Message-ID that the target's mailbox has, given out or not; None: it cannot say."""
    if item.kind != "message" or not item.message_id or not is_searchable(item.message_id):
        return None
    try:
        return len(context.tenant.messages.find(address, [item.message_id]))
    except (SignInRefused, Transient):
        raise
    except MailmoveError:
        return None


def thing_of(mailbox: str, part: Unread) -> Leavable:
    """What could not be read, as a thing to be decided about."""
    return mailbox_or_folder(mailbox, part.path, part.folder_id, str(part))


def keep(context: Context, stage: str, book: Book) -> None:
    """As CSV and HTML in Prefect's result storage, and the beginning of it as the table `items-<customer>`.

    A list that is the same as the last account is not written again.
    """
    root = context.root
    key = f"items-{context.plan.customer}"
    head = [_row(mailbox=account.mailbox, verdict="all in all", reason=account.line()) for account in book.accounts]
    rows = [*head, *(_row(**{name.replace(" ", "_"): cell for name, cell in row.items()}) for row in book.rows)]
    if engine().store.read_latest([key]).get(key) == rows:
        return
    where = _store(context, root, stage, book)
    rest = f"the first {SHOWN} of {book.count} differences; " if book.count > SHOWN else ""
    engine().store.write_table(
        key, rows, description=f"{stage}: {rest}all are in {where}, .csv and .html", flow_run=root
    )


def _row(**cells: str) -> dict[str, Any]:
    names = ("mailbox", "verdict", "kind", "folder", "subject", "received", "message_id", "size", "reason")
    return {name: cells.get(name, "") for name in names}


def _store(context: Context, root: UUID, stage: str, book: Book) -> str:
    """Where results are kept, any worker can read; returns the place, without the file's ending."""
    storage = result_storage()
    place = f"mailmove-items/{context.plan.customer}/{root}/{stage}"
    storage.write_path(f"{place}.csv", content=book.csv())
    storage.write_path(f"{place}.html", content=book.page(f"{context.plan.customer}: items, at {stage}"))
    return f"{getattr(storage, 'basepath', None) or storage.get_block_type_slug()}/{place}"


def forget(context: Context) -> None:
    """What the looks wrote on this worker's disk; it names people's mail."""
    shutil.rmtree(_spools(context), ignore_errors=True)


def _spools(context: Context) -> Path:
    return get_current_settings().home / "mailmove-items" / context.plan.customer / str(context.root)
