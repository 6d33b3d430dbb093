"""What a stage shows (Preview), what it did (Receipt), what it then saw (Evidence); and a wait's poll."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from mailmove.changes import Change
from mailmove.clock import now
from mailmove.leavable import Leavable


class Finding(BaseModel):
    """Something a check found, what it means for the move, and what to do."""

    model_config = ConfigDict(frozen=True)

    subject: str
    seen: str
    means: str
    todo: str
    code: str = Field(default="", description="What kind of thing it is, the same in every case: 'BackupMx'")
    about: Literal["phone", ""] = Field(default="", description="What it is about, where a list sorts by that")
    needs_action: bool = Field(default=True, description="False: it is only to be known; `todo` says so")
    blocks: bool = Field(default=False, description="True: the cutover must not start like this")
    leaves: Leavable | None = Field(default=None, description="What a plan may do without, so that it blocks no more")
    expires: datetime | None = Field(default=None, description="When the secret or certificate that it names ends, UTC")


class Preview(BaseModel):
    """What stands in the way of a stage, and exactly what it would change."""

    stage: str
    changes: list[Change] = []
    findings: list[Finding] = []
    observed: dict[str, Any] = Field(
        default={}, description="What was seen and will be wanted later, JSON by key; kept when the stage is applied"
    )

    @property
    def digest(self) -> str:
        """First 16 hex digits of SHA-256 over what would change, without words; an approval binds to it."""
        text = json.dumps(
            [change.model_dump(mode="json", exclude={"words"}) for change in self.changes], sort_keys=True
        )
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def blockers(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.blocks]


class Receipt(BaseModel):
    """What an act found and left. Empty `changes` means that there was nothing to do."""

    stage: str
    changes: list[Change] = []
    at: datetime = Field(default_factory=now)
    remains: list[str] = Field(default=[], description="What a rollback could not or must not remove, and why")
    cutover: UUID | None = Field(default=None, description="Whose it is, where a ledger gave it; a rollback undoes it")


class Evidence(BaseModel):
    """What the world answered when asked whether a stage has taken effect. The facts are for people."""

    stage: str
    facts: list[str]
    at: datetime = Field(default_factory=now)


class PollResult(BaseModel):
    """What one poll of a wait's condition gave."""

    done: bool
    summary: str = Field(description="What was seen, in a sentence")
    forecast: datetime | None = Field(default=None, description="When it should be done, UTC")
    next_poll: datetime | None = Field(
        default=None, description="When to poll again, UTC; None: when the watch next comes by"
    )
    details: list[str] = []
    asks: str | None = Field(
        default=None, description="Set when patience has ended: what a person must decide. The same words at every poll"
    )
    parked_with: str | None = Field(default=None, description="The `asks` that the wait is parked with")
    remedy: bool = Field(
        default=False, description="The wait's own `remedy` is due: the watch resumes the run that carries it out"
    )
    faults: int = Field(default=0, description="Polls in a row that ended in a fault of the program itself")
    failures: int = Field(default=0, description="Polls in a row in which the other side could not be asked")
    failing_since: datetime | None = Field(default=None, description="When the first of them was, UTC")
    failed_with: str = Field(default="", description="Kind of the error: its type, and the other side's code for it")
    picture: str = Field(default="", description="The same over time, as Markdown")
    at: datetime = Field(default_factory=now)
    state: dict[str, Any] = Field(default={}, description="What the next poll wants to know of this one; JSON")
