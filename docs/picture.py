"""Draws the README's picture and the docs' clickable one from a rehearsal that really ran: `make picture`.

`mailmove rehearse --out docs/pictures/rehearsal.json` records one, and `make pages` draws it; a test compares the
drawings with what this gives, as it does with other pages. Colours follow the reader's: light or dark.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from itertools import pairwise
from pathlib import Path

from mailmove.dns.propagation.resolver_view import ServerView
from mailmove.report.cutover_report import CutoverReport, Step
from mailmove.report.words import lasting
from tasks.runbook import RUNBOOK

PICTURES = Path(__file__).parent / "pictures"
RECORDING = PICTURES / "rehearsal.json"

_STYLE = """
.paper{fill:#fff}.ink{fill:#1f2933}.faint{fill:#5f6c7b}.line{stroke:#d5dbe1}
.old{fill:#c2410c}.new{fill:#2f7fd0}.work{fill:#2f6f4f}.wait{fill:#c5d0da}.gate{fill:#e3a008}
text{font-family:system-ui,-apple-system,Segoe UI,sans-serif}
a:hover text,a:focus text{text-decoration:underline}
@media (prefers-color-scheme: dark){
.paper{fill:#0d1117}.ink{fill:#e6edf3}.faint{fill:#9aa7b4}.line{stroke:#30363d}
.old{fill:#f0883e}.new{fill:#58a6ff}.work{fill:#3fb950}.wait{fill:#484f58}.gate{fill:#d9a514}}
"""

_PHASES: tuple[tuple[str, str, str], ...] = (
    ("lower_ttl", "verify_domain", "prepare: TTL, old server, domain"),
    ("publish_dkim", "first_sync", "first copy of every mailbox"),
    ("license_mailboxes", "set_first_passwords", "licences, permissions, passwords"),
    ("old_ttl", "probe_before", "wait until the old TTL has run out"),
    ("switch_mail", "propagation", "switch the MX, until the world has noticed"),
    ("probe_after_switch", "reconcile_items", "fetch the rest, account for every item"),
    ("close_smtp_port", "reconcile_again", "close port 25, account once more"),
    ("finish_rule", "enable_dkim", "remove the batch, TTL, DKIM, report"),
)
"""First and last stage, and what they come to."""


@dataclass(frozen=True)
class Recording:
    """A rehearsal as it ran."""

    seconds: int
    totals: dict[str, int]
    report: CutoverReport

    @property
    def end(self) -> datetime:
        return max(step.ended for step in self.report.steps if step.ended)


def recorded() -> Recording:
    data = json.loads(RECORDING.read_text("utf-8"))
    return Recording(data["seconds"], data["totals"], CutoverReport.model_validate(data["report"]))


class Sheet:
    """Shapes of an SVG in the reader's colours. least: pixels below which a page scrolls, and draws it no smaller."""

    def __init__(self, width: int, title: str, size: int, least: int = 0) -> None:
        self.width, self.title, self.size, self.least = width, title, size, least
        self.shapes: list[str] = []

    def rect(self, x: float, y: float, width: float, height: float, kind: str, tip: str = "") -> None:
        inside = f"<title>{escape(tip)}</title>" if tip else ""
        place = f'x="{x:.1f}" y="{y:.1f}" width="{max(2.0, width):.1f}" height="{height:.1f}"'
        self.shapes.append(f'<rect class="{kind}" {place} rx="1.5">{inside}</rect>')

    def text(
        self, x: float, y: float, words: str, kind: str = "ink", *, anchor: str = "start", bold: bool = False
    ) -> None:
        weight = ' font-weight="600"' if bold else ""
        self.shapes.append(
            f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" font-size="{self.size}" text-anchor="{anchor}"{weight}>'
            f"{escape(words)}</text>"
        )

    def line(self, x1: float, y1: float, x2: float, y2: float) -> None:
        self.shapes.append(f'<line class="line" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def svg(self, height: float) -> str:
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {height:.0f}" role="img" '
            f'width="{self.width}" height="{height:.0f}" style="max-width:100%;min-width:{self.least}px;height:auto">'
            f"<title>{escape(self.title)}</title><style>{_STYLE}</style>"
            f'<rect class="paper" width="{self.width}" height="{height:.0f}"/>{"".join(self.shapes)}</svg>\n'
        )


def wide(night: Recording) -> str:
    """For a page of a desk: words left of the bars."""
    return _poster(night, Sheet(960, _title(night), 15), left=350, above=False)


def narrow(night: Recording) -> str:
    """For a phone: words above the bars."""
    return _poster(night, Sheet(400, _title(night), 15), left=12, above=True)


def _title(night: Recording) -> str:
    moved = night.totals["moved"] + night.totals["arrived new"] + night.totals["swept"]
    return f"A cutover in the lab, as it ran: {moved:,} messages, {night.totals['lost']} lost, {lasting(night.seconds)}"


def _poster(night: Recording, sheet: Sheet, *, left: float, above: bool) -> str:
    right = sheet.width - 12.0
    at = _scale(night.report.began, night.end, left, right)
    headings = sheet.title.partition(": ")
    sheet.text(12, 26, headings[0] + ":" if above else sheet.title, bold=True)
    y = 40.0
    if above:
        sheet.text(12, 46, headings[2], bold=True)
        y = 60.0
    for phase in _PHASES:
        y = _phase(sheet, night.report, phase, at, y, above=above)
    y = _landing(sheet, night, at, y + 10, left, right, above=above)
    y = _resolvers(sheet, night, at, y + 8, left, above=above)
    y = _minutes(sheet, night, at, y + 14)
    return sheet.svg(_legend(sheet, y + 33))


def _minutes(sheet: Sheet, night: Recording, at: Callable[[datetime], float], y: float) -> float:
    """The time since the start, below everything that it is the scale of."""
    span = (night.end - night.report.began).total_seconds()
    apart = next((seconds for seconds in _TICKS if span / seconds <= _MOST_TICKS), _TICKS[-1])
    for seconds in range(0, int(span) + 1, apart):
        x = at(night.report.began + timedelta(seconds=seconds))
        sheet.line(x, y - 11, x, y - 6)
        anchor = "start" if seconds == 0 else "end" if x > sheet.width - 36 else "middle"
        sheet.text(x, y + 7, f"{seconds // 60} min" if seconds else "start", "faint", anchor=anchor)
    return y


def _phase(
    sheet: Sheet,
    report: CutoverReport,
    phase: tuple[str, str, str],
    at: Callable[[datetime], float],
    y: float,
    *,
    above: bool,
) -> float:
    """One row, or two where words stand above; the next row's place."""
    first, last, words = phase
    sheet.text(12, y + 15, words)
    bar = y + (22 if above else 4)
    for step in _between(report.steps, first, last):
        if step.began and step.ended:
            kind = "wait" if step.kind == "wait" else "work"
            sheet.rect(at(step.began), bar, at(step.ended) - at(step.began), 13, kind, f"{step.name}: {step.story}")
        for question in report.questions:
            if question.kind == "gate" and question.name == step.name and question.answered:
                width = at(question.answered) - at(question.asked)
                sheet.rect(at(question.asked), bar, max(5.0, width), 13, "gate", "a person is asked")
    return bar + (19 if above else 21)


def _between(steps: list[Step], first: str, last: str) -> Iterator[Step]:
    names = [step.name for step in steps]
    yield from steps[names.index(first) : names.index(last) + 1]


def _landing(
    sheet: Sheet, night: Recording, at: Callable[[datetime], float], y: float, left: float, right: float, *, above: bool
) -> float:
    """Where mail arrived over time: the old server's share on top of the new one's."""
    high, bars = 64.0, night.report.landed
    most = max(1, *((bar.old or 0) + (bar.cloud or 0) for bar in bars)) if bars else 1
    sheet.text(12, y + 15, "where mail arrives meanwhile")
    top = y + (22 if above else 4)
    for bar in bars:
        x, until = at(bar.at), at(bar.at + timedelta(seconds=bar.seconds))
        base = top + high
        for count, kind, where in ((bar.cloud, "new", "Microsoft 365"), (bar.old, "old", "the old server")):
            tall = (count or 0) / most * high
            if tall and until - x > _LEAST:  # the last may have begun at the end
                base -= tall
                sheet.rect(x, base, until - x - 1, tall, kind, f"{count} at {where}")
    sheet.line(left, top + high, right, top + high)
    return top + high


def _resolvers(
    sheet: Sheet, night: Recording, at: Callable[[datetime], float], y: float, left: float, *, above: bool
) -> float:
    """Each resolver: until when it gave the old records, and since when the new ones."""
    views = [view for sweep in night.report.sweeps.values() for view in sweep.resolvers]
    if not views:
        return y
    sheet.text(12, y + 15, f"what {len(views)} resolvers answer")
    y += 22 if above else 4
    for view in views:
        for since, until, sees in _spans(view, night.report.began, night.end):
            sheet.rect(
                max(left, at(since)),
                y,
                at(until) - max(left, at(since)),
                6,
                "new" if sees == "new" else "old",
                str(view),
            )
        y += 9
    return y


def _spans(view: ServerView, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, str]]:
    """Before it was asked for the first time, right after the switch, there were only the old records."""
    times = [(start, "old"), *view.changes, (end, view.sees)]
    for (since, sees), (until, _) in pairwise(times):
        yield since, until, sees


_LEAST = 3.0
"""Pixels of a bar of mail that is drawn."""
_TICKS = (60, 300, 900, 3600)
"""Seconds between two marks of the time, of which the first that gives few enough is taken."""
_MOST_TICKS = 6
_OF_STEPS = (("work", "at work"), ("wait", "waits, no process"), ("gate", "a person is asked"))
_OF_SIDES = (("old", "old server"), ("new", "Microsoft 365"))


def _legend(sheet: Sheet, y: float, entries: tuple[tuple[str, str], ...] = _OF_STEPS + _OF_SIDES) -> float:
    x = 12.0
    for kind, words in entries:
        width = 18 + 7.4 * len(words) + 16
        if x + width > sheet.width:
            x, y = 12.0, y + 22
        sheet.rect(x, y - 11, 12, 12, kind)
        sheet.text(x + 18, y, words, "faint")
        x += width
    return y + 14


def _scale(start: datetime, end: datetime, left: float, right: float) -> Callable[[datetime], float]:
    span = max(1.0, (end - start).total_seconds())
    return lambda moment: left + max(0.0, min(1.0, (moment - start).total_seconds() / span)) * (right - left)


def every_step(night: Recording) -> str:
    """Every step as a row that leads to its place in the page of stages; to stand inside a page of the site."""
    sheet = Sheet(860, "A cutover in the lab, step by step", 14, least=700)
    left, right = 220.0, 780.0
    at = _scale(night.report.began, night.end, left, right)
    numbers = {step.name: number for number, step in enumerate(RUNBOOK, 1)}  # a recording may be older
    for row, step in enumerate(night.report.steps, 1):
        y, place = 24.0 * row - 16, f"{numbers[step.name]}-{step.name}"
        sheet.shapes.append(f'<a href="../stages/#{place}"><title>{escape(step.story)}</title>')
        sheet.text(left - 10, y + 14, step.name, anchor="end")
        if step.began and step.ended:
            kind = "wait" if step.kind == "wait" else "work"
            sheet.rect(at(step.began), y + 3, at(step.ended) - at(step.began), 14, kind)
            for question in night.report.questions:
                if question.kind == "gate" and question.name == step.name and question.answered:
                    sheet.rect(
                        at(question.asked), y + 3, max(5.0, at(question.answered) - at(question.asked)), 14, "gate"
                    )
            took = lasting((step.ended - step.began).total_seconds())
            sheet.text(right + 8, y + 14, took, "faint")
        sheet.shapes.append("</a>")
    bottom = 24.0 * len(night.report.steps) + 26
    return sheet.svg(_legend(sheet, bottom, _OF_STEPS))


def drawings(night: Recording) -> dict[str, str]:
    """File name below docs/pictures -> SVG."""
    return {"rehearsal-wide.svg": wide(night), "rehearsal-narrow.svg": narrow(night)}


def night_page(night: Recording) -> str:
    """The page of the site whose picture leads to the stages."""
    return "\n".join(
        [
            "# The night as a picture",
            "",
            "A whole cutover, as it ran in the lab: 14 people, an old Exchange 2007, a cloud, six resolvers, and mail",
            "that keeps coming. In a real night the bars are hours, most of them waiting, without a process. Click",
            "on a step for what it does and how it is rolled back.",
            "",
            f'<div class="night" style="overflow-x:auto">{every_step(night).strip()}</div>',
            "",
            '<picture><source media="(max-width: 600px)" srcset="../pictures/rehearsal-narrow.svg">'
            '<img alt="Where mail arrived, and what resolvers answered" src="../pictures/rehearsal-wide.svg">'
            "</picture>",
            "",
            f"At the end the lab counted every message by itself: {_counted(night)}.",
            "",
            "To see it on your own machine: `mailmove rehearse`. `make picture` draws this page anew from such a run.",
        ]
    )


def _counted(night: Recording) -> str:
    words = {
        "moved": "moved",
        "arrived new": "arrived straight in Microsoft 365",
        "swept": "fetched from the old server",
        "bounced": "returned to their senders (public folders take no part)",
        "lost": "lost",
    }
    return ", ".join(f"{night.totals[kind]:,} {said}" for kind, said in words.items())
