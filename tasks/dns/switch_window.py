"""May the switch start now? The plan's windows, the way back by morning, and a person who said to go on anyway."""

from __future__ import annotations

from datetime import datetime, timedelta

from mailmove.errors import WindowClosed
from mailmove.evidence import Look, now
from mailmove.plan.cutover import Cutover
from mailmove.plan.windows import is_open, next_opening
from tasks.dns.zone_changes import rrset_change
from tasks.ledger.ledger import Ledger
from tasks.parking.poll import SKIPPED

_WAIT = "window"


def look_at_clock(cutover: Cutover, ledger: Ledger) -> Look:
    """No network but the ledger. Where no night is long enough for the way back, a person is asked."""
    at, kept = now(), kept_by_the_world(cutover, ledger)
    opens = next_opening(cutover.windows, at, kept)
    if opens is not None and opens <= at:
        return Look(done=True, summary="a window is open" if cutover.windows else "the plan has no windows")
    why = "no window is open"
    if is_open(cutover.windows, at) or opens is None:
        why = f"what is switched now could not be back in time ({_way_back(cutover, kept)})"
    if opens is None:
        todo = "No night of the plan is long enough. Switch anyway, or end this cutover and mend the plan?"
        return Look(done=False, summary=why, asks=todo)
    summary = f"{why}; the next window opens at {opens:%Y-%m-%d %H:%M} UTC"
    return Look(done=False, summary=summary, forecast=opens, next_look=opens)


def refuse_outside_window(cutover: Cutover, ledger: Ledger) -> None:
    """WindowClosed, right before the switch: the gate may have been answered when the window had closed.

    Who skips the wait for a window says that the switch may start before the next one; not that it may start at any
    time after that.
    """
    seen = look_at_clock(cutover, ledger)
    if not seen.done and not _may_go_on_anyway(cutover, ledger, now()):
        raise WindowClosed(
            "the plan",
            wanted="to switch the mail",
            seen=seen.summary,
            todo="It waits; answer the wait to go on anyway.",
        )


def kept_by_the_world(cutover: Cutover, ledger: Ledger) -> timedelta:
    """How long resolvers may keep the new MX records: what the provider made of the low TTL."""
    changed = [rrset_change(one) for one in ledger.receipt("lower_ttl").changes]
    return timedelta(seconds=max((one.after.ttl for one in changed if one.after), default=cutover.dns.low_ttl))


def _may_go_on_anyway(cutover: Cutover, ledger: Ledger, at: datetime) -> bool:
    waited = [entry for entry in ledger.entries() if (entry.kind, entry.stage) == ("evidence", _WAIT)]
    if not waited or not waited[-1].facts[0].startswith(SKIPPED):
        return False
    until = next_opening(cutover.windows, waited[-1].at, kept_by_the_world(cutover, ledger))
    return until is None or at < until


def _way_back(cutover: Cutover, kept: timedelta) -> str:
    bound = [one for one in cutover.windows if one.reversible_by is not None]
    rules = [
        f"{one.way_back_minutes:g} min, and {kept.total_seconds():.0f} s of MX TTL, by {one.reversible_by:%H:%M} "
        f"{one.timezone}"
        for one in bound
    ]
    return "; ".join(rules)
