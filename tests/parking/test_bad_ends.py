"""What a resumed cutover finds after a bad end: results that are gone, a full disk, a run that has failed."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from parked_world import CutoverRun, Killed, PlayedStage, mx_change, new_plan
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.filesystems import LocalFileSystem
from prefect.results import get_default_result_storage
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings
from prefect.states import AwaitingRetry

from flows.cutover import _until_done
from flows.rollback import rollback
from mailmove.errors import Blocked
from mailmove.evidence import Evidence, Preview, Receipt
from mailmove.plan.cutover import Cutover
from tasks.execution.apply_and_undo import apply_changes
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task
from tasks.parking.poll import STUCK
from tasks.parking.resume import resume
from tasks.runbook import Stage, step_replaced
from tasks.stages import switch_mail

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("nothing_parked")]
DONE: list[str] = []
DYING: list[type[BaseException]] = []
DENIED: list[bool] = []


def picture() -> Preview:
    return Preview(stage="switch_mail", changes=[] if DONE else [mx_change("a", "b")])


@check_task
def check(context: Context) -> Preview:
    return picture()


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    if DYING:
        raise DYING[0]
    return apply_changes(context, picture, lambda _: DONE.append("switched"), approved=approved)


@verify_task
def verify(context: Context) -> Evidence:
    return Evidence(stage="switch_mail", facts=["so it is"])


@rollback_task
def rolled_back(context: Context, receipt: Receipt) -> Receipt:
    if DENIED:
        raise Blocked("Route 53", wanted="to change MX", seen="AccessDenied", todo="Check the rights in the block.")
    DONE.clear()
    return Receipt(stage="switch_mail", changes=receipt.changes)


def stage() -> Stage:
    verbs = {
        "question": switch_mail.question,
        "check": check,
        "apply": apply.with_options(retries=0),
        "verify": verify,
        "rollback": rolled_back,
    }
    return PlayedStage("switch_mail", "switch", gate="switch_mail", verbs=verbs)


@flow(persist_result=True, result_serializer="json")
def cutover_of_one_stage(plan: Cutover) -> str:
    _until_done(plan, stage(), [])
    return "switched"


@pytest.fixture(autouse=True)
def world(tmp_path: Path) -> Iterator[None]:
    """Results lie in a folder of its own: what is lost or counted here must not be that of other tests."""
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path / "results"}), step_replaced(stage()):
        yield
    for noted in (DONE, DYING, DENIED):
        noted.clear()


def results() -> set[Path]:
    storage = get_default_result_storage()
    assert isinstance(storage, LocalFileSystem)
    return {path for path in Path(str(storage.basepath)).expanduser().rglob("*") if path.is_file()}


def ended_after_the_gate(by: type[BaseException] = Killed) -> CutoverRun:
    cutover = CutoverRun(cutover_of_one_stage, new_plan())
    assert cutover.go_on() is None
    resume(cutover.parked(), {"approve": True, "name": "anna", "reason": "now"})
    DYING.append(by)
    with pytest.raises(by):
        cutover.go_on()
    assert [run.state_name for run in cutover.sub_flows()] == ["Completed"]
    DYING.clear()
    return cutover


def test_a_cutover_whose_results_are_lost_goes_on_and_asks_nobody_twice() -> None:
    before = results()
    cutover = ended_after_the_gate()
    lost = results() - before
    assert lost, "there is something to lose"
    for file in lost:
        file.unlink()
    assert cutover.go_on() == "switched"
    assert DONE == ["switched"]


def test_a_full_disk_costs_checking_again_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = results()
    with monkeypatch.context() as disk:
        for name in ("write_path", "awrite_path"):
            disk.setattr(LocalFileSystem, name, full)
        cutover = ended_after_the_gate()
        assert results() == before
        assert cutover.go_on() == "switched"
    assert DONE == ["switched"]
    assert cutover.state == "Completed"


def test_a_failed_cutover_goes_on_when_somebody_presses_retry_in_the_ui() -> None:
    cutover = ended_after_the_gate(RuntimeError)
    assert cutover.state == "Failed"
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(cutover.id, AwaitingRetry(message="Retry from the UI"))  # as its button does
    assert cutover.go_on() == "switched"
    assert (DONE, cutover.state) == (["switched"], "Completed")


@pytest.fixture
def barred_rollback() -> CutoverRun:
    """Of a cutover that has switched; the provider has taken our rights away since."""
    cutover = ended_after_the_gate()
    assert cutover.go_on() == "switched"
    DENIED.append(True)
    back = CutoverRun(rollback, cutover.plan)
    assert back.go_on() is None
    question = back.parked()
    assert (question.title, question.awaited.until) == ("roll back switch_mail", "rolled_back")
    assert STUCK in question.question and "AccessDenied" in question.question
    resume(question)  # it is tried again now and then
    assert back.go_on() is None
    assert DONE == ["switched"]
    return back


def test_a_rollback_that_is_barred_goes_on_when_it_is_free_again(barred_rollback: CutoverRun) -> None:
    DENIED.clear()
    resume(barred_rollback.parked())
    assert "- switch_mail: MX contoso.com." in barred_rollback.go_on()
    assert (DONE, barred_rollback.state) == ([], "Completed")


def test_a_rollback_that_stays_barred_is_left_by_a_person_and_named(barred_rollback: CutoverRun) -> None:
    resume(barred_rollback.parked(), {"go_on_anyway": True, "name": "anna", "reason": "we have lost the account"})
    shown = barred_rollback.go_on()
    assert "## Remains" in shown and "switch_mail: skipped: Route 53" in shown
    assert DONE == ["switched"]
