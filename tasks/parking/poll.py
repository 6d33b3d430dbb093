"""Look at what a parked wait waits for, and keep what was seen.

The watch looks to find out whether waking is worth while; the woken sub-flow then looks itself, and decides.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from mailmove.errors import ByHand, MailmoveError, Transient
from mailmove.evidence import Look, now
from mailmove.plan.cutover import Cutover
from tasks.ledger.artifact_tables import read_latest, write_markdown, write_table
from tasks.ledger.ledger import Ledger
from tasks.runbook import Condition, condition_of

SETTLES = "settles: "
"""Prefix of a wait's name when it waits until a stage's own `verify` passes."""

UNDOES = "undoes: "
"""Prefix of a wait's name when it waits until a stage's own `rollback` passes."""

SKIPPED = "not waited for any longer"
"""So begins the evidence of a wait that a person has skipped."""

FIRST_PATIENCE, LONGEST_PATIENCE = 5.0, 300.0
"""Seconds between tries of a `verify` that has no cheaper condition; doubled each time."""


async def look_once(cutover: Cutover, root: UUID, name: str, previous: Look | None) -> Look:
    """One look by name. An error of the world is a look that is not done, never a crash."""
    condition: Condition | None = None if name.startswith(UNDOES) else condition_of(name.removeprefix(SETTLES))
    if condition is None:
        return Look(done=True, summary=f"it is time to look at {name.removeprefix(SETTLES)} again")
    try:
        return await condition(cutover, Ledger(cutover.customer, root), previous)
    except MailmoveError as error:
        known = previous or Look(done=False, summary="")
        return Look(done=False, summary=str(error), forecast=known.forecast, next_look=_later(known), state=known.state)


STUCK = "It cannot be put back like this. Mend what it says, or leave it as it is?"


def not_yet(seen: MailmoveError) -> Look:
    """What a `verify` or a `rollback` says, as a look. What does not pass by itself is a person's to mend."""
    details = [f"to be typed: {line}" for line in seen.records] if isinstance(seen, ByHand) else []
    return Look(done=False, summary=str(seen), details=details, asks=None if isinstance(seen, Transient) else STUCK)


def try_again(name: str, seen: Look, previous: Look | None) -> Look:
    """What to keep of a look that is not done: a cheap condition is looked at freely, a dear one ever more rarely."""
    if name.startswith(SETTLES) and condition_of(name.removeprefix(SETTLES)):
        return seen
    tries = int(previous.state.get("tries", 0)) if previous else 0
    known = seen.model_copy(update={"state": {"tries": tries}})
    return known.model_copy(update={"next_look": _later(known), "state": {"tries": tries + 1}})


def _later(known: Look) -> datetime:
    pause = min(LONGEST_PATIENCE, FIRST_PATIENCE * 2 ** int(known.state.get("tries", 0)))
    return now() + timedelta(seconds=pause)


def last_look(run_id: UUID) -> Look | None:
    """What was last seen by a wait (its sub-flow run id)."""
    return last_looks([run_id]).get(run_id)


def last_looks(run_ids: list[UUID]) -> dict[UUID, Look]:
    """What was last seen, for many waits in few requests."""
    keys = {_key(run_id): run_id for run_id in run_ids}
    return {keys[key]: Look.model_validate(rows[0]) for key, rows in read_latest(list(keys)).items()}


def show_look(run_id: UUID, look: Look) -> None:
    """Keep a look, as artifacts of the wait's own sub-flow run: what the next look needs, and its picture."""
    row = look.model_dump(mode="json", exclude={"picture"})
    write_table(_key(run_id), [row], description=look.summary, flow_run=run_id)
    if look.picture:
        write_markdown(f"picture-{run_id}", look.picture, description=look.summary, flow_run=run_id)


def tells_nothing_new(seen: Look, previous: Look | None) -> bool:
    """Does a look say what the one before it said? Only its time is another; such a one need not be kept."""
    if previous is None:
        return False
    return seen.model_copy(update={"at": previous.at, "picture": previous.picture}) == previous


def _key(run_id: UUID) -> str:
    return f"look-{run_id}"
