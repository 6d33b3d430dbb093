"""What a stage shows (Preview), what it did (Receipt) and what it then saw (Evidence)."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


def now() -> datetime:
    """The time, aware and in UTC."""
    return datetime.now(UTC)


class Change(BaseModel):
    """One thing that would change, or did. `before` and `after` are JSON values; None means absent."""

    model_config = ConfigDict(frozen=True)

    what: str = Field(description="What changes, in words and by name: 'MX contoso.com.'")
    before: Any = None
    after: Any = None


class Finding(BaseModel):
    """Something a look found, what it means for the move, and what to do."""

    model_config = ConfigDict(frozen=True)

    subject: str
    seen: str
    means: str
    todo: str
    blocks: bool = Field(default=False, description="True: the night must not start like this")


class Preview(BaseModel):
    """What stands in the way of a stage, and exactly what it would change."""

    stage: str
    changes: list[Change] = []
    findings: list[Finding] = []

    @property
    def digest(self) -> str:
        """SHA-256 over what would change; an approval binds to it."""
        text = json.dumps([change.model_dump(mode="json") for change in self.changes], sort_keys=True)
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


class Evidence(BaseModel):
    """What the world answered when asked whether a stage has taken effect."""

    stage: str
    facts: list[str]
    at: datetime = Field(default_factory=now)


class Look(BaseModel):
    """One look at what is being waited for."""

    done: bool
    summary: str = Field(description="What was seen, in a sentence")
    forecast: datetime | None = Field(default=None, description="When it should be done, UTC")
    next_look: datetime | None = Field(
        default=None, description="When to look again, UTC; None: when the watch next comes by"
    )
    details: list[str] = []
    asks: str | None = Field(
        default=None, description="Set when patience has ended: what a person must decide. The same words at every look"
    )
    picture: str = Field(default="", description="The same over time, as Markdown")
    at: datetime = Field(default_factory=now)
    state: dict[str, Any] = Field(default={}, description="What the next look wants to know of this one; JSON")
