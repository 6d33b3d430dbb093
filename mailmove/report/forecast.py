"""Forecast of a cutover: each step with the earliest time at which it can begin, and how long it takes.

Only what is known becomes a figure: TTLs, windows, the plan's patience. What depends on Microsoft or on people is in
words and counts as zero time, so every time is a "not before".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, Field

from mailmove.evidence import Change, Finding, Preview
from mailmove.plan.cutover import Cutover
from mailmove.plan.windows import next_opening
from mailmove.report.handover import Handover
from mailmove.report.words import lasting

_PER_MAILBOX = ((10, 1, 7), (50, 3, 14), (100, 3, 30), (200, 8, 45))
"""Days that a mailbox takes: (up to GB, half of them, nine of ten), learn.microsoft.com/exchange/mailbox-migration/
office-365-migration-best-practices, "Mailbox migration duration based on mailbox size profiles", onboarding."""
_GB = 1024**3


_SKIPPED_WHEN_EMPTY = ("spend_money",)
"""Gates that are skipped where the preflight shows nothing to change."""


@dataclass(frozen=True)
class Outline:
    """A step of the runbook, without a plan: what is the same in every cutover."""

    name: str
    story: str
    kind: Literal["stage", "wait"]
    gate: str | None = None
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


@dataclass
class _Clock:
    """State of the forecast while it goes through the steps. at: earliest time of the next step. served: when the
    short TTL is served."""

    plan: Cutover
    previews: Mapping[str, Preview]
    handover: Handover | None
    at: datetime
    served: datetime | None = None
    awake: list[str] = field(default_factory=list)


def runbook_of(
    plan: Cutover,
    previews: Sequence[Preview],
    outlines: Sequence[Outline],
    *,
    handover: Handover | None,
    starts: datetime,
    written: datetime,
) -> Runbook:
    """The runbook of a plan, from the previews of its preflight."""
    by_stage = {preview.stage: preview for preview in previews}
    clock = _Clock(plan, by_stage, handover, starts)
    steps = []
    for outline in outlines:
        begins, clock.awake = clock.at, []
        takes = _RULES.get(outline.name, _at_once)(clock)
        preview = by_stage.get(outline.name, Preview(stage=outline.name))
        if outline.gate and (preview.changes or outline.gate not in _SKIPPED_WHEN_EMPTY):
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
        domains=list(plan.domains),
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


def _at_once(clock: _Clock) -> str:
    return ""


def _lower_ttl(clock: _Clock) -> str:
    clock.served = clock.at
    return "until every name server of the zone serves it; seconds to minutes with most providers"


def _account(clock: _Clock) -> str:
    preview = clock.previews.get("onboard_customer")
    if not clock.plan.target.partner or (preview and not preview.changes):
        return ""
    clock.awake = ["the customer's administrator, who approves the partner relationship"]
    return "until the customer has approved; parked meanwhile"


def _outlook_anywhere(clock: _Clock) -> str:
    preview = clock.previews.get("enable_outlook_anywhere")
    return "Exchange takes up to an hour to obey" if preview and preview.changes else ""


def _domain(clock: _Clock) -> str:
    return "until Microsoft's resolvers see the TXT record; up to an hour"


def _first_sync(clock: _Clock) -> str:
    if not clock.handover or not clock.handover.people:
        return "not known: there is no inventory"
    largest = max(person.size or 0 for person in clock.handover.people)
    count, gigabytes = len(clock.handover.people), clock.handover.bytes / _GB
    amount = f"{count} mailboxes, {gigabytes:,.1f} GB, the largest {largest / _GB:,.1f} GB"
    for limit, half, most in _PER_MAILBOX:
        if largest < limit * _GB:
            days = f"{half} d (half of them) to {most} d (nine of ten)"
            return f"{amount}: by Microsoft's figures such mailboxes take {days}"
    return f"{amount}: Microsoft's own figures end at 200 GB a mailbox"


def _old_ttl(clock: _Clock) -> str:
    preview = clock.previews.get("lower_ttl")
    sets = [change.before for change in preview.changes if isinstance(change.before, dict)] if preview else []
    ttl = max((int(rrset["ttl"]) for rrset in sets if "ttl" in rrset), default=0)
    if not ttl:
        return ""
    clear = (clock.served or clock.at) + timedelta(seconds=ttl)
    clock.at = max(clock.at, clear)
    return f"the old TTL: {lasting(ttl)} from when the last name server serves the short one"


def _window(clock: _Clock) -> str:
    opens = next_opening(clock.plan.windows, clock.at, timedelta(seconds=clock.plan.dns.low_ttl))
    if opens is None:
        return "no window of the plan is long enough to be back by `reversible_by`: a person is asked"
    waited = opens > clock.at
    clock.at = opens
    return "until the window opens" if waited else ""


def _propagation(clock: _Clock) -> str:
    rule, ttl = clock.plan.propagation, clock.plan.dns.low_ttl
    clock.at += timedelta(seconds=ttl)
    patience = lasting(rule.patience_minutes * 60)
    return f"{lasting(ttl)} for resolvers that keep to the TTL; those that extend it are named. After {patience} " + (
        "a person is asked" if rule.after_patience == "ask" else "it goes on, and writes down who is behind"
    )


def _sweep(clock: _Clock) -> str:
    return "a sync that is asked for; where Microsoft does not do it, its daily cycle: up to 24 h"


def _quiet(clock: _Clock) -> str:
    clock.at += timedelta(minutes=clock.plan.sweep.quiet_minutes)
    return f"{lasting(clock.plan.sweep.quiet_minutes * 60)} without a message at the old server"


def _proof(clock: _Clock) -> str:
    items = sum(person.items or 0 for person in clock.handover.people) if clock.handover else 0
    return (
        f"every one of {items:,} items is looked up on both sides" if items else "every item is looked up on both sides"
    )


_RULES: dict[str, Callable[[_Clock], str]] = {
    "lower_ttl": _lower_ttl,
    "onboard_customer": _account,
    "enable_outlook_anywhere": _outlook_anywhere,
    "verify_domain": _domain,
    "first_sync": _first_sync,
    "old_ttl": _old_ttl,
    "window": _window,
    "propagation": _propagation,
    "final_sweep": _sweep,
    "quiet": _quiet,
    "quiet_inside": _quiet,
    "reconcile_items": _proof,
}
