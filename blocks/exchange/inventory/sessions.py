"""Several sessions with the server's shell, and a queue of jobs that they share."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from blocks.exchange.powershell.shell import ExchangeShell
from mailmove.errors import Blocked, Throttled, Transient
from mailmove.inventory.server import NotRead

T = TypeVar("T")
SESSIONS = 3
"""At once. WinRM 2.0 lets a user have five shells, Exchange 2010's policy eighteen; others work there, too."""
_TRIES = 3
_NAMED = 50
"""Objects of one kind that are named in a finding; more are counted."""


class Sessions:
    """Use it in a `with`. Jobs only read, so that a job whose connection broke may simply be done again."""

    def __init__(self, open_shell: Callable[[], ExchangeShell], at_once: int = SESSIONS) -> None:
        self._shells: queue.SimpleQueue[ExchangeShell] = queue.SimpleQueue()
        for _ in range(at_once):
            self._shells.put(open_shell())
        self._at_once = at_once
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="inventory")
        self.not_read: list[NotRead] = []

    def __enter__(self) -> Sessions:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        for _each in range(self._at_once):
            self._shells.get().close()

    def start(self, job: Callable[[ExchangeShell], T]) -> Future[T]:
        """Do it as soon as a session is free; `result()` raises what the job raised."""
        return self._pool.submit(self._do, job)

    def optional(self, what: str, job: Callable[[ExchangeShell], T], otherwise: Callable[[], T]) -> Future[T]:
        """As `start`; where the server or its version says no, that is noted in `not_read`."""

        def tried(shell: ExchangeShell) -> T:
            try:
                return job(shell)
            except Blocked as error:
                self.not_read.append(NotRead(what=what, why=error.seen))
                return otherwise()

        return self.start(tried)

    def refused(self, what: str, errors: Iterable[str]) -> None:
        """Note the server's errors about single objects."""
        words = list(errors)
        if words:
            more = f" (and {len(words) - _NAMED} more)" if len(words) > _NAMED else ""
            self.not_read.append(NotRead(what=what, why="; ".join(words[:_NAMED]) + more))

    def _do(self, job: Callable[[ExchangeShell], T]) -> T:
        with self._free() as shell:
            for left in reversed(range(_TRIES)):
                try:
                    return job(shell)
                except Throttled:
                    raise  # it is not asked at once again
                except Transient:
                    if not left:
                        raise
        raise AssertionError("the last try either returned or raised")

    @contextmanager
    def _free(self) -> Iterator[ExchangeShell]:
        shell = self._shells.get()
        try:
            yield shell
        finally:
            self._shells.put(shell)
