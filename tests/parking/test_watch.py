"""One look at many: what it asks of the server does not grow with each of them, and what is known is not written."""

from __future__ import annotations

import importlib
import re
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from parked_world import CutoverRun, new_plan
from prefect import flow, tags
from prefect.client.base import PrefectHttpxSyncClient
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from tasks.engine.prefect_engine import known_as
from tasks.parking.forms import PARKED, WAIT_FLOW

from flows.wait import wait
from flows.watch import watch
from lab.dns.zone_data import rrset
from mailmove.evidence import PollResult, now
from mailmove.plan.cutover import Cutover
from mailmove.records import RRsetChange
from tasks.dns.zone_changes import change_of
from tasks.ledger.entry import EntryKind
from tasks.ledger.ledger import Ledger
from tasks.parking.due_polls import due, known_results
from tasks.parking.poll import last_result, keep_result, says_nothing_new
from tasks.parking.resume import Parked

pytestmark = pytest.mark.usefixtures("prefect_server", "nothing_parked")

watching = importlib.import_module("flows.watch")  # the module; `flows.watch.watch` is the flow in it

OLD = rrset("contoso.com.", "MX", 3600, "10 mail.contoso.com.")
LOW = rrset("contoso.com.", "MX", 60, "10 mail.contoso.com.")


@flow(persist_result=True, result_serializer="json")
def cutover_until_the_old_ttl_has_run_out(plan: Cutover) -> str:
    with tags(PARKED, WAIT_FLOW):
        return "; ".join(known_as(wait, "old_ttl")(plan, "old_ttl").facts)


def parked_cutover() -> CutoverRun:
    """Its ledger says that the TTL was shortened just now: an hour to wait."""
    cutover = CutoverRun(cutover_until_the_old_ttl_has_run_out, new_plan())
    ledger = Ledger(cutover.plan.customer, cutover.id)
    ledger.record(EntryKind.RECEIPT, "lower_ttl", changes=[change_of(RRsetChange(before=OLD, after=LOW))])
    ledger.record(EntryKind.EVIDENCE, "lower_ttl", facts=["served"])
    assert cutover.go_on() is None
    return cutover


def make_due(cutover: CutoverRun) -> None:
    """The time for the next look has come; the forecast stays."""
    seen = last_result(cutover.parked().run.id)
    assert seen is not None and seen.forecast is not None
    keep_result(cutover.parked().run.id, seen.model_copy(update={"next_poll": now()}))


def versions(run: UUID) -> int:
    with get_client(sync_client=True) as client:
        return len(client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[f"look-{run}"]))))


def requests_of_a_look(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    heard: list[str] = []
    send = PrefectHttpxSyncClient.send

    def listening(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        heard.append(re.sub(r"[0-9a-f-]{36}", "<id>", f"{request.method} {request.url.path.removeprefix('/api')}"))
        return send(self, request, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(PrefectHttpxSyncClient, "send", listening)
        assert watch(stay_seconds=0) == 0
    return sorted(one for one in heard if "/logs" not in one)


def test_a_look_at_many_asks_no_more_than_a_look_at_one(monkeypatch: pytest.MonkeyPatch) -> None:
    cutovers = [parked_cutover()]
    watch(stay_seconds=0)  # notices of what is new
    make_due(cutovers[0])
    of_one = requests_of_a_look(monkeypatch)
    cutovers += [parked_cutover() for _ in range(4)]
    watch(stay_seconds=0)
    for cutover in cutovers:
        make_due(cutover)
    assert requests_of_a_look(monkeypatch) == of_one
    assert any(one == "POST /artifacts/latest/filter" for one in of_one), "it did look"


def test_what_tells_nothing_new_is_not_written_and_not_asked_again_at_once() -> None:
    cutover = parked_cutover()
    run = cutover.parked().run.id
    keep_result(run, PollResult(done=False, summary="a week ago", at=now() - timedelta(days=7)))  # of an older version
    watch(stay_seconds=0)
    told = last_result(run)
    assert told is not None and "the old TTL of 3600 s runs out" in told.summary, "it was news"
    make_due(cutover)
    count = versions(run)
    watch(stay_seconds=0)
    assert versions(run) == count


def test_a_look_of_this_process_counts_although_it_was_not_written() -> None:
    cutover = parked_cutover()
    one = cutover.parked()
    stale = PollResult(done=False, summary="not yet", at=now() - timedelta(minutes=30))
    keep_result(one.run.id, stale)
    fresh = stale.model_copy(update={"at": now()})
    assert says_nothing_new(fresh, stale) and not says_nothing_new(fresh, None)
    assert not says_nothing_new(fresh.model_copy(update={"summary": "soon"}), stale)
    assert due([one], now(), 60, known_results([one], {})).now, "by what the server holds"
    assert not due([one], now(), 60, known_results([one], {one.run.id: fresh})).now
    keep_result(one.run.id, stale.model_copy(update={"at": now(), "summary": "the sub-flow itself looked"}))
    assert known_results([one], {one.run.id: fresh})[one.run.id].summary == "the sub-flow itself looked"


def test_a_look_is_on_time_without_reading_everything_again(monkeypatch: pytest.MonkeyPatch) -> None:
    cutover = parked_cutover()
    run = cutover.parked().run.id
    seen = last_result(run)
    assert seen is not None
    readings, looked = [0], list[UUID]()
    read, look = watching.parked_runs, watching.poll_all

    def counted(*states: Any) -> list[Parked]:
        readings[0] += 1
        return read(*states)

    async def noted(waits: list[tuple[Parked, PollResult | None]]) -> list[tuple[Parked, PollResult]]:
        looked.extend(one.run.id for one, _ in waits)
        return await look(waits)

    monkeypatch.setattr(watching, "parked_runs", counted)
    monkeypatch.setattr(watching, "poll_all", noted)
    keep_result(run, seen.model_copy(update={"next_poll": now() + timedelta(seconds=1)}))
    watch(stay_seconds=watching.STEP_SECONDS)
    assert (readings, looked) == ([1], [run]), "nor does a look that names a time in the past spin"


def test_what_parks_and_what_is_answered_meanwhile_is_found_without_reading_everything_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered, made = parked_cutover(), list[CutoverRun]()
    keep_result(answered.parked().run.id, PollResult(done=False, summary="not yet", next_poll=now() + timedelta(seconds=20)))
    read, looked, outside = watching.parked_runs, list[UUID](), copy_context()

    def read_once(*states: Any) -> list[Parked]:
        found = read(*states)
        monkeypatch.setattr(watching, "parked_runs", lambda *_: pytest.fail("everything was read again"))
        with get_client(sync_client=True) as client:  # as the UI does: the sub-flow only
            client.resume_flow_run(answered.parked().run.id, run_input={"go_on_anyway": True, "name": "anna"})
        with ThreadPoolExecutor() as another_process:  # the watch is no part of that cutover
            made.append(another_process.submit(outside.run, parked_cutover).result())
        make_due(made[0])
        return found

    async def noted(waits: list[tuple[Parked, PollResult | None]]) -> list[tuple[Parked, PollResult]]:
        looked.extend(one.run.id for one, _ in waits)
        return [(one, PollResult(done=False, summary="later", next_poll=now() + timedelta(hours=1))) for one, _ in waits]

    monkeypatch.setattr(watching, "parked_runs", read_once)
    monkeypatch.setattr(watching, "poll_all", noted)
    monkeypatch.setattr(watching, "READING_SECONDS", 60)
    watch(stay_seconds=25)
    assert looked == [made[0].parked().run.id]
    assert answered.state == "Resuming", "its cutover was woken"


def test_a_busy_minute_keeps_nobody_from_glancing(monkeypatch: pytest.MonkeyPatch) -> None:
    cutover = parked_cutover()
    make_due(cutover)
    glances = [0]

    async def due_again_at_once(waits: list[tuple[Parked, PollResult | None]]) -> list[tuple[Parked, PollResult]]:
        return [(one, PollResult(done=False, summary="not yet", next_poll=now())) for one, _ in waits]

    def counted(since: Any) -> list[Parked]:
        glances[0] += 1
        return []

    monkeypatch.setattr(watching, "poll_all", due_again_at_once)
    monkeypatch.setattr(watching, "STEP_SECONDS", 2.5)  # longer than the pause until the next look is due
    monkeypatch.setattr(watching, "parked_lately", counted)
    watch(stay_seconds=9)
    assert glances[0] >= 2


def test_what_the_sub_flow_has_seen_since_counts_for_more_than_what_this_process_saw(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cutover = parked_cutover()
    run, looked = cutover.parked().run.id, list[UUID]()
    make_due(cutover)

    async def seen_by_the_watch(waits: list[tuple[Parked, PollResult | None]]) -> list[tuple[Parked, PollResult]]:
        looked.extend(one.run.id for one, _ in waits)
        soon = now() + timedelta(seconds=10)
        return [(one, PollResult(done=False, summary="seen by the watch", next_poll=soon)) for one, _ in waits]

    keep = watching.keep_results

    def kept_and_then_somebody_woke_it_and_it_parked_again(new: list[tuple[Parked, PollResult]]) -> None:
        keep(new)
        if new:
            keep_result(run, PollResult(done=False, summary="seen by itself", next_poll=now() + timedelta(hours=1)))

    monkeypatch.setattr(watching, "READING_SECONDS", 0)
    monkeypatch.setattr(watching, "READING_SHARE", 0)
    monkeypatch.setattr(watching, "poll_all", seen_by_the_watch)
    monkeypatch.setattr(watching, "keep_results", kept_and_then_somebody_woke_it_and_it_parked_again)
    watch(stay_seconds=15)
    assert looked == [run]


async def test_the_ledger_is_read_again_only_when_the_time_has_come() -> None:
    from tasks.waits import old_ttl

    class Unread:
        def receipt(self, stage: str) -> Any:
            raise AssertionError(f"the ledger of {stage} was read")

    known = PollResult(done=False, summary="it runs out", forecast=now() + timedelta(hours=1), details=["a"])
    seen = await old_ttl.look_on(new_plan(), Unread(), known)  # type: ignore[arg-type]
    assert says_nothing_new(seen, known) and seen.at > known.at
    for previous in (None, known.model_copy(update={"forecast": now()}), known.model_copy(update={"forecast": None})):
        with pytest.raises(AssertionError, match="lower_ttl was read"):
            await old_ttl.look_on(new_plan(), Unread(), previous)  # type: ignore[arg-type]
