"""Compares a folder of the source with the target's, before the first item is sent to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from mailmove.items.copy.folder_work import FolderWork
from mailmove.items.copy.interfaces import Present
from mailmove.items.identity import Holds, holds, may_be_same
from mailmove.items.item import Item


def match(
    work: FolderWork,
    present: Iterable[Present],
    items: Callable[[], Iterable[Item]],
    is_done: Callable[[str], bool],
) -> list[str]:
    """Ids of the items that the target holds; the work counts them as settled. items: read only if there is anything.

    What agrees in all is matched first. What is left at the target is known as no other item's; whatever spoke against
    it was said by another of its name.
    """
    at_target: dict[int, Counter[Holds]] = {}
    for copy in present:
        at_target.setdefault(hash(copy.name), Counter())[copy.holds] += 1
    if not at_target:
        return []
    matched: list[str] = []

    def take(item: Item, name: int, held: Holds) -> None:
        at_target[name][held] -= 1
        work.settled[work.name(item)] += 1
        matched.append(item.id)

    waiting: list[tuple[Item, int]] = []
    for item in items():
        names = [name for name in (work.name(item), hash(item.identity)) if name in at_target]
        if not names or is_done(item.id):
            continue
        exact = [name for name in names if at_target[name][holds(item)] > 0]
        if exact:
            take(item, exact[0], holds(item))
        else:
            waiting.append((item, names[0]))
    for item, name in waiting:
        rest = (held for held, count in at_target[name].items() if count > 0 and may_be_same(item, held))
        if (held := next(rest, None)) is not None:
            take(item, name, held)
    work.just_found.update(matched)
    return sorted(matched)
