"""What became of each item, and why: the comparison of one mailbox's two sides.

Names whose items lie in the same places on both sides are settled inside the database. Only the others come into
memory, one name at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from mailmove.items.item import Item
from mailmove.items.reconcile.changes import Standing
from mailmove.items.reconcile.spool import SOURCE, TARGET, Spool, item_of

Verdict = Literal[
    "lost", "copy lost", "unnamed", "not shown", "moved", "deleted", "recoverable", "purged", "duplicate", "kept", "new"
]
MEANS: dict[Verdict, str] = {
    "lost": "the target does not hold it, and never did as far as was seen",
    "copy lost": "the old server holds more copies of it than the target",
    "unnamed": "it has nothing that names it, so that nothing can prove where it is",
    "not shown": "Graph shows no items of this kind; look for it in Outlook",
    "moved": "its user keeps it in another folder now",
    "deleted": "its user has deleted it: it lies in the target's Deleted Items",
    "recoverable": "its user has emptied it from Deleted Items; it can still be recovered",
    "purged": "it was at the target and is gone from there: deleted since",
    "duplicate": "the target holds more copies of it than the old server",
    "kept": "deleted at the old server since it was copied; the target keeps it",
    "new": "it never was at the old server",
}
LOST: tuple[Verdict, ...] = ("lost", "copy lost", "unnamed")
"""What is not accounted for."""


@dataclass(frozen=True)
class Held:
    """One item of one side. place, standing: of its folder."""

    item: Item
    place: str
    standing: Standing = "live"


@dataclass(frozen=True)
class Difference:
    """An item with its verdict. item: of the source, or, where only the target has it, of the target."""

    verdict: Verdict
    item: Item
    reason: str

    @property
    def lost(self) -> bool:
        return self.verdict in LOST


def differences(spool: Spool) -> Iterator[Difference]:
    """Every item that is not where it was, or is too many; new mail is not listed but counted (`counts`)."""
    for path, *columns in spool.rows(
        "SELECT path, kind, item.id, named, by_message_id, subject, received, size FROM item JOIN folder ON "
        "folder = number WHERE name IS NULL AND side = ? ORDER BY item.rowid",
        (SOURCE,),
    ):
        item = item_of(path, tuple(columns))
        verdict: Verdict = "unnamed" if item.kind in ("message", "event", "contact") else "not shown"
        yield Difference(verdict, item, MEANS[verdict])
    for sources, targets, was_there, was_source in _unequal(spool):
        yield from judge(sources, targets, was_there, was_source)


def counts(spool: Spool) -> tuple[int, int]:
    """(items of the source, items of the target that people see)."""
    sql = "SELECT count(*) FROM item WHERE folder IN (SELECT number FROM folder WHERE side = ? AND standing = 'live')"
    (source,), (target,) = (
        next(spool.rows(sql.replace(" AND standing = 'live'", ""), (SOURCE,))),
        next(spool.rows(sql, (TARGET,))),
    )
    return int(source), int(target)


def judge(
    sources: Sequence[Held], targets: Sequence[Held], was_there: Sequence[tuple[Item, datetime]], was_source: int
) -> Iterator[Difference]:
    """All items of one name. was_there: those that the target held once; was_source: how many left the source.

    An item is looked for in its own folder first, then in others, then among what its user has thrown away.
    """
    by_place: dict[str, list[Held]] = {}
    for one in targets:
        by_place.setdefault(one.place, []).append(one)
    left = []
    for one in sources:
        there = by_place.get(one.place)
        if there:
            there.pop(0)
        else:
            left.append(one)
    rest = [one for there in by_place.values() for one in there]
    live = [one for one in rest if one.standing == "live"]
    thrown = sorted((one for one in rest if one.standing != "live"), key=lambda one: one.standing)
    once = list(was_there)
    for one in left:
        if live:
            yield Difference("moved", one.item, f"{MEANS['moved']}: {live.pop(0).item.folder}")
        elif thrown:
            verdict: Verdict = "deleted" if thrown.pop(0).standing == "deleted" else "recoverable"
            yield Difference(verdict, one.item, MEANS[verdict])
        elif once:
            item, at = once.pop(0)
            seen = f"; it lay in {item.folder} until about {at:%Y-%m-%d %H:%M} UTC"
            yield Difference("purged", one.item, MEANS["purged"] + seen)
        else:
            short: Verdict = "copy lost" if len(sources) > len(left) or targets else "lost"
            yield Difference(short, one.item, MEANS[short])
    yield from _too_many(live, bool(sources), was_source)


def _too_many(live: Iterable[Held], at_source: bool, was_source: int) -> Iterator[Difference]:
    for number, one in enumerate(live):
        if number < was_source:
            yield Difference("kept", one.item, MEANS["kept"])
        elif at_source or number:
            yield Difference("duplicate", one.item, MEANS["duplicate"])
        else:
            yield Difference("new", one.item, MEANS["new"])


_Group = tuple[list[Held], list[Held], list[tuple[Item, datetime]], int]


def _unequal(spool: Spool) -> Iterator[_Group]:
    """Names whose items do not balance, each with all its items, and what is remembered of it."""
    spool.run("DROP TABLE IF EXISTS temp.unequal")
    spool.run(
        "CREATE TEMP TABLE unequal AS SELECT name FROM item WHERE name IS NOT NULL "
        "GROUP BY name HAVING sum(weight) <> 0"
    )
    spool.run("CREATE UNIQUE INDEX temp.unequal_name ON unequal (name)")
    name, sources, targets = None, list[Held](), list[Held]()
    for row in spool.rows(
        "SELECT item.name, side, place, standing, path, kind, item.id, named, by_message_id, subject, received, size "
        "FROM item JOIN folder ON folder = number WHERE item.name IN temp.unequal ORDER BY item.name, item.rowid"
    ):
        if name is not None and row[0] != name:
            yield _with_past(spool, name, sources, targets)
            sources, targets = [], []
        name = row[0]
        held = Held(item_of(row[4], row[5:]), row[2], row[3])
        (sources if row[1] == SOURCE else targets).append(held)
    if name is not None:
        yield _with_past(spool, name, sources, targets)
    spool.run("DROP TABLE temp.unequal")


def _with_past(spool: Spool, name: bytes, sources: list[Held], targets: list[Held]) -> _Group:
    was_there: list[tuple[Item, datetime]] = []
    was_source = 0
    together: Counter[tuple[str, int]] = Counter()
    past: Iterator[tuple[Any, ...]] = spool.rows(
        "SELECT side, at, path, kind, id, named, by_message_id, subject, received, size FROM gone WHERE name = ?",
        (name,),
    )
    for side, at, path, *columns in past:
        if side == SOURCE:
            was_source += 1
        else:
            together[path, at] += 1
            was_there.append((item_of(path, tuple(columns)), datetime.fromtimestamp(at, UTC)))
    # An item that is moved goes from one folder and comes in another. So while copies are there, what has gone proves
    # nothing; and without any, only what has gone from one folder in one look was surely more than one.
    surely = max(together.values(), default=0) if not targets else 0
    return sources, targets, was_there[len(was_there) - surely :], max(0, was_source - len(sources))


def tally(found: Iterable[Difference]) -> Counter[Verdict]:
    return Counter(one.verdict for one in found)
