"""Notices: each once, through kill -9 and repeated polls; a notifier that fails stops nothing and is written down."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from parked_world import CutoverRun, HeardStore, Killed, engine_with, new_plan
from prefect import flow, tags
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import get_client
from prefect.events.schemas.events import Event
from prefect.events.worker import EventsWorker
from prefect.states import Failed
from pydantic import SecretStr
from web_hook import WebHook

from flows.gate import gate
from mailmove.clock import Clock, clock_set, now
from mailmove.evidence import PollResult, Preview
from mailmove.plan.cutover import Cutover
from mailmove.plan.gates_and_windows import Notices
from tasks.engine.current import engine, running_on
from tasks.engine.prefect_internals import keyed_by
from tasks.notifications.deliver import EVENTS, MOST_TRIES, Records, notify_all, outcomes_so_far, within
from tasks.parking.due_polls import known_results
from tasks.parking.forms import GATE_FLOW, PARKED, WAIT_FLOW, WaitForm
from tasks.parking.poll import keep_result
from tasks.parking.resume import resume
from tasks.preflight.contacts import check_contacts

pytestmark = pytest.mark.usefixtures("prefect_server")
SECRET = "hooks-secret-path"


@flow(name="cutover", persist_result=True, result_serializer="json")
def cutover_with_a_gate(plan: Cutover) -> str:
    with tags(PARKED, GATE_FLOW):
        return keyed_by(gate, "switch_mail")(plan, "switch_mail", Preview(stage="switch_mail"))


@flow(persist_result=True, result_serializer="json")
def ask(cutover: Cutover, step: str) -> str:
    return "gone on" if engine().parking.last_answer(WaitForm) else engine().parking.park(WaitForm, f"{step}? Decide.")


@flow(persist_result=True, result_serializer="json")
def cutover_with_a_wait(plan: Cutover) -> str:
    with tags(PARKED, WAIT_FLOW):
        return keyed_by(ask, "propagation")(plan, "propagation")


class Hook(WebHook):
    """With a block of Prefect's that calls it, and a secret in its address."""

    def __init__(self) -> None:
        super().__init__()
        self.name = f"hook-{uuid4().hex[:8]}"
        CustomWebhookNotificationBlock(
            name="hook",
            url=f"{self.url}/{{{{secret}}}}",
            json_data={"subject": "{{subject}}", "body": "{{body}}"},
            secrets={"secret": SecretStr(SECRET)},  # type: ignore[arg-type]
        ).save(self.name)

    @property
    def ref(self) -> str:
        return f"custom-webhook/{self.name}"


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as made:
        yield made


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """What was emitted for automations."""
    heard: list[Event] = []
    monkeypatch.setattr(EventsWorker, "send", lambda _, event: heard.append(event))
    return heard


def parked(flow: Any, *to: str, **rules: Any) -> CutoverRun:
    plan = new_plan().model_copy(update={"notices": Notices(to=list(to), **rules)})
    cutover = CutoverRun(flow, plan)
    cutover.go_on()
    return cutover


def on_record(cutover: CutoverRun) -> list[tuple[str, str]]:
    """(channel, outcome) of everything that is on record."""
    return [(outcome.channel, outcome.outcome) for outcome in outcomes_so_far([cutover.id])[cutover.id].values()]


def notified_anew(*cutovers: CutoverRun) -> list[str]:
    """What the watch says after one round of these."""
    asked = [cutover.parked() for cutover in cutovers]
    return notify_all(asked, known_results(asked, {}))


def test_a_gate_is_notified_once_however_often_it_is_polled(hook: Hook, events: list[Event]) -> None:
    cutover = parked(cutover_with_a_gate, hook.ref)
    for _ in range(3):
        notified_anew(cutover)
    (notice,) = hook.heard
    assert notice["subject"] == f"{cutover.plan.customer} waits for you: switch_mail"
    assert "Point the mail at Microsoft 365?" in notice["body"]
    (event,) = [event for event in events if event.payload.get("customer") == cutover.plan.customer]
    assert event.event == "mailmove.waiting"
    assert on_record(cutover) == [(EVENTS, "sent"), (hook.ref, "sent")]
    resume(cutover.parked(), {"approve": False, "name": "ben", "reason": "not yet"})
    cutover.go_on()
    notified_anew(cutover)
    assert len(hook.heard) == 2, "it is a new question"
    resume(cutover.parked(), {"approve": True, "name": "ben", "reason": "now"})
    assert cutover.go_on() is not None
    for _ in range(2):
        notify_all([], {})
    assert [notice["subject"] for notice in hook.heard[2:]] == [
        f"{cutover.plan.customer}: the cutover has ended: Completed"
    ]


def test_killed_after_the_sending_it_is_sent_once_more_and_not_again(hook: Hook, events: list[Event]) -> None:
    """Nobody knows then whether it arrived; the id in its text is the same."""

    def kill(key: str) -> None:
        if hook.heard:
            raise Killed

    cutover = parked(cutover_with_a_gate, hook.ref)
    with running_on(engine_with(HeardStore(before=kill))), pytest.raises(Killed):
        notified_anew(cutover)
    for _ in range(3):
        notified_anew(cutover)
    assert len(hook.heard) == 2
    assert hook.heard[0] == hook.heard[1]
    assert len({event.id for event in events if event.event.startswith("mailmove.")}) == 1, (
        "the server keeps one event of each id"
    )


def test_what_failed_is_written_down_without_its_secrets_and_tried_again_later(hook: Hook, events: list[Event]) -> None:
    hook.status = 500
    cutover = parked(cutover_with_a_gate, "custom-webhook/nobody", hook.ref)
    lines = notified_anew(cutover)
    notified_anew(cutover)
    assert len(hook.heard) == 1, "not again at once"
    (_, missing, failed) = on_record(cutover)
    assert missing[1].startswith("failed: Prefect: wanted the block custom-webhook/nobody; saw no such block")
    assert failed == (hook.ref, "failed: HTTPStatusError 500")
    assert SECRET not in "".join(lines) + str(outcomes_so_far([cutover.id]))
    hook.status = 200
    for hours in (1, 2):
        with clock_set(Clock(ahead=timedelta(hours=hours))):
            notified_anew(cutover)
    assert (len(hook.heard), on_record(cutover)[2]) == (2, (hook.ref, "sent"))
    for hours in range(MOST_TRIES):
        with clock_set(Clock(ahead=timedelta(hours=3 + hours))):
            notified_anew(cutover)
    assert outcomes_so_far([cutover.id])[cutover.id][_id(cutover), "custom-webhook/nobody"].tries == MOST_TRIES


def _id(cutover: CutoverRun) -> str:
    return f"waiting {cutover.parked().run.id} 1"


def test_what_has_nothing_new_is_not_read_again_and_another_process_may_have_notified(
    hook: Hook, events: list[Event]
) -> None:
    cutover, known, read = parked(cutover_with_a_gate, hook.ref), Records(), list[list[str]]()
    known[cutover.id] = {}  # read before another process notified:
    notified_anew(cutover)
    for expected in (1, 0, 0):
        read.clear()
        with running_on(engine_with(HeardStore(reads=read.append))):
            assert notify_all([cutover.parked()], {}, known) == []
        assert sum(f"notices-{cutover.id}" in keys for keys in read) == expected
    assert len(hook.heard) == 1


def test_a_failed_cutover_is_notified(hook: Hook, events: list[Event]) -> None:
    cutover = parked(cutover_with_a_gate, hook.ref, about=["failed"])
    notified_anew(cutover)
    assert hook.heard == [], "the plan wants to hear of failures only"
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(cutover.id, Failed(message="the disk\nis full"), force=True)
    for _ in range(2):
        notify_all([], {})
    (notice,) = hook.heard
    assert notice["subject"] == f"{cutover.plan.customer}: the cutover has failed"
    assert notice["body"].startswith("the disk\nis full")


def test_a_forecast_is_notified_when_it_has_moved_by_more_than_the_plan_says(hook: Hook, events: list[Event]) -> None:
    cutover = parked(cutover_with_a_wait, hook.ref, forecast_moved_minutes=30)
    first = now().replace(microsecond=0)

    def poll(minutes: float, asks: str | None = None) -> None:
        result = PollResult(
            done=False,
            summary="not yet",
            forecast=first + timedelta(minutes=minutes),
            asks=asks,
            parked_with="Decide.",
        )
        keep_result(cutover.parked().run.id, result)
        notified_anew(cutover)

    for minutes in (0, 20, -25, 30):
        poll(minutes)
    assert hook.heard == [], "small steps around the first one"
    poll(31)
    poll(31)
    (notice,) = hook.heard
    assert notice["subject"].startswith(f"{cutover.plan.customer}: propagation is forecast later, ")
    poll(60)
    assert len(hook.heard) == 1, "held against what was last notified"
    poll(0)
    assert "forecast sooner" in hook.heard[1]["subject"]
    poll(0, asks="Something else?")
    assert len(hook.heard) == 2, "it is not parked with that question yet"
    poll(0, asks="Decide.")
    poll(0, asks="Decide.")
    assert [notice["subject"] for notice in hook.heard[2:]] == [f"{cutover.plan.customer} waits for you: propagation"]


def test_a_notifier_that_hangs_is_left_behind() -> None:
    release = threading.Event()
    started = datetime.now()
    with pytest.raises(TimeoutError):
        within(0.2, lambda: release.wait(60) and None)
    assert datetime.now() - started < timedelta(seconds=50)
    release.set()
    with pytest.raises(ZeroDivisionError):
        within(30, lambda: 1 / 0 and None)


def test_preflight_names_every_approver_and_notifier_that_cannot_be_reached(hook: Hook) -> None:
    plan = new_plan(switch_mail={"approvers": ["approver/nobody", "ben"]}).model_copy(
        update={"notices": Notices(to=[hook.ref, "custom-webhook/nobody", "route53/contoso"])}
    )
    preview = check_contacts.fn(plan)
    assert {finding.subject for finding in preview.blockers} == {
        "approver/nobody",
        "custom-webhook/nobody",
        "route53/contoso",
    }
    assert hook.heard == [], "nobody is sent anything"
