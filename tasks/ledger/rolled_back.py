"""That a cutover was rolled back: a fact of the ledger, which decides, whatever state a run has in Prefect.

It is written before the first undo, and never taken back. Each cutover has a run id of its own, and the fact is of one:
the customer's next cutover starts from the beginning. Beside its entries in the ledger stands a table of one row for
each cutover, so that whoever acts, resumes or shows can ask for many of them in one request.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from mailmove.clock import now
from mailmove.errors import RolledBack
from tasks.engine.current import engine
from tasks.ledger.entry import ROLLBACK, Entry, EntryKind
from tasks.ledger.ledger import Ledger, payloads_of
from tasks.ledger.payloads import Rollback
from tasks.ledger.stored_values import stored_value

PREFIX = "rolled-back-"
"""Of the tables' keys; the cutover's root run follows."""


class RollbackFact(BaseModel):
    """What the ledger says of a cutover's rollbacks.

    at, by: of the first, which decides. ended: when the last was over, None: it is under way, or was cut short.
    """

    cutover: UUID
    at: datetime
    by: str = ""
    run: UUID | None = Field(default=None, description="Root run of the rollback that began last")
    ended: datetime | None = None

    @property
    def words(self) -> str:
        """'rolled back by anna at ...', for people."""
        return f"rolled back by {self.by or 'somebody'} at {self.at:%Y-%m-%d %H:%M:%S} UTC"

    @property
    def todo(self) -> str:
        """What a person can do who wants to go on."""
        first = "" if self.ended else "Let the rollback end first. "
        return f"{first}Start a new cutover: `mailmove start` with the plan."

    def error(self) -> RolledBack:
        """What whoever wants to go on with it is told."""
        return RolledBack("ledger", wanted="a cutover that goes on", seen=f"one that was {self.words}", todo=self.todo)


def record_begun(ledger: Ledger, by: str, run: UUID | None) -> None:
    """Write down that a rollback of this cutover begins, once for each root run of a rollback.

    The row comes first, as every living process asks for it: none acts on between the entry and the row.
    """
    rollbacks = [rollback for _, rollback in ledger.payloads(Rollback)]
    if not rollbacks:
        _write_row(RollbackFact(cutover=ledger.cutover, at=now(), by=by, run=run))
    if not any(rollback.run == run for rollback in rollbacks):
        payload = Rollback(phase="begun", by=by, run=run)
        ledger.record(EntryKind.ROLLED_BACK, ROLLBACK, payload=payload, facts=["from here on it is rolled back"])
    _write(ledger)


def record_ended(ledger: Ledger, by: str, run: UUID | None) -> None:
    """Write down that everything was put back, but for what the rollback names."""
    payload = Rollback(phase="ended", by=by, run=run)
    ledger.record(EntryKind.COMPLETED, ROLLBACK, payload=payload, facts=["the rollback is over"])
    _write(ledger)


def fact_in(entries: Iterable[Entry]) -> RollbackFact | None:
    """The fact, from one cutover's entries; None: no rollback of it has begun."""
    rollbacks = payloads_of(list(entries), Rollback)
    begun = [(entry, rollback) for entry, rollback in rollbacks if rollback.phase == "begun"]
    if not begun:
        return None
    (first, by), (last, newest) = begun[0], rollbacks[-1]
    return RollbackFact(
        cutover=first.cutover,
        at=first.at,
        by=by.by,
        run=begun[-1][1].run,
        ended=last.at if newest.phase == "ended" else None,
    )


def facts_of(cutovers: Iterable[UUID]) -> dict[UUID, RollbackFact]:
    """Root run -> the fact, for those of these cutovers of which a rollback has begun; in few requests."""
    keys = [f"{PREFIX}{cutover}" for cutover in dict.fromkeys(cutovers)]
    tables = engine().store.read_latest(keys) if keys else {}
    facts = [stored_value(RollbackFact, rows[0], "that a cutover was rolled back") for rows in tables.values() if rows]
    return {fact.cutover: fact for fact in facts}


def fact_of(cutover: UUID) -> RollbackFact | None:
    """The fact, from the server as it is now; None: no rollback of it has begun."""
    return facts_of([cutover]).get(cutover)


def _write(ledger: Ledger) -> None:
    fact = fact_in(ledger.entries())
    assert fact is not None, "its beginning was just written"
    _write_row(fact)


def _write_row(fact: RollbackFact) -> None:
    row = fact.model_dump(mode="json")
    engine().store.write_table(f"{PREFIX}{fact.cutover}", [row], description=fact.words, flow_run=fact.cutover)
