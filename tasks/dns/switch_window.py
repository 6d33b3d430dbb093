"""May the switch start now? The plan's windows, the rollback by morning, and a person who said to go on anyway."""

from __future__ import annotations

from datetime import datetime, timedelta

from mailmove.clock import now
from mailmove.errors import WindowClosed
from mailmove.evidence import PollResult
from mailmove.plan.windows import is_open, next_opening
from tasks.dns.authoritative_check import rrset_change
from tasks.execution.context import Context
from tasks.ledger.payloads import WaitEnded

_WAIT = "window"


def poll_window(context: Context) -> PollResult:
    """No network but the ledger. Where no window is long enough for a rollback, a person is asked."""
    at, kept = now(), kept_by_the_world(context)
    opens = next_opening(context.plan.windows, at, kept)
    if opens is not None and opens <= at:
        return PollResult(done=True, summary="a window is open" if context.plan.windows else "the plan has no windows")
    why = "no window is open"
    if is_open(context.plan.windows, at) or opens is None:
        why = f"what is switched now could not be back in time ({_rollback_rules(context, kept)})"
    if opens is None:
        todo = "No window of the plan is long enough. Switch anyway, or end this cutover and mend the plan?"
        return PollResult(done=False, summary=why, asks=todo)
    summary = f"{why}; the next window opens at {opens:%Y-%m-%d %H:%M} UTC"
    return PollResult(done=False, summary=summary, forecast=opens, next_poll=opens)


def refuse_outside_window(context: Context) -> None:
    """WindowClosed, right before the switch: the gate may have been answered when the window had closed.

    Who skips the wait for a window says that the switch may start before the next one; not that it may start at any
    time after that.
    """
    result = poll_window(context)
    if not result.done and not _may_go_on_anyway(context, now()):
        raise WindowClosed(
            "the plan",
            wanted="to switch the mail",
            seen=result.summary,
            todo="It waits; answer the wait to go on anyway.",
        )


def kept_by_the_world(context: Context) -> timedelta:
    """How long resolvers may keep the new MX records: what the provider made of the low TTL."""
    changed = [rrset_change(change) for change in context.ledger.receipt("lower_ttl").changes]
    ttls = [change.after.ttl for change in changed if change.after]
    return timedelta(seconds=max(ttls, default=context.plan.dns.low_ttl))


def _may_go_on_anyway(context: Context, at: datetime) -> bool:
    ended = context.ledger.payloads(WaitEnded, _WAIT)
    if not ended or not ended[-1][1].skipped:
        return False
    until = next_opening(context.plan.windows, ended[-1][0].at, kept_by_the_world(context))
    return until is None or at < until


def _rollback_rules(context: Context, kept: timedelta) -> str:
    bound = [window for window in context.plan.windows if window.reversible_by is not None]
    rules = [
        f"{window.rollback_minutes:g} min, and {kept.total_seconds():.0f} s of MX TTL, by {window.reversible_by:%H:%M} "
        f"{window.timezone}"
        for window in bound
    ]
    return "; ".join(rules)
