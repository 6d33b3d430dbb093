"""Results of an analysis: a tree of steps, each with what was seen and what to do about it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.client import BadStatusLine, HTTPException
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Status = Literal["ok", "warning", "failed", "skipped"]
T = TypeVar("T")


class Step(BaseModel):
    """One check and its result, or a group of them."""

    model_config = ConfigDict(frozen=True)

    name: str
    status: Status
    seen: str = Field(description="What the other side did or answered")
    todo: str = Field(default="", description="Cause and fix, in words; empty: nothing to do")
    microsoft: str = Field(default="", description="What Microsoft's service or its test says of it, where known")
    elapsed_ms: int = 0
    http_status: int | None = Field(default=None, exclude=True, description="HTTP status that ended it; None: none did")
    children: tuple[Step, ...] = ()

    def walk(self) -> Iterator[Step]:
        """This step and all below it, in the order of the checks."""
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def failed(self) -> bool:
        return self.status == "failed"

    @property
    def failures(self) -> list[Step]:
        """Failed steps without children: the causes, not the groups above them."""
        return [step for step in self.walk() if step.failed and not step.children]


@dataclass(frozen=True)
class StepResult:
    """Result of one check; `step` adds its name and duration."""

    status: Status
    seen: str
    todo: str = ""
    microsoft: str = ""
    http_status: int | None = None


class Trouble(Exception):  # a result, not a fault of ours
    """Ends a check with a failed result: what the other side did, and the fix; `step` makes a failed step of it."""

    def __init__(self, seen: str, todo: str, microsoft: str = "") -> None:
        self.result = StepResult("failed", seen, todo, microsoft)
        super().__init__(seen)


class Deadline:
    """Time limits in seconds: of a whole analysis, and of each act in it."""

    def __init__(self, seconds: float, each: float) -> None:
        self._end = time.monotonic() + seconds
        self._each = each

    def left(self) -> float:
        """Seconds that the next act may take. TimeoutError: none are left."""
        left = self._end - time.monotonic()
        if left <= 0.05:
            raise TimeoutError("no time left")
        return min(left, self._each)

    def while_a_person_thinks(self, question: Callable[[], T]) -> T:
        """The answer to a question; the time until it comes does not count."""
        asked = time.monotonic()
        answer = question()
        self._end += time.monotonic() - asked
        return answer


def step(name: str, attempt: Callable[[], StepResult]) -> Step:
    """Run a check and time it. Network and protocol errors become a failed step."""
    started = time.monotonic()
    try:
        outcome = attempt()
    except Trouble as trouble:
        outcome = trouble.result
    except TimeoutError:
        todo = "A firewall may drop the packets, or the server hangs. Let it through from the internet, or restart IIS."
        outcome = StepResult("failed", "no answer in time", todo)
    except BadStatusLine:
        todo = "Something else than IIS answers there; look at what the firewall forwards to."
        outcome = StepResult("failed", "what answers does not speak HTTP, or hangs up without an answer", todo)
    except ConnectionError as error:
        todo = "Look for a firewall or reverse proxy that ends connections, and at the log of IIS."
        outcome = StepResult("failed", f"the connection was closed in the middle ({error.strerror or error})", todo)
    except (OSError, HTTPException, ValueError) as error:
        outcome = StepResult(
            "failed", str(error) or type(error).__name__, "Try again; if it stays, look at the server's log."
        )
    elapsed = round((time.monotonic() - started) * 1000)
    return step_of(name, outcome, elapsed)


def step_of(name: str, outcome: StepResult, elapsed_ms: int = 0) -> Step:
    return Step(
        name=name,
        status=outcome.status,
        seen=outcome.seen,
        todo=outcome.todo,
        microsoft=outcome.microsoft,
        http_status=outcome.http_status,
        elapsed_ms=elapsed_ms,
    )


def skipped(name: str, why: str) -> Step:
    return Step(name=name, status="skipped", seen=why)


def group(name: str, children: Sequence[Step]) -> Step:
    """A step with the worst status of its children; a skipped child among others counts as a warning."""
    statuses = {child.status for child in children}
    if statuses == {"skipped"}:
        status: Status = "skipped"
    elif "failed" in statuses:
        status = "failed"
    else:
        status = "ok" if statuses == {"ok"} else "warning"
    bad = [f"{child.name} {child.status}" for child in children if child.status != "ok"]
    elapsed = sum(child.elapsed_ms for child in children)
    summary = "; ".join(bad) or "all went well"
    return Step(name=name, status=status, seen=summary, elapsed_ms=elapsed, children=tuple(children))


def first_that_works(name: str, ways: Sequence[Callable[[], Step]]) -> Step:
    """Try ways in order until one works; the failed ones before it are shown as skipped."""
    tried: list[Step] = []
    for way in ways:
        tried.append(way())
        if not tried[-1].failed:
            vain = [step.model_copy(update={"status": "skipped", "todo": "", "children": ()}) for step in tried[:-1]]
            last, way_used = tried[-1], f"by {tried[-1].name}"
            elapsed = sum(step.elapsed_ms for step in tried)
            return Step(name=name, status=last.status, seen=way_used, elapsed_ms=elapsed, children=(*vain, last))
    return group(name, tried)
