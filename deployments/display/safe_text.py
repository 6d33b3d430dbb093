"""Make texts of others safe to show in a terminal or on a page."""

from __future__ import annotations

from datetime import datetime

from mailmove.shown_text import one_line

_LONGEST = 600
"""Characters of the longest text that is shown whole."""


def plain(words: str) -> str:
    """The text on one line, cut when too long, without what steers a terminal or turns the direction of writing."""
    shown = one_line(words)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 3]}..."


def age(since: datetime, at: datetime) -> str:
    """Age in one unit: '3 min', '5 h' or '2 d'."""
    minutes = max(0, int((at - since).total_seconds() // 60))
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"
