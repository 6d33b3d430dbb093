"""The contract with Prefect's inside, about clicks in its UI: what is left of a run that was cancelled or deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from prefect import get_client
from prefect.client.schemas.objects import StateType
from prefect.exceptions import Pause
from prefect.states import Cancelled, Cancelling, Failed, Suspended
from runs_by_hand import answer, differs, needs_server, parked, read

from tasks.engine import prefect_internals as internals

pytestmark = pytest.mark.timeout(240)  # the first one starts the server


@needs_server
def test_a_run_that_we_suspended_is_told_from_one_that_a_person_paused() -> None:
    root, _ = parked()
    state = read(root.id).state
    assert state is not None and internals.suspended_by_us(state), differs(
        "the key of a Suspended state is not in it.", "a question that was deleted is not asked anew."
    )
    by_hand = Suspended(pause_expiration_time=datetime.now(UTC) + timedelta(minutes=5))
    assert not internals.suspended_by_us(by_hand)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(root.id, by_hand, force=True)
    paused = read(root.id).state
    assert paused is not None and paused.state_details.pause_timeout and not internals.suspended_by_us(paused), differs(
        "a forced Suspended state gets a key.", "the watch resumes what a person has paused."
    )


@needs_server
def test_a_suspended_run_is_cancelled_at_once_and_its_question_stays_cancelling() -> None:
    """The server's one rule that a forced state does not pass by (`BypassCancellingFlowRunsWithNoInfra`)."""
    root, asked = parked()
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(asked.id, Cancelling(), force=True)
        client.set_flow_run_state(root.id, Cancelling(), force=True)
    assert read(root.id).state_type == StateType.CANCELLED, differs(
        "it stays Cancelling.", "nothing; `halted.py` calls it Cancelled."
    )
    assert read(asked.id).state_type == StateType.CANCELLING, differs(
        "a Paused sub-flow is Cancelled too.", "nothing; `mend` need not do it any more."
    )
    internals.suspend(root.id, key="any")  # it is no run that can be suspended: nothing happens
    assert read(root.id).state_type == StateType.CANCELLED


@needs_server
def test_a_cancelled_sub_flow_is_run_again_by_a_resumed_run_and_can_be_answered() -> None:
    root, asked = parked()
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(asked.id, Cancelling(), force=True)
        client.set_flow_run_state(asked.id, Cancelled(), force=True)
        client.resume_flow_run(root.id)
    assert isinstance(root.go_on(), Pause), differs("it is not asked anew.", "a question that was cancelled, for ever.")
    (again,) = [run for run in root.sub_flow_runs() if run.state_type == StateType.PAUSED]
    answer(again.id, name="anna")
    with get_client(sync_client=True) as client:
        client.resume_flow_run(root.id)
    assert "anna" in str(root.go_on())


@needs_server
def test_a_deleted_sub_flow_is_made_anew_and_a_deleted_run_leaves_its_sub_flow_without_parent() -> None:
    root, asked = parked()
    with get_client(sync_client=True) as client:
        client.delete_flow_run(asked.id)
        client.resume_flow_run(root.id)
    assert isinstance(root.go_on(), Pause)
    (again,) = root.sub_flow_runs()
    assert again.id != asked.id
    with get_client(sync_client=True) as client:
        client.delete_flow_run(root.id)
    assert read(again.id).parent_task_run_id is None, differs(
        "a sub-flow keeps the parent that is gone.", "questions of deleted cutovers stay open."
    )


def test_what_ended_by_itself_is_told_from_what_a_click_has_ended() -> None:
    assert internals.ended_without_a_word(Cancelling()) and internals.ended_without_a_word(Cancelled())
    assert internals.ended_without_a_word(Failed(message="The flow was paused and never resumed."))
    assert not internals.ended_without_a_word(Failed(data=ValueError("ours")))
