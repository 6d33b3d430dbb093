"""How far our own copy is: bars in the Prefect UI while it runs, and the curve that the report draws."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import httpx

from mailmove.clock import now
from mailmove.items.copy.interfaces import Moved
from mailmove.report.progress import Progress, bars, watched
from mailmove.tenant_state import MigrationUser
from tasks.engine.current import engine
from tasks.execution.context import Context
from tasks.ledger.names import copying_key
from tasks.ledger.stored_values import stored_value

_log = logging.getLogger(__name__)


class CopyProgress:
    """`progress.show(moved)` whenever more is known; a copy that was killed goes on with the curve that it had."""

    def __init__(self, context: Context) -> None:
        self._key, self._root = copying_key(context.plan.customer), context.root
        kept = engine().store.read_of_run(self._root, [self._key]).get(self._key)
        self._known = stored_value(Progress, kept[0], "how far the copy is") if kept else None

    def show(self, moved: Sequence[Moved]) -> None:
        """Keep it, as a table and as a page. What cannot be kept is told in the log: a copy does not stop for that."""
        self._known = watched(self._known, [_as_user(mailbox) for mailbox in moved], now())
        over = sum(mailbox.over for mailbox in moved)
        words = f"{over} of {len(moved)} mailboxes copied, {self._known.items:,} items"
        try:
            engine().store.write_table(
                self._key, [self._known.model_dump(mode="json")], description=words, flow_run=self._root
            )
            engine().store.write_markdown(
                f"picture-{self._key}", bars(self._known), description=words, flow_run=self._root
            )
        except httpx.HTTPError as error:
            _log.warning("%s: Prefect did not keep how far the copy is: %s", self._key, error)


def _as_user(mailbox: Moved) -> MigrationUser:
    """In the words of Microsoft's batch, so that both movers look alike."""
    under_way = "Syncing" if mailbox.copied or mailbox.already_present else "Queued"
    return MigrationUser(
        address=mailbox.mailbox,
        status="Synced" if mailbox.over else under_way,
        synced_items=mailbox.copied + mailbox.already_present,
        skipped_items=len(mailbox.left),
    )
