"""Stand by while a real night goes on: its people act, and the test looks now and then."""

from __future__ import annotations

import time
from collections.abc import Callable

from lab.rehearsal import Rehearsal
from tasks.reporting.status import statuses


def until(true: Callable[[], bool], night: Rehearsal, seconds: float) -> None:
    """Let the people of the rehearsal act until something is so; fails with the state after `seconds`."""
    end = time.monotonic() + seconds
    while not true():
        night.step()
        assert time.monotonic() < end, f"still {statuses(1)[0]} troubles {night.troubles}"
        time.sleep(2)  # asking costs what the night itself could use
