"""Chain the entries of a cutover: each is sealed with the run's key, and says which one its writer wrote before it.

A process that writes is a writer of its own, with numbers from 1: a cutover's process that does not know yet that it is
being rolled back and the rollback itself may write at the same time, and that is no tampering. The first entry of a
writer names the last one that it had read. So of what was written, nothing can be changed, moved, repeated, put in
between or taken out without a break, but for the last entries of a writer after which nobody read: those the worker
that wrote them knows (`ledger_key.py`).
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Row = dict[str, Any]


class Link(BaseModel):
    """Where an entry stands in the chain of its cutover."""

    model_config = ConfigDict(frozen=True)

    writer: str = Field(description="The process that wrote it")
    number: int = Field(description="Its number among that writer's entries of this cutover, from 1")
    previous: str = Field(description="Seal of the writer's entry before it, or of the last one that it had read")
    key: str = Field(description="Which key sealed it: the beginning of the key's digest")
    seal: str = Field(default="", description="HMAC-SHA256 of everything else in the entry, in hexadecimal digits")


class Break(StrEnum):
    """What is wrong at an entry."""

    CHANGED = "changed"
    MISSING = "missing"
    MOVED = "moved"
    UNSEALED = "unsealed"
    OTHER_KEY = "other_key"


_WORDS = {
    Break.CHANGED: "it does not say what was sealed: it was changed, or was not written by a worker",
    Break.MISSING: "what was written before it is not there",
    Break.MOVED: "it stands after what was written later, or stands there twice",
    Break.UNSEALED: "it has no seal, though entries before it have: it was not written by a worker of this version",
    Break.OTHER_KEY: "it was sealed with a key that this worker has not",
}


@dataclass(frozen=True)
class ChainFault:
    """A break of the chain. entry: which entry, in words. seal: of the entry, where it has one; tells faults apart."""

    kind: Break
    entry: str
    differs: str
    seal: str = ""

    @property
    def words(self) -> str:
        return f"{self.entry}: {self.differs}"


@dataclass(frozen=True)
class Key:
    """The key of a worker. name: shown to anybody."""

    secret: bytes

    @property
    def name(self) -> str:
        return sha256(b"name of " + self.secret).hexdigest()[:8]

    def seal(self, customer: str, row: Row) -> str:
        """Of a stored entry; what stands in its `link.seal` does not count. Each cutover has a key of its own."""
        text = json.dumps({**row, "link": {**row["link"], "seal": ""}}, sort_keys=True, separators=(",", ":"))
        of_run = hmac.digest(self.secret, f"ledger/{customer}/{row['cutover']}".encode(), "sha256")
        return hmac.new(of_run, text.encode(), "sha256").hexdigest()

    def __repr__(self) -> str:
        return f"Key({self.name})"


@dataclass
class Checked:
    """What a check of the chain has shown. unchained: entries that an older Mailmove wrote, without a link."""

    entries: int = 0
    unchained: int = 0
    key: str = ""
    faults: tuple[ChainFault, ...] = ()

    @property
    def words(self) -> str:
        """One sentence for the report."""
        if self.faults:
            more = f" (and {len(self.faults) - 1} more)" if len(self.faults) > 1 else ""
            return f"The ledger's chain is broken. {self.faults[0].words}{more}."
        if self.unchained == self.entries:
            return f"The ledger's {self.entries} entries are not chained: an older Mailmove wrote them."
        if not self.key:
            return f"The ledger's chain of {self.entries} entries was not checked: its key is not on this machine."
        old = f"; the first {self.unchained} were written by an older Mailmove, unchained" if self.unchained else ""
        return f"The ledger's chain of {self.entries} entries is whole (key {self.key}){old}."


def check_chain(customer: str, cutover: UUID, rows: Iterable[Row], key: Key | None) -> Checked:
    """Go through a customer's stored entries, oldest first. key None: seals are not compared, numbers are."""
    checked = Checked(key=key.name if key else "")
    faults: list[ChainFault] = []
    last: dict[str, Link] = {}
    seals: set[str] = set()
    for row in rows:
        if row.get("cutover") != str(cutover):
            continue
        checked.entries += 1
        link, kind = link_of(row), None
        if row.get("link") and link is None:
            kind = Break.CHANGED
        elif link is None:
            checked.unchained += not last
            kind = Break.UNSEALED if last else None
        else:
            kind = _break_at(customer, row, link, last.get(link.writer), seals, key)
            seals.add(link.seal)
            before = last.get(link.writer)
            last[link.writer] = link if before is None or link.number > before.number else before
        if kind:
            faults.append(ChainFault(kind, words_of(checked.entries, row), _WORDS[kind], link.seal if link else ""))
    checked.faults = tuple(faults)
    return checked


def _break_at(
    customer: str, row: Row, link: Link, before: Link | None, seals: set[str], key: Key | None
) -> Break | None:
    if key and link.key != key.name:
        return Break.OTHER_KEY
    if key and not hmac.compare_digest(key.seal(customer, row), link.seal):
        return Break.CHANGED
    number = before.number if before else 0
    if link.number <= number:
        return Break.MOVED
    follows = link.previous == before.seal if before else link.previous in seals or not link.previous
    return None if link.number == number + 1 and follows else Break.MISSING


def link_of(row: Row) -> Link | None:
    """None: it has none, or something that is none."""
    try:
        return Link.model_validate(row["link"]) if row.get("link") else None
    except ValidationError:
        return None


def words_of(number: int, row: Row) -> str:
    """An entry, for people: its number within the cutover, and what it is."""
    return f"entry {number} ({row.get('kind')} of {row.get('stage')}, {str(row.get('at'))[:19]})"
