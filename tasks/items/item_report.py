"""Look at every item of every mailbox, on both sides, and leave the list where people find it."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.results import get_default_result_storage, get_result_store
from prefect.settings import get_current_settings

from mailmove.disk_full import room_in
from mailmove.errors import MailmoveError
from mailmove.items.copy.checkpoint import journal_name
from mailmove.items.reconcile.report import SHOWN, Account, Book
from mailmove.items.reconcile.spool import SOURCE, TARGET, Spool
from mailmove.items.reconcile.verdicts import counts, differences
from mailmove.plan.cutover import Cutover
from tasks.execution.open_blocks import source_server, tenant
from tasks.ledger.artifact_tables import read_latest, write_table
from tasks.ledger.ledger import this_cutover

AT_ONCE = 8
"""Mailboxes."""
MOST_LOST = 5000
"""Items handed on to be moved, in one round; what is more comes in the next."""


def compare(cutover: Cutover, stage: str) -> list[Account]:
    """Every mailbox; only what has changed since the last look is read. The list is kept as `keep` says."""
    source, cloud = source_server(cutover).item_changes(), tenant(cutover).items.changes()
    boxes = [box.address for box in source_server(cutover).inventory().moving]
    folder = _spools(cutover)

    def look(address: str) -> None:
        with Spool(_path(folder, address)) as spool:
            # The source first: what arrives there meanwhile is for the next look, and never counts as lost.
            spool.look(SOURCE, source, address)
            spool.look(TARGET, cloud, address)

    with room_in(folder):
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="items of") as pool:
            looks = [pool.submit(look, address) for address in boxes]
        # Every mailbox has its chance before the first failure is told.
        failures = [error for one in looks if (error := one.exception()) is not None]
        for error in sorted(failures, key=lambda one: isinstance(one, MailmoveError)):
            raise error
        book = Book(MOST_LOST)
        for address in boxes:
            with Spool(_path(folder, address)) as spool:
                book.add(address, counts(spool), differences(spool))
        keep(cutover, stage, book)
    return book.accounts


def keep(cutover: Cutover, stage: str, book: Book) -> None:
    """As CSV and HTML in Prefect's result storage, and the beginning of it as the table `items-<customer>`.

    A list that is the same as the last one is not written again.
    """
    root = this_cutover()
    key = f"items-{cutover.customer}"
    head = [_row(mailbox=one.mailbox, verdict="all in all", reason=one.line()) for one in book.accounts]
    rows = [*head, *(_row(**{name.replace(" ", "_"): cell for name, cell in row.items()}) for row in book.rows)]
    if read_latest([key]).get(key) == rows:
        return
    where = _store(cutover, root, stage, book)
    rest = f"the first {SHOWN} of {book.count} differences; " if book.count > SHOWN else ""
    write_table(key, rows, description=f"{stage}: {rest}all are in {where}, .csv and .html", flow_run=root)


def _row(**cells: str) -> dict[str, Any]:
    names = ("mailbox", "verdict", "kind", "folder", "subject", "received", "message_id", "size", "reason")
    return {name: cells.get(name, "") for name in names}


def _store(cutover: Cutover, root: UUID, stage: str, book: Book) -> str:
    """Where results are kept, any worker can read; returns the place, without the file's ending."""
    storage: Any = get_result_store().result_storage or get_default_result_storage()
    place = f"mailmove-items/{cutover.customer}/{root}/{stage}"
    storage.write_path(f"{place}.csv", content=book.csv())
    storage.write_path(f"{place}.html", content=book.page(f"{cutover.customer}: items, at {stage}"))
    return f"{getattr(storage, 'basepath', None) or storage.get_block_type_slug()}/{place}"


def forget(cutover: Cutover) -> None:
    """What the looks wrote on this worker's disk; it names people's mail."""
    shutil.rmtree(_spools(cutover), ignore_errors=True)


def _spools(cutover: Cutover) -> Path:
    return get_current_settings().home / "mailmove-items" / cutover.customer / str(this_cutover())


def _path(folder: Path, address: str) -> Path:
    return folder / f"{journal_name(address)}.sqlite"
