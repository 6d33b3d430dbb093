"""Look at every item of every mailbox, on both sides, and leave the list where people find it."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.settings import get_current_settings

from mailmove.disk_full import room_in
from mailmove.errors import MailmoveError
from mailmove.items.copy.checkpoint import journal_name
from mailmove.items.reconcile.report import SHOWN, Account, Book
from mailmove.items.reconcile.spool import SOURCE, TARGET, Spool
from mailmove.items.reconcile.verdicts import counts, differences
from tasks.engine.current import engine
from tasks.engine.prefect_internals import result_storage
from tasks.execution.context import Context

AT_ONCE = 8
"""Mailboxes."""
MOST_LOST = 5000
"""Items handed on to be moved, in one round; what is more comes in the next."""


def compare(context: Context, stage: str) -> list[Account]:
    """Every mailbox; only what has changed since the last look is read. The list is kept as `keep` says."""
    source, cloud = context.source.item_changes(), context.tenant.items.changes()
    boxes = [box.address for box in context.source.inventory().moving]
    folder = _spools(context)

    def read(address: str) -> None:
        with Spool(_path(folder, address)) as spool:
            # The source first: what arrives there meanwhile is for the next look, and never counts as lost.
            spool.update(SOURCE, source, address)
            spool.update(TARGET, cloud, address)

    with room_in(folder):
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="items of") as pool:
            readings = [pool.submit(read, address) for address in boxes]
        # Every mailbox has its chance before the first failure is told.
        failures = [error for reading in readings if (error := reading.exception()) is not None]
        for error in sorted(failures, key=lambda error: isinstance(error, MailmoveError)):
            raise error
        book = Book(MOST_LOST)
        for address in boxes:
            with Spool(_path(folder, address)) as spool:
                book.add(address, counts(spool), differences(spool))
        keep(context, stage, book)
    return book.accounts


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


def _path(folder: Path, address: str) -> Path:
    return folder / f"{journal_name(address)}.sqlite"
