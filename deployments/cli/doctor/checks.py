"""One thing that the doctor looked at."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from deployments.display.safe_text import plain

Health = Literal["good", "doubtful", "bad"]
_MARKS: dict[Health, str] = {"good": "ok ", "doubtful": "?? ", "bad": "!! "}


class Check(BaseModel):
    """What was looked at, and what was seen.

    state `doubtful`: it may do harm, or nothing shows whether it is good. todo '': nothing.
    """

    model_config = ConfigDict(frozen=True)

    what: str
    state: Health
    seen: str
    todo: str = ""

    def __str__(self) -> str:
        todo = f"\n     {self.todo}" if self.todo else ""
        return f"{_MARKS[self.state]}{self.what}: {plain(self.seen)}{todo}"
