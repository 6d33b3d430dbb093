"""Reconcile the two sides of one mailbox: a verdict for each item, with the reason.

Names whose items hold the same and lie in the same places on both sides are compared inside the database. Only the
others are read into memory, one name at a time. Two messages of one name are told apart by what they hold
(`mailmove.items.identity`), so that the one that is missing is the one that is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from mailmove.items.folder_path import shown
from mailmove.items.identity import Holds, Pairing, holds, mark_of_id, marked_message_id, may_be_same
from mailmove.items.item import Item
from mailmove.items.reconcile.changes import Standing, Unread
from mailmove.items.reconcile.spool import SOURCE, TARGET, Spool, digest, item_of

Verdict = Literal[
    "lost",
    "copy lost",
    "unnamed",
    "not compared",
    "unproved",
    "not given",
    "not shown",
    "moved",
    "deleted",
    "recoverable",
    "purged",
    "duplicate",
    "kept",
    "new",
]
MEANS: dict[Verdict, str] = {
    "lost": "the target does not hold it, and never did as far as was seen",
    "copy lost": "the old server holds more copies of it than the target",
    "unnamed": "it has nothing that names it, so that nothing can prove where it is",
    "not compared": "the target's folder for it could not be read whole, so that nothing shows whether it is there",
    "unproved": "the target does not give out all of its folder, and cannot be asked for it by its name",
    "not given": "the target has one of its name, and does not give it out",
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


AskByName = Callable[[Item], int | None]
"""Count of items that the target has of this name, in all folders, given out or not; None: it cannot be asked."""


def differences(
    spool: Spool, unread: Collection[Unread] = (), ask_by_name: AskByName = lambda _: None
) -> Iterator[Difference]:
    """Every item that is not where it was, or is one too many, and the target's new mail.

    unread: folders and items of this mailbox that could not be read. Of what the old server has in an unread folder of
    the target nothing is said to be lost. Where the target keeps back single items, it is asked for what may be one of
    them by itself: an item that cannot be read is no proof of another.
    """
    closed = {part.place for part in unread if part.side == "target" and part.kind == "folder"}
    hidden = Counter(part.place for part in unread if part.side == "target" and part.kind == "item")
    waiting: dict[str, list[tuple[Difference, int]]] = {}
    for path, *columns in spool.rows(
        "SELECT path, kind, item.id, named, by_message_id, subject, received, sent, size FROM item JOIN folder "
        "ON folder = number WHERE name IS NULL AND side = ? ORDER BY item.rowid",
        (SOURCE,),
    ):
        item = item_of(path, tuple(columns))
        verdict: Verdict = "unnamed" if item.kind in ("message", "event", "contact") else "not shown"
        yield Difference(verdict, item, MEANS[verdict])
    for sources, targets, was_there, was_source in _unequal(spool):
        places = {copy.item.id: copy.place for copy in sources} if closed or hidden else {}
        for difference in judge(sources, targets, was_there, was_source):
            place = places.get(difference.item.id, "") if difference.lost else ""
            if place in closed:
                yield _as("not compared", difference)
            elif place in hidden:
                shown_of_name = sum(copy.standing != "recoverable" for copy in targets)
                waiting.setdefault(place, []).append((difference, shown_of_name))
            else:
                yield difference
    for place, lost in waiting.items():
        yield from _asked(lost, hidden[place], ask_by_name)


def _asked(lost: Iterable[tuple[Difference, int]], hidden: int, ask_by_name: AskByName) -> Iterator[Difference]:
    """Verdicts of what may be among the items of one folder that are not given out. lost: each with the count of items
    of its name that are shown. hidden: how many are not."""
    unnamed: list[Difference] = []
    for difference, shown_of_name in lost:
        there = ask_by_name(difference.item) if hidden else 0
        if there is None:
            unnamed.append(difference)
        elif there > shown_of_name:
            hidden -= 1
            yield _as("not given", difference)
        else:
            yield difference
    # As many as cannot be read there may be those; where more are missing, none is given up for that.
    yield from (_as("unproved", one) for one in unnamed) if len(unnamed) <= hidden else unnamed


def _as(verdict: Verdict, difference: Difference) -> Difference:
    return Difference(verdict, difference.item, MEANS[verdict])


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

    What holds the same is matched first, in the same folder, then in others, then among what its user has deleted.
    """
    order: dict[Standing, int] = {"live": 0, "deleted": 1, "recoverable": 2}
    ranked = sorted(targets, key=lambda copy: order[copy.standing])
    pairing = Pairing([(copy.item, copy.place) for copy in sources], [(copy.item, copy.place) for copy in ranked])
    partners = dict(pairing.pairs)
    once = list(was_there)
    for index, copy in enumerate(sources):
        partner = ranked[partners[index]] if index in partners else None
        if partner is not None:
            if partner.place == copy.place:
                continue
            if partner.standing == "live":
                yield Difference("moved", copy.item, f"{MEANS['moved']}: {shown(partner.item.folder)}")
            else:
                yield Difference(partner.standing, copy.item, MEANS[partner.standing])
            continue
        gone = next((number for number, (item, _) in enumerate(once) if may_be_same(copy.item, holds(item))), None)
        if gone is not None:
            item, at = once.pop(gone)
            last_place = f"; it lay in {shown(item.folder)} until about {at:%Y-%m-%d %H:%M} UTC"
            yield Difference("purged", copy.item, MEANS["purged"] + last_place)
        else:
            others = [source for number, source in enumerate(sources) if number in partners]
            known = {holds(other.item) for other in (*others, *targets)}
            short: Verdict = "copy lost" if holds(copy.item) in known else "lost"
            yield Difference(short, copy.item, MEANS[short])
    live = [ranked[index] for index in pairing.over if ranked[index].standing == "live"]
    yield from _too_many(live, bool(sources), was_source)


def _too_many(live: Iterable[ItemCopy], at_source: bool, was_source: int) -> Iterator[Difference]:
    for number, copy in enumerate(live):
        if number < was_source:
            yield Difference("kept", copy.item, MEANS["kept"])
        elif at_source or number:
            yield Difference("duplicate", copy.item, MEANS["duplicate"])
        else:
            yield Difference("new", copy.item, MEANS["new"])


_ALIASES = """
CREATE TEMP TABLE alias AS SELECT copy.rowid AS item, named.name AS name FROM item copy
    JOIN (SELECT name, compared(subject) AS subject, coalesce(sent, received) AS at FROM item
          WHERE kind = 'message' AND NOT by_message_id AND weight > 0 AND name IS NOT NULL) named
    ON compared(copy.subject) = named.subject AND coalesce(copy.sent, copy.received) = named.at
    WHERE copy.kind = 'message' AND copy.by_message_id AND copy.weight < 0
        AND copy.name NOT IN (SELECT name FROM item WHERE weight > 0 AND name IS NOT NULL)
    GROUP BY copy.rowid
"""
"""Copies at the target that got a Message-ID there, of messages that have none at the source: by what they hold."""


_MARKED = """
INSERT OR REPLACE INTO alias SELECT copy.rowid, marked.name FROM item copy JOIN marked ON copy.name = marked.copied
    WHERE copy.weight < 0
"""


def _find_aliases(spool: Spool) -> None:
    """Give copies of messages without Message-ID the name of their original: by our mark, or by what they hold."""
    for table in ("alias", "marked"):
        spool.run(f"DROP TABLE IF EXISTS temp.{table}")
    nameless = spool.rows(
        "SELECT id, name FROM item WHERE kind = 'message' AND NOT by_message_id AND weight > 0 AND name IS NOT NULL"
    )
    marked = [(digest(marked_message_id(mark_of_id(identity))), name) for identity, name in nameless]
    if not marked:
        spool.run("CREATE TEMP TABLE alias (item INTEGER PRIMARY KEY, name BLOB)")
        return
    spool.run(_ALIASES)
    spool.run("CREATE UNIQUE INDEX temp.alias_item ON alias (item)")
    spool.run("CREATE TEMP TABLE marked (copied BLOB PRIMARY KEY, name BLOB)")
    spool.put("INSERT OR REPLACE INTO temp.marked VALUES (?, ?)", marked)
    spool.run(_MARKED)


_Group = tuple[list[ItemCopy], list[ItemCopy], list[tuple[Item, datetime]], int]


def _unequal(spool: Spool) -> Iterator[_Group]:
    """Names whose items differ between the sides, each with all its copies and its history."""
    _find_aliases(spool)
    spool.run("DROP TABLE IF EXISTS temp.unequal")
    spool.run(
        "CREATE TEMP TABLE unequal AS SELECT coalesce(alias.name, item.name) AS name FROM item "
        "LEFT JOIN temp.alias ON alias.item = item.rowid WHERE item.name IS NOT NULL "
        "GROUP BY 1 HAVING sum(weight) <> 0 OR sum(holds) <> 0"
    )
    spool.run("CREATE UNIQUE INDEX temp.unequal_name ON unequal (name)")
    name, sources, targets = None, list[ItemCopy](), list[ItemCopy]()
    for row in spool.rows(
        "SELECT coalesce(alias.name, item.name) AS known, side, place, standing, path, kind, item.id, named, "
        "by_message_id, subject, received, sent, size FROM item JOIN folder ON folder = number "
        "LEFT JOIN temp.alias ON alias.item = item.rowid WHERE known IN temp.unequal ORDER BY known, item.rowid"
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
    was_there: dict[Holds, list[tuple[Item, datetime]]] = {}
    was_source = 0
    together: dict[Holds, Counter[tuple[str, int]]] = {}
    past: Iterator[tuple[Any, ...]] = spool.rows(
        "SELECT side, at, path, kind, id, named, by_message_id, subject, received, sent, size FROM gone "
        "WHERE name = ? ORDER BY at",
        (name,),
    )
    for side, at, path, *columns in past:
        if side == SOURCE:
            was_source += 1
            continue
        item = item_of(path, tuple(columns))
        together.setdefault(holds(item), Counter())[path, at] += 1
        was_there.setdefault(holds(item), []).append((item, datetime.fromtimestamp(at, UTC)))
    # An item that is moved goes from one folder and comes in another. So while copies are there, what has gone proves
    # nothing; and without any, only what has gone from one folder in one update was surely more than one.
    present = {holds(copy.item) for copy in targets}
    surely = [
        gone
        for held, items in was_there.items()
        if held not in present
        for gone in items[len(items) - max(together[held].values()) :]
    ]
    return sources, targets, surely, max(0, was_source - len(sources))
