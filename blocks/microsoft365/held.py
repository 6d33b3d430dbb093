"""A place in a block for things that are made on first use and belong to one process: clients, sockets, tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Held:
    """Empty again in every copy and pickle, and no part of a block's equality: Prefect copies and pickles blocks."""

    def __init__(self) -> None:
        self._thing: Any = None

    def get(self, make: Callable[[], T]) -> T:
        if self._thing is None:
            self._thing = make()
        thing: T = self._thing
        return thing

    def __deepcopy__(self, memo: object) -> Held:
        return Held()

    def __copy__(self) -> Held:
        return Held()

    def __reduce__(self) -> tuple[type[Held], tuple[()]]:
        return Held, ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held)

    def __hash__(self) -> int:
        return hash(Held)
