"""Hold a sample of items against their copies, property by property. It reads only, at any time after the copy."""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal

from mailmove.errors import Blocked, ItemUnreadable
from mailmove.items.copy.batches import PORTION_BYTES, PORTION_ITEMS, cut
from mailmove.items.copy.interfaces import Content
from mailmove.items.copy.reading import Reading
from mailmove.items.fidelity.differences import differences
from mailmove.items.item import Item
from mailmove.items.reconcile.pairs import Pair, in_turn, sample_of
from mailmove.items.reconcile.spool import Spool
from mailmove.items.stream.item import StreamItem
from mailmove.items.stream.reader import read_item
from tasks.engine.current import engine
from tasks.execution.context import Context
from tasks.items.read_sides import read_sides, spool_path
from tasks.ledger.ledger import newest_entries
from tasks.ledger.stored_plan import plan_of

Verdict = Literal["same", "differs", "not compared"]


@dataclass(frozen=True)
class ComparedItem:
    """found: what differs, or why it was not compared."""

    mailbox: str
    item: Item
    verdict: Verdict
    found: tuple[str, ...] = ()

    def __str__(self) -> str:
        words = "" if self.verdict == "same" else f": {', '.join(self.found)}"
        return f"{self.mailbox}: {self.item.title}: {self.verdict}{words}"


@dataclass(frozen=True)
class Comparison:
    """items: of the sample, mailbox by mailbox. unread: mailboxes and folders that could not be read, in words."""

    items: list[ComparedItem]
    unread: list[str] = field(default_factory=list)

    def of(self, verdict: Verdict) -> list[ComparedItem]:
        return [one for one in self.items if one.verdict == verdict]


def cutover_of_customer(customer: str) -> Context:
    """The customer's cutover that wrote last, to be looked at. Blocked: there is none, or its run is gone."""
    newest = newest_entries([customer]).get(customer)
    run = engine().read_run(newest.cutover) if newest else None
    plan = plan_of(run.parameters) if run else None
    if newest is None or plan is None:
        seen = "its run is gone, and its plan with it" if newest else "none"
        raise Blocked("ledger", wanted=f"a cutover of {customer}", seen=seen, todo="See `mailmove status`.")
    return Context(plan, "", root=newest.cutover, read_only=True)


def compare_contents(context: Context, folder: Path, sample: int, seed: int) -> Comparison:
    """folder: for what was read; an empty one. sample: how many items, of each kind and mailbox in turn. seed: of the
    chance by which they are chosen.

    Raised: a refused sign-in, a missing right to export, an error that every mailbox has.
    """
    luck = Random(seed)  # noqa: S311 - nobody gains by guessing it
    boxes = [box.address for box in context.source.inventory().moving]
    unread = read_sides(context, folder, boxes)
    groups: list[list[tuple[str, Pair]]] = []
    for address in boxes:
        with Spool(spool_path(folder, address)) as spool:
            kinds = sample_of(spool, sample, luck)
        groups += [[(address, pair) for pair in pairs] for pairs in kinds.values()]
    luck.shuffle(groups)
    chosen = in_turn(groups, sample)
    origin = context.source.origin()
    compared: list[ComparedItem] = []
    for address in boxes:
        reading = Reading(origin, address, origin.best_way(address))
        pairs = [pair for owner, pair in chosen if owner == address]
        for some in cut(pairs, lambda pair: pair[0].size or 0, PORTION_ITEMS, PORTION_BYTES):
            compared += _compared(context, address, reading, some)
    return Comparison(compared, [f"{address}: {part}" for address, parts in unread.items() for part in parts])


def _compared(context: Context, address: str, reading: Reading, pairs: list[Pair]) -> Iterator[ComparedItem]:
    mine = reading.contents([source for source, _ in pairs], may_blame_item=True)
    other = context.tenant.items.exported(address, [target for _, target in pairs])
    for source, target in zip(mine, other, strict=True):
        yield _verdict(address, source, target)


def _verdict(address: str, source: Content, target: Content) -> ComparedItem:
    for side, content in (("the old server", source), ("Microsoft 365", target)):
        if content.lack:
            return ComparedItem(address, source.item, "not compared", (f"{side} does not give it: {content.lack}",))
    try:
        found = differences(_read(source), _read(target))
    except ItemUnreadable as error:
        return ComparedItem(address, source.item, "not compared", (error.seen,))
    return ComparedItem(address, source.item, "differs" if found else "same", tuple(found))


def _read(content: Content) -> StreamItem:
    return read_item(binascii.a2b_base64(content.stream or ""))
