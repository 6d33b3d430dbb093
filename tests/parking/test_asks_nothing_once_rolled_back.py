"""A rollback that begins while a process of the cutover lives: from its first written word on that one asks nothing."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from memory_engine import MemoryEngine, MemoryStore, Parked
from parked_world import PlayedWait, new_plan

from flows.wait import wait
from mailmove.errors import RolledBack
from mailmove.evidence import PollResult
from tasks.engine.current import running_on
from tasks.engine.port import Rows
from tasks.execution.context import Context
from tasks.ledger.ledger import own_ledger
from tasks.ledger.rolled_back import fact_in, fact_of, record_begun
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


class DeadlyStore(MemoryStore):
    """The process that writes to it is killed after its first write."""

    def write_table(self, key: str, rows: Rows, *, description: str, flow_run: UUID) -> None:
        super().write_table(key, rows, description=description, flow_run=flow_run)
        raise KeyboardInterrupt


def test_a_rollback_is_known_to_all_from_its_first_written_word(memory: MemoryEngine) -> None:
    """Its process may be killed, or stand still, before the second."""
    ledger, memory.store = own_ledger(new_plan()), DeadlyStore()
    with pytest.raises(KeyboardInterrupt):
        record_begun(ledger, "anna", None)
    fact = fact_of(ledger.cutover)
    assert (fact and fact.by, ledger.entries()) == ("anna", [])

    killed, memory.store = memory.store, MemoryStore()
    memory.store.tables.update(killed.tables)
    record_begun(ledger, "anna", None)
    assert fact_of(ledger.cutover) == fact_in(ledger.entries())
