"""A day in which nothing happens, on a real Prefect server on SQLite: cutovers that wait, and some that cannot poll.

Simulated is the time: the clock of the watch and of the waits jumps to what is next. Real are the server with the box's
own settings, its database, every flow run (also those of the watch that are not needed, one each minute, as the
scheduler makes them), its states, logs, events, artifacts, and each poll at its due time.

Played: Prefect's vacuum of events, each simulated hour, by the conditions of prefect/server/services/db_vacuum.py and
with the box's own periods, in simulated time; the server itself knows the real time only.

Not simulated: what else the server does by its own clock (no run is Late). Readings that write nothing are fewer: each
five minutes.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from parked_world import CutoverRun, PlayedWait, new_plan
from prefect import flow, tags
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.events.filters import EventFilter, EventNameFilter
from prefect.flow_engine import run_flow
from prefect.states import Cancelled, Pending

from deployments.server.box import POOL, Box, using
from flows.wait import wait
from flows.watch import keep_watch
from mailmove.clock import Clock, clock_set
from mailmove.errors import Transient
from mailmove.evidence import PollResult
from mailmove.plan.cutover import Cutover
from tasks.engine.current import engine
from tasks.engine.prefect_internals import HEARTBEAT_EVENT, keyed_by
from tasks.execution.context import Context
from tasks.parking.forms import PARKED, WAIT_FLOW
from tasks.parking.resume import Parked
from tasks.parking.watcher import Watcher
from tasks.retention.watch_runs import thin_out
from tasks.runbook import step_replaced

HEALTHY, LOST = "first_sync", "quiet"
LOG = logging.getLogger(__name__)


class JumpingClock(Clock):
    """Whoever waits, waits no time: the clock jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.jumped = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.jumped)

    def monotonic(self) -> float:
        return super().monotonic() + self.jumped

    def sleep(self, seconds: float) -> None:
        self.jumped += max(0.0, seconds)


@dataclass
class IdleDay:
    """polls: of each wait, by its root run. grown: of the database's file, by simulated hour."""

    healthy: int
    lost: int
    hours: float
    polls: Counter[UUID] = field(default_factory=Counter)
    bytes_by_hour: list[int] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    questions: dict[str, list[str]] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)

    @property
    def grown(self) -> int:
        return self.bytes_by_hour[-1] - self.bytes_by_hour[0]

    @property
    def megabytes_a_day(self) -> float:
        """Of a whole day: what it has grown, and, of hours that were not played, as much each as in the last two.

        A young database takes its pages in the first hours, and then fills those that retention has freed.
        """
        last_two = (self.bytes_by_hour[-1] - self.bytes_by_hour[-3]) / 2
        return (self.grown + last_two * max(0.0, 24 - self.hours)) / 1e6


@flow(name="cutover", persist_result=True, result_serializer="json")
def cutover_that_waits(plan: Cutover) -> str:
    engine().claim(plan.customer)
    step = LOST if plan.customer.startswith("lost") else HEALTHY
    with tags(PARKED, WAIT_FLOW):
        return "; ".join(keyed_by(wait, step)(plan, step).facts)


async def healthy(context: Context, previous: PollResult | None) -> PollResult:
    """It goes on as it did; what the next poll wants to know is another each time, and so is the picture."""
    polls = int(previous.state["polls"]) + 1 if previous else 1
    state = {"polls": polls, "mailboxes": [{"address": f"user{n}@contoso.com", "seen": polls} for n in range(25)]}
    return PollResult(done=False, summary="12 of 25 mailboxes copied", state=state, picture=f"{polls} " + "#" * 4000)


async def lost(context: Context, previous: PollResult | None) -> PollResult:
    """Its server is gone; the words of the error have a number of their own each time."""
    seen = f"Connection to mail.contoso.com timed out. (request {uuid4()})"
    raise Transient("mail.contoso.com", wanted="the log of arrivals", seen=seen, todo="See that it runs.")


class CountingWatcher(Watcher):
    """The box's own, with fewer readings; counts the polls."""

    def __init__(self, day: IdleDay) -> None:
        super().__init__(reading_seconds=300, reading_share=0, step_seconds=60, notify_seconds=300)
        self.day = day

    def poll(self, waits: list[tuple[Parked, PollResult | None]]) -> list[tuple[Parked, PollResult]]:
        self.day.polls.update(waiting.root.id for waiting, _ in waits)
        return super().poll(waits)


@contextmanager
def _server(home: Path) -> Iterator[Box]:
    """The box's server, without a worker: this process is the worker."""
    home.mkdir(parents=True, exist_ok=True)
    box = Box(home, settings={"PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false"})
    try:
        box.start_server()
        with using(box):
            yield box
    finally:
        box.stop()


def play(home: Path, *, healthy_ones: int, lost_ones: int, hours: float) -> IdleDay:
    day, clock = IdleDay(healthy_ones, lost_ones, hours), JumpingClock()
    played = (
        step_replaced(PlayedWait(HEALTHY, "until all is copied", verbs={"poll": healthy})),
        step_replaced(PlayedWait(LOST, "until nobody delivers any more", verbs={"poll": lost})),
    )
    with _server(home) as box, played[0], played[1], clock_set(clock):
        cutovers = [_parked(f"c{n}") for n in range(healthy_ones)] + [_parked(f"lost{n}") for n in range(lost_ones)]
        _live(day, clock, box, cutovers)
        day.questions = {run.plan.customer: _asked(run) for run in cutovers}
        day.versions = {run.plan.customer: _versions(run) for run in cutovers}
    return day


def _parked(customer: str) -> CutoverRun:
    run = CutoverRun(cutover_that_waits, new_plan().model_copy(update={"customer": customer}))
    assert run.go_on() is None and run.state == "Suspended"
    return run


def _live(day: IdleDay, clock: JumpingClock, box: Box, cutovers: list[CutoverRun]) -> None:
    """The scheduler starts a watch each minute; while one runs the others are cancelled, as the deployment says."""
    began = clock.now()
    with get_client(sync_client=True) as client:
        deployment = _deployed(client)
        day.bytes_by_hour.append(_size(box.home / "prefect.db"))
        hours = [datetime.now(UTC)]
        while (past := clock.now() - began) < timedelta(hours=day.hours):
            start = clock.now()
            _watch(day, client, deployment)
            for cutover in cutovers:  # a worker
                if cutover.plan.customer.startswith("lost") and cutover.state == "Resuming":
                    cutover.go_on()
            minutes = max(1, round((clock.now() - start).total_seconds() / 60))
            _beats(client, minutes)
            for _ in range(minutes - 1):  # each finds that one runs
                run = client.create_flow_run_from_deployment(deployment)
                client.set_flow_run_state(run.id, Pending())
                client.set_flow_run_state(run.id, _not_needed(), force=True)
            clock.sleep(60 * minutes - (clock.now() - start).total_seconds())
            if past.total_seconds() // 3600 >= len(day.bytes_by_hour):
                hours.append(datetime.now(UTC))
                _vacuum(box.home / "prefect.db", box.env, hours)
                day.bytes_by_hour.append(_size(box.home / "prefect.db"))
        day.bytes_by_hour.append(_size(box.home / "prefect.db"))
    day.rows = _rows(box.home / "prefect.db")


def _deployed(client: SyncPrefectClient) -> UUID:
    """The deployment of the watch, as `prefect.yaml` has it, without its schedule: that is simulated."""
    client.request("POST", "/work_pools/", json={"name": POOL, "type": "process"})
    return client.create_deployment(client.create_flow(watched), name="watch", work_pool_name=POOL, tags=["mailmove"])


def _beats(client: SyncPrefectClient, minutes: int) -> None:
    """The heartbeats of the minutes in which a watch ran: its own sent one, when it began."""
    beats = EventFilter(event=EventNameFilter(name=[HEARTBEAT_EVENT]))
    newest = client.read_events(filter=beats, limit=1).events
    if newest:
        sent = [newest[0].model_copy(update={"id": uuid4()}) for _ in range(minutes - 1)]
        client.request("POST", "/events", json=[event.model_dump(mode="json") for event in sent])


def _not_needed() -> Any:
    return Cancelled(message="Deployment concurrency limit reached.")


@flow(name="watch")
def watched(stay_seconds: float = 300.0, rest_seconds: float = 60.0) -> int:
    """As `flows/watch.py`, with a watcher that counts."""
    thin_out()
    return keep_watch(CURRENT[0], LOG, stay_seconds=stay_seconds, rest_seconds=rest_seconds)


CURRENT: list[Watcher] = []


def _watch(day: IdleDay, client: SyncPrefectClient, deployment: UUID) -> None:
    run = client.create_flow_run_from_deployment(deployment)
    client.set_flow_run_state(run.id, Pending())
    CURRENT[:] = [CountingWatcher(day)]
    run_flow(watched, flow_run=client.read_flow_run(run.id), parameters={})


def _asked(run: CutoverRun) -> list[str]:
    with get_client(sync_client=True) as client:
        states = client.read_flow_run_states(run.parked().run.id)
    return [state.message or "" for state in states if state.is_paused()]


def _versions(run: CutoverRun) -> int:
    key = f"poll-{run.parked().run.id}"
    with get_client(sync_client=True) as client:
        return len(client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key]))))


def _vacuum(path: Path, env: dict[str, str], hours: list[datetime]) -> None:
    """hours: the real time at which each simulated hour began."""
    periods = json.loads(env["PREFECT_SERVER_SERVICES_DB_VACUUM_EVENT_RETENTION_OVERRIDES"])
    with closing(sqlite3.connect(path, timeout=60)) as database:
        for event, seconds in periods.items():
            back = len(hours) - 1 - round(seconds / 3600)
            if back < 0:
                continue
            old = (event, hours[back].strftime("%Y-%m-%d %H:%M:%S.%f"))
            chosen = "SELECT id FROM events WHERE event = ? AND occurred < ?"
            database.execute(f"DELETE FROM event_resources WHERE event_id IN ({chosen})", old)
            database.execute("DELETE FROM events WHERE event = ? AND occurred < ?", old)
            database.commit()


def _size(path: Path) -> int:
    """Bytes of the database's file when everything that was written is in it."""
    with closing(sqlite3.connect(path, timeout=60)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return path.stat().st_size


def _rows(path: Path) -> dict[str, int]:
    tables = ("flow_run", "flow_run_state", "task_run", "log", "events", "event_resources", "artifact")
    with closing(sqlite3.connect(path, timeout=60)) as database:
        return {name: database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}
