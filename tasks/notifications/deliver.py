"""Tell people what is new, once: by the plan's notification blocks, and as an event for automations.

What was told is kept as an artifact of the cutover, so that neither kill -9 nor a second look tells it again. Only a
process that is killed within the very sending leaves nobody knowing whether it arrived: then it is sent once more, with
the same id in its text, for a doubled notice costs less than a lost one. Whatever a notifier does, the night goes on.
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

from mailmove.errors import Blocked
from mailmove.evidence import Look, now
from tasks.engine.prefect_internals import resource_of
from tasks.execution.open_blocks import open_block
from tasks.execution.run_concurrently import at_once
from tasks.ledger.artifact_tables import read_latest, write_table
from tasks.ledger.stored_plan import notices_of
from tasks.notifications.notices import Notice, customer_of, lately_ended, moved, waiting
from tasks.parking.wake import Parked

EVENTS = "event"
"""Channel that is always told: an event `mailmove.<kind>`, on which any automation can act."""

MOST_TRIES, FIRST_PAUSE = 5, timedelta(minutes=1)
"""A notifier that fails is tried again after 1, 2, 4 and 8 minutes."""

PATIENCE = 15.0
"""Seconds for one notifier to take one notice."""

_SENT, _BASE, _AT_ONCE = "sent", "forecast known", 8


class Told(BaseModel):
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


Record = dict[tuple[str, str], Told]
Records = dict[UUID, Record]
"""Root flow run -> what was told about it."""


@dataclass
class _Case:
    """A cutover, and what there may be to tell of it."""

    root: FlowRun
    waits: list[tuple[Parked, Look | None]] = field(default_factory=list)
    ends: list[Notice] = field(default_factory=list)


def tell_news(parked: list[Parked], looks: dict[UUID, Look], known: Records | None = None) -> list[str]:
    """Tell everything that is new about these and about what has ended lately; lines for the log.

    looks: what was last seen of each wait, by its sub-flow run. known: what this process knows to be told; it grows.
    Of a thousand cutovers only those are read again that have something to tell, as another process may have told it.
    """
    known = {} if known is None else known
    cases = {one.root.id: _Case(one.root) for one in parked}
    for one in parked:
        cases[one.root.id].waits.append((one, looks.get(one.run.id)))
    for run, notice in lately_ended():
        cases.setdefault(run.id, _Case(run)).ends.append(notice)
    unread = cases.keys() - known.keys()
    known |= told_so_far(list(unread))
    new = [root for root, case in cases.items() if any(_untold(case, known[root]))]
    known |= told_so_far([root for root in new if root not in unread])
    silent: set[str] = set()
    works = [(cases[root], known[root], silent) for root in new]
    return [line for told in at_once(_tell, works, most=_AT_ONCE) for line in told]


def told_so_far(roots: list[UUID]) -> Records:
    """What was told about each cutover, in few requests."""
    rows = read_latest([_key(root) for root in roots])
    entries = {root: [Told.model_validate(row) for row in rows.get(_key(root), [])] for root in roots}
    return {root: {(told.id, told.channel): told for told in found} for root, found in entries.items()}


def _untold(case: _Case, record: Record) -> tuple[list[tuple[Notice, str]], Record]:
    """(what is to be told by which channel now, the forecasts that later ones are held against from now on).

    A forecast is held against the one that was last told (or first seen), so that small steps add up.
    """
    rules, news, bases = notices_of(case.root), list(case.ends), Record()
    for one, look in case.waits:
        news += [found for found in (waiting(one, look),) if found]
        if not (look and look.forecast):
            continue
        place = (f"forecast {one.run.id}", _BASE)
        base = datetime.fromisoformat(record[place].outcome) if place in record else None
        far = base is not None and abs(look.forecast - base) > timedelta(minutes=rules.forecast_moved_minutes)
        if base is None or far:
            known = look.forecast.isoformat()
            bases[place] = Told(id=place[0], channel=_BASE, outcome=known, tries=MOST_TRIES)
        if base and far:
            news.append(moved(one, base, look.forecast))
    wanted = [(notice, channel) for notice in news if notice.kind in rules.about for channel in (EVENTS, *rules.to)]
    earlier = [record.get((notice.id, channel)) for notice, channel in wanted]
    return [one for one, told in zip(wanted, earlier, strict=True) if told is None or told.due], bases


def _tell(case: _Case, record: Record, silent: set[str]) -> list[str]:
    wanted, bases = _untold(case, record)
    record |= bases
    lines = []
    for notice, channel in wanted:
        if channel in silent:
            continue
        earlier = record.get((notice.id, channel))
        outcome = _sent(channel, case.root, notice)
        if outcome != _SENT:
            silent.add(channel)  # for the rest of this look: thirty customers do not wait for it thirty times
        tries = earlier.tries + 1 if earlier else 1
        record[notice.id, channel] = Told(id=notice.id, channel=channel, outcome=outcome, tries=tries)
        _write(case.root.id, record)
        lines.append(f"{customer_of(case.root)}: told {channel}: {notice.subject}: {outcome}")
    if bases and not lines:
        _write(case.root.id, record)
    return lines


def _sent(channel: str, root: FlowRun, notice: Notice) -> str:
    """'sent', or what went wrong. Never more of an error than its kind: its words may hold a webhook's secret path."""
    try:
        within(PATIENCE, lambda: _emit(root, notice) if channel == EVENTS else _notify(channel, notice))
    except Blocked as error:
        return f"failed: {error}"
    except Exception as error:  # noqa: BLE001  # whatever a notifier does, the night goes on; it is written down
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


def _emit(root: FlowRun, notice: Notice) -> None:
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
    rows = [told.model_dump(mode="json") for told in record.values()]
    write_table(_key(root), rows, description="Who was told what", flow_run=root)


def _key(root: UUID) -> str:
    return f"notices-{root}"
