"""Cutovers whose run somebody deleted in Prefect's UI before they had ended: their ledger is still there."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    ArtifactCollectionFilter,
    ArtifactCollectionFilterKey,
    FlowRunFilter,
    FlowRunFilterId,
)

from mailmove.errors import MailmoveError
from tasks.engine.prefect_internals import rows_of_table
from tasks.ledger.entry import ROLLBACK, Entry, EntryKind, entry_of
from tasks.ledger.ledger import ledger_key
from tasks.runbook import RUNBOOK

_PAGE = 200
_LAST, _LEDGERS = RUNBOOK[-1].name, ledger_key("")


def newest_of_all(client: SyncPrefectClient) -> dict[str, Entry]:
    """Customer -> the newest entry of its ledger, for every customer that has one that can be read; in pages."""
    entries: dict[str, Entry] = {}
    chosen = ArtifactCollectionFilter(key=ArtifactCollectionFilterKey(like_=f"{_LEDGERS}%"))
    offset = 0
    while True:
        page = client.read_latest_artifacts(artifact_filter=chosen, limit=_PAGE, offset=offset)
        for newest in page:
            rows = rows_of_table(newest.data)
            try:
                entries[str(newest.key).removeprefix(_LEDGERS)] = entry_of(rows[0])
            except (MailmoveError, ValueError):  # a newer shape: one ledger that is not understood hides no other
                continue
        offset += len(page)
        if len(page) < _PAGE:
            return entries


def deleted_cutovers(
    client: SyncPrefectClient, newest: dict[str, Entry], known: set[UUID]
) -> Iterator[tuple[str, Entry]]:
    """(customer, newest entry) of each cutover that is neither over nor rolled back, and whose run is gone.

    known: runs that are there.
    """
    open_ones = {
        entry.cutover: (customer, entry)
        for customer, entry in newest.items()
        if entry.cutover not in known and not _is_over(entry)
    }
    ids = list(open_ones)
    for start in range(0, len(ids), _PAGE):
        chosen = FlowRunFilter(id=FlowRunFilterId(any_=ids[start : start + _PAGE]))
        present = {run.id for run in client.read_flow_runs(flow_run_filter=chosen, limit=_PAGE)}
        yield from (open_ones[root] for root in ids[start : start + _PAGE] if root not in present)


def _is_over(entry: Entry) -> bool:
    """A preflight changes nothing; after the last step, or a rollback, nothing waits for anybody."""
    if entry.kind is EntryKind.ROLLED_BACK or entry.stage in ("preflight", ROLLBACK):
        return True
    return entry.stage == _LAST and entry.kind is EntryKind.COMPLETED
