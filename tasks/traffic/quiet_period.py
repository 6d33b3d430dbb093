"""How long nobody has delivered to the old server any more, by its own record, in its own time."""

from __future__ import annotations

from datetime import timedelta

from mailmove.clock import now
from mailmove.evidence import PollResult
from mailmove.smtp.late_senders import NAMED, late_senders
from tasks.execution.context import Context
from tasks.traffic.server_clocks import ROUNDED, when


def quiet_since(context: Context, step: str, where: str = "") -> PollResult:
    """One poll of what has arrived since a step had taken effect: who still delivers is named, with what to do.

    where: words after "the old server". After the plan's patience a person is asked, and it goes on looking.
    """
    server = context.source
    since = when(context, step, "source")
    source_time = server.clock()  # first: the log is read after that, so nothing before it is missed
    senders = late_senders(server.arrivals(since))
    count = sum(len(sender.arrivals) for sender in senders)
    last = max([since, *(sender.arrivals[-1].at for sender in senders)])
    quiet_at = (last + timedelta(minutes=context.plan.sweep.quiet_minutes) + ROUNDED).replace(microsecond=0)
    done = source_time >= quiet_at
    details = [sender.line(context.plan.domains) for sender in senders[:NAMED]]
    details += [f"and {len(senders) - NAMED} others"] if len(senders) > NAMED else []
    summary = f"{count} messages reached the old server{where} since {since:%H:%M:%S} UTC"
    if count:
        summary += f", the last at {last:%H:%M:%S}, from {', '.join(sender.client_ip for sender in senders[:NAMED])}"
    patience = timedelta(hours=context.plan.sweep.patience_hours)
    asks = None
    if not done and source_time >= since + patience:
        hours = f"{context.plan.sweep.patience_hours:g} hours"
        asks = f"Mail still reaches the old server{where} after {hours}: go on all the same?"
    next_poll = quiet_at if asks or done else min(quiet_at, max(since + patience, source_time))
    ahead = source_time - now()
    return PollResult(
        done=done,
        summary=summary,
        forecast=quiet_at - ahead,
        next_poll=next_poll - ahead,
        details=details,
        asks=asks,
    )
