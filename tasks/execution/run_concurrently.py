"""Do several things at the same time, each as this run itself would: with its client, and in its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

R = TypeVar("R")

MOST = 4
"""That the Prefect server is asked at the same time by one run."""


def run_concurrently(act: Callable[..., R], works: Iterable[tuple[object, ...]], *, most: int = MOST) -> list[R]:
    """What `act(*work)` returned for each, in their order. An error is raised when all have come to their end."""
    with ThreadPoolExecutor(most) as pool:
        under_way = [pool.submit(copy_context().run, act, *work) for work in works]
    return [running.result() for running in under_way]
