"""Until one of the plan's windows is open: the mail is never switched outside them."""

from __future__ import annotations

from mailmove.evidence import Look, now
from mailmove.plan import Cutover
from mailmove.windows import is_open, next_opening
from tasks.ledger import Ledger


async def look_on(cutover: Cutover, ledger: Ledger, previous: Look | None) -> Look:
    """No network: the clock and the plan."""
    at = now()
    opens = next_opening(cutover.windows, at)
    summary = "a window is open" if cutover.windows else "the plan has no windows"
    if not is_open(cutover.windows, at):
        summary = f"the next window opens at {opens:%Y-%m-%d %H:%M} UTC"
    return Look(done=opens <= at, summary=summary, forecast=opens, next_look=opens)
