"""Format durations, values and sizes for people, the same on every page and in the terminal."""

from __future__ import annotations

import json
from typing import Any


def lasting(seconds: float) -> str:
    """A duration for people: `4 s`, `12 min`, `3 h 05 min`, `2 d 4 h`."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02} min" if minutes else f"{hours} h"
    return f"{hours // 24} d {hours % 24} h" if hours % 24 else f"{hours // 24} d"


def value_words(value: Any) -> str:
    """The before or after value of a change, on one line."""
    if value is None:
        return "absent"
    if isinstance(value, dict) and "values" in value and "ttl" in value:
        return f"{', '.join(value['values'])} (TTL {value['ttl']} s)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def size_words(size: int | None) -> str:
    """A size for people: `3.2 GB`, `850 MB`, `12 kB`; "" where it is not known."""
    if size is None:
        return ""
    for unit, bytes_of in (("GB", 1024**3), ("MB", 1024**2), ("kB", 1024)):
        if size >= bytes_of:
            return f"{size / bytes_of:,.3g} {unit}"
    return f"{size} B"
