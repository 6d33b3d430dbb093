"""A rollback that begins while a wait is polled: the process that polled asks nothing after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from memory_engine import MemoryEngine, Parked
from parked_world import PlayedWait, new_plan

from flows.wait import wait
from mailmove.errors import RolledBack
from mailmove.evidence import PollResult
from tasks.engine.current import running_on
from tasks.execution.context import Context
from tasks.ledger.ledger import own_ledger
from tasks.ledger.rolled_back import record_begun
from tasks.runbook import step_replaced


@pytest.fixture
def memory() -> Iterator[MemoryEngine]:
    with running_on(MemoryEngine()) as engine:
        yield engine


@pytest.mark.parametrize("rolled_back", [False, True])
def test_a_wait_whose_cutover_is_rolled_back_while_it_is_polled_does_not_park(
    memory: MemoryEngine, rolled_back: bool
) -> None:
    plan = new_plan()

    async def poll(context: Context, previous: PollResult | None) -> PollResult:
        if rolled_back:
            record_begun(own_ledger(plan), "anna", None)
        return PollResult(done=False, summary="mail is coming")

    step = PlayedWait("quiet", "until it is quiet", verbs={"poll": poll})
    with step_replaced(step), pytest.raises(RolledBack if rolled_back else Parked):
        memory.run_sub_flow(wait, "quiet", plan, "quiet")
    assert len(memory.parking.questions[f"{wait.name}[quiet]"]) == (0 if rolled_back else 1)
