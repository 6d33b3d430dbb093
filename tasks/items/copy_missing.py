"""Items that Microsoft's service left behind, copied by ourselves where both sides allow it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mailmove.errors import Refused
from mailmove.evidence import now
from mailmove.items.copy.mover import DirectMover
from mailmove.items.item import Item
from mailmove.plan.cutover import Cutover
from tasks.execution.open_blocks import source_server, tenant
from tasks.ledger.ledger import Ledger

_NAMED = 50
Missing = dict[str, list[Item]]
"""Mailbox address -> items of the source that the target does not hold."""


def copy_stragglers(cutover: Cutover, ledger: Ledger, missing: Mapping[str, Sequence[Item]]) -> tuple[int, Missing]:
    """(how many were copied now, what remains). Once each, however often it is called: the target is asked first.

    Whole, as streams, where both sides have them. Otherwise events and contacts only: a message that Graph makes from
    MIME stays a draft of today, so messages are better delivered again by SMTP. Without the right to write into the
    mailbox everything remains.
    """
    source, cloud = source_server(cutover), tenant(cutover)
    remaining: Missing = {address: list(items) for address, items in missing.items()}
    origin, destination = source.origin(), cloud.items.destination()
    mover = DirectMover(origin, destination)
    copied = 0
    for address, items in missing.items():
        whole = destination.takes_streams(address) and origin.gives_streams(address)
        ours = [item for item in items if item.kind in ("event", "contact") or (whole and item.kind == "message")]
        if not ours:
            continue
        tried_ago = _note(ledger, f"copied {address}", ours)
        try:
            moved = mover.move_items(address, ours, tried_ago=tried_ago)
        except Refused:
            continue
        copied += moved.copied
        left = {item.id for item, _ in moved.left}
        remaining[address] = [item for item in items if item not in ours or item.id in left]
    return copied, {address: items for address, items in remaining.items() if items}


def _note(ledger: Ledger, stage: str, items: Sequence[Item]) -> float | None:
    """Writes the intent down; seconds since the last one, None: there was none."""
    earlier = [entry.at for entry in ledger.entries() if entry.stage == stage]
    named = [f"{item.kind} '{item.subject}' in {item.folder}" for item in items[:_NAMED]]
    named += [f"and {len(items) - _NAMED} more"] if len(items) > _NAMED else []
    ledger.record("evidence", stage, facts=named)
    return (now() - max(earlier)).total_seconds() if earlier else None
