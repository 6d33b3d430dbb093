"""What interrupted a stage, written down: a resumed cutover comes back to the very question that it parked at.

Without this it would try the stage again first. If that passes now, the question stays open, answered by nobody.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal

from mailmove.errors import Blocked, Drifted, MailmoveError, WindowClosed
from tasks.ledger.entry import Entry, EntryKind
from tasks.ledger.ledger import Ledger, payloads_of
from tasks.ledger.payloads import Interruption

UNFORESEEN: tuple[type[Exception], ...] = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    SyntaxError,
    StopIteration,
)
"""What an answer that nobody foresaw makes Python raise; SyntaxError is what its XML parsers' errors are."""

_log = logging.getLogger(__name__)


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


@contextmanager
def faults_named(stage: str) -> Iterator[None]:
    """Within, an exception that nobody foresaw becomes a Blocked of this stage: it asks a person, and has a way on.

    What the engine raises (its server is away, a disk is full) stays what it is: such a run is started again.
    """
    try:
        yield
    except UNFORESEEN as error:
        kind = type(error).__name__
        _log.exception("%s: a fault of Mailmove", stage)
        raise Blocked(
            "Mailmove",
            wanted=f"{stage} done",
            seen=f"a fault of its own, {kind}: {error}",
            todo="The run's log has where. It is tried again when you answer; please report it.",
            code=kind,
        ) from error


def attempt_name(name: str, earlier: int) -> str:
    """Name of a question that was asked `earlier` times before: 'switch_mail', 'switch_mail.1', ..."""
    return f"{name}.{earlier}" if earlier else name


def _kind(error: MailmoveError) -> Literal["drifted", "window", "trouble"]:
    if isinstance(error, Drifted):
        return "drifted"
    return "window" if isinstance(error, WindowClosed) else "trouble"
