"""Which record set one server serves, by its last answers, and what it has shown of itself so far."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mailmove.dns.canonical import canonical
from mailmove.dns.client.answer import Answer, address_of
from mailmove.dns.client.extended_errors import BROKEN_CHAIN, FORGED, name_of
from mailmove.records import RRset

RecordState = Literal["new", "old", "mixed", "failing"]
"""Set that a server serves: the one after the change, the one before, neither for certain, or none because it fails."""
Habit = Literal["extends", "stale", "understates", "clamps"]

ROUNDING = timedelta(seconds=1)
"""Time by which a shown TTL may be too low: 0 may be 0.9 s in truth."""

AUTHORITY_INTERVAL = timedelta(seconds=2)
"""Time between two polls while an authority does not serve the new set."""
_LOOKS = 3
"""Looks in a row that told nothing of the zone, until a server is left out."""

_HABITS: dict[Habit, str] = {
    "extends": "it holds answers longer than the zone's TTL",
    "stale": "it serves stale answers, or is several caches",
    "understates": "it hands out a lower TTL than it keeps",
    "clamps": "it cuts TTLs down",
}


class ServerView(BaseModel):
    """What one server serves, and what it has promised."""

    model_config = ConfigDict(frozen=True)

    server: str = Field(description="ip:port")
    sees: RecordState
    last: RecordState | None = Field(default=None, description="The same by the last answer that told, taken alone")
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
    silent: int = Field(default=0, description="Looks in a row that told nothing of the zone")
    answered: bool = Field(default=False, description="Has it ever answered, whatever it said?")
    told: bool = Field(default=False, description="Has it ever told of the zone: a set, or broken DNSSEC?")
    changes: tuple[tuple[datetime, RecordState], ...] = Field(
        default=(), description="Since when it serves what, oldest first"
    )
    error: str | None = None
    fresh: int = Field(default=0, description="Answers in a row with the new set")
    several: bool = Field(default=False, description="Did its answers show more than one cache?")
    flips: int = Field(default=0, description="Times that it gave the old set after the new one")
    copy_expires: datetime | None = Field(default=None, description="When the copy that it last gave expires")
    held_until: datetime | None = Field(
        default=None, description="Until when it may hold the old set, by the TTLs that it showed"
    )

    @property
    def address(self) -> str:
        """The IP address of the server."""
        return address_of(self.server)

    @property
    def extends(self) -> bool:
        """Did it serve the old set longer than its own TTL, or the zone's, allows?"""
        return self.overdue > 0 or self.habit == "extends"

    @property
    def left_out(self) -> bool:
        """Does it tell nothing of the zone, look after look, and can nobody who keeps to TTLs hold the old set there?

        Then it says nothing about propagation, and is neither late nor waited for.
        """
        return self.silent >= _LOOKS and (self.held_until is None or self.at > self.held_until)

    @property
    def tells(self) -> str:
        """What it tells instead of the old or the new set, in a few words."""
        if self.sees == "failing":
            return self.error or "no answer"
        return f"answers {', '.join(self.values[:2])}" if self.values else "says that there is no such record"

    def __str__(self) -> str:
        text = {
            "new": "has the new records",
            "old": f"has the old records, TTL {self.ttl}",
            "mixed": self._mixed(),
            "failing": f"fails: {self.error}",
        }[self.sees]
        if self.sees in ("old", "mixed") and self.clear_at:
            text += f", clear at {self.clear_at:%H:%M:%S} UTC"
        if self.left_out:
            text += f" ({self._why_left_out()})"
        if self.habit:
            text += f" ({_HABITS[self.habit]}: {self.caught})"
        return f"{self.server} {text}"

    def _mixed(self) -> str:
        if self.silent or self.last is None:
            return f"has neither the old nor the new set: {', '.join(self.values) or 'nothing'}"
        if self.flips:
            return f"is several caches: it had the old records again after the new ones, the last answer is {self.last}"
        if self.several:
            return "is several caches: it has the new records, and another one may still have the old ones"
        return f"has the new records in {self.fresh} answers in a row; more are asked for, it may be several caches"

    def _why_left_out(self) -> str:
        if self.told:
            return "it told of the zone before; nobody who keeps to TTLs can hold the old records by now: left out"
        return (
            "it tells nothing of the zone and is left out"
            if self.answered
            else ("it has never answered from here and is left out")
        )


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
    if error := _error_of(answer, cached=cached):
        broken = cached and any(code in BROKEN_CHAIN for code in answer.explained)
        return changed(view, sees="failing", error=error, told=broken)
    if answer.values not in (old, new):
        return view
    view = changed(view, told=True, copy_expires=answer.at + timedelta(seconds=left) if cached else None)
    if old == new:  # only the TTL changes
        left -= after.ttl if after else 0
        sees_new = left <= 0 if cached else left == 0
    else:
        sees_new = answer.values == new
    if sees_new:
        return changed(view, sees="new", last="new")
    clear_at = answer.at + timedelta(seconds=left) + ROUNDING if cached else None
    return changed(view, sees="old", last="old", clear_at=clear_at, held_until=clear_at)


def _error_of(answer: Answer, *, cached: bool) -> str | None:
    """What is wrong with the answer, None: nothing. A resolver that says itself that it made it up has not answered."""
    forged = [code for code in answer.explained if cached and code in FORGED]
    named = [f"EDE {code} {name_of(code)}" for code in forged or answer.explained]
    if answer.error:
        return f"{answer.error} ({', '.join(named)})" if named else answer.error
    return ", ".join(named) if forged else None


def with_changes(view: ServerView, earlier: ServerView | None) -> ServerView:
    """The view with its `changes`: since when the server serves what."""
    known = earlier.changes if earlier else ()
    other = not known or known[-1][1] != view.sees
    return changed(view, changes=(*known, (view.at, view.sees)) if other else known)


def authority_view(view: ServerView, earlier: ServerView | None) -> ServerView:
    """The view of an authoritative server with its history. Only an answer for the zone counts as one: REFUSED does
    not, nor one without authority.
    """
    answered = view.sees != "failing" or bool(earlier and earlier.answered)
    silent = 0 if answered else (earlier.silent if earlier else 0) + 1
    return changed(with_changes(view, earlier), answered=answered, silent=silent, held_until=None)


def known_to_answer(view: ServerView) -> ServerView:
    """The view of a server that answered before anybody asked here: it is waited for, however long it is silent."""
    return changed(view, answered=True, silent=0)


def changed(view: ServerView, **update: object) -> ServerView:
    """The view with other values of these fields."""
    return view.model_copy(update=update)
