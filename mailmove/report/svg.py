"""SVG drawing for the pictures: shapes with their own colours, so that page and artifact show the same drawing."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from html import escape

from mailmove.shown_text import one_line, visible

INK, FAINT, LINE = "#1f2933", "#5f6c7b", "#d5dbe1"
OLD, NEW, WAIT, ASKED, TROUBLE, DONE = "#b7561f", "#7fb2e5", "#c5d0da", "#e3a008", "#b91c1c", "#2f6f4f"
"""OLD is darker than NEW, so that they differ on paper without colours too."""

_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_STEPS = [
    *(timedelta(seconds=number) for number in (1, 2, 5, 10, 15, 30)),
    *(timedelta(minutes=number) for number in (1, 2, 5, 10, 15, 30)),
    *(timedelta(hours=number) for number in (1, 2, 3, 6, 12)),
    *(timedelta(days=number) for number in (1, 2, 7, 14, 28, 56, 112, 365)),
]


class Drawing:
    """Shapes on white, in order; `str()` gives an `<svg>` that scales with the page. Lengths are in CSS pixels."""

    def __init__(self, width: float, height: float, title: str) -> None:
        self.width, self.height, self._title = width, height, title
        self._shapes: list[str] = []

    def rect(self, x: float, y: float, width: float, height: float, fill: str, *, tip: str = "") -> None:
        """A rectangle, at least 1.5 pixels wide, so that a step of no duration is visible too."""
        inside = f"<title>{fit(tip)}</title>" if tip else ""
        box = f'x="{x:.1f}" y="{y:.1f}" width="{max(1.5, width):.1f}" height="{height:.1f}"'
        self._shapes.append(f'<rect {box} fill="{fill}">{inside}</rect>')

    def line(self, x1: float, y1: float, x2: float, y2: float, stroke: str = LINE, *, dashed: bool = False) -> None:
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        self._shapes.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" stroke-width="1"{dash}/>'
        )

    def curve(self, points: Sequence[tuple[float, float]], stroke: str) -> None:
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._shapes.append(f'<polyline points="{joined}" fill="none" stroke="{stroke}" stroke-width="2"/>')

    def text(self, x: float, y: float, words: str, *, fill: str = INK, anchor: str = "start", size: int = 12) -> None:
        """A text. y: of the base line. anchor: start, middle or end. A white rim keeps it readable above lines."""
        self._shapes.append(
            f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" font-size="{size}" text-anchor="{anchor}" '
            f'paint-order="stroke" stroke="#fff" stroke-width="3">{fit(words)}</text>'
        )

    def legend(self, x: float, y: float, entries: Sequence[tuple[str, str]]) -> None:
        """(colour, words), from left to right."""
        for colour, words in entries:
            self.rect(x, y - 9, 10, 10, colour)
            self.text(x + 14, y, words, fill=FAINT, size=11)
            x += 14 + 6.2 * len(words) + 18

    def __str__(self) -> str:
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {self.height:g}" '
            f'width="{self.width:g}" height="{self.height:g}" role="img" style="max-width:100%;height:auto" '
            f'font-family="system-ui, sans-serif"><title>{fit(self._title)}</title>'
            f'<rect x="0" y="0" width="{self.width:g}" height="{self.height:g}" fill="#fff"/>'
            f"{''.join(self._shapes)}</svg>"
        )


class TimeAxis:
    """Times from `start` to `end` on the pixels from `left` to `right`."""

    def __init__(self, start: datetime, end: datetime, left: float, right: float, zone: tzinfo) -> None:
        self.start, self.end = start, max(end, start + timedelta(seconds=1))
        self.left, self.right, self.zone = left, right, zone

    def x(self, at: datetime) -> float:
        share = (at - self.start) / (self.end - self.start)
        return self.left + min(1.0, max(0.0, share)) * (self.right - self.left)

    def draw(self, on: Drawing, top: float, bottom: float) -> None:
        """Vertical hair lines from top to bottom, with the time above each."""
        for tick, words in self._ticks():
            x = self.x(tick)
            on.line(x, top, x, bottom)
            on.text(x, top - 4, words, fill=FAINT, anchor="middle", size=11)

    def _ticks(self) -> Iterator[tuple[datetime, str]]:
        most = max(2, int((self.right - self.left) / 75))
        step = next((candidate for candidate in _STEPS if (self.end - self.start) / candidate <= most), _STEPS[-1])
        local = self.start.astimezone(self.zone).replace(tzinfo=None)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        # Counted in local time from midnight, so that ticks stand at full hours there.
        first = midnight + step * -(-(local - midnight) // step)
        offset = self.start - local.replace(tzinfo=UTC)
        form = "%d %b" if step >= timedelta(days=1) else "%H:%M" if step >= timedelta(minutes=1) else "%H:%M:%S"
        long = self.end - self.start > timedelta(hours=20) and step < timedelta(days=1)
        while (tick := first.replace(tzinfo=UTC) + offset) <= self.end:
            yield (
                tick,
                f"{first:%d %b}" if long and first == first.replace(hour=0, minute=0, second=0) else f"{first:{form}}",
            )
            first += step


def fit(words: str) -> str:
    """Escape a text for SVG content and attributes; characters that XML cannot hold are replaced."""
    return escape(visible(_UNFIT.sub("\N{REPLACEMENT CHARACTER}", words)))


def cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"


def as_image(drawing: str, alt: str) -> str:
    """A Markdown image with the drawing inline as a data URL."""
    data = base64.b64encode(drawing.encode()).decode("ascii")
    return f"![{one_line(alt).replace('[', '(').replace(']', ')')}](data:image/svg+xml;base64,{data})"
