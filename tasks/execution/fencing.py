"""One process acts for one run. Whoever was taken for dead, or cancelled, acts no more when it comes back.

A host that was cut off for minutes, or a laptop that slept, does not know that its run was given to another process, or
rolled back. The server does: every state has an id of its own, and the one that this process was given is not there.
"""

from __future__ import annotations

from prefect import get_run_logger
from prefect.client.orchestration import get_client

from tasks.engine.prefect_internals import current_flow_run, leave_without_state


def leave_if_taken_over() -> None:
    """Raises Prefect's Abort, which ends this process without a word to the server: the run is not its own any more."""
    own = current_flow_run()
    assert own is not None and own.state is not None, "acting is for flows that run"
    with get_client(sync_client=True) as client:
        now = client.read_flow_run(own.id).state
    if now is None or now.id != own.state.id:
        seen = now.name if now else "without a state"
        get_run_logger().warning("The run is %s by now, and not by this process: it acts no more.", seen)
        leave_without_state(f"{own.name} is {seen} by now, and not by this process")
