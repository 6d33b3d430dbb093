"""Which record set one server serves, when its old set should expire, and which habits of caching it shows.

A resolver's answer carries the *remaining* TTL of what it cached: a promise of when the old set will be gone. The
next answer tests it. Habits observed on the Internet, and in unbound, BIND, Knot and PowerDNS themselves:
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
from mailmove.dns.client.answer import Answer, address_of
from mailmove.records import RRset

RecordState = Literal["new", "old", "mixed", "failing"]
"""Set that a server serves: the one after the change, the one before, another, or none because it fails."""
Habit = Literal["extends", "stale", "understates", "clamps"]

ROUNDING = timedelta(seconds=1)
"""Time by which a shown TTL may be too low: 0 may be 0.9 s in truth."""

AUTHORITY_INTERVAL = timedelta(seconds=2)
"""Time between two polls while an authority does not serve the new set."""
_INTERVAL = timedelta(seconds=5)  # between two polls of what fails, or is neither old nor new
_STALE_INTERVAL = timedelta(seconds=1)
_MINIMUM_TTLS = (30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400)
"""Seconds of usual minimum TTLs: a resolver that hides its minimum may hold the old set for as long."""
_SILENCE = 3  # polls without any answer until a resolver counts as out of reach from here

_HABITS: dict[Habit, str] = {
    "extends": "it holds answers longer than their TTL",
    "stale": "it serves stale answers, or is several caches",
    "understates": "it hands out a lower TTL than it keeps",
    "clamps": "it cuts TTLs down",
}


class ServerView(BaseModel):
    """What one server serves, and what it has promised."""

    model_config = ConfigDict(frozen=True)

    server: str = Field(description="ip:port")
    sees: RecordState
    values: tuple[str, ...] = ()
    ttl: int | None = Field(default=None, description="Remaining, seconds")
    at: datetime
    clear_at: datetime | None = Field(default=None, description="Forecast: the old set is gone. None: cannot be known")
    poll_at: datetime | None = Field(default=None, description="When to ask this server again; None: no need")
    promised: datetime | None = Field(default=None, description="Its first promise that counts")
    overdue: float = Field(default=0.0, description="Seconds past its promise that it was last seen with the old set")
    fetched: datetime | None = Field(default=None, description="When it cached the old set, if its TTL can be believed")
    habit: Habit | None = Field(default=None, description="Habit of caching that its answers showed")
    caught: str = Field(default="", description="The answers that showed the habit, in words")
    silent: int = Field(default=0, description="Polls in a row without an answer, if it never gave one; else 0")
    answered: bool = Field(default=False, description="Has it ever answered?")
    changes: tuple[tuple[datetime, RecordState], ...] = Field(
        default=(), description="Since when it serves what, oldest first"
    )
    error: str | None = None

    @property
    def address(self) -> str:
        """The IP address of the server."""
        return address_of(self.server)

    @property
    def extends(self) -> bool:
        """Did it serve the old set longer than its own TTL, or the zone's, allows?"""
        return self.overdue > 0 or self.habit == "extends"

    @property
    def out_of_reach(self) -> bool:
        """Did it never answer, time after time? Then the network on the way is at fault, not its cache."""
        return self.silent >= _SILENCE

    def __str__(self) -> str:
        text = {
            "new": "has the new records",
            "old": f"has the old records, TTL {self.ttl}",
            "mixed": f"has neither the old nor the new set: {', '.join(self.values) or 'nothing'}",
            "failing": f"fails: {self.error}",
        }[self.sees]
        if self.sees == "old" and self.clear_at:
            text += f", clear at {self.clear_at:%H:%M:%S} UTC"
        if self.out_of_reach:
            text += " (it has never answered from here and is left out)"
        if self.habit:
            text += f" ({_HABITS[self.habit]}: {self.caught})"
        return f"{self.server} {text}"


def view_of(answer: Answer, before: RRset | None, after: RRset | None, *, cached: bool) -> ServerView:
    """The view that one answer gives, without history. cached: its TTL is what is left, not what the zone says."""
    old, new = (canonical(rrset).values if rrset else () for rrset in (before, after))
    view = ServerView(
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
        return _with(second, habit="stale", caught=caught, overdue=overdue)
    if (first.ttl or 0) >= 3:
        return _with(second, habit="stale", caught=f"it gave the old records with TTL {first.ttl}, and {moment}")
    return second


def with_changes(view: ServerView, earlier: ServerView | None) -> ServerView:
    """The view with its `changes`: since when the server serves what."""
    known = earlier.changes if earlier else ()
    changed = not known or known[-1][1] != view.sees
    return _with(view, changes=(*known, (view.at, view.sees)) if changed else known)


def authority_view(view: ServerView, earlier: ServerView | None) -> ServerView:
    """The view of an authoritative server with its history. Only an answer for the zone counts as one: REFUSED does
    not, nor one without authority.
    """
    answered = view.sees != "failing" or bool(earlier and earlier.answered)
    silent = 0 if answered else (earlier.silent if earlier else 0) + 1
    return _with(with_changes(view, earlier), answered=answered, silent=silent)


def known_to_answer(view: ServerView) -> ServerView:
    """The view of a server that answered before anybody asked here: it is waited for, however long it is silent."""
    return _with(view, answered=True, silent=0)


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
    silent = 0 if view.answered or (earlier and earlier.answered) else (earlier.silent if earlier else 0) + 1
    view = _with(
        with_changes(view, earlier),
        silent=silent,
        answered=view.answered or bool(earlier and earlier.answered),
        habit=view.habit or (earlier.habit if earlier else None),
        caught=view.caught or (earlier.caught if earlier else ""),
        overdue=view.overdue or (earlier.overdue if earlier else 0.0),
    )
    if served_since is None:
        # It may fetch the old set anew from an authority that lags: nothing can be promised.
        return _with(view, clear_at=None, poll_at=view.at + AUTHORITY_INTERVAL)
    view = _with(view, promised=earlier.promised if earlier else None, fetched=earlier.fetched if earlier else None)
    view = _habit_by_ttl(view, earlier, before, after)
    if view.sees == "new":
        return view
    if view.clear_at is None:  # failing, or mixed: its last promise is still the best guess
        later = view.promised if view.promised and view.promised > view.at else None
        return _with(view, clear_at=later, poll_at=view.at + _INTERVAL)
    return _promise(view, served_since, before)


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
            view = _with(view, fetched=view.at - timedelta(seconds=before.ttl - (view.ttl or 0)))
    elif bound and view.at <= promised:
        # Several caches behind one address may hold it for different times; none beyond the bound, if it keeps to TTLs.
        promised = max(promised, min(claim, bound))
    view = _with(view, promised=promised)
    if view.at <= promised:
        return _with(view, clear_at=promised, poll_at=promised)
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
    return _with(view, overdue=overdue, habit=habit, caught=caught, clear_at=clear_at, poll_at=poll_at)


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
        return _with(view, habit="extends", caught=caught)
    if view.sees == "new" and earlier and earlier.sees == "old" and view.habit is None and not only_ttl:
        age = (view.at - earlier.at).total_seconds() + 2  # it was fetched since then
        if view.ttl < zone.ttl - age:
            caught = f"it shows a TTL of {view.ttl} s just after fetching; the zone says {zone.ttl} s"
            return _with(view, habit="clamps", caught=caught)
    return view


def _minimum_over(since: datetime, at: datetime) -> datetime | None:
    """When a resolver that hides a usual minimum TTL drops the set that it cached at `since`; None: unknown."""
    for minimum in _MINIMUM_TTLS:
        clear = since + timedelta(seconds=minimum) + ROUNDING
        if clear > at:
            return clear
    return None


def _with(view: ServerView, **update: object) -> ServerView:
    return view.model_copy(update=update)
