"""The contract with Prefect's inside, about sub-flows: re-attaching, leaving, pausing with a form."""

from __future__ import annotations

from typing import Any, cast

import pytest
from prefect import Task, flow, get_client
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import Abort, Pause
from prefect.flow_engine import FlowRunEngine
from prefect.flow_runs import suspend_flow_run
from prefect.settings import (
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    get_current_settings,
    temporary_settings,
)
from prefect.states import AwaitingRetry, Crashed, Paused
from runs_by_hand import Form, RootRun, answer, differs, needs_server, own_id, parked, question, read

from tasks.engine import prefect_internals as internals

pytestmark = pytest.mark.timeout(240)  # the first one starts the server


# --- the running flow ----------------------------------------------------------------------------------------------


def test_the_key_of_a_sub_flow_has_its_functions_qualified_name() -> None:
    keys = {Task(fn=internals.keyed_by(question, name).fn).task_key for name in ("a", "b")} | {
        Task(fn=question.fn).task_key
    }
    assert len(keys) == 3, differs(
        f"task keys {keys} do not come from `__qualname__`.", "a resumed cutover re-attaches the wrong sub-flow run."
    )
    assert question.fn.__qualname__ == "question", "the flow itself stays as it was"


@needs_server
def test_a_resumed_run_re_attaches_its_sub_flow_run_whatever_was_called_before() -> None:
    calls: list[str] = []

    @flow
    def other() -> None:
        calls.append("other")

    def asks() -> str:
        if not calls:
            internals.keyed_by(other, "once only")()
        return internals.keyed_by(question, "who")()

    root = RootRun(asks)
    root.go_on()
    before = [run.id for run in root.sub_flow_runs()]
    assert answer(before[1], name="anna") == SetStateStatus.ACCEPT
    with get_client(sync_client=True) as client:
        client.resume_flow_run(root.id)
    assert root.go_on() == "anna after 1", differs("the sub-flow has lost its run.", "answers are lost.")
    assert [run.id for run in root.sub_flow_runs()] == before, differs(
        "a resumed run makes its sub-flow run anew.", "every wake asks the same question again."
    )


@pytest.mark.parametrize("signal", [Pause, Abort])
def test_the_signals_are_no_exceptions(signal: type[BaseException]) -> None:
    assert not issubclass(signal, Exception), differs(
        f"{signal.__name__} is an Exception.", "a stage's `except Exception` catches it, and acts on."
    )


@needs_server
def test_whoever_leaves_without_a_state_leaves_the_run_as_it_is() -> None:
    root = RootRun(lambda: internals.leave_without_state("another process has it"))
    assert isinstance(root.go_on(), Abort)
    assert read(root.id).state_type == StateType.RUNNING, differs(
        "a run that is left by Abort gets a state.", "a fenced process fails the run that another process has."
    )


@needs_server
def test_the_contexts_copy_of_a_run_has_the_state_that_it_began_with() -> None:
    states: list[bool] = []

    def compares() -> None:
        run = internals.current_flow_run()
        assert run is not None and run.state is not None
        states.append(cast(Any, read(run.id).state).id == run.state.id)

    RootRun(compares).go_on()
    assert states == [True], differs("a run's own state is not the server's.", "fencing stops every cutover.")
    assert internals.current_flow_run() is None, differs("there is a run outside a flow.", "the stored plan.")


def test_flows_without_heartbeat_have_none_and_keep_all_other_settings() -> None:
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: 60}):
        outer = get_current_settings()
        assert FlowRunEngine(flow=question).heartbeat_seconds == 60
        with internals.without_heartbeat():
            inner = get_current_settings()
            assert FlowRunEngine(flow=question).heartbeat_seconds is None, differs(
                "the engine does not read this setting from its context.", "each gate and wait ends a second later."
            )
            assert inner.model_dump(exclude={"flows"}) == outer.model_dump(exclude={"flows"})
        assert get_current_settings() == outer


# --- pausing with a form -------------------------------------------------------------------------------------------


@needs_server
def test_a_paused_sub_flow_shows_a_form_takes_an_answer_and_goes_on() -> None:
    root, asked = parked()
    fails = "no gate can be answered."
    assert (asked.state_type, read(root.id).state_name) == (StateType.PAUSED, "Suspended"), differs(
        "leaving by Pause changes the states.", "a parked cutover is taken for crashed."
    )
    assert asked.state is not None and asked.state.message == "who?"
    assert internals.has_form(asked), differs("a form that is saved after its Paused state is not there.", fails)
    assert answer(asked.id, nonsense="x") == SetStateStatus.REJECT, differs("a wrong answer is taken.", "gates.")
    assert answer(asked.id, name="anna") == SetStateStatus.ACCEPT, differs("a right answer is not taken.", fails)
    assert read(asked.id).state_type == StateType.RUNNING, differs(
        "an answered sub-flow is not Running.", "the watch wakes no cutover whose question was answered in the UI."
    )
    assert internals.read_answer(asked.id, 1) == {"name": "anna"}, differs("the answer is kept elsewhere.", fails)
    with get_client(sync_client=True) as client:
        client.resume_flow_run(root.id)
    assert read(root.id).state_type == StateType.SCHEDULED, differs(
        "a resumed run is not scheduled.", "no worker takes it."
    )
    assert root.go_on() == "anna after 1"


@needs_server
def test_a_pause_key_counts_once_and_shows_in_the_run() -> None:
    keys: list[set[str]] = []

    @flow
    def twice() -> None:
        for _ in range(2):
            with get_client(sync_client=True) as client:
                state = internals.pause_with_form(client, own_id(), 1, Form, "who?")
                keys.append(internals.used_pause_keys(client.read_flow_run(own_id())))
                assert state.is_paused() == (len(keys) == 1), differs(
                    "a pause key counts twice.", "a question is asked under the key of an older answer."
                )
                if state.is_paused():
                    client.resume_flow_run(own_id(), run_input={"name": "anna"})

    twice()
    assert keys == [{"1"}, {"1"}], differs(f"pause keys are {keys}.", "`times_parked`: old answers count as new ones.")


@needs_server
def test_a_question_without_a_form_is_known_and_is_asked_anew_by_a_resumed_run() -> None:
    """Its process was killed between the Paused state and the form."""
    killed: list[bool] = []

    def without_form(number: int) -> None:
        with get_client(sync_client=True) as client:
            state = Paused(reschedule=False, pause_key=str(number))
            state.state_details.run_input_keyset = dict(internals.form_keys(number))  # type: ignore[arg-type]
            client.set_flow_run_state(own_id(), state)
        killed.append(True)
        internals.leave_paused(state)

    @flow
    def asks_once_without() -> str:
        return cast(str, without_form(1)) if not killed else question.fn()

    root = RootRun(lambda: internals.keyed_by(asks_once_without, "who")())
    root.go_on()
    (asked,) = root.sub_flow_runs()
    assert not internals.has_form(asked)
    assert answer(asked.id, name="anna") == SetStateStatus.REJECT, differs(
        "a question without a form is answered.", "nothing; `has_form` can go."
    )
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(root.id, Crashed(), force=True)
        client.set_flow_run_state(root.id, AwaitingRetry(), force=True)
    assert isinstance(root.go_on(), Pause)
    (again,) = root.sub_flow_runs()
    assert (again.id, internals.used_pause_keys(again)) == (asked.id, {"1", "2"}), differs(
        "a restarted run does not take its paused sub-flow up.", "a kill at the wrong moment: a question for ever."
    )
    assert internals.has_form(again)


@needs_server
def test_prefect_itself_suspends_no_sub_flow() -> None:
    """When this fails, that is good news: `pause_with_form` can go, and Prefect's own `suspend_flow_run` be used."""
    refused: list[bool] = []

    @flow
    def tries() -> None:
        try:
            suspend_flow_run()
        except RuntimeError:
            refused.append(True)

    RootRun(lambda: tries()).go_on()
    assert refused, differs("it suspends sub-flows.", "nothing; `pause_with_form` can go.")
