"""Notify people, once: by the plan's notification blocks, and as an event for automations.

What was told is kept as an artifact of the cutover, so that neither kill -9 nor a second look tells it again. Only a
process that is killed within the very sending leaves nobody knowing whether it arrived: then it is sent once more, with
the same id in its text, for a doubled notice costs less than a lost one. Whatever a notifier does, the cutover goes on.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from prefect.blocks.abstract import NotificationBlock
from prefect.client.schemas.objects import FlowRun
from prefect.events import emit_event
from pydantic import BaseModel, Field

from mailmove.clock import now
from mailmove.errors import Blocked
from mailmove.evidence import PollResult
from tasks.engine.current import engine
from tasks.engine.prefect_internals import resource_of
from tasks.execution.open_blocks import open_block
from tasks.execution.run_concurrently import run_concurrently
from tasks.ledger.stored_plan import notices_of
from tasks.ledger.stored_values import stored_value
from tasks.notifications.notices import Notice, customer_of, lately_ended, moved, waiting
from tasks.parking.resume import Parked

EVENTS = "event"
"""Channel that is always told: an event `mailmove.<kind>`, on which any automation can act."""

MOST_TRIES, FIRST_PAUSE = 5, timedelta(minutes=1)
"""A notifier that fails is tried again after 1, 2, 4 and 8 minutes."""

PATIENCE = 15.0
"""Seconds for one notifier to take one notice."""

_SENT, _BASE, _AT_ONCE = "sent", "forecast known", 8


class Outcome(BaseModel):
    """One notice to one channel. outcome: 'sent', or what went wrong, without a word of what the notifier said."""

    id: str
    channel: str = Field(description="Notification block, `type/name`, or 'event'")
    outcome: str
    at: datetime = Field(default_factory=now)
    tries: int = 1

    @property
    def settled(self) -> bool:
        """Is there nothing more to do?"""
        return self.outcome == _SENT or self.tries >= MOST_TRIES

    @property
    def due(self) -> bool:
        return not self.settled and now() >= self.at + FIRST_PAUSE * 2 ** (self.tries - 1)


Record = dict[tuple[str, str], Outcome]
Records = dict[UUID, Record]
"""Root flow run -> what was told about it."""


@dataclass
class _Case:
    """A cutover, and what there may be to tell of it."""

    root: FlowRun
    waits: list[tuple[Parked, PollResult | None]] = field(default_factory=list)
    ends: list[Notice] = field(default_factory=list)


def notify_all(parked: list[Parked], results: dict[UUID, PollResult], known: Records | None = None) -> list[str]:
    """Tell everything that is new about these and about what has ended lately; lines for the log.

    results: what was last seen of each wait, by its sub-flow run. known: what this process knows to be told; it grows.
    Of a thousand cutovers only those are read again that have something to tell, as another process may have told it.
    """
    known = {} if known is None else known
    cases = {question.root.id: _Case(question.root) for question in parked}
    for question in parked:
        cases[question.root.id].waits.append((question, results.get(question.run.id)))
    for run, notice in lately_ended():
        cases.setdefault(run.id, _Case(run)).ends.append(notice)
    unread = cases.keys() - known.keys()
    known |= outcomes_so_far(list(unread))
    new = [root for root, case in cases.items() if any(_pending(case, known[root]))]
    known |= outcomes_so_far([root for root in new if root not in unread])
    failing: set[str] = set()
    works = [(cases[root], known[root], failing) for root in new]
    return [line for written in run_concurrently(_notify_case, works, most=_AT_ONCE) for line in written]


def outcomes_so_far(roots: list[UUID]) -> Records:
    """What was told about each cutover, in few requests."""
    rows = engine().store.read_latest([_key(root) for root in roots])
    entries = {
        root: [stored_value(Outcome, row, "who was notified") for row in rows.get(_key(root), [])] for root in roots
    }
    return {root: {(outcome.id, outcome.channel): outcome for outcome in known} for root, known in entries.items()}


def _pending(case: _Case, record: Record) -> tuple[list[tuple[Notice, str]], Record]:
    """(what is to be told by which channel now, the forecasts that later ones are held against from now on).

    A forecast is held against the one that was last told (or first seen), so that small steps add up.
    """
    rules, notices, bases = notices_of(case.root), list(case.ends), Record()
    for wait, result in case.waits:
        notices += [notice for notice in (waiting(wait, result),) if notice]
        if not (result and result.forecast):
            continue
        place = (f"forecast {wait.run.id}", _BASE)
        base = datetime.fromisoformat(record[place].outcome) if place in record else None
        far = base is not None and abs(result.forecast - base) > timedelta(minutes=rules.forecast_moved_minutes)
        if base is None or far:
            known = result.forecast.isoformat()
            bases[place] = Outcome(id=place[0], channel=_BASE, outcome=known, tries=MOST_TRIES)
        if base and far:
            notices.append(moved(wait, base, result.forecast))
    wanted = [(notice, channel) for notice in notices if notice.kind in rules.about for channel in (EVENTS, *rules.to)]
    earlier = [record.get((notice.id, channel)) for notice, channel in wanted]
    pending = [want for want, outcome in zip(wanted, earlier, strict=True) if outcome is None or outcome.due]
    return pending, bases


def _notify_case(case: _Case, record: Record, failing: set[str]) -> list[str]:
    wanted, bases = _pending(case, record)
    record |= bases
    lines = []
    for notice, channel in wanted:
        if channel in failing:
            continue
        earlier = record.get((notice.id, channel))
        outcome = _sent(channel, case.root, notice)
        if outcome != _SENT:
            failing.add(channel)  # for the rest of this look: thirty customers do not wait for it thirty times
        tries = earlier.tries + 1 if earlier else 1
        record[notice.id, channel] = Outcome(id=notice.id, channel=channel, outcome=outcome, tries=tries)
        _write(case.root.id, record)
        lines.append(f"{customer_of(case.root)}: notified {channel}: {notice.subject}: {outcome}")
    if bases and not lines:
        _write(case.root.id, record)
    return lines


def _sent(channel: str, root: FlowRun, notice: Notice) -> str:
    """'sent', or what went wrong. Never more of an error than its kind: its words may hold a webhook's secret path."""
    try:
        within(PATIENCE, lambda: _emit_event(root, notice) if channel == EVENTS else _notify(channel, notice))
    except Blocked as error:
        return f"failed: {error}"
    except Exception as error:  # noqa: BLE001  # whatever a notifier does, the cutover goes on; it is written down
        status = getattr(getattr(error, "response", None), "status_code", "")
        return f"failed: {type(error).__name__} {status}".strip()
    return _SENT


def _notify(reference: str, notice: Notice) -> None:
    block: Any = open_block(reference, NotificationBlock)  # type: ignore[type-abstract]
    with block.raise_on_failure():
        taken = block.notify(body=f"{notice.body}\n\n({notice.id})", subject=notice.subject)
        if inspect.isawaitable(taken):
            asyncio.run(_await(taken))


async def _await(taken: Any) -> None:
    await taken


def _emit_event(root: FlowRun, notice: Notice) -> None:
    emit_event(
        f"mailmove.{notice.kind}",
        id=uuid5(root.id, notice.id),  # the server keeps one of each
        resource={"prefect.resource.id": resource_of(root.id), "prefect.resource.name": root.name},
        payload={"customer": customer_of(root), "subject": notice.subject, "body": notice.body},
    )


def within(seconds: float, call: Callable[[], None]) -> None:
    """Call it in a thread that nobody waits for longer; TimeoutError. Its own error is raised here."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001  # raised again below, in the thread that asked
            raised.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError
    if raised:
        raise raised[0]


def _write(root: UUID, record: Record) -> None:
    rows = [outcome.model_dump(mode="json") for outcome in record.values()]
    engine().store.write_table(_key(root), rows, description="Who was notified of what", flow_run=root)


def _key(root: UUID) -> str:
    return f"notices-{root}"
