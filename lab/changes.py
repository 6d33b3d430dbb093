"""What has changed in a folder since a client last asked: the memory behind SyncFolderItems and Graph's delta.

A state says exactly what its client was given, and stays good when the next one is handed out: the answer with the
next one may be lost.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from lab.mail_store import StoredItem


@dataclass(frozen=True)
class Changes:
    """One page of changes. state: the token for the next request. complete: nothing more to read at this moment."""

    new: list[StoredItem]
    changed: list[StoredItem]
    gone: list[str]
    state: str
    complete: bool


class Unknown(Exception):
    """The state does not exist, or belongs to another folder."""


class Memory:
    """States given out, and what each client was given with them. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._steps: dict[str, tuple[Hashable, str, dict[str, int | None]]] = {}

    def since(self, folder: Hashable, state: str, items: Iterable[StoredItem], limit: int) -> Changes:
        """The next page of changes since a state; "" is the beginning. Unknown: read everything again."""
        with self._lock:
            before = self._given(folder, state)
            now = {item.id: item for item in items}
            gone = sorted(before.keys() - now.keys())
            changed = [item for item in now.values() if item.id in before and before[item.id] != hash(item)]
            new = [item for item in now.values() if item.id not in before]
            left = limit
            gone_now, left = gone[:left], max(0, left - len(gone))
            changed_now, left = changed[:left], max(0, left - len(changed))
            new_now = new[:left]
            step = {**dict.fromkeys(gone_now), **{item.id: hash(item) for item in (*changed_now, *new_now)}}
            token = secrets.token_urlsafe(24)
            self._steps[token] = (folder, state, step)
            complete = len(gone_now) + len(changed_now) + len(new_now) == len(gone) + len(changed) + len(new)
        return Changes(new_now, changed_now, gone_now, token, complete)

    def forget(self) -> None:
        """Drop all states, as a server does with those that are too old or too many."""
        with self._lock:
            self._steps.clear()

    def _given(self, folder: Hashable, state: str) -> dict[str, int]:
        steps = []
        while state:
            if state not in self._steps or self._steps[state][0] != folder:
                raise Unknown(state)
            _, state, step = self._steps[state]
            steps.append(step)
        given: dict[str, int] = {}
        for step in reversed(steps):
            for identity, mark in step.items():
                if mark is None:
                    given.pop(identity, None)
                else:
                    given[identity] = mark
        return given
