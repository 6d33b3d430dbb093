"""What an analysis finds: a tree of steps, each with what was seen and what to do about it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.client import BadStatusLine, HTTPException
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Status = Literal["ok", "warning", "failed", "skipped"]


class Step(BaseModel):
    """One thing that was tried."""

    model_config = ConfigDict(frozen=True)

    name: str
    status: Status
    seen: str = Field(description="What the other side did or said")
    todo: str = Field(default="", description="Cause and fix, in words; empty: nothing to do")
    microsoft: str = Field(default="", description="What Microsoft's service or its test says of it, where known")
    elapsed_ms: int = 0
    children: tuple[Step, ...] = ()

    def walk(self) -> Iterator[Step]:
        """This step and all below it, in the order in which they were tried."""
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def failed(self) -> bool:
        return self.status == "failed"

    @property
    def failures(self) -> list[Step]:
        """The steps that failed themselves, not because one below them did."""
        return [step for step in self.walk() if step.failed and not step.children]


@dataclass(frozen=True)
class Found:
    """What a look found; `step` puts a name and a time to it."""

    status: Status
    seen: str
    todo: str = ""
    microsoft: str = ""


class Trouble(Exception):  # a step's end, which has a name, a cause and a fix
    """What the other side did instead of what it should have done; `step` makes a failed step of it."""

    def __init__(self, seen: str, todo: str, microsoft: str = "") -> None:
        self.found = Found("failed", seen, todo, microsoft)
        super().__init__(seen)


class Deadline:
    """The time that a whole analysis may take, in seconds."""

    def __init__(self, seconds: float, each: float) -> None:
        self._end = time.monotonic() + seconds
        self._each = each

    def left(self) -> float:
        """How long the next act may take. TimeoutError: nothing is left."""
        left = self._end - time.monotonic()
        if left <= 0.05:
            raise TimeoutError("no time left")
        return min(left, self._each)


def step(name: str, look: Callable[[], Found]) -> Step:
    """Do one thing and time it. Whatever the network does to it becomes a failed step."""
    started = time.monotonic()
    try:
        found = look()
    except Trouble as trouble:
        found = trouble.found
    except TimeoutError:
        todo = "A firewall may drop the packets, or the server hangs. Let it through from the internet, or restart IIS."
        found = Found("failed", "no answer in time", todo)
    except BadStatusLine:
        todo = "Something else than IIS answers there; look at what the firewall forwards to."
        found = Found("failed", "what answers does not speak HTTP, or hangs up without an answer", todo)
    except ConnectionError as error:
        todo = "Look for a firewall or reverse proxy that ends connections, and at the log of IIS."
        found = Found("failed", f"the connection was closed in the middle ({error.strerror or error})", todo)
    except (OSError, HTTPException, ValueError) as error:
        found = Found("failed", str(error) or type(error).__name__, "Try again; if it stays, look at the server's log.")
    elapsed = round((time.monotonic() - started) * 1000)
    return found_step(name, found, elapsed)


def found_step(name: str, found: Found, elapsed_ms: int = 0) -> Step:
    return Step(
        name=name,
        status=found.status,
        seen=found.seen,
        todo=found.todo,
        microsoft=found.microsoft,
        elapsed_ms=elapsed_ms,
    )


def skipped(name: str, why: str) -> Step:
    return Step(name=name, status="skipped", seen=why)


def group(name: str, children: Sequence[Step]) -> Step:
    """A step that is as bad as the worst below it. What was skipped is not proved: a warning."""
    statuses = {child.status for child in children}
    if statuses == {"skipped"}:
        status: Status = "skipped"
    elif "failed" in statuses:
        status = "failed"
    else:
        status = "ok" if statuses == {"ok"} else "warning"
    bad = [f"{child.name} {child.status}" for child in children if child.status != "ok"]
    elapsed = sum(child.elapsed_ms for child in children)
    seen = "; ".join(bad) or "all went well"
    return Step(name=name, status=status, seen=seen, elapsed_ms=elapsed, children=tuple(children))


def first_that_works(name: str, ways: Sequence[Callable[[], Step]]) -> Step:
    """Try ways in order until one works. What was in vain before is no fault then: it is shown as skipped."""
    tried: list[Step] = []
    for way in ways:
        tried.append(way())
        if not tried[-1].failed:
            vain = [step.model_copy(update={"status": "skipped", "todo": "", "children": ()}) for step in tried[:-1]]
            last, seen = tried[-1], f"by {tried[-1].name}"
            elapsed = sum(step.elapsed_ms for step in tried)
            return Step(name=name, status=last.status, seen=seen, elapsed_ms=elapsed, children=(*vain, last))
    return group(name, tried)
