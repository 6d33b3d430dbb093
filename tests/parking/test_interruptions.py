"""What holds a stage up: a resumed cutover comes back to the question that it parked at, even if all is well then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from parked_world import CutoverRun, PlayedStage, mx_change, new_plan
from prefect import flow
from prefect.client.schemas.objects import StateType

from flows.cutover import _until_done
from mailmove.errors import Blocked, Drifted, WindowClosed
from mailmove.evidence import Change, Evidence, PollResult, Preview, Receipt
from mailmove.plan.cutover import Cutover
from mailmove.plan.gates_and_windows import Window
from tasks.dns import switch_window as hours
from tasks.dns.switch_window import look_at_clock, refuse_outside_window
from tasks.execution.apply_and_undo import apply_changes
from tasks.execution.retry_policies import change, look, make_sure
from tasks.ledger.entry import EntryKind
from tasks.ledger.ledger import Ledger, entries_so_far, this_cutover
from tasks.parking.poll import SKIPPED
from tasks.parking.resume import parked_runs, resume
from tasks.progress.interruptions import interruptions
from tasks.runbook import Stage
from tasks.stages import switch_mail

pytestmark = pytest.mark.usefixtures("nothing_parked")

WORLD = SimpleNamespace(before="old", raises=None, done=[], at=datetime(2026, 12, 1, 23, tzinfo=UTC))
NIGHT = Window.model_validate({"opens": "22:00", "closes": "06:00", "timezone": "UTC"})


def picture() -> Preview:
    changes = [] if WORLD.done else [mx_change(WORLD.before, "new")]
    return Preview(stage="switch_mail", changes=changes)


@look
def check(cutover: Cutover) -> Preview:
    return picture()


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    if WORLD.raises:
        raise WORLD.raises
    if cutover.windows:
        refuse_outside_window(cutover, Ledger(cutover.customer, this_cutover()))
    return apply_changes(cutover, picture, lambda _: WORLD.done.append(WORLD.at), approved=approved)


@change
def verify(cutover: Cutover) -> Evidence:
    return Evidence(stage="switch_mail", facts=["so it is"])


def stage() -> Stage:
    verbs = {"check": check, "apply": apply.with_options(retries=0), "verify": verify}
    return PlayedStage("switch_mail", "switch", gate="switch_mail", verbs=verbs)


@change
def restart(cutover: Cutover, approved: str | None = None) -> Receipt:
    """As `start_migration_batch` starts a batch that has failed."""
    WORLD.done.append(WORLD.at)
    return Receipt(stage="start_migration_batch")


@make_sure
def runs(cutover: Cutover) -> Evidence:
    if WORLD.raises:
        raise WORLD.raises
    return Evidence(stage="start_migration_batch", facts=["it runs"])


@flow(persist_result=True, result_serializer="json")
def cutover_of_a_batch(plan: Cutover) -> str:
    batch = PlayedStage("start_migration_batch", "start the batch", verbs={"apply": restart, "verify": runs})
    _until_done(plan, batch, interruptions(entries_so_far(plan))["start_migration_batch"])
    return "started"


@flow(persist_result=True, result_serializer="json")
def cutover_of_one_stage(plan: Cutover) -> str:
    _until_done(plan, stage(), interruptions(entries_so_far(plan))["switch_mail"])
    return "switched"


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    WORLD.before, WORLD.raises, WORLD.done, WORLD.at = "old", None, [], datetime(2026, 12, 1, 23, tzinfo=UTC)
    monkeypatch.setattr("tasks.progress.verify_or_park.stage_named", lambda _: stage())
    monkeypatch.setattr(hours, "now", lambda: WORLD.at)


def said_yes(plan: Cutover | None = None) -> CutoverRun:
    """A cutover that stands before its stage, approved; it has not gone on yet."""
    cutover = CutoverRun(cutover_of_one_stage, plan or new_plan())
    assert cutover.go_on() is None
    resume(cutover.parked(), {"approve": True, "name": "anna", "reason": "now"})
    return cutover


def nothing_left_behind(cutover: CutoverRun) -> None:
    """No question of it is open or, answered, waits for somebody to come back to it."""
    left = [one.title for one in parked_runs(StateType.PAUSED, StateType.RUNNING) if one.root.id == cutover.id]
    assert left == []
    assert cutover.state == "Completed"


def test_trouble_that_is_mended_is_come_back_to_and_asked_anew() -> None:
    WORLD.raises = Blocked("the lab", wanted="peace", seen="noise", todo="Mend it.")
    cutover = said_yes()
    assert cutover.go_on() is None
    one = cutover.parked()
    assert (one.flow, "noise" in one.question) == ("trouble", True)
    WORLD.raises = None
    resume(one, {"name": "ben", "reason": "mended"})
    assert cutover.go_on() is None, "the world may have changed with the mending"
    assert cutover.parked().flow == "gate"
    assert WORLD.done == []
    resume(cutover.parked(), {"approve": True, "name": "anna", "reason": "again"})
    assert cutover.go_on() == "switched"
    nothing_left_behind(cutover)


def test_what_was_done_before_the_trouble_is_done_again_when_it_is_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch was started, and failed; its start, remembered as done, must not be all that follows the mending."""
    monkeypatch.setattr(
        "tasks.progress.verify_or_park.stage_named", lambda _: SimpleNamespace(module=SimpleNamespace(verify=runs))
    )
    WORLD.raises = Blocked("Exchange Online", wanted="the batch running", seen="Failed", todo="Mend it.")
    cutover = CutoverRun(cutover_of_a_batch, new_plan())
    for times in (1, 2):
        assert cutover.go_on() is None
        assert (cutover.parked().flow, len(WORLD.done)) == ("trouble", times)
        resume(cutover.parked(), {"name": "ben", "reason": "mended"})
    WORLD.raises = None
    assert cutover.go_on() == "started"
    assert len(WORLD.done) == 3
    nothing_left_behind(cutover)


def test_trouble_after_trouble_is_each_a_question_of_its_own() -> None:
    cutover = said_yes()
    for seen in ("first", "second"):
        WORLD.raises = Blocked("the lab", wanted="peace", seen=seen, todo="Mend it.")
        assert cutover.go_on() is None
        assert seen in cutover.parked().question
        resume(cutover.parked(), {"name": "ben", "reason": "mended"})
        WORLD.raises = None
        assert cutover.go_on() is None
        resume(cutover.parked(), {"approve": True, "name": "anna", "reason": "again"})
    assert cutover.go_on() == "switched"
    nothing_left_behind(cutover)


def test_another_picture_is_asked_about_and_the_old_approval_never_counts_again() -> None:
    cutover = said_yes()
    WORLD.before = "somebody else's"
    assert cutover.go_on() is None
    assert (cutover.parked().flow, WORLD.done) == ("gate", [])
    WORLD.before = "old"  # as it was when it was first approved
    resume(cutover.parked(), {"approve": True, "name": "anna", "reason": "again"})
    assert cutover.go_on() is None, "what she approved last is not what is there"
    resume(cutover.parked(), {"approve": True, "name": "anna", "reason": "and again"})
    assert cutover.go_on() == "switched"
    nothing_left_behind(cutover)
    kinds = [entry.facts[0] for entry in Ledger(cutover.plan.customer, cutover.id).entries() if entry.kind == "held"]
    assert kinds == ["drifted", "drifted"]


# --- windows -------------------------------------------------------------------------------------------------------


def windowed(**more: Any) -> Cutover:
    return new_plan().model_copy(update={"windows": [NIGHT.model_copy(update=more)]})


def test_a_gate_answered_late_waits_for_the_next_window_and_keeps_its_approval() -> None:
    cutover = said_yes(windowed())
    WORLD.at = datetime(2026, 12, 2, 6, 0, tzinfo=UTC)
    assert cutover.go_on() is None
    one = cutover.parked()
    assert (one.flow, one.title, WORLD.done) == ("wait", "window", [])
    assert "the next window opens at 2026-12-02 22:00 UTC" in one.question
    WORLD.at = datetime(2026, 12, 2, 22, 0, tzinfo=UTC)
    resume(one)
    assert cutover.go_on() == "switched"
    assert WORLD.done == [WORLD.at]
    nothing_left_behind(cutover)


def test_a_window_missed_twice_is_waited_for_twice() -> None:
    cutover = said_yes(windowed())
    for day in (2, 3):
        WORLD.at = datetime(2026, 12, day, 6, 0, tzinfo=UTC)
        assert cutover.go_on() is None
        resume(cutover.parked())
    WORLD.at = datetime(2026, 12, 3, 23, 0, tzinfo=UTC)
    assert cutover.go_on() == "switched"
    assert WORLD.done == [WORLD.at]
    nothing_left_behind(cutover)


def test_who_skips_the_wait_may_switch_before_the_next_window_and_not_after_it() -> None:
    here = datetime.now(UTC)  # the ledger's clock
    opens, shuts = (here + timedelta(hours=2)).time(), (here + timedelta(hours=3)).time()
    WORLD.at = here
    cutover = said_yes(windowed(opens=opens, closes=shuts))
    assert cutover.go_on() is None
    resume(cutover.parked(), {"go_on_anyway": True, "name": "anna", "reason": "the customer asks for it"})
    WORLD.at = here + timedelta(minutes=119)
    assert cutover.go_on() == "switched"
    nothing_left_behind(cutover)
    ledger = Ledger(cutover.plan.customer, cutover.id)
    (skip,) = [entry for entry in ledger.entries() if entry.stage == "window"]
    assert skip.facts[0].startswith(SKIPPED)
    WORLD.at = here + timedelta(hours=4)  # the window has come and gone
    with pytest.raises(WindowClosed):
        refuse_outside_window(cutover.plan, ledger)


def test_what_could_not_be_back_by_morning_waits_with_the_reason() -> None:
    plan = windowed(reversible_by=datetime(2026, 1, 1, 6).time(), way_back_minutes=30)
    ledger = Ledger(plan.customer, CutoverRun(cutover_of_one_stage, plan).id)
    mx = {"name": "contoso.com.", "type": "MX", "values": ["10 mail.contoso.com."]}
    seen: Callable[[], PollResult] = lambda: look_at_clock(plan, ledger)  # noqa: E731
    WORLD.at = datetime(2026, 12, 2, 5, 0, tzinfo=UTC)
    assert seen().done, "30 minutes and a low TTL of 60 s"
    ledger.record(EntryKind.RECEIPT, "lower_ttl", changes=[Change(what="MX", before={**mx, "ttl": 86400}, after={**mx, "ttl": 3600})]
    )
    found = seen()
    assert not found.done
    assert "could not be back in time (30 min, and 3600 s of MX TTL, by 06:00 UTC)" in found.summary
    assert found.forecast == datetime(2026, 12, 2, 22, 0, tzinfo=UTC)
    hopeless = windowed(reversible_by=datetime(2026, 1, 1, 22, 30).time(), way_back_minutes=30)
    found = look_at_clock(hopeless, ledger)
    assert not found.done and found.asks, "no cutover will ever do: a person is asked"


@flow
def the_switch_itself(plan: Cutover) -> None:
    switch_mail.apply(plan, None)


def test_the_switch_looks_at_the_clock_right_before_it_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    acted: list[str] = []
    monkeypatch.setattr(switch_mail, "preview_zones", lambda *_: picture())
    monkeypatch.setattr(switch_mail, "policy_findings", lambda *_: [])
    monkeypatch.setattr(
        switch_mail, "act_on_zones", lambda *_: acted.append("switched") or Receipt(stage="switch_mail")
    )
    WORLD.at = datetime(2026, 12, 2, 6, 0, tzinfo=UTC)
    with pytest.raises(WindowClosed):
        the_switch_itself(windowed())
    assert acted == []
    WORLD.at = datetime(2026, 12, 2, 5, 59, tzinfo=UTC)
    the_switch_itself(windowed())
    assert acted == ["switched"]
    WORLD.at, WORLD.done = datetime(2026, 12, 2, 6, 0, tzinfo=UTC), [WORLD.at]
    the_switch_itself(windowed())
    assert acted == ["switched"] * 2, "a killed try had done it all: nothing is started, only written down"


def test_drifted_is_not_trouble() -> None:
    """`Drifted` asks again by itself; only what a person must mend is trouble."""
    from tasks.progress.interruptions import _kind

    words = {"wanted": "a", "seen": "b", "todo": "c"}
    assert [_kind(kind("x", **words)) for kind in (Drifted, WindowClosed, Blocked)] == ["drifted", "window", "trouble"]
