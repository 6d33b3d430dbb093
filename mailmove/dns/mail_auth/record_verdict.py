"""The verdict on a record that a domain publishes: its text, and whether receivers can use it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class RecordVerdict(BaseModel):
    """A record and its faults. JSON-able; each kind of record adds `facts`, which hold only if a record was read."""

    model_config = ConfigDict(frozen=True)

    record: str | None = Field(default=None, description="Its text; None: there is none")
    valid: bool | None = Field(default=None, description="None: there is none, or it could not be asked")
    faults: tuple[str, ...] = Field(default=(), description="Why it is not valid, one sentence each")
    unanswered: str | None = Field(default=None, description="Why it could not be asked")

    def __str__(self) -> str:
        if self.unanswered:
            return f"could not be asked: {self.unanswered}"
        if self.record is None:
            return "; ".join(self.faults) or "none"
        return f"{self.record} ({'; '.join(self.faults) or 'valid'})"
