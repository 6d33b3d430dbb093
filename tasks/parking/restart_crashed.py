"""A run that was cut short is started again: its host rebooted, the kernel needed the memory, its server was away.

Prefect calls a run Crashed whose process has died, and leaves it so. A run that asks for something while the server is
started anew Fails, as if that were the run's own doing: Prefect's client does not try again where it has not connected
before. What was finished is remembered, and every stage looks before it acts, so that going on is what a person would
do; the watch does it at once. A rollback is no other than a cutover in that.
"""

from __future__ import annotations

from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import AwaitingRetry

from mailmove.clock import now
from tasks.engine.prefect_claims import claims
from tasks.engine.run_ends import FRESH, MOST_RESTARTS, crashes_of, cut_short, is_over, is_refused
from tasks.ledger.rolled_back import fact_of
from tasks.parking.halted import ROOTS
from tasks.parking.rolled_back import not_rolled_back

_PAGE = 200


def cutovers_to_restart() -> list[FlowRun]:
    """Cutovers and rollbacks that were cut short within the last day, that have their customer, and that nobody rolled
    back.

    Where no run has it that is not over, the customer's newest one.
    """
    with get_client(sync_client=True) as client:
        chosen = FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CRASHED, StateType.FAILED])),
            end_time=FlowRunFilterEndTime(after_=now() - FRESH),
        )
        recent = [run for run in _runs(client, chosen) if cut_short(run.state)]
        if not recent:
            return []
        known, newest = claims(client), _newest(client)

        def has_its_customer(run: FlowRun) -> bool:
            claim = known.get(_customer(run))
            if claim is None or (claim.run != run.id and is_over(client, claim.run)):
                return newest.get(_customer(run)) == run.id  # it was cut short before it could claim anything
            return claim.run == run.id

        return not_rolled_back(run for run in recent if has_its_customer(run))


def _newest(client: SyncPrefectClient) -> dict[str, UUID]:
    """Customer -> its newest run that was not refused."""
    newest: dict[str, UUID] = {}
    for run in _runs(client, FlowRunFilter()):
        if not is_refused(run.state):
            newest.setdefault(_customer(run), run.id)
    return newest


def _runs(client: SyncPrefectClient, chosen: FlowRunFilter) -> list[FlowRun]:
    """The newest of them, newest first."""
    return client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=list(ROOTS))),
        flow_run_filter=chosen,
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=_PAGE,
    )


def restart(run: FlowRun) -> str | None:
    """Have a worker start it again; says so. None: it was started or rolled back meanwhile, or has died too often."""
    with get_client(sync_client=True) as client:
        fresh = client.read_flow_run(run.id).state
        crashes = crashes_of(client, run.id)
        if not cut_short(fresh) or crashes > MOST_RESTARTS or fact_of(run.id) is not None:
            return None
        client.set_flow_run_state(run.id, AwaitingRetry(message="It was cut short; it goes on."), force=True)
    return f"started it again, which had been cut short ({crashes} of at most {MOST_RESTARTS} times)"


def _customer(run: FlowRun) -> str:
    return str(run.parameters.get("plan", {}).get("customer", run.id))
