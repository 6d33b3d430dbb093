"""Open a block by its name, and hold it to the port that is wanted."""

from __future__ import annotations

from typing import Any, TypeVar

from mailmove.errors import Blocked
from tasks.engine.current import engine

Port = TypeVar("Port")


def open_block(reference: str, port: type[Port]) -> Port:
    """The block `type/name`. Blocked: there is none, its fields are incomplete or wrong, or it is no such port."""
    try:
        block = engine().load_block(reference)
    except ValueError:
        raise Blocked(
            "Prefect",
            wanted=f"the block {reference}",
            seen="no such block",
            todo="Save it under that name, or mend the plan.",
        ) from None
    return as_port(reference, block, port)


def as_port(reference: str, block: Any, port: type[Port]) -> Port:
    """The block itself. Blocked: it is no such port."""
    if not isinstance(block, port):
        raise Blocked(
            "Prefect",
            wanted=f"a block that is a {port.__name__}",
            seen=f"{reference}, which is a {type(block).__name__}",
            todo="Name another block in the plan.",
        )
    return block
