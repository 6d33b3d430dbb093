"""How a run ended: by its own doing, or cut short by its host or its server."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import State

from tasks.engine.prefect_internals import server_was_away


def cut_short(state: State[Any] | None) -> bool:
    """Did the run end like this by nothing of its own doing?"""
    if state is None:
        return False
    return state.is_crashed() or server_was_away(state)
