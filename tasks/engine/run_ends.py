"""How a run ended: by its own doing, cut short by its host or its server, or for good; and whether it is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled

from mailmove.clock import now
from tasks.engine.prefect_internals import server_was_away

MOST_RESTARTS = 10
"""Number of crashes of one run that are restarted; more come of something that starting again does not mend."""

FRESH = timedelta(hours=24)
"""Maximum age of a crashed run that is restarted automatically; older ones ask a person."""


REFUSED = "Refused"
"""Name of the Cancelled state of a run that was started, or started again, while another one had its customer."""


def refused(words: str) -> State[Any]:
    """The state of such a run."""
    return Cancelled(name=REFUSED, message=words)


def is_refused(state: State[Any] | None) -> bool:
    """Whether a run ended like this."""
    return state is not None and state.is_cancelled() and state.name == REFUSED


def cut_short(state: State[Any] | None) -> bool:
    """Did the run end like this by nothing of its own doing?"""
    if state is None:
        return False
    return state.is_crashed() or server_was_away(state)


def keep_cancelled(run: UUID, words: str) -> bool:
    """Have a run Cancelled with these words, whatever state it was brought to since; False: it is, or is not there."""
    with get_client(sync_client=True) as client:
        try:
            state = client.read_flow_run(run).state
        except ObjectNotFound:
            return False
        if state is not None and state.is_cancelled():
            return False
        client.set_flow_run_state(run, Cancelled(message=words), force=True)
    return True


def crashes_of(client: SyncPrefectClient, run: UUID) -> int:
    """How often a run was cut short."""
    return sum(cut_short(state) for state in client.read_flow_run_states(run))


def is_over(client: SyncPrefectClient, run: UUID) -> bool:
    """Whether nothing but a person brings this run on: it has ended, and the watch does not restart it; or was deleted.

    The run 0, and one without a state, are nobody's to judge: not over.
    """
    if run.int == 0:
        return False
    try:
        state = client.read_flow_run(run).state
    except ObjectNotFound:
        return True
    if state is None or not state.is_final():
        return False
    if not cut_short(state) or now() - state.timestamp > FRESH:
        return True
    return crashes_of(client, run) > MOST_RESTARTS
