"""What a cruel night adds to a drawn one: what public reports of such nights tell of, from the same seed.

Sick items are answered for with an error, for ever; odd ones bear what a server should not send. Faults pass by
themselves, as those of every night do.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from lab.mail.accountant import Entry
from lab.mail_store import MIME_BROKEN, MIME_EMPTY, MIME_MISSING, StoredItem
from lab.town import Town

SICK = (
    *(MIME_BROKEN, MIME_EMPTY, MIME_MISSING),
    *("ErrorMimeContentConversionFailed", "ErrorItemCorrupt", "ErrorVirusDetected", "ErrorInternalServerError"),
)
CONTROL = "\x1a"
"""A character that XML 1.0 does not have, and Exchange sends as a reference all the same."""

PASSING: dict[str, tuple[int, int]] = {
    "ews.item_passing": (1, 3),
    "ews.mime_broken_once": (1, 2),
    "ews.fault_200": (1, 2),
    "ews.empty_200": (1, 2),
    "ews.nothing_200": (1, 2),
    "ews.html_200": (1, 2),
    "ews.truncated": (1, 2),
    "ews.wrong_charset": (1, 2),
    "ews.no_messages": (1, 2),
    "graph.broken_item": (1, 1),
}
"""Fault -> fewest and most occasions on which it strikes."""


@dataclass
class Cruelty:
    """sick: where an item lies among all seeded ones (0 to 1), and what is answered for it. odd: the same, without an
    answer.
    """

    sick: list[tuple[float, str]] = field(default_factory=list)
    odd: list[float] = field(default_factory=list)
    faults: list[tuple[str, int]] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For people: everything that was drawn."""
        lines = [f"  sick item at {place:.3f}: {answer}" for place, answer in self.sick]
        lines += [f"  control character in the subject at {place:.3f}" for place in self.odd]
        return lines + [f"  cruel fault {name}, {times} times" for name, times in self.faults]


def draw_cruelty(seed: int, *, always: bool) -> Cruelty | None:
    """None: an ordinary night, as half of them are. always: there is none."""
    luck = random.Random(f"cruel {seed}")
    if luck.random() < 0.5 and not always:
        return None
    return Cruelty(
        sick=[(luck.random(), luck.choice(SICK)) for _ in range(luck.choice((0, 1, 1, 2, 4)))],
        odd=[luck.random() for _ in range(luck.choice((0, 1, 3)))],
        faults=[(name, luck.randint(*PASSING[name])) for name in _some(luck, sorted(PASSING))],
    )


def _some(luck: random.Random, names: list[str]) -> list[str]:
    return luck.sample(names, min(len(names), luck.choice((0, 1, 2, 3))))


def inflict(cruelty: Cruelty, town: Town) -> list[StoredItem]:
    """Make the town so, and say which items are sick: what is not moved may be nothing else."""
    store = town.old.store
    seeded = [(address, item) for address, items in sorted(town.seeded.items()) for item in items]
    for place in cruelty.odd if seeded else ():
        address, item = seeded[int(place * len(seeded))]
        with store.lock:
            items = store.mailboxes[address].items
            items[item.id] = replace(items[item.id], subject=f"{item.subject}{CONTROL}")
    for name, times in cruelty.faults:
        town.faults.set(name, times=times)
    return [
        store.make_sick(address, item.id, answer)
        for place, answer in (cruelty.sick if seeded else ())
        for address, item in [seeded[int(place * len(seeded))]]
    ]


def left_by_decision(entry: Entry, sick: list[StoredItem], decisions: list[str]) -> bool:
    """Whether an item that did not come over is one that nobody can read, and was named to who decided that."""
    subject = entry.subject.rstrip(CONTROL)
    named = any(subject in text for text in decisions)
    return entry.category == "lost" and named and any(item.subject.rstrip(CONTROL) == subject for item in sick)
