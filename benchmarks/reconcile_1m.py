"""Reconciles a mailbox of a million items with its copy: 100 planted differences of 10 kinds, all named, none invented.

The rival is what is written first: a dict of the target's items by name, then a walk over the source's. Both read the
same pages and must report the same ten kinds. Ours also writes both sides to the worker's disk: it survives kill -9,
holds no mailbox in memory, and a second look costs the changes only. Seconds are of CPU, each part in a process and on
a core of its own, with the making of the items, which both pay.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import Measured, Result, Size, grown, in_fresh_process
from mailmove.items.item import Item
from mailmove.items.reconcile.changes import Folder, MailboxChanges, Page, Standing
from mailmove.items.reconcile.spool import SOURCE, TARGET, Spool
from mailmove.items.reconcile.verdicts import differences

EACH = 10
"""Planted differences of each kind."""
LOST_KINDS = {"message lost": "message", "event lost": "event", "contact lost": "contact"}
PLANTED = (*LOST_KINDS, "copy lost", "duplicate", "moved", "deleted", "recoverable", "unnamed", "new")
_MAIL = ("inbox", "sentitems", "/projects", "/archive/2019")
_TRASH: dict[str, Standing] = {"deleteditems": "deleted", "recoverableitemsdeletions": "recoverable"}
_ELSEWHERE = {"moved": "/elsewhere", "deleted": "deleteditems", "recoverable": "recoverableitemsdeletions"}
_OTHERS = ("calendar", "contacts", "/elsewhere", *_TRASH)
_PAGE = 500
_CHANGES = 1000


def run(tiny: bool) -> Result:
    size = 20_000 if tiny else 1_000_000
    counts = (2_000, size) if tiny else (10_000, 100_000, size)
    both = [(count, _measured("ledger", count), _measured("by_dict", count)) for count in counts]
    sizes = [Size(count, mine.value, rival.value, mine.peak_mb) for count, mine, rival in both]
    rivals = "the dict held " + ", ".join(f"{rival.peak_mb:.0f} MiB at {count:,}" for count, _, rival in both)
    again, making = _measured("second_look", size).value, _measured("making", size).value
    words = (
        f"{size:,} items on each side, {EACH * len(PLANTED)} planted differences of {len(PLANTED)} kinds; {rivals}; "
        f"making the items alone: {making:.1f} s; a second look after {_CHANGES:,} changes: {again:.1f} s"
    )
    return grown("reconcile_1m", words, sizes, "dict of items in memory", "s of CPU")


def _measured(function: str, size: int) -> Measured:
    return in_fresh_process(f"benchmarks.reconcile_1m:{function}", core=1, size=size)


def ledger(size: int) -> float:
    with tempfile.TemporaryDirectory() as folder, Spool(Path(folder) / "spool") as spool:
        started = time.process_time()
        verdicts = _looked(spool, size)
        took = time.process_time() - started
    _check(verdicts, size)
    return took


def second_look(size: int) -> float:
    with tempfile.TemporaryDirectory() as folder, Spool(Path(folder) / "spool") as spool:
        _looked(spool, size)
        started = time.process_time()
        verdicts = _looked(spool, size)
        took = time.process_time() - started
    if verdicts["new"] != EACH + _CHANGES // 2:
        raise RuntimeError(f"the second look found {verdicts}")
    return took


def _looked(spool: Spool, size: int) -> Counter[str]:
    spool.update(SOURCE, Made(SOURCE, size), "anna@contoso.example")
    spool.update(TARGET, Made(TARGET, size), "anna@contoso.example")
    return Counter(_kind(difference.verdict, difference.item.kind) for difference in differences(spool))


def by_dict(size: int) -> float:
    started = time.process_time()
    held: dict[str, list[Item]] = {}
    for item in Made(TARGET, size).all():
        held.setdefault(item.identity, []).append(item)
    verdicts: Counter[str] = Counter()
    left, names = [], set()
    for item in Made(SOURCE, size).all():
        if not item.identity:
            verdicts["unnamed"] += 1
            continue
        names.add(item.identity)
        copies = held.get(item.identity, [])
        same = next((copy for copy in copies if copy.folder == item.folder), None)
        if same is None:
            left.append(item)
        else:
            copies.remove(same)
    for item in left:
        copies = held.get(item.identity)
        if copies:
            verdicts[_TRASH.get(copies.pop().folder[-1], "moved")] += 1
        else:
            verdicts["copy lost" if copies is not None else _kind("lost", item.kind)] += 1
    for name, copies in held.items():
        for number, copy in enumerate(copies):
            if copy.folder[-1] not in _TRASH:
                verdicts["duplicate" if name in names or number else "new"] += 1
    took = time.process_time() - started
    _check(verdicts, size)
    return took


def making(size: int) -> float:
    started = time.process_time()
    for side in (SOURCE, TARGET):
        for _ in Made(side, size).all():
            pass
    return time.process_time() - started


def _kind(verdict: str, kind: str) -> str:
    return f"{kind} lost" if verdict == "lost" else verdict


def _check(verdicts: Counter[str], size: int) -> None:
    if verdicts != Counter(dict.fromkeys(PLANTED, EACH)):
        raise RuntimeError(f"of {size:,} items it found {dict(verdicts)}")


class Made(MailboxChanges):
    """One side, made as it is read: folder by folder, and in another order at the target, as two servers do."""

    def __init__(self, side: int, size: int) -> None:
        self._side, self._size = side, size
        step = size // (EACH * len(PLANTED))
        self._planted = {
            place * step + step // 2: PLANTED[place % len(PLANTED)] for place in range(EACH * len(PLANTED))
        }

    def folders(self, mailbox: str) -> list[Folder]:
        return [Folder(place, (place,), place, _TRASH.get(place, "live")) for place in (*_MAIL, *_OTHERS)]

    def changes(self, mailbox: str, folder: Folder, state: str | None) -> Iterator[Page]:
        if state is not None:
            yield Page(self._later() if folder.id == "inbox" else [], [], "later")
            return
        page: list[Item] = []
        for item in self.items(folder.id):
            page.append(item)
            if len(page) == _PAGE:
                yield Page(page, [], "more", last=False)
                page = []
        yield Page(page, [], "all")

    def all(self) -> Iterator[Item]:
        for place in (*_MAIL, *_OTHERS):
            yield from self.items(place)

    def items(self, place: str) -> Iterator[Item]:
        if place in _OTHERS:
            numbers: Iterator[int] = iter(self._planted)
        else:
            block = self._size // len(_MAIL)
            first = _MAIL.index(place) * block
            order = 1 if self._side == SOURCE else 7919  # a prime that divides no size in use
            numbers = (first + n * order % block for n in range(block))
        planted, others = self._planted, place in _OTHERS
        for number in numbers:
            wrong = planted.get(number)
            if wrong is None:
                if not others:
                    yield self._item(number, place, "message", "")
            else:
                yield from self._wrong(number, place, wrong)

    def _wrong(self, number: int, place: str, wrong: str) -> Iterator[Item]:
        kind = LOST_KINDS.get(wrong, "message")
        home = {"event": "calendar", "contact": "contacts"}.get(kind, _MAIL[number * len(_MAIL) // self._size])
        at_source, at_target = wrong != "new", wrong not in (*LOST_KINDS, "unnamed")
        if self._side == SOURCE and at_source and home == place:
            yield self._item(number, place, kind, wrong)
            if wrong == "copy lost":
                yield self._item(number, place, kind, wrong, twin="2")
        if self._side == TARGET and at_target and _ELSEWHERE.get(wrong, home) == place:
            yield self._item(number, place, kind, wrong)
            if wrong == "duplicate":
                yield self._item(number, place, kind, wrong, twin="2")

    def _later(self) -> list[Item]:
        count = _CHANGES // 2 if self._side == TARGET else 0
        old = [self._item(n, "inbox", "message", "") for n in range(_CHANGES // 2)] if self._side == SOURCE else []
        return old + [self._item(self._size + n, "inbox", "message", "") for n in range(count)]

    def _item(self, number: int, place: str, kind: str, wrong: str, *, twin: str = "") -> Item:
        named = f"{number:08x}.{number * 2654435761 & 0xFFFFFFFF:08x}@mail.contoso.example"
        is_message = kind == "message"
        # Not validated, for both alike: what is compared is how they are reconciled.
        return Item.model_construct(
            id=f"AAMkAGI2TG93AAA{self._side + 1}{number:012d}{twin}AAAAAAENAAA=",
            folder=(place,),
            kind=kind,
            message_id=None if wrong == "unnamed" or not is_message else f"<{named}>",
            key="" if is_message else f"{kind}|{named}",
            subject=f"Message {number} of a mailbox",
            received=None,
            size=number,
        )
