"""How long each kind of step lasts, as far as anybody can know before. Steps of the runbook name their rule here.

A rule moves the clock by what is certain, and returns in words what it knows; "" where a step is read back at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mailmove.evidence import Preview
from mailmove.plan.cutover import Cutover
from mailmove.plan.windows import next_opening
from mailmove.report.handover import Handover
from mailmove.report.words import lasting

_PER_MAILBOX = ((10, 1, 7), (50, 3, 14), (100, 3, 30), (200, 8, 45))
"""(up to GB, days for half of them, days for nine of ten), learn.microsoft.com/exchange/mailbox-migration/
office-365-migration-best-practices, "Mailbox migration duration based on mailbox size profiles", onboarding."""
_GB = 1024**3


@dataclass
class Clock:
    """What the forecast has come to."""

    plan: Cutover
    previews: Mapping[str, Preview]
    handover: Handover | None
    at: datetime
    served: datetime | None = None
    awake: list[str] = field(default_factory=list)
    step: str = ""


Rule = Callable[[Clock], str]


def at_once(clock: Clock) -> str:
    return ""


def lowered_ttl(clock: Clock) -> str:
    clock.served = clock.at
    return "until every name server of the zone serves it; seconds to minutes with most providers"


def customer_approval(clock: Clock) -> str:
    preview = clock.previews.get(clock.step)
    if not clock.plan.target.partner or (preview and not preview.changes):
        return ""
    clock.awake = ["the customer's administrator, who approves the partner relationship"]
    return "until the customer has approved; parked meanwhile"


def outlook_anywhere(clock: Clock) -> str:
    preview = clock.previews.get(clock.step)
    return "Exchange takes up to an hour to obey" if preview and preview.changes else ""


def verified_domain(clock: Clock) -> str:
    return "until Microsoft's resolvers see the TXT record; up to an hour"


def first_sync(clock: Clock) -> str:
    if not clock.handover or not clock.handover.people:
        return "not known: there is no inventory"
    sizes = [person.size for person in clock.handover.people if person.size is not None]
    count, unsized = len(clock.handover.people), clock.handover.unsized
    if not sizes:
        return f"not known: {count} mailboxes, of which the old server shows no size"
    largest, least = max(sizes), "at least " if unsized else ""
    amount = (
        f"{count} mailboxes, {least}{clock.handover.bytes / _GB:,.1f} GB, the largest {least}{largest / _GB:,.1f} GB"
    )
    if unsized:
        amount += f" ({unsized} of unknown size)"
    for limit, half, most in _PER_MAILBOX:
        if largest < limit * _GB:
            days = f"{half} d (half of them) to {most} d (nine of ten)"
            return f"{amount}: by Microsoft's figures such mailboxes take {days}"
    return f"{amount}: Microsoft's own figures end at 200 GB a mailbox"


def old_ttl(clock: Clock) -> str:
    preview = clock.previews.get("lower_ttl")
    sets = [change.before for change in preview.changes if isinstance(change.before, dict)] if preview else []
    ttl = max((int(rrset["ttl"]) for rrset in sets if "ttl" in rrset), default=0)
    if not ttl:
        return ""
    clear = (clock.served or clock.at) + timedelta(seconds=ttl)
    clock.at = max(clock.at, clear)
    return f"the old TTL: {lasting(ttl)} from when the last name server serves the short one"


def window(clock: Clock) -> str:
    opens = next_opening(clock.plan.windows, clock.at, timedelta(seconds=clock.plan.dns.low_ttl))
    if opens is None:
        return "no window of the plan is long enough to be back by `reversible_by`: a person is asked"
    waited = opens > clock.at
    clock.at = opens
    return "until the window opens" if waited else ""


def propagation(clock: Clock) -> str:
    rule, ttl = clock.plan.propagation, clock.plan.dns.low_ttl
    clock.at += timedelta(seconds=ttl)
    patience = lasting(rule.patience_minutes * 60)
    return f"{lasting(ttl)} for resolvers that keep to the TTL; those that extend it are named. After {patience} " + (
        "a person is asked" if rule.after_patience == "ask" else "it goes on, and writes down who is behind"
    )


def last_sync(clock: Clock) -> str:
    return "a sync that is asked for; where Microsoft does not do it, its daily cycle: up to 24 h"


def quiet(clock: Clock) -> str:
    clock.at += timedelta(minutes=clock.plan.sweep.quiet_minutes)
    return f"{lasting(clock.plan.sweep.quiet_minutes * 60)} without a message at the old server"


def reconciliation(clock: Clock) -> str:
    counts = [person.items for person in clock.handover.people] if clock.handover else []
    known = [count for count in counts if count is not None]
    if not sum(known):
        return "every item is looked up on both sides"
    least = "at least " if len(known) < len(counts) else ""
    return f"every one of {least}{sum(known):,} items is looked up on both sides"
