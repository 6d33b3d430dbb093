"""A flow run of the real Prefect, held open: what is called in it is a part of the cutover."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from prefect import flow

R = TypeVar("R")


class FlowRunOpen:
    """`with FlowRunOpen() as run:` holds a flow run open; `run.do(f, ...)` calls f in it, as a part of the cutover."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        # A copied context knows the test server that the fixture has chosen.
        self._thread = threading.Thread(target=contextvars.copy_context().run, args=(self._live,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._calls.put(None)
        self._thread.join(60)

    def _live(self) -> None:
        @flow
        def cutover() -> None:
            while call := self._calls.get():
                answer, work = call
                try:
                    answer.set_result(work())
                except BaseException as error:  # noqa: BLE001  # it is raised where `do` was called
                    answer.set_exception(error)

        cutover()

    def do(self, call: Callable[..., R], *args: Any) -> R:
        answer: Future[R] = Future()
        self._calls.put((answer, lambda: call(*args)))
        return answer.result(timeout=120)
