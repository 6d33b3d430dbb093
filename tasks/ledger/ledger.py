"""The ledger: an append-only record of what every cutover found, did and saw.

Each entry is a version of the Prefect artifact `ledger-<customer>`, so it outlives the worker's disk and any
worker can read it. An entry is a table: one row for each change or fact.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from prefect.runtime import flow_run
from pydantic import BaseModel, Field

from mailmove.evidence import Change, Evidence, Receipt, now
from mailmove.plan.cutover import Cutover
from tasks.ledger.artifact_tables import read_latest, read_versions, write_table

Kind = Literal["intent", "receipt", "evidence", "approval", "held", "passed", "undone"]


class Entry(BaseModel):
    """One line of the ledger."""

    cutover: UUID = Field(description="Root flow run of the cutover that it belongs to")
    kind: Kind
    stage: str
    at: datetime = Field(default_factory=now)
    changes: list[Change] = []
    facts: list[str] = []


class Ledger:
    """What one cutover has written down."""

    def __init__(self, customer: str, cutover: UUID) -> None:
        self.customer, self.cutover = customer, cutover

    def record(
        self, kind: Kind, stage: str, *, changes: list[Change] | None = None, facts: list[str] | None = None
    ) -> Entry:
        """Append an entry; returns when the server has it."""
        entry = Entry(cutover=self.cutover, kind=kind, stage=stage, changes=changes or [], facts=facts or [])
        write_table(
            _key(self.customer), [entry.model_dump(mode="json")], description=f"{stage}: {kind}", flow_run=self.cutover
        )
        return entry

    def entries(self) -> list[Entry]:
        """Everything written for this cutover, oldest first."""
        return [entry for entry in read_entries(self.customer) if entry.cutover == self.cutover]

    def receipt(self, stage: str) -> Receipt:
        """All that a stage changed, over every try: the first `before` and the last `after` of each thing.

        Intents count: after a kill between act and receipt nobody knows whether the act took place, and undoing
        what was never done is harmless.
        """
        return receipt_of(self.entries(), stage)

    def intended(self, stage: str) -> list[Change]:
        """What a stage has written down that it will do, and has no receipt of yet."""
        found: list[Change] = []
        for entry in self.entries():
            if entry.stage == stage and entry.kind in ("receipt", "undone"):
                found = []
            if entry.stage == stage and entry.kind == "intent":
                found += entry.changes
        return found

    def evidence(self, stage: str) -> Evidence | None:
        """The first evidence of a stage since it was last undone; its time is when the world agreed."""
        found = None
        for entry in self.entries():
            if entry.stage == stage and entry.kind == "undone":
                found = None
            if entry.stage == stage and entry.kind == "evidence" and found is None:
                found = Evidence(stage=stage, facts=entry.facts, at=entry.at)
        return found


def receipt_of(entries: list[Entry], stage: str) -> Receipt:
    """`Ledger.receipt`, from entries that are at hand."""
    first: dict[str, Any] = {}
    last: dict[str, Any] = {}
    at = None
    for entry in entries:
        if entry.stage != stage:
            continue
        if entry.kind == "undone":
            first, last = {}, {}
        if entry.kind in ("intent", "receipt"):
            at = entry.at
            for change in entry.changes:
                first.setdefault(change.what, change.before)
                last[change.what] = change.after
    changes = [Change(what=what, before=before, after=last[what]) for what, before in first.items()]
    return Receipt(stage=stage, changes=changes, at=at or now())


def read_entries(customer: str) -> list[Entry]:
    """Every entry of every cutover of a customer, oldest first: in the server's order, as workers' clocks may jump."""
    return [Entry.model_validate(row) for rows in reversed(read_versions(_key(customer))) for row in rows]


def newest_entries(customers: list[str]) -> dict[str, Entry]:
    """The last line of each customer's ledger, in few requests; those without one are left out."""
    keys = {_key(customer): customer for customer in customers}
    return {keys[key]: Entry.model_validate(rows[0]) for key, rows in read_latest(list(keys)).items() if rows}


def _key(customer: str) -> str:
    return f"ledger-{customer}"


def entries_so_far(cutover: Cutover) -> list[Entry]:
    """Everything that the running cutover has written down, oldest first."""
    return Ledger(cutover.customer, this_cutover()).entries()


def this_cutover() -> UUID:
    """The root flow run that the running task or sub-flow belongs to."""
    root = flow_run.root_flow_run_id
    assert root is not None, "the ledger is written inside a flow run"
    return UUID(str(root))
