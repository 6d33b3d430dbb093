"""A case made of a server of tapes: what is asked once of the lab is recorded, and given again, spoiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from answers import Answer
from reader import AsksWithoutEnd, Case
from tape import Tape, TapeServer


def taped_case(server: TapeServer, name: str, read: Callable[[], Any], tape: Tape | None = None) -> Case:
    """tape None: what `read` asks for is recorded now."""
    if tape is None:
        tape = server.tape = Tape()
        read()
        server.tape = Tape()  # what is asked of the lab from now on is another tape's
    assert tape.exchanges, f"{name} asks nobody"

    def again(answers: Sequence[Answer]) -> Any:
        server.tape = tape
        tape.play(answers)
        result = read()
        if tape.endless:
            raise AsksWithoutEnd(name)
        return result

    return Case(name, [exchange.answer for exchange in tape.exchanges], again)
