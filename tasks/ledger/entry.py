"""One entry of the ledger, and how an entry that an older version of Mailmove wrote is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from mailmove.changes import Change
from mailmove.clock import now
from mailmove.errors import Blocked
from tasks.ledger.chain import Link
from tasks.ledger.payloads import Payload, Topic
from tasks.ledger.stored_values import stored_value

VERSION = 4
"""Number of the shape in which entries are written. Who changes the shape counts it up and writes a migration."""

Row = dict[str, Any]
ROLLBACK = "rollback"
"""Under which the ledger has the beginning and the end of a rollback."""


def _with_rollback(row: Row) -> Row:
    """Version 2 had the beginning of a rollback in words only."""
    if (row.get("kind"), row.get("stage"), row.get("payload")) != ("rolled_back", ROLLBACK, None):
        return dict(row)
    return {**row, "topic": "rollback", "payload": {"topic": "rollback", "phase": "begun"}}


MIGRATIONS: Mapping[int, Callable[[Row], Row]] = {1: dict, 2: _with_rollback, 3: dict}
"""Version of a stored row -> what makes it a row of the next version. 2: the topic `left_out`, and what a trouble names
as things to do without; whatever stands in a row of version 1 means the same. 3: the topic `rollback`,
the link that chains entries, and entries as things to do without. 4: the topics `recipient` and
`mover`, and changes of recipients, their addresses, members and owners.
"""


class EntryKind(StrEnum):
    """What an entry is."""

    INTENT = "intent"
    RECEIPT = "receipt"
    EVIDENCE = "evidence"
    APPROVAL = "approval"
    INTERRUPTION = "interruption"
    DECISION = "decision"
    COMPLETED = "completed"
    ROLLED_BACK = "rolled_back"


class Entry(BaseModel):
    """What was found, done or seen at one moment."""

    version: int = VERSION
    cutover: UUID = Field(description="Root flow run of the cutover that it belongs to")
    kind: EntryKind
    stage: str = Field(description="Step of the runbook, or gate, or what stands beside the runbook (`preflight`)")
    topic: Topic = Topic.STAGE
    at: datetime = Field(default_factory=now)
    changes: list[Change] = []
    payload: Payload | None = Field(default=None, description="What code reads; its topic is the entry's")
    facts: list[str] = Field(default=[], description="For people. No code reads it")
    link: Link | None = Field(default=None, description="Its place in the chain; none: an older Mailmove wrote it")

    @model_validator(mode="after")
    def _one_topic(self) -> Self:
        if self.payload is not None and self.payload.topic is not self.topic:
            raise ValueError(f"an entry about {self.topic} with a payload about {self.payload.topic}")
        return self


def entry_of(row: Row, *, migrations: Mapping[int, Callable[[Row], Row]] = MIGRATIONS, version: int = VERSION) -> Entry:
    """The entry of a stored row, brought to today's shape. Blocked: a newer Mailmove wrote it, or it is no entry."""
    number = _version_of(row)
    if number > version:
        raise Blocked(
            "ledger",
            wanted=f"entries of version {version} or older",
            seen=f"one of version {number}",
            todo="A newer Mailmove has written to this ledger: run that one, or a newer one.",
        )
    while number < version:
        if number not in migrations:
            raise _no_entry(f"one of version {number}, which no Mailmove wrote")
        row = {**migrations[number](row), "version": number + 1}
        number += 1
    return stored_value(Entry, row, "an entry of the ledger")


def _version_of(row: object) -> int:
    """Entries of the first version say none. Blocked: this is no entry."""
    number = row.get("version", 0) if isinstance(row, dict) else None
    if not isinstance(number, int) or isinstance(number, bool):
        raise _no_entry("a row without a version")
    return number


def _no_entry(seen: str) -> Blocked:
    todo = "Put back what stood there: the ledger is what a rollback goes by."
    return Blocked("ledger", wanted="an entry", seen=seen, todo=todo)
