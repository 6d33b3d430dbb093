"""The report of one cutover as data: the page shows it, `--json` prints it. Times are aware and in UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from mailmove.changes import Change
from mailmove.dns.propagation.measure import PropagationSweep
from mailmove.evidence import Finding
from mailmove.report.handover import Handover
from mailmove.report.progress import Progress


class Step(BaseModel):
    """A step of the runbook, as it ran. began None: it was not reached."""

    name: str
    story: str
    kind: Literal["stage", "wait"]
    undo: str = Field(default="", description="How a rollback puts it back, in the stage's own words")
    mark: str = Field(default="", description="Words for the moment of its end in pictures; empty: none")
    began: datetime | None = None
    ended: datetime | None = Field(default=None, description="When it was verified; None: not so far")
    changes: list[Change] = []
    facts: list[str] = Field(default=[], description="What was seen at the end")
    undone: bool = False
    remains: list[str] = Field(default=[], description="What a rollback could not or must not remove, and why")
    left: str = Field(default="", description="Left by whose decision, and why; empty: it was not left out")


class Question(BaseModel):
    """A wait, gate or trouble at which the cutover was parked. answered None: it is parked still."""

    kind: Literal["wait", "gate", "trouble"]
    name: str
    asked: datetime
    answered: datetime | None = None
    words: str = ""


class Decision(BaseModel):
    """A person's answer at a gate."""

    stage: str
    at: datetime
    words: list[str]


class LeftByDecision(BaseModel):
    """What a person decided to go on without, at one question."""

    stage: str
    at: datetime
    things: list[str] = Field(description="Each by name, with what was wrong with it")
    whole: bool = Field(default=False, description="It is the stage as a whole")
    by: str
    reason: str

    @property
    def words(self) -> str:
        return f"left by decision of {self.by}: {self.reason}"

    @property
    def line(self) -> str:
        """On one line, for a board."""
        count = f"{len(self.things)} things " if len(self.things) > 1 else ""
        what = "" if self.whole else f" {count or self.things[0]} "
        return f"{self.stage}:{what.rstrip()} {self.words}"


class ProofLine(BaseModel):
    """What the last reconciliation counted in a mailbox."""

    mailbox: str
    words: str


class ArrivalBar(BaseModel):
    """Counts of messages that arrived in the `seconds` from `at` on, by side. None: that side could not be read."""

    at: datetime
    seconds: int
    old: int | None
    cloud: int | None


class CutoverReport(BaseModel):
    """Everything that the report shows."""

    customer: str
    domains: list[str]
    cutover: UUID
    state: str = Field(description="Prefect's state of the run: Completed, Suspended, ...; 'unknown': it is forgotten")
    written: datetime = Field(description="When this was put together")
    began: datetime
    ended: datetime | None = None
    time_zone: str = Field(default="UTC", description="IANA name in which the report shows times")
    old_host: str = Field(default="", description="Name of the old mail server")
    steps: list[Step]
    questions: list[Question] = []
    decisions: list[Decision] = []
    ledger: str = Field(default="", description="Whether the ledger's chain is whole, in one sentence")
    ledger_broken: bool = Field(default=False, description="Somebody has changed the ledger that this is taken from")
    left_out: list[LeftByDecision] = Field(default=[], description="What people decided to go on without")
    handover: Handover | None = Field(default=None, description="None: the inventory was not kept")
    findings: list[Finding] = Field(default=[], description="What the preflight found")
    proof_stage: str = Field(default="", description="Stage of the last reconciliation; empty: there was none")
    proof: list[ProofLine] = Field(default=[], description="What it counted, mailbox by mailbox")
    unmoved_items: list[str] = Field(default=[], description="Items that did not move, each with its reason")
    tidy: list[str] = Field(default=[], description="What to do afterwards by hand: late senders, and DNS")
    landed: list[ArrivalBar] = []
    landed_note: str = Field(default="", description="Why one of the two sides could not be counted")
    sweeps: dict[str, PropagationSweep] = Field(default={}, description="The last look at propagation, by MX name")
    progress: Progress | None = Field(default=None, description="The first copy, mailbox by mailbox")

    def step(self, name: str) -> Step | None:
        return next((step for step in self.steps if step.name == name), None)

    @property
    def finished(self) -> bool:
        return all(step.ended for step in self.steps) and not self.undone

    @property
    def undone(self) -> bool:
        return any(step.undone for step in self.steps)

    @property
    def switched(self) -> datetime | None:
        """Time at which every authoritative server pointed at the cloud; None: not switched, or rolled back."""
        step = self.step("switch_mail")
        return step.ended if step and not step.undone else None
