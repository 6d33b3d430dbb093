"""Apply changes at any DNS provider: read the zone, write the difference, read back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mailmove.dns.canonical import same, same_values
from mailmove.dns.server_made import is_server_made
from mailmove.errors import Blocked, Drifted, NotYet, TtlRaised
from mailmove.records import RRset, RRsetChange, Zone


def outstanding(who: str, zone: Zone, changes: Sequence[RRsetChange]) -> list[RRsetChange]:
    """The changes not made yet. Drifted: a set is neither at its `before` nor at its `after`; TTLs count.

    What a server makes by itself is never to be changed (`mailmove.dns.server_made`).
    """
    todo = []
    for change in changes:
        if is_server_made(change.key[1]):
            continue
        now = zone.get(change.key)
        if same(now, change.after):
            continue
        if not same(now, change.before):
            raise Drifted(
                who,
                wanted=f"{_text(change.before)} to be what stands there before the change",
                seen=_text(now),
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
        # The zone changed between the read and the write. If it changed to what we want (our own request whose
        # answer was lost, say), all is well; `outstanding` raises a better Drifted if it did not.
        if outstanding(who, read(), changes):
            raise
    _read_back(who, todo, read(), write)


def _read_back(who: str, done: Sequence[RRsetChange], zone: Zone, write: Callable[[list[RRsetChange]], None]) -> None:
    """Compare what the provider shows with what was written: some report success and change nothing, or raise TTLs."""
    wrong_ttls = []
    for change in done:
        now = zone.get(change.key)
        if not same_values(now, change.after):
            raise NotYet(who, wanted=_text(change.after), seen=_text(now), todo="Read it back again.")
        if now and change.after and now.ttl != change.after.ttl:
            wrong_ttls.append((change.after, now))
    if not wrong_ttls:
        return
    standing = {now.key: now for _, now in wrong_ttls}
    tried = [RRsetChange(before=standing.get(change.key, change.after), after=change.before) for change in done]
    # Where the provider has left a set as it was, or somebody has put it back, there is nothing to write.
    if put_back := [change for change in tried if not same(change.before, change.after)]:
        write(put_back)
    asked, now = max(wrong_ttls, key=lambda pair: pair[1].ttl)
    wanted = f"TTL {asked.ttl} on {asked.type} {asked.name}"
    difference = f"the provider made it {now.ttl}; what was there has been put back"
    if now.ttl < asked.ttl:
        raise Blocked(who, wanted=wanted, seen=difference, todo=f"Ask for a TTL of at most {now.ttl}.")
    todo = f"Ask for a TTL of {now.ttl} (low_ttl and low_ttl_limit in the plan), or lift the provider's limit."
    raise TtlRaised(who, wanted=wanted, seen=difference, todo=todo, floor=now.ttl)


def _text(rrset: RRset | None) -> str:
    return str(rrset) if rrset else "no such record set"
