"""How a run ended: by its own doing, cut short by its host or its server, or for good, by a rollback."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled

from tasks.engine.prefect_internals import server_was_away


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
