"""Forecast of a cutover: each step with the earliest time at which it can begin, and how long it takes.

Only what is known becomes a figure: TTLs, windows, the plan's patience. What depends on Microsoft or on people is in
words and counts as zero time, so every time is a "not before".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from mailmove.changes import Change
from mailmove.domain_names import shown
from mailmove.evidence import Finding, Preview
from mailmove.plan.cutover import Cutover
from mailmove.report.forecast_rules import Clock, Rule, at_once
from mailmove.report.handover import Handover


@dataclass(frozen=True)
class Outline:
    """A step of the runbook, without a plan: what is the same in every cutover."""

    name: str
    story: str
    kind: Literal["stage", "wait"]
    gate: str | None = None
    skipped_when_empty: bool = False
    mark: str = ""
    rule: Rule | None = None
    undo: str = ""


class Planned(BaseModel):
    """A step of the runbook, with its forecast."""

    name: str
    story: str
    kind: Literal["stage", "wait"]
    not_before: datetime
    takes: str = Field(description="How long, in words; empty: it is verified at once")
    awake: list[str] = Field(default=[], description="Who must be awake for it")
    undo: str = ""
    changes: list[Change] = []
    findings: list[Finding] = []


class Runbook(BaseModel):
    """The forecast that is handed out before the cutover."""

    customer: str
    domains: list[str]
    written: datetime
    starts: datetime
    time_zone: str = "UTC"
    steps: list[Planned]
    before: list[Finding] = Field(default=[], description="What was found besides: rights, the inventory")
    handover: Handover | None = None

    @property
    def blockers(self) -> list[Finding]:
        findings = [*self.before, *(finding for step in self.steps for finding in step.findings)]
        return [finding for finding in findings if finding.blocks]


def runbook_of(
    plan: Cutover,
    previews: Sequence[Preview],
    outlines: Sequence[Outline],
    *,
    handover: Handover | None,
    starts: datetime,
    written: datetime,
) -> Runbook:
    """The runbook of a plan, from what its preflight saw."""
    by_stage = {preview.stage: preview for preview in previews}
    clock = Clock(plan, by_stage, handover, starts)
    steps = []
    for outline in outlines:
        begins, clock.awake, clock.step = clock.at, [], outline.name
        takes = (outline.rule or at_once)(clock)
        preview = by_stage.get(outline.name, Preview(stage=outline.name))
        if outline.gate and (preview.changes or not outline.skipped_when_empty):
            clock.awake = _approvers(plan, outline.gate) + clock.awake
        steps.append(
            Planned(
                name=outline.name,
                story=outline.story,
                kind=outline.kind,
                not_before=begins,
                takes=takes,
                awake=clock.awake,
                undo=outline.undo,
                changes=preview.changes,
                findings=preview.findings,
            )
        )
    names = {outline.name for outline in outlines}
    return Runbook(
        customer=plan.customer,
        domains=[shown(domain) for domain in plan.domains],
        written=written,
        starts=starts,
        time_zone=zone_of(plan),
        steps=steps,
        before=[finding for name, preview in by_stage.items() if name not in names for finding in preview.findings],
        handover=handover,
    )


def zone_of(plan: Cutover) -> str:
    """IANA time zone of the runbook: that of the plan's first window, else UTC."""
    return plan.windows[0].timezone if plan.windows else "UTC"


def _approvers(plan: Cutover, gate: str) -> list[str]:
    rule = getattr(plan.gates, gate)
    if not rule.required:
        return []
    return list(rule.approvers) or ["anybody who may answer in the Prefect UI"]
