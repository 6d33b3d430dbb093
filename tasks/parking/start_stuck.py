"""Start runs anew that a worker has taken and never started: it was killed in between, or the power was cut.

A worker sets a run to Pending, then to Submitting, and starts its process, which sets it to Running. Whoever dies in
between leaves it Pending for ever (prefect/workers/base.py): no other worker takes a Pending run. Put back to
Scheduled, the next worker takes it. Should the first process come after all, the fence lets one of the two act.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import takewhile
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Scheduled

from mailmove.clock import now
from tasks.engine.prefect_runs import all_runs, state_if_unmoved
from tasks.parking.halted import ROOTS

STARTING = timedelta(minutes=2)
"""Time within which a process comes of a run that a worker has taken; doubled each time that it was put back."""

LONGEST = timedelta(hours=1)
"""Longest time between two such tries."""

FLOWS = (*ROOTS, "preflight")
"""Names of the flows whose runs somebody waits for."""


def start_stuck() -> list[str]:
    """Put back what is stuck; lines for the log."""
    with get_client(sync_client=True) as client:
        lines = [(run.name, _put_back(client, run)) for run in _pending(client) if is_stuck(run)]
    return [f"{name}: {words}" for name, words in lines if words]


def is_stuck(run: FlowRun) -> bool:
    """Whether a worker has taken it, too long ago, and no process of it lives on this machine."""
    return run.state is not None and run.state.is_pending() and _age(run) > STARTING and not _lives_here(run)


def _age(run: FlowRun) -> timedelta:
    assert run.state is not None, "asked before"
    return now() - run.state.timestamp


def _put_back(client: SyncPrefectClient, run: FlowRun) -> str | None:
    fresh = state_if_unmoved(client, run)
    if fresh is None:
        return None
    states = sorted(client.read_flow_run_states(run.id), key=lambda state: state.timestamp, reverse=True)
    waiting = (StateType.PENDING, StateType.SCHEDULED)
    since_it_ran = list(takewhile(lambda state: state.type in waiting, states))
    tries = max(1, sum(state.name == "Pending" for state in since_it_ran))
    if _age(run) < min(LONGEST, STARTING * 2 ** min(tries - 1, 10)):
        return None
    message = "A worker had taken it, and no process came of it; it is taken again."
    client.set_flow_run_state(run.id, Scheduled(message=message), force=True)
    return f"was {fresh.name} for {_minutes(_age(run))} without a process (try {tries}); it is taken again"


def _minutes(time: timedelta) -> str:
    return f"{time.total_seconds() / 60:.0f} minutes"


def _pending(client: SyncPrefectClient) -> list[FlowRun]:
    chosen = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PENDING])))
    return [run for run in all_runs(client, chosen, flows=FLOWS) if run.parent_task_run_id is None]


def _lives_here(run: FlowRun) -> bool:
    """Whether its process is on this machine and still starting: a busy machine may take minutes.

    A process worker writes the number of the process to its run (prefect/workers/process.py), and gives the process
    the run's id in its environment. A number that was given to another program since is no sign of life. Where there
    is no such file (another machine, macOS) nothing is known; the fence lets one process of a run act.
    """
    pid = run.infrastructure_pid or ""
    if not pid.isdecimal():
        return False
    try:
        return str(run.id).encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    except PermissionError:  # it is another user's: perhaps the worker's
        return True
