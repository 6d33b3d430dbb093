"""Words of others, made fit to be shown in a terminal or on a page."""

from __future__ import annotations

import unicodedata
from datetime import datetime

_LONGEST = 600
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories that draw nothing but may steer: control characters (escape sequences), marks of direction."""


def plain(words: str) -> str:
    """On one line, nothing that steers a terminal or turns the direction of writing, and not without end."""
    seen = " ".join("".join(" " if unicodedata.category(one) in _UNSEEN else one for one in words).split())
    return seen if len(seen) <= _LONGEST else f"{seen[: _LONGEST - 3]}..."


def age(since: datetime, at: datetime) -> str:
    """'3 min', '5 h', '2 d'."""
    minutes = max(0, int((at - since).total_seconds() // 60))
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"
