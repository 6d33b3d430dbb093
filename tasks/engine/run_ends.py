"""How a run ended: by its own doing, or cut short by its host or its server."""

from __future__ import annotations

import re
from typing import Any

from prefect.client.schemas.objects import State

_SERVER_AWAY = re.compile(
    r"Flow run encountered an exception: "
    r"((Connect|Read|Write|Pool)(Error|Timeout)|RemoteProtocolError|PrefectHTTPStatusError: Server error '5)"
)
"""httpx and Prefect's client. What Mailmove asks of others comes as an error of its own, and parks."""


def cut_short(state: State[Any] | None) -> bool:
    """Did the run end like this by nothing of its own doing?"""
    if state is None:
        return False
    return state.is_crashed() or (state.is_failed() and bool(_SERVER_AWAY.match(state.message or "")))
