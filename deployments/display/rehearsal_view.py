"""A rehearsal as it goes, in at most 30 lines of 80 columns: done, now, next, the resolvers, and where mail lands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.text import Text

from deployments.display.mail_landing import MailLanding
from deployments.display.safe_text import plain
from mailmove.clock import now
from mailmove.dns.propagation.measure import PropagationSweep
from mailmove.dns.propagation.resolver_view import ServerView
from mailmove.evidence import PollResult
from mailmove.plan.cutover import Cutover
from mailmove.report.progress import Progress
from mailmove.report.words import lasting
from tasks.ledger.stored_values import stored_value
from tasks.reporting.status import CutoverStatus
from tasks.runbook import RUNBOOK, Stage, Wait
from tasks.waits.first_sync import PROGRESS

WIDTH = 80
"""Columns of the widest line."""
LONGEST = 30
"""Lines at most."""
_DONE, _NEXT = 4, 4
"""Steps that are shown before and after the current one."""
_BAR = 30
_NAME = 24
"""Columns of a step's name: the longest one and a space."""
_MOST_SERVERS = 9
_INDENT = "     "


@dataclass(frozen=True)
class Frame:
    """All that one picture of a rehearsal shows.

    poll: the last poll of the wait that it is at. took: step -> its seconds. unused: steps that the plan does not ask
    for. you: gates are left to the person at the terminal.
    """

    cutover: CutoverStatus | None
    mail: MailLanding
    ui: str
    seconds: float
    poll: PollResult | None = None
    took: Mapping[str, float] = field(default_factory=dict)
    unused: frozenset[str] = frozenset()
    you: bool = False
    at: datetime = field(default_factory=now)


def rehearsal_view(frame: Frame) -> RenderableType:
    """The frame for the terminal; never more than LONGEST lines, each cut at WIDTH."""
    lines = [_head(frame), Text(), *_steps(frame), Text(), *frame.mail.lines(WIDTH), Text()]
    lines.append(Text(f"Prefect UI {frame.ui}   Ctrl-C ends it all", "dim"))
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
        line.truncate(WIDTH, overflow="ellipsis")
    return Group(*lines[:LONGEST])


def steps_not_used(plan: Cutover) -> frozenset[str]:
    """Steps of the runbook that have nothing to do by this plan: they are walked over, and are no achievement."""
    asked = {
        "obtain_certificate": plan.source.obtain_certificate is not None,
        "onboard_customer": plan.target.partner is not None,
        "order_licences": plan.target.purchase is not None,
        "create_recipients": plan.target.mover == "direct",
        "copy_mailboxes": plan.target.mover == "direct",
        "window": bool(plan.windows),
    }
    return frozenset(name for name, used in asked.items() if not used)


def _head(frame: Frame) -> Text:
    done, every = len(frame.cutover.done) if frame.cutover else 0, len(RUNBOOK)
    full = round(_BAR * done / every)
    minutes, seconds = divmod(round(frame.seconds), 60)
    return Text.assemble(
        (f"{plain(frame.cutover.customer) if frame.cutover else 'northwind'}  ", "bold"),
        ("━" * full, "green"),
        ("━" * (_BAR - full), "grey35"),
        f"  {done} of {every} steps  {minutes}:{seconds:02}  ",
        (_state(frame), "yellow"),
    )


def _state(frame: Frame) -> str:
    """In our own words; Prefect's states say Suspended for nearly all of it."""
    cutover = frame.cutover
    if cutover is None:
        return "starting"
    if cutover.ended:
        return {"Completed": "finished"}.get(cutover.state, cutover.state)
    if cutover.needs and frame.you:
        return "waiting for you"
    return "waiting" if cutover.parked else "at work"


def _steps(frame: Frame) -> Iterator[Text]:
    """A window round the step that it is at: what is before and after it in one line each."""
    done = frozenset(frame.cutover.done) if frame.cutover else frozenset()
    at = next((place for place, step in enumerate(RUNBOOK) if step.name not in done), len(RUNBOOK))
    first, last = max(0, at - _DONE), min(len(RUNBOOK), at + 1 + _NEXT)
    if first:
        yield Text(f" … {first} steps before", "dim")
    for step in RUNBOOK[first:at]:
        yield _done_line(step, frame)
    if not at and not (frame.cutover and (frame.cutover.parked or frame.cutover.ended)):
        yield Text.assemble(
            (" ▶ ", "bold yellow"), (f"{'preflight':{_NAME}}", "bold"), "every check; nothing is changed"
        )
        at = -1
    elif at < len(RUNBOOK):
        yield Text.assemble((" ▶ ", "bold yellow"), (f"{RUNBOOK[at].name:{_NAME}}", "bold"), RUNBOOK[at].story)
        yield from _now(frame)
    for step in RUNBOOK[at + 1 : last]:
        style = "grey35" if step.name in frame.unused else "dim"
        yield Text.assemble((f" · {step.name:{_NAME}}", style), (step.story, style))
    if last < len(RUNBOOK):
        yield Text(f" … {len(RUNBOOK) - last} steps to come", "dim")


def _done_line(step: Stage | Wait, frame: Frame) -> Text:
    if step.name in frame.unused:
        return Text(f" – {step.name:{_NAME}}not in this plan", "dim")
    took = frame.took.get(step.name)
    time = lasting(took) if took else ""
    story = step.story if len(step.story) < WIDTH - _NAME - 10 else f"{step.story[: WIDTH - _NAME - 11]}…"
    return Text.assemble((" ✓ ", "green"), f"{step.name:{_NAME}}", (f"{story:{WIDTH - _NAME - 10}} {time:>5}", "dim"))


def _now(frame: Frame) -> Iterator[Text]:
    """What it waits for, in a bar or a picture where there is progress."""
    cutover, poll = frame.cutover, frame.poll
    if cutover is None or not cutover.parked:
        return
    known = poll.state if poll else {}
    sweeps = [value for value in known.values() if isinstance(value, dict) and {"authorities", "resolvers"} <= {*value}]
    if sweeps:
        for value in sweeps:
            yield from resolver_lines(stored_value(PropagationSweep, value, "what the name servers answered"), frame.at)
    elif PROGRESS in known:
        yield from _copy_lines(stored_value(Progress, known[PROGRESS], "how far the copy is"), known)
    question = plain(cutover.question)
    if cutover.needs:
        who = "you, in the Prefect UI" if frame.you else "the rehearsal's operator"
        yield Text.assemble((_INDENT + "? ", "bold yellow"), (question, "yellow"))
        yield Text(f"{_INDENT}  answered by {who}", "dim")
    elif not sweeps and PROGRESS not in known:
        until = f"; {_in(cutover.forecast, frame.at)}" if cutover.forecast else ""
        yield Text(f"{_INDENT}{question[: WIDTH - len(_INDENT) - len(until)]}{until}", "yellow")


def _copy_lines(progress: Progress, known: Mapping[str, object]) -> Iterator[Text]:
    copied = sum(1 for mailbox in progress.mailboxes.values() if mailbox.done)
    totals = known.get("totals")
    every = sum(totals.values()) if isinstance(totals, dict) else 0
    share = progress.items / every if every else copied / max(1, len(progress.mailboxes))
    full = min(_BAR, round(_BAR * share))
    # Mail keeps coming: there may be more by now than were counted at first.
    items = f"{progress.items:,} of {every:,} items" if every >= progress.items else f"{progress.items:,} items"
    yield Text.assemble(
        (_INDENT + "█" * full, "green"), ("░" * (_BAR - full), "dim"),
        f" {items}, {copied} of {len(progress.mailboxes)} mailboxes",
    )  # fmt: skip


def resolver_lines(sweep: PropagationSweep, at: datetime) -> Iterator[Text]:
    """Each server: the new records, or the old ones with the time that it will still keep them."""
    for words, views in (("zone ", sweep.authorities), ("world", sweep.resolvers)):
        line = Text(f"{_INDENT}{words}")
        for view in views[:_MOST_SERVERS]:
            line.append_text(_server(view, at))
        if len(views) > _MOST_SERVERS:
            line.append(f"  … {len(views) - _MOST_SERVERS} more", "dim")
        yield line
    counted = [view for view in sweep.resolvers if not view.left_out]
    new = sum(view.sees == "new" for view in counted)
    late = [view for view in sweep.resolvers if view.extends]
    named = f"; {len(late)} longer than allowed" if late else ""
    yield Text(f"{_INDENT}{new} of {len(counted)} resolvers have the new records{named}", "yellow")


def _server(view: ServerView, at: datetime) -> Text:
    if view.sees == "new":
        return Text("  ● new", "green")
    if view.left_out:
        return Text("  - out", "dim")
    if view.sees == "failing":
        return Text("  x fails", "red")
    left = f" {max(0, round((view.clear_at - at).total_seconds()))} s" if view.clear_at else ""
    return Text(f"  {'? mixed' if view.sees == 'mixed' else '○ old'}{left}", "dark_orange3")


def _in(forecast: datetime, at: datetime) -> str:
    left = (forecast - at).total_seconds()
    return f"expected in {lasting(left)}" if left >= 1 else f"expected by {forecast.astimezone(UTC):%H:%M:%S} UTC"
