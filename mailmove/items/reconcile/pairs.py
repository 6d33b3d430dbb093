"""A sample of items that both sides hold: for a comparison of what is in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import TypeVar

from mailmove.items.item import Item
from mailmove.items.reconcile.spool import Spool, item_of

Pair = tuple[Item, Item]
"""Of the source, and of the target."""
T = TypeVar("T")

_PAIRS = """
SELECT mine.kind, mine.rowid, other.rowid FROM item mine JOIN item other ON mine.name = other.name
    WHERE mine.weight > 0 AND other.weight < 0 AND mine.name IN (
        SELECT name FROM item WHERE name IS NOT NULL GROUP BY name HAVING count(*) = 2 AND sum(holds) = 0)
    ORDER BY mine.rowid
"""
"""Of names that each side holds once: there is no doubt which item is which."""
_ITEM = (
    "SELECT path, kind, item.id, named, by_message_id, subject, received, sent, size FROM item JOIN folder "
    "ON folder = number WHERE item.rowid = ?"
)


def sample_of(spool: Spool, most: int, luck: Random) -> dict[str, list[Pair]]:
    """Kind -> at most so many pairs of it, in the order of chance."""
    kept: dict[str, list[tuple[int, int]]] = {}
    seen: dict[str, int] = {}
    for kind, mine, other in spool.rows(_PAIRS):
        some = kept.setdefault(kind, [])
        seen[kind] = seen.get(kind, 0) + 1
        if len(some) < most:
            some.append((mine, other))
        elif (place := luck.randrange(seen[kind])) < most:  # reservoir sampling: each has the same chance
            some[place] = mine, other
    for some in kept.values():
        luck.shuffle(some)
    return {kind: [(_item(spool, mine), _item(spool, other)) for mine, other in some] for kind, some in kept.items()}


def _item(spool: Spool, row: int) -> Item:
    [(path, *columns)] = spool.rows(_ITEM, (row,))
    return item_of(path, tuple(columns))


def in_turn(groups: Sequence[Sequence[T]], most: int) -> list[T]:
    """One of each group, then a second of each, so that small groups are seen too; at most so many in all."""
    return [one for _, one in zip(range(most), _round_robin(groups), strict=False)]


def _round_robin(groups: Sequence[Sequence[T]]) -> Iterator[T]:
    for place in range(max(map(len, groups), default=0)):
        yield from (group[place] for group in groups if place < len(group))
