"""How an item is known on both sides: the same way for the mover, the comparison, redelivery and the return.

A Message-ID is a name that others gave, and some give it twice: quota warnings, scanners, fax gateways (imapsync 24).
So two messages of one Message-ID are told apart by what they hold: subject and date. A message without a Message-ID is
known by its key (`mailmove.items.keys`), and a copy of ours by the Message-ID that we gave it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from hashlib import blake2b

from mailmove.items.item import Item
from mailmove.items.keys import plain

_CLOCKS = timedelta(seconds=2)
"""How far one date may lie from itself: servers cut fractions, some round them."""
_MARK_DOMAIN = "@mailmove.invalid"
_NO_LETTER = re.compile(r"[^a-z0-9]+")
_ODD = re.compile(r"[^!-~]")
SHOWN = ("message", "event", "contact")
"""Kinds of which Graph has folders."""
_SUBJECT = 100
"""Characters of a subject by which an item that Graph does not show is known."""
_LONG = 200
"""Characters of a Message-ID above which no filter of Graph is trusted with it."""

Holds = tuple[str, int | None]
"""Subject as compared, and second of the Date header (None: not known): what a message holds, besides its name."""


def mark(item: Item) -> str:
    """32 hex digits that stand for the source's item."""
    return mark_of_id(item.id)


def mark_of_id(item_id: str) -> str:
    """The mark of the source's item that has this id."""
    return blake2b(item_id.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def marked_message_id(digits: str) -> str:
    """The Message-ID that a copy of ours gets where the original has none. digits: its mark."""
    return f"<{digits}{_MARK_DOMAIN}>"


def is_marked(message_id: str) -> bool:
    """Whether a Message-ID is one that a copy of ours got."""
    return message_id.endswith(f"{_MARK_DOMAIN}>")


def copy_name(item: Item) -> str:
    """The name by which a copy of ours is known at the target: the item's own Message-ID, or what stands for it."""
    if item.message_id:
        return item.identity
    return marked_message_id(mark(item)) if item.kind == "message" else f"mark|{mark(item)}"


def known_name(item: Item, streams: bool, folder_kind: str = "") -> str:
    """The name by which a copy of ours is known; one that was imported as a stream is the original itself.

    folder_kind: of the folder that it lies in; "": its own. A task, or a message among contacts, has no Message-ID or
    mark by which Graph would show it: it is known by its class and subject, and by how many there are.
    """
    if not streams:
        return copy_name(item)
    return item.identity if is_shown(item, folder_kind) else stranger_name(item.item_class, item.subject)


def is_shown(item: Item, folder_kind: str = "") -> bool:
    """Does Graph list such an item in such a folder?"""
    return item.kind in SHOWN and folder_kind in ("", item.kind)


def stranger_name(item_class: str, subject: str) -> str:
    """FindItem cuts long subjects (255 bytes), so the beginning counts."""
    return f"{item_class.lower()}|{compared(subject)[:_SUBJECT]}"


def is_searchable(message_id: str) -> bool:
    """Can a server be asked for it by a filter? Odd ones (folded, long, beyond ASCII) come back changed, or not."""
    return len(message_id) <= _LONG and message_id.startswith("<") and not _ODD.search(message_id)


@lru_cache(maxsize=65536)
def compared(subject: str) -> str:
    """A subject without what servers write differently: case, spaces, signs that cannot be shown."""
    return plain("".join(letter for letter in subject if letter.isprintable() and letter != "\ufffd"))


def holds(item: Item) -> Holds:
    """What a message holds. Of events and contacts the key says enough: nothing."""
    if item.kind != "message":
        return "", None
    return compared(item.subject), int(item.sent.timestamp()) if item.sent else None


def holds_digest(item: Item) -> str:
    """16 hex digits for what a message holds: tells two of one Message-ID apart in the ledger."""
    subject, second = holds(item)
    return blake2b(f"{subject}\n{second}".encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def may_be_same(source: Item, target: Holds) -> bool:
    """Of two items of one name: may one that holds this be the first, as another server shows it?

    A subject may have gained a prefix ('[EXTERN]'), lost its end, or its letters beyond ASCII. A date may differ only
    where the source had none of its own, so that each server made one up.
    """
    if source.kind != "message":
        return True
    subject, second = target
    mine, other = _NO_LETTER.sub("", compared(source.subject)), _NO_LETTER.sub("", subject)
    if not (mine in other or other in mine):
        return False
    if source.sent is None or second is None or abs(source.sent.timestamp() - second) <= _CLOCKS.total_seconds():
        return True
    return source.received is not None and abs(source.sent - source.received) <= _CLOCKS


class Pairing:
    """Which item of the target is which of the source, among items of one name; each is taken once.

    What agrees in all is paired first, in the same place before others. What is left may be paired where nothing speaks
    against it; a target's item that is known as another of the source's is never taken for this one.

    source, target: items with their places; order of the target: what is taken first comes first. `pairs` has (index at
    source, index at target), `left` the indexes of the source's that have none, `over` those of the target.
    """

    def __init__(self, source: Sequence[tuple[Item, str]], target: Sequence[tuple[Item, str]]) -> None:
        self._source, self._target = source, target
        self.pairs: list[tuple[int, int]] = []
        self.left = list(range(len(source)))
        self.over = list(range(len(target)))
        self._round(
            [(*holds(item), place) for item, place in source], [(*holds(item), place) for item, place in target]
        )
        self._round([holds(item) for item, _ in source], [holds(item) for item, _ in target])
        self._loose()

    def _round(self, source: Sequence[object], target: Sequence[object]) -> None:
        """Pair what has the same key, in order."""
        waiting: dict[object, list[int]] = {}
        for index in reversed(self.over):
            waiting.setdefault(target[index], []).append(index)
        taken: set[int] = set()
        rest: list[int] = []
        for index in self.left:
            same = waiting.get(source[index])
            if same:
                taken.add(same[-1])
                self.pairs.append((index, same.pop()))
            else:
                rest.append(index)
        self.left, self.over = rest, [index for index in self.over if index not in taken]

    def _loose(self) -> None:
        if not self.left or not self.over:
            return
        known = {holds(item) for item, _ in self._source}
        free = [index for index in self.over if holds(self._target[index][0]) not in known]
        rest: list[int] = []
        for index in self.left:
            item, place = self._source[index]
            fitting = (other for other in free if may_be_same(item, holds(self._target[other][0])))
            best = min(fitting, key=lambda other: self._target[other][1] != place, default=None)
            if best is None:
                rest.append(index)
            else:
                free.remove(best)
                self.pairs.append((index, best))
        taken = {target for _, target in self.pairs}
        self.left, self.over = rest, [index for index in self.over if index not in taken]


def without_match(source: Sequence[Item], target: Sequence[Item]) -> list[Item]:
    """Items of the source that the target does not hold, whatever folders they lie in; compared name by name."""
    by_name: dict[str, tuple[list[Item], list[Item]]] = {}
    for side, items in enumerate((source, target)):
        for item in items:
            by_name.setdefault(item.identity, ([], []))[side].append(item)
    missing: list[Item] = []
    for mine, others in by_name.values():
        pairing = Pairing([(item, "") for item in mine], [(item, "") for item in others])
        missing += [mine[index] for index in pairing.left]
    return missing
