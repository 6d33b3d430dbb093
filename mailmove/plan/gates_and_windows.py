"""The parts of a plan that say when, on whose word, and who is told: gates, windows, notices."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from mailmove.plan.block_refs import NOTICE, REF, BlockRef

APPROVER = "approver/"
"""Type of the blocks that hold an approver's public key."""


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
        description="A question that nobody has answered for so long is asked anew, from a fresh look; none: never",
        examples=[120],
    )

    @field_validator("approvers")
    @classmethod
    def _blocks_by_name(cls, value: list[str]) -> list[str]:
        wrong = [one for one in value if not one.strip() or (one.startswith(APPROVER) and not REF.match(one))]
        if wrong:
            raise ValueError(f"{', '.join(map(repr, wrong))}: neither a name nor `{APPROVER}block-name`")
        return value

    @property
    def approver_blocks(self) -> list[str]:
        """Approvers who prove who they are, as `approver/name`."""
        return [one for one in self.approvers if one.startswith(APPROVER)]


class MoneyGate(Gate):
    """It is always asked, where there is something to buy."""

    required: Literal[True] = Field(default=True, description="Nothing is bought without a person's word")


class Gates(Part):
    spend_money: MoneyGate = Field(
        default_factory=MoneyGate, title="Spend money", description="Before anything is bought"
    )
    switch_mail: Gate = Field(
        default_factory=Gate, title="Switch mail", description="Before the MX record points at the cloud"
    )
    close_smtp_port: Gate = Field(
        default_factory=Gate, title="Close old door", description="Before port 25 of the old server is closed"
    )


class Window(Part):
    """When the mail may be switched, each night. Where the clocks leave a time in doubt, the narrower window counts."""

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
    way_back_minutes: float = Field(
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
        if value not in available_timezones():
            raise ValueError(f"{value!r} is not an IANA time zone")
        ZoneInfo(value)
        return value


NoticeKind = Literal["waiting", "forecast", "failed", "finished"]
"""waiting: for a person. forecast: it has moved. failed: a run has. finished: the night is over."""


class Notices(Part):
    """Who is told what, by Prefect's notification blocks: mail, Teams, Slack, any webhook."""

    to: list[Annotated[BlockRef, NOTICE]] = Field(
        default=[],
        max_length=20,
        description="Notification blocks; each gets everything",
        examples=[["ms-teams-webhook/night-shift", "mail-notice/anna"]],
    )
    about: list[NoticeKind] = Field(
        default=["waiting", "forecast", "failed", "finished"],
        description="What is told",
        examples=[["waiting", "failed"]],
    )
    forecast_moved_minutes: float = Field(
        default=30, gt=0, description="A forecast that moves by more than this is told", examples=[30]
    )
