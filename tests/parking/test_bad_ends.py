"""What a resumed cutover finds after a bad end: results that are gone, a full disk, a run that has failed."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from parked_world import Night, PlayedStage, new_plan
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.filesystems import LocalFileSystem
from prefect.results import get_default_result_storage
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings
from prefect.states import AwaitingRetry

from flows.cutover import _until_done
from flows.rollback import rollback
from mailmove.changes import Change
from mailmove.errors import Blocked
from mailmove.evidence import Evidence, Preview, Receipt
from mailmove.plan.cutover import Cutover
from tasks.execution.apply_and_undo import act
from tasks.execution.retry_policies import change, look, put_back
from tasks.parking.poll import STUCK
from tasks.parking.resume import wake
from tasks.runbook import Stage

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("nothing_parked")]
DONE: list[str] = []
DYING: list[type[BaseException]] = []
DENIED: list[bool] = []


class Killed(BaseException):
    """kill -9, as a test can play it."""


def picture() -> Preview:
    return Preview(stage="switch_mail", changes=[] if DONE else [Change(what="MX contoso.com.", before="a", after="b")])


@look
def check(cutover: Cutover) -> Preview:
    return picture()


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    if DYING:
        raise DYING[0]
    return act(cutover, picture, lambda _: DONE.append("switched"), approved=approved)


@change
def verify(cutover: Cutover) -> Evidence:
    return Evidence(stage="switch_mail", facts=["so it is"])


@put_back
def undo(cutover: Cutover, receipt: Receipt) -> Receipt:
    if DENIED:
        raise Blocked("Route 53", wanted="to change MX", seen="AccessDenied", todo="Check the rights in the block.")
    DONE.clear()
    return Receipt(stage="switch_mail", changes=receipt.changes)


def stage() -> Stage:
    verbs = {"check": check, "apply": apply.with_options(retries=0), "verify": verify, "rollback": undo}
    return PlayedStage("switch_mail", "switch", gate="switch_mail", verbs=verbs)


@flow(persist_result=True, result_serializer="json")
def night_of_one_stage(plan: Cutover) -> str:
    _until_done(plan, stage())
    return "switched"


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Results lie in a folder of its own: what is lost or counted here must not be that of other tests."""
    monkeypatch.setattr("tasks.progress.verify_or_park.stage_named", lambda _: stage())
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path / "results"}):
        yield
    for one in (DONE, DYING, DENIED):
        one.clear()


def results() -> set[Path]:
    storage = get_default_result_storage()
    assert isinstance(storage, LocalFileSystem)
    return {path for path in Path(str(storage.basepath)).expanduser().rglob("*") if path.is_file()}


def ended_after_the_gate(by: type[BaseException] = Killed) -> Night:
    night = Night(night_of_one_stage, new_plan())
    assert night.go_on() is None
    wake(night.parked(), {"approve": True, "name": "anna", "reason": "now"})
    DYING.append(by)
    with pytest.raises(by):
        night.go_on()
    assert [one.state_name for one in night.sub_flows()] == ["Completed"]
    DYING.clear()
    return night


def test_a_night_whose_results_are_lost_goes_on_and_asks_nobody_twice() -> None:
    before = results()
    night = ended_after_the_gate()
    lost = results() - before
    assert lost, "there is something to lose"
    for one in lost:
        one.unlink()
    assert night.go_on() == "switched"
    assert DONE == ["switched"]


def test_a_full_disk_costs_looking_again_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = results()
    with monkeypatch.context() as disk:
        for name in ("write_path", "awrite_path"):
            disk.setattr(LocalFileSystem, name, full)
        night = ended_after_the_gate()
        assert results() == before
        assert night.go_on() == "switched"
    assert DONE == ["switched"]
    assert night.state == "Completed"


def test_a_failed_night_goes_on_when_somebody_presses_retry_in_the_ui() -> None:
    night = ended_after_the_gate(RuntimeError)
    assert night.state == "Failed"
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(night.id, AwaitingRetry(message="Retry from the UI"))  # as its button does
    assert night.go_on() == "switched"
    assert (DONE, night.state) == (["switched"], "Completed")


@pytest.fixture
def way_back(monkeypatch: pytest.MonkeyPatch) -> Night:
    """Of a night that has switched; the provider has taken our rights away since."""
    monkeypatch.setattr("tasks.progress.rollback_stage.stage_named", lambda _: stage())
    monkeypatch.setattr("flows.rollback.STAGES", (stage(),))
    night = ended_after_the_gate()
    assert night.go_on() == "switched"
    DENIED.append(True)
    back = Night(rollback, night.plan)
    assert back.go_on() is None
    one = back.parked()
    assert one.what == "undoes: switch_mail"
    assert STUCK in one.question and "AccessDenied" in one.question
    wake(one)  # it is tried again now and then
    assert back.go_on() is None
    assert DONE == ["switched"]
    return back


def test_a_way_back_that_is_barred_goes_on_when_it_is_free_again(way_back: Night) -> None:
    DENIED.clear()
    wake(way_back.parked())
    assert "- switch_mail: MX contoso.com." in way_back.go_on()
    assert (DONE, way_back.state) == ([], "Completed")


def test_a_way_back_that_stays_barred_is_left_by_a_person_and_named(way_back: Night) -> None:
    wake(way_back.parked(), {"go_on_anyway": True, "name": "anna", "reason": "we have lost the account"})
    told = way_back.go_on()
    assert "## Remains" in told and "switch_mail: skipped: Route 53" in told
    assert DONE == ["switched"]
