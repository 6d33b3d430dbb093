"""The verdict on a record that a domain publishes: its text, and whether receivers can use it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

RecordState = Literal["not asked", "no answer", "answered"]
"""Was the record seen? Only "answered" without a record means that there is none."""


class RecordVerdict(BaseModel):
    """A record and its faults. JSON-able; each kind of record adds `facts`, which hold only if a record was read.

    A verdict that nobody filled in says "not asked", never that there is no record: who has asked, and found none, says
    `state="answered"`.
    """

    model_config = ConfigDict(frozen=True)

    state: RecordState = "not asked"
    record: str | None = Field(default=None, description="Its text; None: there is none, or it was not seen: see state")
    valid: bool | None = Field(default=None, description="None: there is none, or it could not be asked")
    faults: tuple[str, ...] = Field(default=(), description="Why it is not valid, one sentence each")
    remarks: tuple[str, ...] = Field(
        default=(), description="What receivers pass over, the rest of the record staying in force"
    )
    near: tuple[str, ...] = Field(
        default=(), description="Texts that are nearly such a record, and are none to receivers; each with the reason"
    )
    unanswered: str | None = Field(default=None, description="Why it could not be asked")

    @model_validator(mode="before")
    @classmethod
    def _state_from_content(cls, data: Any) -> Any:
        """The state that the other fields show, where it is not given."""
        if not isinstance(data, dict) or "state" in data:
            return data
        if data.get("unanswered"):
            return {**data, "state": "no answer"}
        return {**data, "state": "answered"} if any(data.get(name) for name in ("record", "faults", "near")) else data

    def __str__(self) -> str:
        if self.state != "answered":
            return f"no answer: {self.unanswered or 'nothing came'}" if self.state == "no answer" else "not asked"
        if self.record is None:
            return "; ".join((*self.faults, *self.remarks)) or "none"
        return f"{self.record} ({'; '.join(self.faults or self.remarks) or 'valid'})"
