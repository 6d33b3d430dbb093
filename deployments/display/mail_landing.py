"""Where mail has landed over time: at the old server, then in the cloud, as two rows of small bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

_LEVELS = "▁▂▃▄▅▆▇█"
_MARGIN = 15
"""Columns of a row's name, and again of its count."""


@dataclass(frozen=True)
class MailLanding:
    """Messages that each side took in each part of the time so far, oldest first; both lists are of one length.

    sent: written by their senders in all. waiting: still at their senders.
    """

    old: Sequence[int]
    cloud: Sequence[int]
    sent: int = 0
    waiting: int = 0

    def lines(self, width: int) -> list[Text]:
        """Three lines of at most `width` columns."""
        columns = width - 2 * _MARGIN
        old, cloud = squeezed(self.old, columns), squeezed(self.cloud, columns)
        most = max(1, *old, *cloud) if old else 1
        waiting = f", {self.waiting} wait at their senders" if self.waiting else ""
        return [
            Text.assemble(("Mail ", "bold"), (f"that keeps coming: {self.sent} messages sent{waiting}", "dim")),
            _row("old server", old, most, sum(self.old), "dark_orange3"),
            _row("Microsoft 365", cloud, most, sum(self.cloud), "deep_sky_blue1"),
        ]


def _row(name: str, counts: Sequence[int], most: int, every: int, style: str) -> Text:
    bars = "".join(_level(count, most) if count else " " for count in counts)
    return Text.assemble(f"{name:>{_MARGIN - 1}} ", (bars, style), f" {every:,}")


def _level(count: int, most: int) -> str:
    return _LEVELS[min(len(_LEVELS) - 1, count * len(_LEVELS) // (most + 1))]


def squeezed(counts: Sequence[int], columns: int) -> list[int]:
    """The counts in at most `columns` parts; as many neighbours as needed are added up, so that none is left out."""
    together = -(-len(counts) // columns) if counts else 1
    return [sum(counts[start : start + together]) for start in range(0, len(counts), together)]
