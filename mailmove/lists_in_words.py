"""Lists in sentences for people."""

from __future__ import annotations

from collections.abc import Sequence


def some_of(words: Sequence[str], most: int) -> str:
    """The first `most` of them, and how many more there are: `a, b and 3 more`."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more
