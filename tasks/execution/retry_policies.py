"""How often each kind of task is tried, and how its result is remembered.

A parked cutover is started anew in another process. Every task below is remembered by (run, stage, verb), so that
what was finished is not done again, even when the code was upgraded while the run was parked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from prefect import Task, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.tasks import exponential_backoff

from mailmove.errors import ByHand, Transient
from mailmove.plan.cutover import Cutover
from tasks.execution.concurrency_limits import within_limits
from tasks.execution.open_blocks import each_opened_once

P = ParamSpec("P")
R = TypeVar("R")


def _may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Only what can pass by itself is tried again; a Blocked needs a person, and so does typing by hand."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, Transient) and not isinstance(error, ByHand)


TRIED_AGAIN: dict[str, Any] = {
    "retry_delay_seconds": exponential_backoff(backoff_factor=1),  # 1, 2, 4, ... seconds
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": _may_pass,
    "persist_result": True,
    "result_serializer": "json",
}
"""How a task is tried again, and its result kept."""


def _once_per_run(context: TaskRunContext, _parameters: dict[str, Any]) -> str:
    return f"{context.task_run.flow_run_id}/{context.task.name}"


def in_turn(one: Any, earlier: int) -> Any:
    """The same task of a stage, done once more in this run after so many tries came to nothing, and then remembered."""
    if not earlier:
        return one

    def once_per_turn(context: TaskRunContext, parameters: dict[str, Any]) -> str:
        return f"{_once_per_run(context, parameters)}.{earlier}"

    return one.with_options(cache_key_fn=once_per_turn)


@dataclass(frozen=True)
class Policy:
    """Makes a task of a stage's function. The stage is the function's module, unless it is named."""

    retries: int

    def __call__(self, function: Callable[P, R], stage: str = "") -> Task[P, R]:
        stage = stage or function.__module__.rpartition(".")[2]

        @wraps(function)
        def limited(*args: P.args, **kwargs: P.kwargs) -> R:
            with within_limits(cast(Cutover, args[0] if args else kwargs["cutover"]), stage), each_opened_once():
                return function(*args, **kwargs)

        name = f"{stage}.{function.__name__}"
        return task(name=name, retries=self.retries, cache_key_fn=_once_per_run, **TRIED_AGAIN)(limited)


look = Policy(retries=4)
"""For `check`: changes nothing, so it may be asked again freely."""

change = Policy(retries=5)
"""For `apply`: looks again and acts on the difference only, so that a second try is safe."""

make_sure = Policy(retries=2)
"""For `verify`: what takes longer than a few seconds is waited for in a parked sub-flow."""

put_back = Policy(retries=6)
"""For `rollback`: the most patient, because a person counts on it."""
