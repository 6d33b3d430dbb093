"""What one server sees of a change, what it has promised, and what its habits are.

A resolver's answer carries the *remaining* TTL of what it cached: a promise of when the old set will be gone. The
next answer tests it. Habits that were found in the wild, and in unbound, BIND, Knot and PowerDNS themselves:
- a minimum TTL: shown (then the promise is true, but longer than the zone's TTL), or hidden (it counts to 0, 0, 0);
- serving stale (RFC 8767): one more old answer, with a TTL of 0 or 30, while the new one is being fetched;
- handing out a lower TTL than it keeps;
- many caches behind one address, each with a time of its own.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mailmove.dns.canonical import canonical, same_values
from mailmove.dns.client.answer import Answer
from mailmove.records import RRset

Sees = Literal["new", "old", "mixed", "failing"]
Habit = Literal["extends", "stale", "understates", "clamps"]

ROUNDING = timedelta(seconds=1)
"""A shown TTL of 0 may be 0.9 s in truth."""

AUTHORITY_AGAIN = timedelta(seconds=2)
_AGAIN = timedelta(seconds=5)  # for what fails, or is neither old nor new
_STALE_AGAIN = timedelta(seconds=1)
_MINIMUM_TTLS = (30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400)
"""Minimum TTLs that people configure, in seconds: how long one who hides it may hold the old set."""
_SILENCE = 3  # looks without any answer until a resolver counts as out of reach from here

_SAID: dict[Habit, str] = {
    "extends": "it holds answers longer than their TTL",
    "stale": "it serves stale answers, or is several caches",
    "understates": "it hands out a lower TTL than it keeps",
    "clamps": "it cuts TTLs down",
}


class View(BaseModel):
    """What one server sees, and what it has promised."""

    model_config = ConfigDict(frozen=True)

    server: str = Field(description="ip:port")
    sees: Sees
    values: tuple[str, ...] = ()
    ttl: int | None = Field(default=None, description="Remaining, seconds")
    at: datetime
    clear_at: datetime | None = Field(default=None, description="Forecast: the old set is gone. None: cannot be told")
    look_at: datetime | None = Field(default=None, description="When to ask this server again; None: no need")
    promised: datetime | None = Field(default=None, description="Its first promise that counts")
    overdue: float = Field(default=0.0, description="Seconds past its promise that it was last seen with the old set")
    fetched: datetime | None = Field(default=None, description="When it cached the old set, if its TTL can be believed")
    habit: Habit | None = Field(default=None, description="What it was caught at")
    caught: str = Field(default="", description="How, in words")
    silent: int = Field(default=0, description="Looks in a row without an answer, if it never gave one; else 0")
    answered: bool = Field(default=False, description="Has it ever answered?")
    changes: tuple[tuple[datetime, Sees], ...] = Field(default=(), description="Since when it sees what, oldest first")
    error: str | None = None

    @property
    def extends(self) -> bool:
        """Did it serve the old set after its TTL, its own or the zone's, said that it would be gone?"""
        return self.overdue > 0 or self.habit == "extends"

    @property
    def out_of_reach(self) -> bool:
        """It never answered, time after time: it says nothing about the world, only about the way to it."""
        return self.silent >= _SILENCE

    def __str__(self) -> str:
        said = {
            "new": "has the new records",
            "old": f"has the old records, TTL {self.ttl}",
            "mixed": f"has neither the old nor the new set: {', '.join(self.values) or 'nothing'}",
            "failing": f"fails: {self.error}",
        }[self.sees]
        if self.sees == "old" and self.clear_at:
            said += f", clear at {self.clear_at:%H:%M:%S} UTC"
        if self.out_of_reach:
            said += " (it has never answered from here and is left out)"
        if self.habit:
            said += f" ({_SAID[self.habit]}: {self.caught})"
        return f"{self.server} {said}"


def view_of(answer: Answer, before: RRset | None, after: RRset | None, *, cached: bool) -> View:
    """What the answer shows, without history. `cached`: its TTL is what is left, not what the zone says."""
    old, new = (canonical(one).values if one else () for one in (before, after))
    view = View(
        server=answer.server,
        sees="mixed",
        values=answer.values,
        ttl=answer.ttl,
        at=answer.at,
        answered=answer.rcode is not None,
    )
    left = answer.ttl or 0
    if answer.error:
        return _with(view, sees="failing", error=answer.error)
    if answer.values not in (old, new):
        return view
    if old == new:  # only the TTL changes
        left -= after.ttl if after else 0
        sees_new = left <= 0 if cached else left == 0
    else:
        sees_new = answer.values == new
    if sees_new:
        return _with(view, sees="new")
    return _with(view, sees="old", clear_at=answer.at + timedelta(seconds=left) + ROUNDING if cached else None)


def twice(first: View, second: View, promised: datetime | None) -> View:
    """One resolver asked twice within a moment: the second answer, and what the two together give away."""
    if second.sees == "failing":
        return first
    if first.sees != "old" or second.sees != "new":
        return second
    moment = f"the new ones {(second.at - first.at).total_seconds():.1f} s later"
    if promised and first.at > promised:
        overdue = (first.at - promised).total_seconds()
        caught = f"it gave the old records {overdue:.1f} s past its own TTL, and {moment}"
        return _with(second, habit="stale", caught=caught, overdue=overdue)
    if (first.ttl or 0) >= 3:
        return _with(second, habit="stale", caught=f"it gave the old records with TTL {first.ttl}, and {moment}")
    return second


def remembered(view: View, earlier: View | None) -> View:
    """The view with since when the server sees what."""
    known = earlier.changes if earlier else ()
    changed = not known or known[-1][1] != view.sees
    return _with(view, changes=(*known, (view.at, view.sees)) if changed else known)


def held(
    view: View, earlier: View | None, served_since: datetime | None, before: RRset | None, after: RRset | None
) -> View:
    """The view of a resolver with its history: a promise made, kept or broken."""
    silent = 0 if view.answered or (earlier and earlier.answered) else (earlier.silent if earlier else 0) + 1
    view = _with(
        remembered(view, earlier),
        silent=silent,
        answered=view.answered or bool(earlier and earlier.answered),
        habit=view.habit or (earlier.habit if earlier else None),
        caught=view.caught or (earlier.caught if earlier else ""),
        overdue=view.overdue or (earlier.overdue if earlier else 0.0),
    )
    if served_since is None:
        # It may fetch the old set anew from an authority that lags: nothing can be promised.
        return _with(view, clear_at=None, look_at=view.at + AUTHORITY_AGAIN)
    view = _with(view, promised=earlier.promised if earlier else None, fetched=earlier.fetched if earlier else None)
    view = _habit_by_ttl(view, earlier, before, after)
    if view.sees == "new":
        return view
    if view.clear_at is None:  # failing, or mixed: what it promised when it last answered is still the best guess
        later = view.promised if view.promised and view.promised > view.at else None
        return _with(view, clear_at=later, look_at=view.at + _AGAIN)
    return _promise(view, served_since, before)


def last_honest(served_since: datetime | None, before: RRset | None) -> datetime | None:
    """When nobody honest still holds `before`: its TTL after the last authority served the new set."""
    return served_since + timedelta(seconds=before.ttl) + ROUNDING if served_since and before else None


def _promise(view: View, served_since: datetime, before: RRset | None) -> View:
    """The view of one that still has the old set."""
    claim, promised, bound = view.clear_at, view.promised, last_honest(served_since, before)
    assert claim is not None
    if promised is None:
        promised = claim
        if before and 0 < (view.ttl or 0) <= before.ttl:
            view = _with(view, fetched=view.at - timedelta(seconds=before.ttl - (view.ttl or 0)))
    elif bound and view.at <= promised:
        # Several caches behind one address may hold it for different times; but none honestly beyond the bound.
        promised = max(promised, min(claim, bound))
    view = _with(view, promised=promised)
    if view.at <= promised:
        return _with(view, clear_at=promised, look_at=promised)
    return _broken(view, promised, served_since, bound)


def _broken(view: View, promised: datetime, served_since: datetime, bound: datetime | None) -> View:
    """It still has the old set after its promise: another forecast, and another look before long."""
    first, overdue = view.overdue == 0, (view.at - promised).total_seconds()
    look_at = view.at + timedelta(seconds=min(max(overdue / 4, 1.0), 60.0))
    clear_at: datetime | None
    habit: Habit
    if view.ttl and first:  # stale most likely: asking has made it fetch
        habit, clear_at, look_at = "stale", view.at + _STALE_AGAIN, view.at + _STALE_AGAIN
    elif view.ttl and bound and view.at < bound:
        habit, clear_at, look_at = "understates", bound, min(look_at, bound)
    elif view.ttl and overdue <= 2 * view.ttl:
        habit, clear_at = "stale", view.clear_at
    else:
        habit, clear_at = "extends", _minimum_over(view.fetched or served_since, view.at)
    caught = f"it kept the old records {overdue:.0f} s past its own TTL"
    return _with(view, overdue=overdue, habit=habit, caught=caught, clear_at=clear_at, look_at=look_at)


def _habit_by_ttl(view: View, earlier: View | None, before: RRset | None, after: RRset | None) -> View:
    """A TTL that cannot be: above the zone's, or below it just after the set was fetched."""
    zone = {"old": before, "new": after}.get(view.sees)
    if zone is None or view.ttl is None or view.habit == "stale":
        return view
    only_ttl = same_values(before, after)
    most = max(before.ttl, zone.ttl) if before and only_ttl else zone.ttl
    if view.ttl > most:
        caught = f"it shows a TTL of {view.ttl} s where the zone says {most} s"
        return _with(view, habit="extends", caught=caught)
    if view.sees == "new" and earlier and earlier.sees == "old" and view.habit is None and not only_ttl:
        age = (view.at - earlier.at).total_seconds() + 2  # it was fetched since then
        if view.ttl < zone.ttl - age:
            caught = f"it shows a TTL of {view.ttl} s just after fetching; the zone says {zone.ttl} s"
            return _with(view, habit="clamps", caught=caught)
    return view


def _minimum_over(since: datetime, at: datetime) -> datetime | None:
    """When one who hides a usual minimum TTL is clear at the latest; it cached the set at `since`."""
    for minimum in _MINIMUM_TTLS:
        clear = since + timedelta(seconds=minimum) + ROUNDING
        if clear > at:
            return clear
    return None


def _with(view: View, **facts: object) -> View:
    return view.model_copy(update=facts)
