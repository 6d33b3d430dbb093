"""The ledger: an append-only record of what every cutover found, did and saw.

Each entry is a version of the table `ledger-<customer>` in the engine's store, so it outlives the worker's disk and any
worker can read it. Only the process that owns the cutover writes to it, and the one that rolls it back; so a ledger is
read once, and what is recorded by it is added to what was read. Its entries are chained (`chain.py`).
"""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

from mailmove.changes import Change
from mailmove.clock import now
from mailmove.evidence import Evidence, Receipt
from mailmove.plan.cutover import Cutover
from tasks.engine.current import engine
from tasks.ledger.chain import Checked, check_chain
from tasks.ledger.entry import Entry, EntryKind, Row, entry_of
from tasks.ledger.ledger_key import entries_gone, key_here
from tasks.ledger.payloads import Payload, Topic
from tasks.ledger.writer import chained

P = TypeVar("P")


class WriteInQuery(RuntimeError):
    """A check, a condition or a preview has tried to write: a fault of the program, never of the world."""


class Ledger:
    """What one cutover has written down.

    read_only: for checks and conditions; `record` raises WriteInQuery.
    """

    def __init__(self, customer: str, cutover: UUID, *, read_only: bool = False) -> None:
        self.customer, self.cutover, self.read_only = customer, cutover, read_only
        self._of_customer: list[Entry] | None = None

    def record(
        self,
        kind: EntryKind,
        stage: str,
        *,
        topic: Topic = Topic.STAGE,
        changes: list[Change] | None = None,
        payload: Payload | None = None,
        facts: list[str] | None = None,
    ) -> Entry:
        """Append an entry; returns when the server has it. A payload brings its own topic."""
        if self.read_only:
            raise WriteInQuery(f"{stage}: {kind} was to be written by a check or a condition")
        entry = Entry(
            cutover=self.cutover,
            kind=kind,
            stage=stage,
            topic=payload.topic if payload else topic,
            changes=changes or [],
            payload=payload,
            facts=facts or [],
        )
        store, row = engine().store, entry.model_dump(mode="json")
        with chained(store, self.customer, row, self._last_seal) as sealed:
            store.write_table(
                ledger_key(self.customer), [sealed], description=f"{stage}: {kind}", flow_run=self.cutover
            )
        entry = entry_of(sealed)
        if self._of_customer is not None:
            self._of_customer.append(entry)
        return entry

    def _last_seal(self) -> str:
        """Of the last entry of this cutover that was read; '': there is none with a seal."""
        return next((entry.link.seal for entry in reversed(self.entries()) if entry.link), "")

    def entries(self) -> list[Entry]:
        """Everything written for this cutover, oldest first; read from the server once."""
        return [entry for entry in self.entries_of_customer() if entry.cutover == self.cutover]

    def entries_of_customer(self) -> list[Entry]:
        """Everything written for this customer, in whichever cutover, oldest first; the same one reading."""
        if self._of_customer is None:
            self._of_customer = read_entries(self.customer)
        return list(self._of_customer)

    def of_stage(self, stage: str, *kinds: EntryKind) -> list[Entry]:
        """A step's own entries (no other topic's), oldest first."""
        return [entry for entry in self.entries() if _own(entry, stage) and (not kinds or entry.kind in kinds)]

    def payloads(self, kind: type[P], stage: str | None = None) -> list[tuple[Entry, P]]:
        """Entries with a payload of this class, each with it, oldest first. stage: only of that one."""
        return payloads_of(self.entries(), kind, stage)

    def receipt(self, stage: str) -> Receipt:
        """All that a stage changed, over every try: the first `before` and the last `after` of each thing.

        Intents count: after a kill between act and receipt nobody knows whether the act took place, and undoing
        what was never done is harmless.
        """
        return receipt_of(self.entries(), stage)

    def intended(self, stage: str) -> list[Change]:
        """What a stage has written down that it will do, and has no receipt of yet."""
        changes: list[Change] = []
        for entry in self.of_stage(stage):
            if entry.kind in (EntryKind.RECEIPT, EntryKind.ROLLED_BACK):
                changes = []
            if entry.kind is EntryKind.INTENT:
                changes += entry.changes
        return changes

    def evidence(self, stage: str) -> Evidence | None:
        """The first evidence of a step since it was last rolled back; its time is when the world agreed."""
        entry = self.evidence_entry(stage)
        return Evidence(stage=stage, facts=entry.facts, at=entry.at) if entry else None

    def evidence_entry(self, stage: str) -> Entry | None:
        """The entry of `evidence`."""
        first = None
        for entry in self.entries():
            if entry.stage != stage or entry.topic not in (Topic.STAGE, Topic.WAIT, Topic.RECONCILIATION):
                continue
            if entry.kind is EntryKind.ROLLED_BACK:
                first = None
            if entry.kind is EntryKind.EVIDENCE and first is None:
                first = entry
        return first


def _own(entry: Entry, stage: str) -> bool:
    return entry.stage == stage and entry.topic is Topic.STAGE


def payloads_of(entries: list[Entry], kind: type[P], stage: str | None = None) -> list[tuple[Entry, P]]:
    """`Ledger.payloads`, from entries that are at hand."""
    return [
        (entry, entry.payload)
        for entry in entries
        if isinstance(entry.payload, kind) and (stage is None or entry.stage == stage)
    ]


def receipt_of(entries: list[Entry], stage: str) -> Receipt:
    """`Ledger.receipt`, from entries that are at hand."""
    changes: dict[Any, Change] = {}
    at = None
    for entry in entries:
        if not _own(entry, stage):
            continue
        if entry.kind is EntryKind.ROLLED_BACK:
            changes = {}
        if entry.kind in (EntryKind.INTENT, EntryKind.RECEIPT):
            at = entry.at
            for change in entry.changes:
                first = changes.get(change.key, change)
                changes[change.key] = change.model_copy(update={"before": first.before})
    cutover = entries[-1].cutover if entries else None
    return Receipt(stage=stage, changes=list(changes.values()), at=at or now(), cutover=cutover)


def read_entries(customer: str) -> list[Entry]:
    """Every entry of every cutover of a customer, oldest first: in the server's order, as workers' clocks may jump."""
    return [entry_of(row) for row in read_rows(customer)]


def read_rows(customer: str) -> list[Row]:
    """The same as it is stored."""
    return [row for rows in reversed(engine().store.read_versions(ledger_key(customer))) for row in rows]


def checked_chain(customer: str, cutover: UUID) -> Checked:
    """The chain of a cutover's entries, by the key of this machine, and by what this machine has written.

    A break is looked at twice: while somebody writes, a page of the server's list may hold an entry a second time.
    """
    checked = _checked(customer, cutover)
    return _checked(customer, cutover) if checked.faults else checked


def _checked(customer: str, cutover: UUID) -> Checked:
    rows = read_rows(customer)
    checked = check_chain(customer, cutover, rows, key_here())
    checked.faults += tuple(entries_gone(customer, cutover, rows))
    return checked


def newest_entries(customers: list[str]) -> dict[str, Entry]:
    """The last entry of each customer's ledger, in few requests; those without one are left out."""
    keys = {ledger_key(customer): customer for customer in customers}
    tables = engine().store.read_latest(list(keys))
    return {keys[key]: entry_of(rows[0]) for key, rows in tables.items() if rows}


def ledger_key(customer: str) -> str:
    """Of the table that is the ledger; of the customer '': what every such key begins with."""
    return f"ledger-{customer}"


def own_ledger(plan: Cutover) -> Ledger:
    """The ledger of the cutover that runs, with nothing read yet."""
    return Ledger(plan.customer, engine().root_run())
