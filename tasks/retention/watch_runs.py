"""Delete the runs of the watch that are over: there are a thousand a day, and nobody looks at an old one.

Prefect's own vacuum could delete old runs too (`PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED=flow_runs`). It must stay
off: it deletes the artifacts of every run that it deletes, and those of runs that are gone (prefect/server/services/
db_vacuum.py): the ledgers, approvals and reports of every cutover older than its period. The API keeps artifacts.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

from mailmove.clock import now

WATCH, OURS = "watch", "mailmove"
"""Name of the flow, and the tag that our deployments give to their runs: another team's watch is not ours."""

KEPT = timedelta(hours=1)
"""Time for which a run of the watch that ended well, or was not needed, is kept."""

KEPT_FAULTS = timedelta(days=7)
"""Time for which one that failed or crashed is kept, with its log."""

_MOST = 50
"""Number of runs deleted at once, one request each; a watch has some five to thirty to delete."""

_PERIODS = {KEPT: [StateType.COMPLETED, StateType.CANCELLED], KEPT_FAULTS: [StateType.FAILED, StateType.CRASHED]}


def thin_out() -> int:
    """Delete some of the old ones, with their logs, and return how many; the next call deletes more."""
    deleted = 0
    with get_client(sync_client=True) as client:
        for period, states in _PERIODS.items():
            old = FlowRunFilter(
                tags=FlowRunFilterTags(all_=[OURS]),
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=states)),
                end_time=FlowRunFilterEndTime(before_=now() - period),
            )
            runs = client.read_flow_runs(
                flow_filter=FlowFilter(name=FlowFilterName(any_=[WATCH])),
                flow_run_filter=old,
                sort=FlowRunSort.EXPECTED_START_TIME_ASC,
                limit=_MOST,
            )
            for run in runs:
                with suppress(ObjectNotFound):  # another watch was quicker
                    client.delete_flow_run(run.id)
                    deleted += 1
    return deleted
