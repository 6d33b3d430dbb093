"""Chooses how the items of a mailbox go: the one place in which this is decided."""

from __future__ import annotations

from mailmove.items.copy.interfaces import Destination, Origin, Way

WORDS: dict[Way, str] = {
    "exported": "whole, as the old server exports them",
    "written": "whole, as a stream that Mailmove writes",
    "converted": "as Graph makes them from MIME or JSON",
}
"""For people."""


def way_of(origin: Origin, destination: Destination, mailbox: str) -> Way:
    """As streams where the target imports them: the old server's own, or ours where it has none; else converted.

    One way for a whole mailbox: a copy is found again by a name that depends on it.
    """
    return origin.best_way(mailbox) if destination.takes_streams(mailbox) else "converted"


def is_stream(way: Way) -> bool:
    """Does the item arrive as the original itself, with its own dates and names?"""
    return way != "converted"
