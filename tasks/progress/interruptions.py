"""What interrupted a stage, written down: a resumed cutover comes back to the very question that it parked at.

Without this it would try the stage again first. If that passes now, the question stays open, answered by nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

from mailmove.errors import Drifted, MailmoveError, WindowClosed
from tasks.ledger.entry import Entry, EntryKind
from tasks.ledger.ledger import Ledger, payloads_of
from tasks.ledger.payloads import Interruption


def interruptions(entries: Iterable[Entry]) -> dict[str, list[Interruption]]:
    """Stage -> what interrupted its earlier tries, oldest first, by the cutover's ledger."""
    by_stage: dict[str, list[Interruption]] = defaultdict(list)
    for entry, interruption in payloads_of(list(entries), Interruption):
        by_stage[entry.stage].append(interruption)
    return by_stage


def interrupt(ledger: Ledger, stage: str, error: MailmoveError) -> Interruption:
    """Write down why a try could not go on."""
    interruption = Interruption(kind=_kind(error), why=str(error), leaves=error.leaves)
    ledger.record(EntryKind.INTERRUPTION, stage, payload=interruption, facts=[interruption.why])
    return interruption


def attempt_name(name: str, earlier: int) -> str:
    """Name of a question that was asked `earlier` times before: 'switch_mail', 'switch_mail.1', ..."""
    return f"{name}.{earlier}" if earlier else name


def _kind(error: MailmoveError) -> Literal["drifted", "window", "trouble"]:
    if isinstance(error, Drifted):
        return "drifted"
    return "window" if isinstance(error, WindowClosed) else "trouble"
