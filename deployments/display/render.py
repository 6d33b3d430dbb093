"""What the terminal shows."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from deployments.display.safe_text import plain
from mailmove.outlook_anywhere import Step
from mailmove.report.night import Night as Report
from mailmove.report.words import lasting
from tasks.reporting.status import CutoverStatus
from tasks.runbook import RUNBOOK, Stage, Wait


def print_nights(nights: list[CutoverStatus]) -> None:
    """All customers, what needs a person first."""
    Console().print(board_view(nights))


def board_view(nights: list[CutoverStatus], amiss: str = "") -> RenderableType:
    """The board as a table. Words of others are shown as they are: no markup, nothing that steers the terminal."""
    if not nights:
        return Text(amiss or "No cutovers yet. Start one: mailmove start PLAN")
    needs = sum(night.needs for night in nights)
    table = Table("customer", "state", "done", "waits for", "on", "until (UTC)", title=f"{needs} waiting for you")
    for night in sorted(nights, key=lambda one: (*one.rank, one.customer)):
        until = f"{night.forecast:%d %b %H:%M}" if night.forecast else ""
        words = Text(plain(night.question))
        if night.needs:
            words = Text.assemble(("you: ", "bold yellow"), words)
        if night.wrong and night.wrong != night.question:
            words.append(f" {plain(night.wrong)}".lstrip(), "red")
        state = night.state if night.flow == "cutover" else f"{night.flow}: {night.state}"
        done = f"{len(night.done)}/{len(RUNBOOK)}"
        table.add_row(Text(plain(night.customer)), Text(plain(state)), done, words, Text(plain(night.on)), until)
    return Group(table, Text(amiss, "red")) if amiss else table


_BAR = 24
"""Characters of the bar for the whole night."""


def print_report(night: Report) -> None:
    """A night as a table with a bar for each step's time, and what stayed behind."""
    console = Console()
    zone = ZoneInfo(night.time_zone)
    table = Table(title=f"{night.customer}: {night.state}")
    for heading, width in (("step", None), ("ended", None), ("took", None), ("", _BAR), ("what was seen", None)):
        table.add_column(heading, no_wrap=True, overflow="ellipsis", min_width=width)
    end = max([night.began, *(step.ended for step in night.steps if step.ended)])
    for step in night.steps:
        if step.began and step.ended:
            took = lasting((step.ended - step.began).total_seconds())
            bar = _bar(night.began, step.began, step.ended, end)
            seen = escape(step.facts[0]) if step.facts else ""
            more = f" [dim]and {len(step.facts) - 1} more[/]" if len(step.facts) > 1 else ""
            table.add_row(step.name, f"{step.ended.astimezone(zone):%d %b %H:%M:%S}", took, bar, seen + more)
        else:
            table.add_row(f"[dim]{step.name}[/]", "", "[yellow]under way[/]" if step.began else "", "", "")
    console.print(table)
    console.print(f"{len(night.left_behind)} items stayed behind; times are {night.time_zone}", highlight=False)
    for one in night.left_behind:
        console.print(f"  {one}", markup=False, highlight=False)
    console.print(f"For the customer: mailmove report {night.customer} --out report.html", highlight=False)


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
    """An analysis as a tree; what to do stands under what failed."""
    Console().print(_branch(seen))


def _branch(seen: Step) -> Tree:
    tree = Tree(f"{_MARKS[seen.status]} {escape(seen.name)}: {escape(seen.seen)} [dim]{seen.elapsed_ms} ms[/]")
    if seen.todo:
        tree.add(f"[yellow]{escape(seen.todo)}[/]")
    for child in seen.children:
        tree.children.append(_branch(child))
    return tree


def night_view(night: CutoverStatus | None, counters: dict[str, int], ui: str, seconds: float) -> RenderableType:
    """The night as a list of steps with marks, what it waits for, and where mail lands."""
    done = set(night.done) if night else set()
    steps = Table.grid(padding=(0, 1))
    upcoming = next((step.name for step in RUNBOOK if step.name not in done), None)
    for step in RUNBOOK:
        mark, style = _mark(step, done, upcoming, night)
        steps.add_row(Text(mark, style), Text(step.name, style), Text(step.story, "dim"))
    waits = Text()
    if night and night.parked:
        until = f"  forecast {night.forecast:%H:%M:%S} UTC" if night.forecast else ""
        waits = Text(f"{night.parked}: {night.question}{until}", "yellow", overflow="fold")
    mail = "   ".join(f"{name} {count}" for name, count in counters.items())
    state = night.state if night else "starting"
    body = Group(steps, Text(), waits, Text(mail, "cyan"))
    return Panel(body, title=f"{night.customer if night else 'northwind'}: {state}, {seconds:.0f} s", subtitle=ui)


def _mark(step: Stage | Wait, done: set[str], upcoming: str | None, night: CutoverStatus | None) -> tuple[str, str]:
    if step.name in done:
        return "+", "green"
    if step.name == upcoming and night is not None and not night.ended:
        return ("?" if night.parked else ">"), "bold yellow"
    return ".", "dim"
