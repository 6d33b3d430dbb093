"""Keep one resolver's promises: when its old set should be gone, whether it was, and which habit of caching that shows.

A resolver's answer carries the *remaining* TTL of what it cached: a promise of when the old set will be gone. The
next answer tests it. Habits observed on the Internet, and in unbound, BIND, Knot and PowerDNS themselves:
- a minimum TTL: shown (then the promise is true, but longer than the zone's TTL), or hidden (it counts to 0, 0, 0);
- serving stale (RFC 8767): one more old answer, with a TTL of 0 or 30, while the new one is being fetched;
- handing out a lower TTL than it keeps;
- many caches behind one address, each with a time of its own (`several_caches.py`).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from mailmove.dns.canonical import same_values
from mailmove.dns.propagation.resolver_view import (
    AUTHORITY_INTERVAL,
    ROUNDING,
    Habit,
    ServerView,
    changed,
    with_changes,
)
from mailmove.dns.propagation.several_caches import last_moment
from mailmove.records import RRset

_INTERVAL = timedelta(seconds=5)  # between two polls of what fails, or is neither old nor new
_STALE_INTERVAL = timedelta(seconds=1)
_MINIMUM_TTLS = (30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400)
"""Seconds of usual minimum TTLs: a resolver that hides its minimum may hold the old set for as long."""


def second_answer(first: ServerView, second: ServerView, promised: datetime | None) -> ServerView:
    """The view of a resolver that is asked twice at once: the second answer, and the habit that the two show."""
    if second.sees == "failing":
        return first
    if first.sees != "old" or second.sees != "new":
        return second
    moment = f"the new ones {(second.at - first.at).total_seconds():.1f} s later"
    if promised and first.at > promised:
        overdue = (first.at - promised).total_seconds()
        caught = f"it gave the old records {overdue:.1f} s past its own TTL, and {moment}"
        return changed(second, habit="stale", caught=caught, overdue=overdue)
    if (first.ttl or 0) >= 3:
        return changed(second, habit="stale", caught=f"it gave the old records with TTL {first.ttl}, and {moment}")
    return second


def with_history(
    view: ServerView,
    earlier: ServerView | None,
    served_since: datetime | None,
    before: RRset | None,
    after: RRset | None,
) -> ServerView:
    """The view of a resolver with its history: a promise made, kept or broken.

    served_since: when every authority served the new set; None: they do not yet, so nothing can be promised.
    """
    tells = view.told
    view = changed(
        with_changes(view, earlier),
        silent=0 if tells else (earlier.silent if earlier else 0) + 1,
        answered=view.answered or bool(earlier and earlier.answered),
        told=view.told or bool(earlier and earlier.told),
        habit=view.habit or (earlier.habit if earlier else None),
        caught=view.caught or (earlier.caught if earlier else ""),
        overdue=view.overdue or (earlier.overdue if earlier else 0.0),
    )
    bound = old_set_expiry(served_since, before)
    if served_since is None:
        # It may fetch the old set anew from an authority that lags: nothing can be promised.
        forgotten = {"fresh": 0, "several": False, "flips": 0, "copy_expires": None, "last": None}
        return changed(view, **forgotten, clear_at=None, poll_at=view.at + AUTHORITY_INTERVAL)
    view = changed(view, promised=earlier.promised if earlier else None, fetched=earlier.fetched if earlier else None)
    if view.held_until is None and view.promised:
        view = changed(view, held_until=view.promised)  # a view that an earlier version has stored
    if view.held_until and bound and not tells and (view.several or view.promised is None):
        view = changed(view, held_until=max(view.held_until, bound))  # another cache, or one filled since
    view = _habit_by_ttl(view, earlier, before, after)
    if view.sees == "new":
        return view
    if view.clear_at is not None:
        return _promise(view, served_since, before)
    if tells and view.last == "new":
        end = last_moment(view, bound) if view.several else None
        soon = view.at + _STALE_INTERVAL
        return changed(view, clear_at=max(end or soon, soon), poll_at=max(end or soon, soon))
    # failing, or something of its own: its last promise is still the best guess
    later = view.promised if view.promised and view.promised > view.at else None
    return changed(view, clear_at=later, poll_at=view.at + _INTERVAL)


def old_set_expiry(served_since: datetime | None, before: RRset | None) -> datetime | None:
    """When `before` expires in every cache that keeps to its TTL, which counts from the last authority's change."""
    return served_since + timedelta(seconds=before.ttl) + ROUNDING if served_since and before else None


def _promise(view: ServerView, served_since: datetime, before: RRset | None) -> ServerView:
    """The view of a resolver that still has the old set, with its promise."""
    claim, promised, bound = view.clear_at, view.promised, old_set_expiry(served_since, before)
    assert claim is not None
    if promised is None:
        promised = claim
        if before and 0 < (view.ttl or 0) <= before.ttl:
            view = changed(view, fetched=view.at - timedelta(seconds=before.ttl - (view.ttl or 0)))
    elif bound and view.at <= promised:
        # Several caches behind one address may hold it for different times; none beyond the bound, if it keeps to TTLs.
        promised = max(promised, min(claim, bound))
    if view.several and bound and view.at <= bound:
        promised = max(promised, bound)
    view = changed(view, promised=promised)
    if view.at <= promised:
        return changed(view, clear_at=promised, poll_at=promised)
    return _broken(view, promised, served_since, bound)


def _broken(view: ServerView, promised: datetime, served_since: datetime, bound: datetime | None) -> ServerView:
    """The view of a resolver that has the old set after its promise: another forecast, and another poll soon."""
    first, overdue = view.overdue == 0, (view.at - promised).total_seconds()
    poll_at = view.at + timedelta(seconds=min(max(overdue / 4, 1.0), 60.0))
    clear_at: datetime | None
    habit: Habit
    if view.ttl and first:  # stale most likely: asking has made it fetch
        habit, clear_at, poll_at = "stale", view.at + _STALE_INTERVAL, view.at + _STALE_INTERVAL
    elif view.ttl and bound and view.at < bound:
        habit, clear_at, poll_at = "understates", bound, min(poll_at, bound)
    elif view.ttl and overdue <= 2 * view.ttl:
        habit, clear_at = "stale", view.clear_at
    else:
        habit, clear_at = "extends", _minimum_over(view.fetched or served_since, view.at)
    caught = f"it kept the old records {overdue:.0f} s past its own TTL"
    return changed(view, overdue=overdue, habit=habit, caught=caught, clear_at=clear_at, poll_at=poll_at)


def _habit_by_ttl(
    view: ServerView, earlier: ServerView | None, before: RRset | None, after: RRset | None
) -> ServerView:
    """The view with the habit that an impossible TTL shows: above the zone's, or below it just after fetching."""
    zone = {"old": before, "new": after}.get(view.sees)
    if zone is None or view.ttl is None or view.habit == "stale":
        return view
    only_ttl = same_values(before, after)
    most = max(before.ttl, zone.ttl) if before and only_ttl else zone.ttl
    if view.ttl > most:
        caught = f"it shows a TTL of {view.ttl} s where the zone says {most} s"
        return changed(view, habit="extends", caught=caught)
    if view.sees == "new" and earlier and earlier.sees == "old" and view.habit is None and not only_ttl:
        age = (view.at - earlier.at).total_seconds() + 2  # it was fetched since then
        if view.ttl < zone.ttl - age:
            caught = f"it shows a TTL of {view.ttl} s just after fetching; the zone says {zone.ttl} s"
            return changed(view, habit="clamps", caught=caught)
    return view


def _minimum_over(since: datetime, at: datetime) -> datetime | None:
    """When a resolver that hides a usual minimum TTL drops the set that it cached at `since`; None: unknown."""
    for minimum in _MINIMUM_TTLS:
        clear = since + timedelta(seconds=minimum) + ROUNDING
        if clear > at:
            return clear
    return None
