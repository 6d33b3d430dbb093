"""Render the board, a report, an analysis and a rehearsal for the terminal."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from deployments.display.safe_text import plain
from mailmove.outlook_anywhere import Step
from mailmove.report.cutover_report import CutoverReport as Report
from mailmove.report.words import lasting
from tasks.reporting.status import CutoverStatus
from tasks.runbook import RUNBOOK


def print_board(cutovers: list[CutoverStatus]) -> None:
    """Print all customers, those that need a person first."""
    Console().print(board_view(cutovers))


def board_view(cutovers: list[CutoverStatus], stale: str = "") -> RenderableType:
    """The board as a table. Texts of others are shown as they are: no markup, nothing that steers the terminal.

    stale: why the cutovers are not newer; '': they are current.
    """
    if not cutovers:
        return Text(stale or "No cutovers yet. Start one: mailmove start PLAN")
    needs = sum(cutover.needs for cutover in cutovers)
    table = Table("customer", "state", "done", "waits for", "on", "until (UTC)", title=f"{needs} waiting for you")
    for cutover in sorted(cutovers, key=lambda row: (*row.rank, row.customer)):
        until = f"{cutover.forecast:%d %b %H:%M}" if cutover.forecast else ""
        words = _words(cutover)
        state = cutover.state if cutover.flow == "cutover" else f"{cutover.flow}: {cutover.state}"
        done = f"{len(cutover.done)}/{len(RUNBOOK)}"
        table.add_row(Text(plain(cutover.customer)), Text(plain(state)), done, words, Text(plain(cutover.on)), until)
    return Group(table, Text(stale, "red")) if stale else table


def _words(cutover: CutoverStatus) -> Text:
    """What it waits for and what goes wrong, a line for each thing that is said."""
    wrong = cutover.wrong if cutover.wrong != cutover.question else ""
    said = [(cutover.question, ""), (wrong, "red"), (cutover.way_on, "")]
    said += [(left, "dim") for left in cutover.left] + [(line, "yellow") for line in cutover.expiring]
    words = Text("\n").join(Text(plain(text), style) for text, style in said if text)
    return Text.assemble(("you: ", "bold yellow"), words) if cutover.needs else words


_BAR = 24
"""Characters of the bar that stands for the whole cutover."""


def print_report(report: Report) -> None:
    """Print a cutover as a table with a bar for each step's time, and the items that stayed at the source."""
    console = Console()
    zone = ZoneInfo(report.time_zone)
    table = Table(title=Text(plain(f"{report.customer}: {report.state}")))
    for heading, width in (("step", None), ("ended", None), ("took", None), ("", _BAR), ("what was seen", None)):
        table.add_column(heading, no_wrap=True, overflow="ellipsis", min_width=width)
    end = max([report.began, *(step.ended for step in report.steps if step.ended)])
    for step in report.steps:
        if step.began and step.ended:
            took = lasting((step.ended - step.began).total_seconds())
            bar = _bar(report.began, step.began, step.ended, end)
            fact = escape(plain(step.facts[0])) if step.facts else ""
            more = f" [dim]and {len(step.facts) - 1} more[/]" if len(step.facts) > 1 else ""
            table.add_row(step.name, f"{step.ended.astimezone(zone):%d %b %H:%M:%S}", took, bar, fact + more)
        else:
            table.add_row(f"[dim]{step.name}[/]", "", "[yellow]under way[/]" if step.began else "", "", "")
    console.print(table)
    console.print(f"{len(report.unmoved_items)} items stayed behind; times are {report.time_zone}", highlight=False)
    for item in report.unmoved_items:
        console.print(f"  {plain(item)}", markup=False, highlight=False)
    for left in report.left_out:
        console.print(plain(f"{left.stage}: {left.words}"), markup=False, highlight=False)
        for thing in left.things:
            console.print(f"  {plain(thing)}", markup=False, highlight=False)
    console.print(f"For the customer: mailmove report {report.customer} --out report.html", highlight=False)


def _bar(start: datetime, began: datetime, ended: datetime, end: datetime, width: int = _BAR) -> str:
    span = max(end - start, timedelta(seconds=1))
    left = min(width - 1, int((began - start) / span * width))
    return " " * left + "█" * max(1, round((ended - began) / span * width))


_MARKS = {
    "ok": "[green]ok[/]",
    "warning": "[yellow]warning[/]",
    "failed": "[bold red]failed[/]",
    "skipped": "[dim]skipped[/]",
}


def print_steps(seen: Step) -> None:
    """Print an analysis as a tree; what to do stands under what failed."""
    Console().print(_branch(seen))


def _branch(seen: Step) -> Tree:
    tree = Tree(
        f"{_MARKS[seen.status]} {escape(plain(seen.name))}: {escape(plain(seen.seen))} [dim]{seen.elapsed_ms} ms[/]"
    )
    if seen.todo:
        tree.add(f"[yellow]{escape(plain(seen.todo))}[/]")
    for child in seen.children:
        tree.children.append(_branch(child))
    return tree
