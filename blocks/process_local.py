"""Things that a block makes on first use and that belong to one process: clients, sockets, tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class ProcessLocal:
    """A field of a block that holds one such thing.

    Every copy and pickle of it is empty, and it is no part of the block's equality: Prefect copies and pickles blocks.
    """

    def __init__(self) -> None:
        self._thing: Any = None

    def get(self, make: Callable[[], T]) -> T:
        if self._thing is None:
            self._thing = make()
        thing: T = self._thing
        return thing

    def __deepcopy__(self, memo: object) -> ProcessLocal:
        return ProcessLocal()

    def __copy__(self) -> ProcessLocal:
        return ProcessLocal()

    def __reduce__(self) -> tuple[type[ProcessLocal], tuple[()]]:
        return ProcessLocal, ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProcessLocal)

    def __hash__(self) -> int:
        return hash(ProcessLocal)
