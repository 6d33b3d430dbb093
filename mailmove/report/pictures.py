"""Pictures of a cutover, as SVG. Each takes data and the zone in which times are shown; "": there is no data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from itertools import pairwise

from mailmove.dns.propagation.measure import PropagationSweep
from mailmove.dns.propagation.resolver_view import RecordState, ServerView
from mailmove.plan.public_resolvers import operator_of
from mailmove.report.cutover_report import ArrivalBar, CutoverReport, Question, Step
from mailmove.report.progress import Copied, Progress
from mailmove.report.svg import (
    ASKED,
    DONE,
    FAINT,
    INK,
    NEW,
    OLD,
    TROUBLE,
    WAIT,
    Drawing,
    TimeAxis,
    cut,
)  # fmt: skip
from mailmove.report.words import lasting

_WIDTH, _LEFT, _RIGHT = 960.0, 190.0, 800.0
_ROW = 18.0
_MOST_ROWS = 90
"""Maximum rows of a picture; it says how many more are not drawn."""

_SEEN: dict[RecordState, str] = {"old": OLD, "new": NEW, "mixed": ASKED, "failing": TROUBLE}
_FORECAST = "#efc9ae"


def timeline(report: CutoverReport, zone: tzinfo) -> str:
    """Every step from when it began until it was verified; where it was parked, and on what."""
    steps = [step for step in report.steps if step.began]
    if not steps:
        return ""
    end = max([report.began, *(time for step in steps for time in (step.began, step.ended) if time)])
    end = end if all(step.ended for step in steps) else max(end, report.written)
    draw = Drawing(_WIDTH, 44 + _ROW * len(steps), f"{report.customer}: the cutover, step by step")
    axis = TimeAxis(report.began, end, _LEFT, _RIGHT, zone)
    bottom = 24 + _ROW * len(steps)
    axis.draw(draw, 20, bottom)
    for row, step in enumerate(steps):
        _step(draw, axis, step, report.questions, 24 + _ROW * row, end)
    draw.legend(_LEFT, bottom + 16, [
        (DONE, "at work"), (WAIT, "waiting, no process"), (ASKED, "a person was asked"), (TROUBLE, "interrupted"),
    ])  # fmt: skip
    return str(draw)


def _step(draw: Drawing, axis: TimeAxis, step: Step, questions: Sequence[Question], y: float, end: datetime) -> None:
    assert step.began is not None
    until = step.ended or end
    draw.text(_LEFT - 8, y + 13, step.name, anchor="end")
    x = axis.x(step.began)
    draw.rect(x, y + 4, axis.x(until) - x, _ROW - 7, WAIT if step.kind == "wait" else DONE, tip=step.story)
    for question in questions:
        colour = {"wait": WAIT, "gate": ASKED, "trouble": TROUBLE}[question.kind]
        if _of(question, step):
            left = axis.x(question.asked)
            draw.rect(left, y + 4, axis.x(question.answered or until) - left, _ROW - 7, colour, tip=question.words)
    took = lasting((until - step.began).total_seconds())
    draw.text(_RIGHT + 10, y + 13, took if step.ended else f"{took} so far", fill=FAINT, size=11)


def _of(question: Question, step: Step) -> bool:
    """Does the question belong to this step? A gate's question has the name of its stage."""
    return question.name == step.name


def propagation(sweep: PropagationSweep, zone: tzinfo) -> str:
    """What each server answered over time, and until when the forecast says that it keeps the old answer."""
    views = [*sweep.authorities, *sweep.resolvers]
    times = [since for view in views for since, _ in view.changes]
    if not times:
        return ""
    shown = views[:_MOST_ROWS]
    ahead = [view.clear_at for view in views if view.sees != "new" and view.clear_at]
    end = max([sweep.at, *ahead])
    top, high = 88.0, 15.0
    bottom = top + high * len(shown)
    cut_off = f"{len(views) - len(shown)} more are not drawn" if len(views) > len(shown) else ""
    title = f"Who has the new records, over time{'; ' if cut_off else ''}{cut_off}"
    draw = Drawing(_WIDTH, bottom + 26, title)
    axis = TimeAxis(min(times), end, _LEFT + 60, _RIGHT, zone)
    axis.draw(draw, top - 4, bottom)
    _share(draw, axis, sweep)
    for row, view in enumerate(shown):
        _server(draw, axis, view, sweep.at, top + high * row, row < len(sweep.authorities))
    if ahead:
        x = axis.x(max(ahead))
        draw.line(x, 20, x, bottom, INK, dashed=True)
        draw.text(x - 4, 30, "forecast: all clear", anchor="end", size=11)
    draw.legend(_LEFT + 60, bottom + 18, [
        (OLD, "old"), (_FORECAST, "old, by forecast"), (NEW, "new"), (ASKED, "not for certain"), (TROUBLE, "fails"),
    ])  # fmt: skip
    if cut_off:
        draw.text(_RIGHT + 10, bottom + 18, cut_off, fill=FAINT, size=11)
    return str(draw)


def _share(draw: Drawing, axis: TimeAxis, sweep: PropagationSweep) -> None:
    """The share of the resolvers that has the new records, of those that count, as a curve above the rows."""
    resolvers = [view for view in sweep.resolvers if not view.left_out]
    if not resolvers:
        return
    low, high = 62.0, 16.0
    draw.text(_LEFT + 52, high + 8, "100 %", fill=FAINT, anchor="end", size=11)
    draw.text(_LEFT + 52, low, "0 % of resolvers", fill=FAINT, anchor="end", size=11)
    draw.line(axis.left, high, axis.right, high)
    draw.line(axis.left, low, axis.right, low)
    moments = sorted({since for view in resolvers for since, _ in view.changes} | {sweep.at})
    points: list[tuple[float, float]] = []
    for at in moments:
        new = sum(1 for view in resolvers if _saw(view, at) == "new") / len(resolvers)
        y = low - new * (low - high)
        points += [(axis.x(at), points[-1][1] if points else y), (axis.x(at), y)]
    draw.curve(points, DONE)


def _saw(view: ServerView, at: datetime) -> RecordState | None:
    return next((sees for since, sees in reversed(view.changes) if since <= at), None)


def _server(draw: Drawing, axis: TimeAxis, view: ServerView, at: datetime, y: float, authority: bool) -> None:
    address = view.server.rpartition(":")[0].strip("[]")
    operator = operator_of(address)
    name = f"{address} (zone)" if authority else address if operator in address else f"{address} {operator}"
    draw.text(_LEFT + 52, y + 11, cut(name, 36), anchor="end", size=11)
    for (since, sees), (until, _) in pairwise([*view.changes, (at, view.sees)]):
        x = axis.x(since)
        draw.rect(x, y + 2, axis.x(until) - x, 10, _SEEN[sees], tip=f"{sees} since {since:%H:%M:%S} UTC")
    if view.sees != "new" and view.clear_at and view.clear_at > at:
        x = axis.x(at)
        draw.rect(x, y + 2, axis.x(view.clear_at) - x, 10, _FORECAST, tip=f"clear at {view.clear_at:%H:%M:%S} UTC")
    note = "left out" if view.left_out else _HABITS.get(view.habit or "", "")
    draw.text(_RIGHT + 10, y + 11, note, fill=FAINT, size=11)


_HABITS = {"extends": "extends TTLs", "stale": "serves stale", "understates": "understates", "clamps": "clamps TTLs"}


def marks_of(report: CutoverReport) -> list[tuple[datetime, str]]:
    """(time, label) of the steps that explain where mail arrived."""
    return [(step.ended, step.mark) for step in report.steps if step.mark and step.ended]


def landing(landed: Sequence[ArrivalBar], marks: Sequence[tuple[datetime, str]], zone: tzinfo) -> str:
    """Messages over time by where they arrived. marks: (time, label)."""
    if not landed:
        return ""
    step = landed[0].seconds
    start, end = landed[0].at, datetime.fromtimestamp(landed[-1].at.timestamp() + step, tz=landed[-1].at.tzinfo)
    most = max(1, *((bar.old or 0) + (bar.cloud or 0) for bar in landed))
    top, bottom = 62.0, 222.0
    draw = Drawing(_WIDTH, bottom + 44, "Where the mail arrived")
    axis = TimeAxis(start, end, 60, _WIDTH - 20, zone)
    for share in (0.0, 0.5, 1.0):
        y = bottom - share * (bottom - top)
        draw.line(axis.left, y, axis.right, y)
        draw.text(axis.left - 6, y + 4, f"{share * most:,.4g}", fill=FAINT, anchor="end", size=11)
    axis.draw(draw, bottom + 18, bottom + 18)
    width = (axis.right - axis.left) / len(landed)
    for bar in landed:
        x, y = axis.x(bar.at), bottom
        for count, colour, where in ((bar.old, OLD, "old server"), (bar.cloud, NEW, "Microsoft 365")):
            high = (count or 0) / most * (bottom - top)
            y -= high
            if high:
                tip = f"{count} at the {where} in {lasting(step)} from {bar.at:%H:%M:%S} UTC"
                draw.rect(x, y, max(1.5, width - (1 if width > 4 else 0)), high, colour, tip=tip)
    marks_shown = [(at, words) for at, words in sorted(marks) if start <= at <= end]
    for row, (at, _) in enumerate(marks_shown):
        draw.line(axis.x(at), 14 + 14 * (row % 3), axis.x(at), bottom, INK, dashed=True)
    for row, (at, words) in enumerate(marks_shown):
        left = axis.x(at) < (axis.left + axis.right) / 2
        x = axis.x(at) + (4 if left else -4)
        draw.text(x, 20 + 14 * (row % 3), words, anchor="start" if left else "end", size=11)
    draw.legend(
        axis.left, bottom + 38, [(OLD, "at the old server"), (NEW, f"at Microsoft 365; a bar is {lasting(step)}")]
    )
    return str(draw)


def first_copy(progress: Progress, zone: tzinfo) -> str:
    """Each mailbox from when the batch had it until it was copied once, the slowest first."""
    boxes = sorted(progress.mailboxes.items(), key=lambda row: (_end(row[1], progress), row[1].items), reverse=True)
    if not boxes or not progress.curve:
        return ""
    shown = boxes[:_MOST_ROWS]
    start, end = min(box.since for _, box in boxes), progress.curve[-1][0]
    bottom = 24 + _ROW * len(shown)
    draw = Drawing(_WIDTH, bottom + 26, "The first copy, mailbox by mailbox")
    axis = TimeAxis(start, end, _LEFT + 60, _RIGHT, zone)
    axis.draw(draw, 20, bottom)
    for row, (address, box) in enumerate(shown):
        y = 24 + _ROW * row
        draw.text(_LEFT + 52, y + 13, cut(address, 38), anchor="end", size=11)
        x = axis.x(box.since)
        colour = TROUBLE if box.error else NEW if box.done else OLD
        draw.rect(x, y + 4, axis.x(box.done or end) - x, _ROW - 7, colour, tip=box.error or box.status)
        skipped = f", {box.skipped:,} skipped" if box.skipped else ""
        draw.text(_RIGHT + 10, y + 13, f"{box.items:,} items{skipped}", fill=FAINT, size=11)
    draw.legend(_LEFT + 60, bottom + 18, [(NEW, "copied once"), (OLD, "not yet"), (TROUBLE, "failed")])
    if len(boxes) > len(shown):
        words = f"{len(boxes) - len(shown)} quicker ones not drawn"
        draw.text(_RIGHT + 10, bottom + 18, words, fill=FAINT, size=11)
    return str(draw)


def _end(box: Copied, progress: Progress) -> datetime:
    return box.done or progress.curve[-1][0]
