"""What every DNS provider owes us when it applies changes: look first, act on the difference, read back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mailmove.dns.canonical import same, same_values
from mailmove.errors import Blocked, Drifted, NotYet, TtlRaised
from mailmove.records import RRset, RRsetChange, Zone


def outstanding(who: str, zone: Zone, changes: Sequence[RRsetChange]) -> list[RRsetChange]:
    """The changes not made yet. Drifted: a set is neither at its `before` nor at its `after`; TTLs count."""
    todo = []
    for change in changes:
        now = zone.get(change.key)
        if same(now, change.after):
            continue
        if not same(now, change.before):
            raise Drifted(
                who,
                wanted=f"{_say(change.before)} to be what stands there before the change",
                seen=_say(now),
                todo="Nothing was changed. Look again: someone else edits this zone.",
            )
        todo.append(change)
    return todo


def apply_changes(
    who: str,
    changes: Sequence[RRsetChange],
    *,
    read: Callable[[], Zone],
    write: Callable[[list[RRsetChange]], None],
) -> None:
    """Bring the zone to every `after`.

    `write` makes the changes it is given, all or none where the wire allows, on condition that the sets stand at
    `before`. Drifted: they do not. TtlRaised: the provider raises the TTL; what was there has been put back.
    NotYet: the provider does not show the change yet.
    """
    todo = outstanding(who, read(), changes)
    if not todo:
        return
    try:
        write(todo)
    except Drifted:
        # Between the look and the act the world moved. If it moved to where we want it (our own request whose
        # answer was lost, say), all is well; `outstanding` raises a better Drifted where it did not.
        if outstanding(who, read(), changes):
            raise
    _read_back(who, todo, read(), write)


def _read_back(who: str, done: Sequence[RRsetChange], zone: Zone, write: Callable[[list[RRsetChange]], None]) -> None:
    """Providers say "done" to what they did not do. Some raise low TTLs and say nothing."""
    moved = []
    for change in done:
        now = zone.get(change.key)
        if not same_values(now, change.after):
            raise NotYet(who, wanted=_say(change.after), seen=_say(now), todo="Read it back again.")
        if now and change.after and now.ttl != change.after.ttl:
            moved.append((change.after, now))
    if not moved:
        return
    standing = {now.key: now for _, now in moved}
    write([RRsetChange(before=standing.get(change.key, change.after), after=change.before) for change in done])
    asked, now = max(moved, key=lambda pair: pair[1].ttl)
    wanted = f"TTL {asked.ttl} on {asked.type} {asked.name}"
    seen = f"the provider made it {now.ttl}; what was there has been put back"
    if now.ttl < asked.ttl:
        raise Blocked(who, wanted=wanted, seen=seen, todo=f"Ask for a TTL of at most {now.ttl}.")
    todo = f"Ask for a TTL of {now.ttl} (low_ttl and low_ttl_limit in the plan), or lift the provider's limit."
    raise TtlRaised(who, wanted=wanted, seen=seen, todo=todo, floor=now.ttl)


def _say(rrset: RRset | None) -> str:
    return str(rrset) if rrset else "no such record set"
