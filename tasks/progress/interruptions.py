"""What held a stage up, written down: a resumed cutover comes back to the very question that it parked at.

Without this it would try the stage again first. If that passes now, the question stays behind, answered by nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel

from mailmove.errors import Drifted, MailmoveError, WindowClosed
from mailmove.plan.cutover import Cutover
from tasks.ledger.ledger import Entry, Ledger, this_cutover

Kind = Literal["drifted", "window", "trouble"]


class Held(BaseModel):
    """drifted: the approval was for another picture. window: it must not start now. trouble: a person must mend it."""

    kind: Kind
    why: str


def held_up(entries: Iterable[Entry]) -> dict[str, list[Held]]:
    """Stage -> what its earlier tries of this night came to, oldest first, by its ledger."""
    found: dict[str, list[Held]] = defaultdict(list)
    for entry in entries:
        if entry.kind == "held":
            kind, why = entry.facts
            found[entry.stage].append(Held(kind=kind, why=why))
    return found


def hold(cutover: Cutover, stage: str, error: MailmoveError) -> Held:
    """Write down why a try could not go on."""
    held = Held(kind=_kind(error), why=str(error))
    Ledger(cutover.customer, this_cutover()).record("held", stage, facts=[held.kind, held.why])
    return held


def turn(name: str, earlier: int) -> str:
    """Name of a question that was asked `earlier` times before: 'switch_mail', 'switch_mail.1', ..."""
    return f"{name}.{earlier}" if earlier else name


def _kind(error: MailmoveError) -> Kind:
    if isinstance(error, Drifted):
        return "drifted"
    return "window" if isinstance(error, WindowClosed) else "trouble"
