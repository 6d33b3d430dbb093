"""Take in answer after answer of one resolver: are there several caches behind its address, and has it the new set?

Behind the address of a public resolver, and of many a company's, stand several caches; each question reaches another
one. A first fresh answer says nothing of the others. What tells them apart: the old set after the new one, and copies
that expire at different times. So before the last possible moment, at which nobody who keeps to TTLs can hold the old
set, a resolver has the new set only when `ENOUGH` answers in a row had it, and none of them came from another cache.
One that is known to be several caches is waited for until that moment.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from mailmove.dns.propagation.resolver_view import ROUNDING, ServerView, changed

ENOUGH = 64
"""Fresh answers in a row. Of eight caches, one with the old set is missed by so many once in 5,000 times."""
_FIRST = 8
"""Answers of a resolver with the old set, at its first look: caches that were filled at different times show it."""
_BATCH = 8
"""Questions to one resolver at once. Each batch leaves from other ports, by which some balancers choose."""
_SAME_COPY = timedelta(seconds=2)
"""Time by which the expiry of one copy may seem to move: TTLs are whole seconds, and answers travel."""


def take_in(known: ServerView | None, view: ServerView) -> ServerView:
    """The view of one more answer, with what is known of the caches from `known`, the view of those before it."""
    if known is None:
        return changed(view, fresh=1 if view.last == "new" else 0)
    if view.last is None:
        names = ("last", "fresh", "several", "flips", "copy_expires", "held_until")
        return changed(view, **{name: getattr(known, name) for name in names})
    flipped = view.last == "old" and known.last == "new"
    held = max([until for until in (known.held_until, view.held_until) if until], default=None)
    return changed(
        view,
        fresh=known.fresh + 1 if view.last == "new" else 0,
        several=known.several or flipped or _other_copy(known, view),
        flips=known.flips + flipped,
        held_until=held,
    )


def last_moment(view: ServerView, bound: datetime | None) -> datetime | None:
    """When no cache of this resolver can hold the old set any more, by TTLs; None: unknown.

    bound: when `before` expires in every cache that keeps to the zone's TTL.
    """
    return max([time for time in (bound, view.held_until) if time], default=None)


def has_new_set(view: ServerView, bound: datetime | None, earlier: ServerView | None) -> bool:
    """Do all its caches have the new set, by all that its answers showed? The last one has."""
    if earlier and earlier.sees == "new" and earlier.fresh and view.fresh > earlier.fresh:
        return True
    honest = view.held_until is None or bound is None or view.held_until <= bound + ROUNDING
    if bound and view.at >= bound and honest and not view.several:  # of several, one may hold it longer than it shows
        return True
    end = last_moment(view, bound)
    return view.fresh >= ENOUGH and (not view.several or end is None or view.at >= end)


def more_questions(view: ServerView, bound: datetime | None, earlier: ServerView | None, asked: int) -> int:
    """How many questions more at this look. view: with all its answers so far; asked: how many those are."""
    if view.sees == "failing" or view.last != view.sees:
        return 0
    if view.last == "old":
        overdue = earlier is not None and earlier.promised is not None and view.at > earlier.promised
        first = earlier is None or earlier.promised is None or (overdue and earlier.overdue == 0)
        return _FIRST - asked if first and not view.several and asked < _FIRST else 0
    if has_new_set(view, bound, earlier):
        return 0
    end = last_moment(view, bound)
    if view.several and end and view.at < end:
        return 0
    return max(0, min(_BATCH, ENOUGH - view.fresh))


def _other_copy(known: ServerView, view: ServerView) -> bool:
    """Is this the copy of another cache: the one seen before had not expired yet, and was to expire at another time?"""
    if view.last != known.last or known.copy_expires is None or view.copy_expires is None:
        return False
    alive = known.copy_expires - view.at > _SAME_COPY
    return alive and abs(view.copy_expires - known.copy_expires) > _SAME_COPY
