"""The engine that runs this process: Prefect, unless another one was handed in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from tasks.engine.port import Engine
from tasks.engine.prefect_engine import PrefectEngine

E = TypeVar("E", bound=Engine)

_engine: Engine = PrefectEngine()


def engine() -> Engine:
    """The engine of this process."""
    return _engine


def set_engine(other: Engine) -> Engine:
    """From here on another engine runs this process, in every thread; returns the one before."""
    global _engine  # one process, one engine
    before, _engine = _engine, other
    return before


@contextmanager
def running_on(other: E) -> Iterator[E]:
    """Within, another engine runs this process."""
    before = set_engine(other)
    try:
        yield other
    finally:
        set_engine(before)
