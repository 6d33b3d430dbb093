"""Prefect's global concurrency limits: a slot of each that exists, all in one request or none.

Two tasks that need the same slots never wait for each other. The slot of a killed process comes back when its lease
runs out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency

LEASE_SECONDS = 60.0
"""Seconds after which a killed process gives its slots back; a living one renews."""

_PAGE, _REMEMBERED = 200, 30.0
_known: tuple[float, frozenset[str]] = (float("-inf"), frozenset())


@contextmanager
def slots(names: list[str]) -> Iterator[None]:
    """Wait until every limit of these that exists has a slot, and hold it meanwhile."""
    wanted = sorted(set(names) & _limits_that_exist()) if names else []
    if not wanted:
        yield
        return
    with concurrency(wanted, lease_duration=LEASE_SECONDS):
        yield


def _limits_that_exist() -> frozenset[str]:
    """Asked for now and then only: a new limit counts half a minute later."""
    global _known  # one process, one server
    if time.monotonic() - _known[0] > _REMEMBERED:
        names: list[str] = []
        with get_client(sync_client=True) as client:
            while True:
                page = client.read_global_concurrency_limits(limit=_PAGE, offset=len(names))
                names += [limit.name for limit in page]
                if len(page) < _PAGE:
                    break
        _known = (time.monotonic(), frozenset(names))
    return _known[1]


def forget_limits() -> None:
    """The next question asks the server again."""
    global _known
    _known = (float("-inf"), frozenset())
