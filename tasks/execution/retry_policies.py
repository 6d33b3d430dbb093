"""How often each kind of task is tried, how its result is remembered, and the context that it is handed.

A parked cutover is started anew in another process. Every task below is remembered by (run, stage, verb), so that
what was finished is not done again, even when the code was upgraded while the run was parked.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from prefect import Task, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.tasks import exponential_backoff

from mailmove.errors import ByHand, Transient
from mailmove.evidence import Receipt
from mailmove.plan.cutover import Cutover
from tasks.execution.concurrency_limits import within_limits
from tasks.execution.context import Context

P = ParamSpec("P")
R = TypeVar("R")


def _may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Only what can pass by itself is tried again; a Blocked needs a person, and so does typing by hand."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, Transient) and not isinstance(error, ByHand)


RETRIED: dict[str, Any] = {
    "retry_delay_seconds": exponential_backoff(backoff_factor=1),  # 1, 2, 4, ... seconds
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": _may_pass,
    "persist_result": True,
    "result_serializer": "json",
}
"""How a task is retried, and its result kept."""


def _once_per_run(context: TaskRunContext, _parameters: dict[str, Any]) -> str:
    return f"{context.task_run.flow_run_id}/{context.task.name}"


def _cutover_of(*given: object) -> UUID | None:
    """The cutover whose receipt is among them."""
    return next((receipt.cutover for receipt in given if isinstance(receipt, Receipt)), None)


@dataclass(frozen=True)
class Policy:
    """Makes a task of a stage's function. The stage is the function's module, unless it is named.

    The function is written against a Context; the task takes the plan, or a Context that a test has made.
    read_only: whatever the function tries to write or do is refused. undoes: it is a rollback's, which reads and writes
    in the ledger of the cutover that its receipt is of.
    """

    retries: int
    read_only: bool = False
    undoes: bool = False

    def __call__(
        self, function: Callable[Concatenate[Context, P], R], stage: str = ""
    ) -> Task[Concatenate[Cutover | Context, P], R]:
        stage = stage or function.__module__.rpartition(".")[2]

        def run(cutover: Cutover | Context, *args: P.args, **kwargs: P.kwargs) -> R:
            undone = _cutover_of(*args, *kwargs.values()) if self.undoes else None
            context = (
                cutover
                if isinstance(cutover, Context)
                else Context(cutover, stage, root=undone, read_only=self.read_only, undoes=self.undoes)
            )
            with within_limits(context.plan, stage):
                return function(context, *args, **kwargs)

        run.__name__, run.__doc__, run.__module__ = function.__name__, function.__doc__, function.__module__
        run.__qualname__ = function.__qualname__
        first = inspect.Parameter("cutover", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Cutover)
        signature = inspect.signature(function)
        run.__signature__ = signature.replace(  # type: ignore[attr-defined]  # what Prefect binds by
            parameters=[first, *list(signature.parameters.values())[1:]]
        )
        name = f"{stage}.{function.__name__}"
        return task(name=name, retries=self.retries, cache_key_fn=_once_per_run, **RETRIED)(run)


check_task = Policy(retries=4, read_only=True)
"""For `check`: changes nothing, so it may be asked again freely."""

apply_task = Policy(retries=5)
"""For `apply`: checks again and acts on the difference only, so that a second try is safe."""

verify_task = Policy(retries=2)
"""For `verify`: what takes longer than a few seconds is waited for in a parked sub-flow."""

rollback_task = Policy(retries=6, undoes=True)
"""For `rollback`: the most patient, because a person counts on it."""
