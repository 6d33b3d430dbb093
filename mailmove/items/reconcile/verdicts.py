"""Reconcile the two sides of one mailbox: a verdict for each item, with the reason.

Names whose items lie in the same places on both sides are compared inside the database. Only the others are read into
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
"""Verdicts of items that are not accounted for."""


@dataclass(frozen=True)
class ItemCopy:
    """A copy of an item, on one side. place, standing: of its folder."""

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
    """Every item that is not where it was, or is one too many, and the target's new mail."""
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
    sources: Sequence[ItemCopy],
    targets: Sequence[ItemCopy],
    was_there: Sequence[tuple[Item, datetime]],
    was_source: int,
) -> Iterator[Difference]:
    """Verdicts for all copies of one name. was_there: copies that the target held earlier; was_source: count of copies
    that left the source.

    A copy at the target is matched in the same folder first, then in others, then among what its user has deleted.
    """
    by_place: dict[str, list[ItemCopy]] = {}
    for copy in targets:
        by_place.setdefault(copy.place, []).append(copy)
    left = []
    for copy in sources:
        same_place = by_place.get(copy.place)
        if same_place:
            same_place.pop(0)
        else:
            left.append(copy)
    rest = [copy for same_place in by_place.values() for copy in same_place]
    live = [copy for copy in rest if copy.standing == "live"]
    thrown = sorted((copy for copy in rest if copy.standing != "live"), key=lambda copy: copy.standing)
    once = list(was_there)
    for copy in left:
        if live:
            yield Difference("moved", copy.item, f"{MEANS['moved']}: {live.pop(0).item.folder}")
        elif thrown:
            verdict: Verdict = "deleted" if thrown.pop(0).standing == "deleted" else "recoverable"
            yield Difference(verdict, copy.item, MEANS[verdict])
        elif once:
            item, at = once.pop(0)
            last_place = f"; it lay in {item.folder} until about {at:%Y-%m-%d %H:%M} UTC"
            yield Difference("purged", copy.item, MEANS["purged"] + last_place)
        else:
            short: Verdict = "copy lost" if len(sources) > len(left) or targets else "lost"
            yield Difference(short, copy.item, MEANS[short])
    yield from _too_many(live, bool(sources), was_source)


def _too_many(live: Iterable[ItemCopy], at_source: bool, was_source: int) -> Iterator[Difference]:
    for number, copy in enumerate(live):
        if number < was_source:
            yield Difference("kept", copy.item, MEANS["kept"])
        elif at_source or number:
            yield Difference("duplicate", copy.item, MEANS["duplicate"])
        else:
            yield Difference("new", copy.item, MEANS["new"])


_Group = tuple[list[ItemCopy], list[ItemCopy], list[tuple[Item, datetime]], int]


def _unequal(spool: Spool) -> Iterator[_Group]:
    """Names whose items differ between the sides, each with all its copies and its history."""
    spool.run("DROP TABLE IF EXISTS temp.unequal")
    spool.run(
        "CREATE TEMP TABLE unequal AS SELECT name FROM item WHERE name IS NOT NULL "
        "GROUP BY name HAVING sum(weight) <> 0"
    )
    spool.run("CREATE UNIQUE INDEX temp.unequal_name ON unequal (name)")
    name, sources, targets = None, list[ItemCopy](), list[ItemCopy]()
    for row in spool.rows(
        "SELECT item.name, side, place, standing, path, kind, item.id, named, by_message_id, subject, received, size "
        "FROM item JOIN folder ON folder = number WHERE item.name IN temp.unequal ORDER BY item.name, item.rowid"
    ):
        if name is not None and row[0] != name:
            yield _with_past(spool, name, sources, targets)
            sources, targets = [], []
        name = row[0]
        copy = ItemCopy(item_of(row[4], row[5:]), row[2], row[3])
        (sources if row[1] == SOURCE else targets).append(copy)
    if name is not None:
        yield _with_past(spool, name, sources, targets)
    spool.run("DROP TABLE temp.unequal")


def _with_past(spool: Spool, name: bytes, sources: list[ItemCopy], targets: list[ItemCopy]) -> _Group:
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
    # nothing; and without any, only what has gone from one folder in one update was surely more than one.
    surely = max(together.values(), default=0) if not targets else 0
    return sources, targets, was_there[len(was_there) - surely :], max(0, was_source - len(sources))
