"""Faults of a lab town, chosen by name: `faults.set("graph.throttled", times=3)`.

Whoever plays a part asks `faults.take(name)` at the place where the fault would strike, and misbehaves when it is
True. Every name that a part understands is listed in `KNOWN`, so that a misspelt fault is an error, not a quiet pass.
"""

from __future__ import annotations

import threading

KNOWN: dict[str, str] = {}
"""Fault name -> what happens. Parts add to it with `declare` when they are imported."""


def declare(**faults: str) -> None:
    """Make faults known: `declare(graph_throttled="...")` declares `graph.throttled` (the first _ is the dot)."""
    KNOWN.update({name.replace("_", ".", 1): meaning for name, meaning in faults.items()})


class Faults:
    """Which faults are on, and how many more times each strikes. Safe for threads."""

    def __init__(self) -> None:
        self._left: dict[str, float] = {}
        self._spared: dict[str, int] = {}
        self._lock = threading.Lock()

    def set(self, name: str, *, times: float = float("inf"), after: int = 0) -> None:
        """Turn a fault on for `times` occasions, after `after` occasions without it."""
        if name not in KNOWN:
            raise ValueError(f"no fault is called {name!r}; there are: {', '.join(sorted(KNOWN))}")
        with self._lock:
            self._left[name], self._spared[name] = times, after

    def clear(self, name: str | None = None) -> None:
        """Turn one fault off, or all."""
        with self._lock:
            if name is None:
                self._left.clear()
            else:
                self._left.pop(name, None)

    def take(self, name: str) -> bool:
        """Whether the fault strikes now; counts one occasion."""
        if name not in KNOWN:
            raise ValueError(f"undeclared fault {name!r}")
        with self._lock:
            left = self._left.get(name, 0)
            if left < 1:
                return False
            if self._spared.get(name, 0):
                self._spared[name] -= 1
                return False
            self._left[name] = left - 1
            return True
