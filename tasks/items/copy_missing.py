"""Items that Microsoft's service left behind, copied by ourselves where both sides allow it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mailmove.clock import now
from mailmove.errors import Blocked, SignInRefused, Transient
from mailmove.items.copy.mover import DirectMover
from mailmove.items.copy.ways import is_stream, way_of
from mailmove.items.item import Item
from tasks.execution.context import Context
from tasks.items.fenced_destination import FencedDestination
from tasks.ledger.entry import EntryKind
from tasks.ledger.payloads import ItemCopy

TRIES = 10
"""Copies of a mailbox's missing items, after which an error that may pass keeps the others back no more."""
_NAMED = 50
"""Items named in an entry of the ledger."""
Missing = dict[str, list[Item]]
"""Mailbox address -> items of the source that the target does not hold."""
Reasons = dict[tuple[str, str], str]
"""Mailbox address and item id -> why it could not be copied, in the words of whichever server."""


def copy_missing(context: Context, missing: Mapping[str, Sequence[Item]]) -> tuple[int, Missing, Reasons]:
    """(how many were copied now, what remains, why some of it does).

    Once each, however often it is called: the target is asked first.

    Transient, when every mailbox has had its chance: one could not be written now, and was not tried often enough yet.

    Whole, as streams, where the target imports them. Otherwise events and contacts only: a message that Graph makes
    from MIME stays a draft of today, so messages are better delivered again by SMTP. Without the right to write into
    the mailbox everything remains.
    """
    source, cloud = context.source, context.tenant
    remaining: Missing = {address: list(items) for address, items in missing.items()}
    origin, destination = source.origin(), cloud.items.destination()
    mover = DirectMover(origin, FencedDestination(context, destination))
    copied, passing, reasons = 0, list[Transient](), Reasons()
    for address, items in missing.items():
        whole = is_stream(way_of(origin, destination, address))
        ours = [item for item in items if item.kind in ("event", "contact") or (whole and item.kind == "message")]
        if not ours:
            continue
        tries, tried_ago = _record_intent(context, address, ours)
        context.fence()
        try:
            moved = mover.move_items(address, ours, tried_ago=tried_ago)
        except SignInRefused:
            raise
        except Blocked:
            continue  # this mailbox takes no copy: its items go on to the next way
        except Transient as error:
            if tries < TRIES:
                passing.append(error)
            continue
        copied += moved.copied
        reasons.update({(address, item.id): why for item, why in moved.left})
        left = {item.id for item, _ in moved.left}
        remaining[address] = [item for item in items if item not in ours or item.id in left]
    if passing:
        raise passing[0]
    return copied, {address: items for address, items in remaining.items() if items}, reasons


def _record_intent(context: Context, address: str, items: Sequence[Item]) -> tuple[int, float | None]:
    """Writes the intent down; (how many there are now, seconds since the last one: None, there was none)."""
    earlier = [entry.at for entry, copy in context.ledger.payloads(ItemCopy) if copy.mailbox == address]
    named = [item.title for item in items[:_NAMED]]
    named += [f"and {len(items) - _NAMED} more"] if len(items) > _NAMED else []
    intent = ItemCopy(mailbox=address, items=len(items))
    context.ledger.record(EntryKind.INTENT, context.stage, payload=intent, facts=named)
    return len(earlier) + 1, (now() - max(earlier)).total_seconds() if earlier else None
