"""The watch: what it asks does not grow with what is parked, what is known is not written, and it hides nothing."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from memory_engine import MemoryEngine
from parked_world import CutoverRun, PlayedWait, new_plan
from prefect import flow, tags
from prefect.client.base import PrefectHttpxSyncClient
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows.wait import wait
from flows.watch import keep_watch, watch
from lab.dns.zone_data import rrset
from mailmove.clock import now
from mailmove.evidence import PollResult
from mailmove.plan.cutover import Cutover
from mailmove.records import RRsetChange
from tasks.dns.zone_changes import change_of
from tasks.engine.current import engine, running_on
from tasks.engine.prefect_internals import keyed_by
from tasks.execution.context import Context
from tasks.ledger.entry import EntryKind
from tasks.ledger.ledger import Ledger
from tasks.parking.due_polls import due, known_results
from tasks.parking.forms import PARKED, WAIT_FLOW
from tasks.parking.poll import keep_result, last_result, says_nothing_new
from tasks.parking.resume import Parked, resume
from tasks.parking.watcher import Watcher
from tasks.runbook import step_replaced
from tasks.waits import old_ttl

pytestmark = pytest.mark.usefixtures("prefect_server", "nothing_parked")

LOG = logging.getLogger(__name__)
OLD = rrset("contoso.com.", "MX", 3600, "10 mail.contoso.com.")
LOW = rrset("contoso.com.", "MX", 60, "10 mail.contoso.com.")


@flow(persist_result=True, result_serializer="json")
def cutover_until_the_old_ttl_has_run_out(plan: Cutover) -> str:
    with tags(PARKED, WAIT_FLOW):
        return "; ".join(keyed_by(wait, "old_ttl")(plan, "old_ttl").facts)


def parked_cutover() -> CutoverRun:
    """Its ledger says that the TTL was shortened just now: an hour to wait."""
    cutover = CutoverRun(cutover_until_the_old_ttl_has_run_out, new_plan())
    ledger = Ledger(cutover.plan.customer, cutover.id)
    ledger.record(EntryKind.RECEIPT, "lower_ttl", changes=[change_of(RRsetChange(before=OLD, after=LOW))])
    ledger.record(EntryKind.EVIDENCE, "lower_ttl", facts=["served"])
    assert cutover.go_on() is None
    return cutover


def make_due(cutover: CutoverRun) -> None:
    """The time for the next poll has come; the forecast stays."""
    result = last_result(cutover.parked().run.id)
    assert result is not None and result.forecast is not None
    keep_result(cutover.parked().run.id, result.model_copy(update={"next_poll": now()}))


def versions(run: UUID) -> int:
    with get_client(sync_client=True) as client:
        return len(client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[f"poll-{run}"]))))


def requests_of_a_round(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    heard: list[str] = []
    send = PrefectHttpxSyncClient.send

    def listening(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        heard.append(re.sub(r"[0-9a-f-]{36}", "<id>", f"{request.method} {request.url.path.removeprefix('/api')}"))
        return send(self, request, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(PrefectHttpxSyncClient, "send", listening)
        assert watch(stay_seconds=0) == 0
    return sorted(request for request in heard if "/logs" not in request)


def test_a_round_of_many_asks_no_more_than_a_round_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    cutovers = [parked_cutover()]
    watch(stay_seconds=0)  # notices of what is new
    make_due(cutovers[0])
    of_one = requests_of_a_round(monkeypatch)
    cutovers += [parked_cutover() for _ in range(4)]
    watch(stay_seconds=0)
    for cutover in cutovers:
        make_due(cutover)
    assert requests_of_a_round(monkeypatch) == of_one
    assert "POST /artifacts/latest/filter" in of_one, "it did poll"


def test_what_says_nothing_new_is_not_written_and_not_asked_again_at_once() -> None:
    cutover = parked_cutover()
    run = cutover.parked().run.id
    keep_result(run, PollResult(done=False, summary="a week ago", at=now() - timedelta(days=7)))  # of an older version
    watch(stay_seconds=0)
    result = last_result(run)
    assert result is not None and "the old TTL of 3600 s runs out" in result.summary, "it said something new"
    make_due(cutover)
    count = versions(run)
    watch(stay_seconds=0)
    assert versions(run) == count


def test_a_poll_of_this_process_counts_although_it_was_not_written() -> None:
    cutover = parked_cutover()
    wait_run = cutover.parked()
    stale = PollResult(done=False, summary="not yet", at=now() - timedelta(minutes=30))
    keep_result(wait_run.run.id, stale)
    fresh = stale.model_copy(update={"at": now()})
    assert says_nothing_new(fresh, stale) and not says_nothing_new(fresh, None)
    assert not says_nothing_new(fresh.model_copy(update={"summary": "soon"}), stale)
    assert due([wait_run], now(), 60, known_results([wait_run], {})).now, "by what the server holds"
    assert not due([wait_run], now(), 60, known_results([wait_run], {wait_run.run.id: fresh})).now
    keep_result(wait_run.run.id, stale.model_copy(update={"at": now(), "summary": "the sub-flow itself polled"}))
    assert known_results([wait_run], {wait_run.run.id: fresh})[wait_run.run.id].summary == "the sub-flow itself polled"


class CountingWatcher(Watcher):
    """The watch's own, counted; `answer` polls in its place."""

    def __init__(self, answer: Callable[[Parked], PollResult] | None = None, **seconds: float) -> None:
        super().__init__(**seconds)
        self.answer, self.readings, self.steps, self.polled = answer, 0, 0, list[UUID]()

    def read_all(self) -> list[Parked]:
        self.readings += 1
        return super().read_all()

    def read_lately(self, since: datetime) -> list[Parked]:
        self.steps += 1
        return super().read_lately(since)

    def poll(self, waits: list[tuple[Parked, PollResult | None]]) -> list[tuple[Parked, PollResult]]:
        self.polled += [parked.run.id for parked, _ in waits]
        return [(parked, self.answer(parked)) for parked, _ in waits] if self.answer else super().poll(waits)


def test_a_poll_is_on_time_without_reading_everything_again() -> None:
    cutover, watcher = parked_cutover(), CountingWatcher()
    run = cutover.parked().run.id
    result = last_result(run)
    assert result is not None
    keep_result(run, result.model_copy(update={"next_poll": now() + timedelta(seconds=1)}))
    keep_watch(watcher, LOG, stay_seconds=watcher.step_seconds, rest_seconds=60)
    assert (watcher.readings, watcher.polled) == (1, [run]), "nor does a poll that names a time in the past spin"


class OneReading(CountingWatcher):
    """After its only reading of everything, something is answered and something else parks."""

    def __init__(self, answered: CutoverRun) -> None:
        super().__init__(in_an_hour, reading_seconds=60)
        self.answered, self.made, self.outside = answered, list[CutoverRun](), copy_context()

    def read_all(self) -> list[Parked]:
        assert self.readings == 0, "everything was read again"
        parked = super().read_all()
        skip = {"go_on_anyway": True, "name": "anna", "reason": "it is counted by hand"}
        with get_client(sync_client=True) as client:  # as the UI does: the sub-flow only
            client.resume_flow_run(self.answered.parked().run.id, run_input=skip)
        with ThreadPoolExecutor() as another_process:  # the watch is no part of that cutover
            self.made.append(another_process.submit(self.outside.run, parked_cutover).result())
        make_due(self.made[0])
        return parked


def in_an_hour(_: Parked) -> PollResult:
    return PollResult(done=False, summary="later", next_poll=now() + timedelta(hours=1))


def test_what_parks_and_what_is_answered_meanwhile_is_found_without_reading_everything_again() -> None:
    answered = parked_cutover()
    later = now() + timedelta(seconds=20)
    keep_result(answered.parked().run.id, PollResult(done=False, summary="not yet", next_poll=later))
    watcher = OneReading(answered)
    keep_watch(watcher, LOG, stay_seconds=25, rest_seconds=60)
    assert watcher.polled == [watcher.made[0].parked().run.id]
    assert answered.state == "Resuming", "its cutover was resumed"


def test_a_busy_minute_keeps_nobody_from_reading_what_is_new() -> None:
    make_due(parked_cutover())
    watcher = CountingWatcher(  # a step is longer than the pause until the next poll is due
        lambda _: PollResult(done=False, summary="not yet", next_poll=now()), step_seconds=2.5
    )
    keep_watch(watcher, LOG, stay_seconds=9, rest_seconds=60)
    assert watcher.steps >= 2


class Overtaken(CountingWatcher):
    """As soon as it has kept a result, the sub-flow has been resumed, has polled by itself, and parked again."""

    def keep(self, results: list[tuple[Parked, PollResult]]) -> None:
        super().keep(results)
        for parked, _ in results:
            later = now() + timedelta(hours=1)
            keep_result(parked.run.id, PollResult(done=False, summary="polled by itself", next_poll=later))


def test_what_the_sub_flow_has_polled_since_counts_for_more_than_what_this_process_polled() -> None:
    cutover = parked_cutover()
    make_due(cutover)

    def in_ten_seconds(_: Parked) -> PollResult:
        return PollResult(done=False, summary="polled by the watch", next_poll=now() + timedelta(seconds=10))

    watcher = Overtaken(in_ten_seconds, reading_seconds=0, reading_share=0)
    keep_watch(watcher, LOG, stay_seconds=15, rest_seconds=60)
    assert watcher.polled == [cutover.parked().run.id]


# --- what the watch leaves to the wait's own run, and what it does not hide ----------------------------------------


@flow(persist_result=True, result_serializer="json")
def cutover_with_a_played_wait(plan: Cutover) -> str:
    with tags(PARKED, WAIT_FLOW):
        return "; ".join(keyed_by(wait, "first_sync")(plan, "first_sync").facts)


def test_a_remedy_is_carried_out_by_the_run_of_the_wait_and_not_by_the_watch() -> None:
    failed, carried_out = [False], list[tuple[UUID, bool]]()

    async def poll(context: Context, previous: PollResult | None) -> PollResult:
        assert context.read_only, "a poll acts on nothing"
        return PollResult(done=bool(carried_out), summary=f"failed: {failed[0]}", remedy=failed[0] and not carried_out)

    async def remedy(context: Context, result: PollResult) -> PollResult:
        context.fence()  # Prefect's: only a process that owns its run may ask
        carried_out.append((engine().own_run(), context.read_only))
        return result.model_copy(update={"remedy": False})

    with step_replaced(PlayedWait("first_sync", "until all is copied", verbs={"poll": poll, "remedy": remedy})):
        cutover = CutoverRun(cutover_with_a_played_wait, new_plan())
        assert cutover.go_on() is None
        run = cutover.parked().run.id
        failed[0] = True
        assert watched_once(cutover) == 1
        result = last_result(run)
        assert result is not None and result.remedy
        assert (carried_out, cutover.state) == ([], "Resuming"), "the watch has only resumed it"
        assert cutover.go_on() == "failed: True"
        assert carried_out == [(run, False)]


def test_the_third_fault_in_a_row_parks_the_wait_with_a_question_that_names_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = [False]

    async def poll(context: Context, previous: PollResult | None) -> PollResult:
        if broken[0]:
            raise ZeroDivisionError("seconds by nothing")
        return PollResult(done=False, summary="it goes on")

    with step_replaced(PlayedWait("first_sync", "until all is copied", verbs={"poll": poll})):
        cutover = CutoverRun(cutover_with_a_played_wait, new_plan())
        assert cutover.go_on() is None
        run = cutover.parked().run.id
        for faults in (1, 2, 0, 1, 2):  # what is polled well in between begins anew
            broken[0] = faults > 0
            assert watched_once(cutover) == 0
            result = last_result(run)
            assert result is not None and (result.faults, result.asks) == (faults, None)
        assert watched_once(cutover) == 1
        result = last_result(run)
        assert result is not None and result.faults == 3
        assert cutover.go_on() is None
        assert cutover.state == "Suspended"
        assert "This cannot be polled (ZeroDivisionError). Go on without it" in cutover.parked().question
        assert "a fault of Mailmove: ZeroDivisionError: seconds by nothing" in cutover.parked().question
        assert watched_once(cutover) == 0, "it is parked with this very question"
        lines = [record for record in caplog.records if record.name == LOG.name and record.levelno == logging.ERROR]
        assert len(lines) == 5 and "seconds by nothing" in lines[0].getMessage(), "what says nothing new is said once"
        resume(cutover.parked(), {"go_on_anyway": True, "name": "anna", "reason": "it is counted by hand"})
        assert "anna said: it is counted by hand" in cutover.go_on()


def watched_once(cutover: CutoverRun) -> int:
    """One round of the watch, in which its wait is due; how many it has resumed."""
    run = cutover.parked().run.id
    known = last_result(run)
    assert known is not None
    keep_result(run, known.model_copy(update={"next_poll": now(), "at": now() - timedelta(hours=1)}))
    return keep_watch(Watcher(), LOG, stay_seconds=0, rest_seconds=60)


async def test_the_ledger_is_read_again_only_when_the_time_has_come() -> None:
    with running_on(MemoryEngine()) as memory:
        plan = new_plan()
        reads = memory.store.reads
        known = PollResult(done=False, summary="it runs out", forecast=now() + timedelta(hours=1), details=["a"])
        result = await old_ttl.poll(Context(plan, "old_ttl", read_only=True), known)
        assert says_nothing_new(result, known) and result.at > known.at
        assert not reads, "nothing was read"
        for previous in (
            None,
            known.model_copy(update={"forecast": now()}),
            known.model_copy(update={"forecast": None}),
        ):
            reads.clear()
            await old_ttl.poll(Context(plan, "old_ttl", read_only=True), previous)
            assert dict(reads) == {f"ledger-{plan.customer}": 1}
