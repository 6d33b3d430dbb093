"""What interrupts a stage: a resumed cutover comes back to the question that it parked at, even if all is well then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from memory_engine import MemoryEngine
from parked_world import CutoverRun, PlayedStage, mx_change, new_plan
from prefect import flow
from prefect.client.schemas.objects import StateType
from pydantic import SecretStr

from blocks.dns.rfc2136 import Rfc2136
from flows.cutover import _until_done
from lab.dns.resolver import HONEST
from lab.dns.town_dns import TownDns
from lab.dns.zone_data import rrset
from lab.faults import Faults
from lab.places import Places
from mailmove.clock import Clock, clock_set
from mailmove.errors import Blocked, Drifted, WindowClosed
from mailmove.evidence import Evidence, Preview, Receipt
from mailmove.plan.cutover import Cutover, Propagation
from mailmove.plan.gates_and_windows import Window
from mailmove.ports import Tenant
from mailmove.tenant_state import Domain
from tasks.dns.switch_window import poll_window, refuse_outside_window
from tasks.engine.current import running_on
from tasks.execution.apply_and_undo import apply_changes
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, verify_task
from tasks.ledger.entry import EntryKind
from tasks.ledger.ledger import Ledger, own_ledger
from tasks.ledger.payloads import Interruption, WaitEnded
from tasks.parking.resume import parked_runs, resume
from tasks.progress.interruptions import interruptions
from tasks.runbook import Stage, step_replaced
from tasks.stages import switch_mail

pytestmark = pytest.mark.usefixtures("nothing_parked")

WORLD = SimpleNamespace(before="old", raises=None, done=[], at=datetime(2026, 12, 1, 23, tzinfo=UTC))
ZONE = "contoso.com."
NEW = rrset(ZONE, "MX", 600, "0 contoso-com.j-v1.mx.microsoft.")
WINDOW = Window.model_validate({"opens": "22:00", "closes": "06:00", "timezone": "UTC"})


def picture() -> Preview:
    changes = [] if WORLD.done else [mx_change(WORLD.before, "new")]
    return Preview(stage="switch_mail", changes=changes)


@check_task
def check(context: Context) -> Preview:
    return picture()


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    if WORLD.raises:
        raise WORLD.raises
    if context.plan.windows:
        refuse_outside_window(context)
    return apply_changes(context, picture, lambda _: WORLD.done.append(WORLD.at), approved=approved)


@verify_task
def verify(context: Context) -> Evidence:
    return Evidence(stage="switch_mail", facts=["so it is"])


def stage() -> Stage:
    verbs = {
        "question": switch_mail.question,
        "check": check,
        "apply": apply.with_options(retries=0),
        "verify": verify,
    }
    return PlayedStage("switch_mail", "switch", gate="switch_mail", verbs=verbs)


@apply_task
def restart(context: Context, approved: str | None = None) -> Receipt:
    """As `start_migration_batch` starts a batch that has failed."""
    WORLD.done.append(WORLD.at)
    return Receipt(stage="start_migration_batch")


@verify_task
def runs(context: Context) -> Evidence:
    if WORLD.raises:
        raise WORLD.raises
    return Evidence(stage="start_migration_batch", facts=["it runs"])


BATCH = PlayedStage("start_migration_batch", "start the batch", verbs={"apply": restart, "verify": runs})


@flow(persist_result=True, result_serializer="json")
def cutover_of_a_batch(plan: Cutover) -> str:
    _until_done(plan, BATCH, interruptions(own_ledger(plan).entries())[BATCH.name])
    return "started"


@flow(persist_result=True, result_serializer="json")
def cutover_of_one_stage(plan: Cutover) -> str:
    _until_done(plan, stage(), interruptions(own_ledger(plan).entries())["switch_mail"])
    return "switched"


class WorldClock(Clock):
    """It stands where the test has put it."""

    def now(self) -> datetime:
        at: datetime = WORLD.at
        return at


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    WORLD.before, WORLD.raises, WORLD.done, WORLD.at = "old", None, [], datetime(2026, 12, 1, 23, tzinfo=UTC)
    with step_replaced(stage()), step_replaced(BATCH), clock_set(WorldClock()):
        yield


def approved(plan: Cutover | None = None) -> CutoverRun:
    """A cutover that stands before its stage, approved; it has not gone on yet."""
    cutover = CutoverRun(cutover_of_one_stage, plan or new_plan())
    assert cutover.go_on() is None
    resume(cutover.parked(), {"approve": True, "name": "anna", "reason": "now"})
    return cutover


def nothing_left_open(cutover: CutoverRun) -> None:
    """No question of it is open or, answered, waits for somebody to come back to it."""
    questions = parked_runs(StateType.PAUSED, StateType.RUNNING)
    left = [question.title for question in questions if question.root.id == cutover.id]
    assert left == []
    assert cutover.state == "Completed"


def test_trouble_that_is_mended_is_come_back_to_and_asked_anew() -> None:
    WORLD.raises = Blocked("the lab", wanted="peace", seen="noise", todo="Mend it.")
    cutover = approved()
    assert cutover.go_on() is None
    question = cutover.parked()
    assert (question.flow, "noise" in question.question) == ("trouble", True)
    WORLD.raises = None
    resume(question, {"name": "ben", "reason": "mended"})
    assert cutover.go_on() is None, "the world may have changed with the mending"
    assert cutover.parked().flow == "gate"
    assert WORLD.done == []
    resume(cutover.parked(), {"approve": True, "name": "anna", "reason": "again"})
    assert cutover.go_on() == "switched"
    nothing_left_open(cutover)


def test_what_was_done_before_the_trouble_is_done_again_when_it_is_mended() -> None:
    """The batch was started, and failed; its start, remembered as done, must not be all that follows the mending."""
    WORLD.raises = Blocked("Exchange Online", wanted="the batch running", seen="Failed", todo="Mend it.")
    cutover = CutoverRun(cutover_of_a_batch, new_plan())
    for times in (1, 2):
        assert cutover.go_on() is None
        assert (cutover.parked().flow, len(WORLD.done)) == ("trouble", times)
        resume(cutover.parked(), {"name": "ben", "reason": "mended"})
    WORLD.raises = None
    assert cutover.go_on() == "started"
    assert len(WORLD.done) == 3
    nothing_left_open(cutover)


def test_trouble_after_trouble_is_each_a_question_of_its_own() -> None:
    cutover = approved()
    for seen in ("first", "second"):
        WORLD.raises = Blocked("the lab", wanted="peace", seen=seen, todo="Mend it.")
        assert cutover.go_on() is None
        assert seen in cutover.parked().question
        resume(cutover.parked(), {"name": "ben", "reason": "mended"})
        WORLD.raises = None
        assert cutover.go_on() is None
        resume(cutover.parked(), {"approve": True, "name": "anna", "reason": "again"})
    assert cutover.go_on() == "switched"
    nothing_left_open(cutover)


def test_another_picture_is_asked_about_and_the_old_approval_never_counts_again() -> None:
    cutover = approved()
    WORLD.before = "somebody else's"
    assert cutover.go_on() is None
    assert (cutover.parked().flow, WORLD.done) == ("gate", [])
    WORLD.before = "old"  # as it was when it was first approved
    resume(cutover.parked(), {"approve": True, "name": "anna", "reason": "again"})
    assert cutover.go_on() is None, "what she approved last is not what is there"
    resume(cutover.parked(), {"approve": True, "name": "anna", "reason": "and again"})
    assert cutover.go_on() == "switched"
    nothing_left_open(cutover)
    written = Ledger(cutover.plan.customer, cutover.id).payloads(Interruption)
    assert [interruption.kind for _, interruption in written] == ["drifted", "drifted"]


# --- windows -------------------------------------------------------------------------------------------------------


def windowed(**more: Any) -> Cutover:
    return new_plan().model_copy(update={"windows": [WINDOW.model_copy(update=more)]})


def test_a_gate_answered_late_waits_for_the_next_window_and_keeps_its_approval() -> None:
    cutover = approved(windowed())
    WORLD.at = datetime(2026, 12, 2, 6, 0, tzinfo=UTC)
    assert cutover.go_on() is None
    question = cutover.parked()
    assert (question.flow, question.title, WORLD.done) == ("wait", "window", [])
    assert "the next window opens at 2026-12-02 22:00 UTC" in question.question
    WORLD.at = datetime(2026, 12, 2, 22, 0, tzinfo=UTC)
    resume(question)
    assert cutover.go_on() == "switched"
    assert WORLD.done == [WORLD.at]
    nothing_left_open(cutover)


def test_a_window_missed_twice_is_waited_for_twice() -> None:
    cutover = approved(windowed())
    for day in (2, 3):
        WORLD.at = datetime(2026, 12, day, 6, 0, tzinfo=UTC)
        assert cutover.go_on() is None
        resume(cutover.parked())
    WORLD.at = datetime(2026, 12, 3, 23, 0, tzinfo=UTC)
    assert cutover.go_on() == "switched"
    assert WORLD.done == [WORLD.at]
    nothing_left_open(cutover)


def test_who_skips_the_wait_may_switch_before_the_next_window_and_not_after_it() -> None:
    start = WORLD.at = datetime.now(UTC)
    opens, shuts = (start + timedelta(hours=2)).time(), (start + timedelta(hours=3)).time()
    cutover = approved(windowed(opens=opens, closes=shuts))
    assert cutover.go_on() is None
    for unsigned in ({"name": "anna"}, {"reason": "it is late"}, {"name": " ", "reason": " "}):
        resume(cutover.parked(), {"go_on_anyway": True, **unsigned})
        assert cutover.go_on() is None, "nobody says who decides it, or why"
    resume(cutover.parked(), {"go_on_anyway": True, "name": "anna", "reason": "the customer asks for it"})
    WORLD.at = start + timedelta(minutes=119)
    assert cutover.go_on() == "switched"
    nothing_left_open(cutover)
    context = Context(cutover.plan, "switch_mail", root=cutover.id)
    ((_, ended),) = context.ledger.payloads(WaitEnded, "window")
    assert ended == WaitEnded(skipped=True, by="anna", reason="the customer asks for it")
    WORLD.at = start + timedelta(hours=4)  # the window has come and gone
    with pytest.raises(WindowClosed):
        refuse_outside_window(context)


def test_what_could_not_be_back_by_morning_waits_with_the_reason() -> None:
    plan = windowed(reversible_by=datetime(2026, 1, 1, 6).time(), rollback_minutes=30)
    context = Context(plan, "window", root=CutoverRun(cutover_of_one_stage, plan).id)
    mx = {"name": "contoso.com.", "type": "MX", "values": ["10 mail.contoso.com."]}
    WORLD.at = datetime(2026, 12, 2, 5, 0, tzinfo=UTC)
    assert poll_window(context).done, "30 minutes and a low TTL of 60 s"
    lowered = mx_change({**mx, "ttl": 86400}, {**mx, "ttl": 3600})
    context.ledger.record(EntryKind.RECEIPT, "lower_ttl", changes=[lowered])
    result = poll_window(context)
    assert not result.done
    assert "could not be back in time (30 min, and 3600 s of MX TTL, by 06:00 UTC)" in result.summary
    assert result.forecast == datetime(2026, 12, 2, 22, 0, tzinfo=UTC)
    hopeless = windowed(reversible_by=datetime(2026, 1, 1, 22, 30).time(), rollback_minutes=30)
    result = poll_window(Context(hopeless, "window", root=context.root))
    assert not result.done and result.asks, "no cutover will ever do: a person is asked"


@pytest.fixture
def town() -> Iterator[TownDns]:
    zones = {ZONE: [rrset(ZONE, "MX", 600, "10 mail.contoso.com.")]}
    with TownDns(Places(), kind="rfc2136", zones=zones, resolvers=(HONEST,), faults=Faults()) as running:
        yield running


def blocks_of(plan: Cutover, town: TownDns) -> dict[str, Any]:
    """The provider that edits the town's zone, and a tenant that gives the new MX."""
    name, secret, algorithm = town.tsig_key
    provider = Rfc2136(
        server=town.places.name_servers[0],
        port=town.places.dns_port,
        key_name=name,
        key_secret=SecretStr(secret),
        algorithm=algorithm,
    )
    tenant = Mock(spec=Tenant)
    known = Domain(name="contoso.com", verified=True, mail_enabled=True, service_records=(NEW,))
    tenant.domains.get.return_value = known
    return {plan.dns.provider: provider, plan.target.tenant: tenant}


def test_the_switch_asks_the_clock_right_before_it_acts(town: TownDns) -> None:
    rules = Propagation(resolvers=town.resolver_addresses, dns_port=town.places.dns_port)
    plan = windowed().model_copy(update={"propagation": rules})

    def mx() -> tuple[str, ...]:
        records = town.zone(ZONE).get((ZONE, "MX"))
        return records.values if records else ()

    before = mx()
    with running_on(MemoryEngine(blocks_of(plan, town))) as engine:
        WORLD.at = datetime(2026, 12, 2, 6, 0, tzinfo=UTC)
        with pytest.raises(WindowClosed):
            switch_mail.apply.fn(plan)
        assert (mx(), engine.acts, own_ledger(plan).entries()) == (before, 0, [])
        WORLD.at = datetime(2026, 12, 2, 5, 59, tzinfo=UTC)
        assert switch_mail.apply.fn(plan).changes
        assert (mx(), engine.acts) == (NEW.values, 1)
        WORLD.at = datetime(2026, 12, 2, 6, 0, tzinfo=UTC)
        switch_mail.apply.fn(plan)
        assert engine.acts == 1, "a killed try had done it all: nothing is started, only written down"
        assert own_ledger(plan).entries()[-1].kind is EntryKind.RECEIPT


def test_drifted_is_not_trouble() -> None:
    """`Drifted` asks again by itself; only what a person must mend is trouble."""
    from tasks.progress.interruptions import _kind

    words = {"wanted": "a", "seen": "b", "todo": "c"}
    assert [_kind(kind("x", **words)) for kind in (Drifted, WindowClosed, Blocked)] == ["drifted", "window", "trouble"]
