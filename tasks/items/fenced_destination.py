"""A destination that asks before it writes: a process whose run was given to another one copies no more.

A copy takes hours. Its batches are sent from threads of their own, so the question is asked there in the task's name,
and answered from memory for a few seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextvars import copy_context

from mailmove.items.copy.interfaces import Content, Destination, Outcome, Present, SourceFolder
from mailmove.items.item import Item
from tasks.execution.context import Context

FENCE_SECONDS = 10.0
"""Seconds for which an answer of the fence counts."""


class FencedDestination(Destination):
    """Another destination behind the fence of a context; made in the task's own thread."""

    def __init__(self, context: Context, inner: Destination) -> None:
        self._context, self._inner = context, inner
        self._task = copy_context()
        self._lock = threading.Lock()
        self._asked = float("-inf")

    def folder(self, mailbox: str, folder: SourceFolder) -> str:
        self._fence()
        return self._inner.folder(mailbox, folder)

    def put(self, mailbox: str, folder_id: str, contents: Sequence[Content]) -> list[Outcome]:
        self._fence()
        return self._inner.put(mailbox, folder_id, contents)

    def present(self, mailbox: str, folder: SourceFolder, folder_id: str) -> Iterator[Present]:
        return self._inner.present(mailbox, folder, folder_id)

    def strangers(self, mailbox: str, folder: SourceFolder, folder_id: str) -> Iterator[Present]:
        return self._inner.strangers(mailbox, folder, folder_id)

    def copies(
        self, mailbox: str, folder: SourceFolder, folder_id: str | None, items: Sequence[Item], *, streams: bool
    ) -> list[int]:
        return self._inner.copies(mailbox, folder, folder_id, items, streams=streams)

    def takes_streams(self, mailbox: str) -> bool:
        return self._inner.takes_streams(mailbox)

    def _fence(self) -> None:
        with self._lock:
            if time.monotonic() - self._asked < FENCE_SECONDS:
                return
            self._task.copy().run(self._context.fence)  # a context may be entered by one thread only
            self._asked = time.monotonic()
