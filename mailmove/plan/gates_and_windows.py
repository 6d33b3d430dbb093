"""The parts of a plan for approvals, times and notifications: gates, windows, notices."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from mailmove.plan.block_refs import NOTICE, REF, BlockRef
from mailmove.time_zones import known_time_zones

APPROVER = "approver/"
"""Prefix of references to blocks that hold an approver's public key."""


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Gate(Part):
    """A question that a person answers."""

    required: bool = Field(default=True, description="False: go on without asking")
    approvers: list[str] = Field(
        default=[],
        description="Names whose word counts; empty: anyone's. `approver/anna` names a block: then a code is asked for "
        "that only she can make",
        examples=[["anna@msp.example", "approver/ben"]],
    )
    expires_minutes: float | None = Field(
        default=None,
        gt=0,
        description="A question that nobody has answered for so long is asked anew, after a fresh check; none: never",
        examples=[120],
    )

    @field_validator("approvers")
    @classmethod
    def _blocks_by_name(cls, value: list[str]) -> list[str]:
        wrong = [
            approver
            for approver in value
            if not approver.strip() or (approver.startswith(APPROVER) and not REF.match(approver))
        ]
        if wrong:
            raise ValueError(f"{', '.join(map(repr, wrong))}: neither a name nor `{APPROVER}block-name`")
        return value

    @property
    def approver_blocks(self) -> list[str]:
        """Approvers who prove who they are, as `approver/name`."""
        return [approver for approver in self.approvers if approver.startswith(APPROVER)]


class MoneyGate(Gate):
    """The gate before money is spent; it cannot be switched off."""

    required: Literal[True] = Field(default=True, description="Nothing is bought without a person's word")


class Gates(Part):
    spend_money: MoneyGate = Field(
        default_factory=MoneyGate, title="Spend money", description="Before anything is bought"
    )
    switch_mail: Gate = Field(
        default_factory=Gate, title="Switch mail", description="Before the MX record points at the cloud"
    )
    close_smtp_port: Gate = Field(
        default_factory=Gate, title="Close old port 25", description="Before port 25 of the old server is closed"
    )


class Window(Part):
    """Local times between which the mail may be switched, each day. Where the clocks change, the narrower window
    counts."""

    opens: time = Field(description="Local time", examples=["22:00"])
    closes: time = Field(description="Local time; before `opens`: the next day", examples=["06:00"])
    timezone: str = Field(description="IANA name", examples=["Europe/London"])
    holidays: list[date] = Field(
        default=[], description="Local dates on which it does not open", examples=[["2026-12-24", "2026-12-31"]]
    )
    reversible_by: time | None = Field(
        default=None,
        description="Local time by which all could be back; no switch starts too late for that. None: no such rule",
        examples=["06:00"],
    )
    rollback_minutes: float = Field(
        default=30,
        ge=0,
        description="With `reversible_by`: to see that it went wrong, decide, and put the records back; the MX TTL "
        "comes on top",
        examples=[30],
    )

    @field_validator("opens", "closes", "reversible_by")
    @classmethod
    def _local(cls, value: time | None, info: ValidationInfo) -> time | None:
        if value is not None and value.tzinfo is not None:
            raise ValueError("is a local time; the zone stands in `timezone`")
        if info.field_name == "closes" and value == info.data.get("opens"):
            raise ValueError("is the time at which it opens; leave the windows out if any time will do")
        return value

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in known_time_zones():
            raise ValueError(f"{value!r} is not an IANA time zone")
        ZoneInfo(value)
        return value


NotificationEvent = Literal["waiting", "forecast", "failed", "finished"]
"""waiting: for a person. forecast: it has moved. failed: a run has. finished: the cutover is over."""


class Notices(Part):
    """Who is notified of what, by Prefect's notification blocks: mail, Teams, Slack, any webhook."""

    to: list[Annotated[BlockRef, NOTICE]] = Field(
        default=[],
        max_length=20,
        description="Notification blocks; each gets everything",
        examples=[["ms-teams-webhook/operations", "mail-notice/anna"]],
    )
    about: list[NotificationEvent] = Field(
        default=["waiting", "forecast", "failed", "finished"],
        description="Events that are notified",
        examples=[["waiting", "failed"]],
    )
    forecast_moved_minutes: float = Field(
        default=30, gt=0, description="A forecast that moves by more than this is notified", examples=[30]
    )
