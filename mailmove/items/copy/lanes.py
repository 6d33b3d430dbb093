"""Several things of a copy in flight at once, and no more read ahead than can be at work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")


def in_lanes(count: int, name: str, things: Iterable[T], act: Callable[[T], None], stop: threading.Event) -> None:
    """Act on each, `count` at a time. stop: set where one fails, so that the others stop between two batches."""
    stop.clear()
    with ThreadPoolExecutor(count, thread_name_prefix=name) as lanes:
        under_way: set[Future[None]] = set()
        try:
            for thing in things:
                under_way.add(lanes.submit(act, thing))
                # One more than can be at work, so that no lane waits for the old server's next page.
                while len(under_way) > count:
                    under_way = _reap(under_way)
            while under_way:
                under_way = _reap(under_way)
        except BaseException:
            stop.set()
            raise


def _reap(under_way: set[Future[None]]) -> set[Future[None]]:
    done, rest = wait(under_way, return_when=FIRST_COMPLETED)
    for future in done:
        future.result()
    return rest
