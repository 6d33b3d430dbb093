"""Who still delivers to the old server, named with what to do about each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from fake_blocks import SOURCE, a_plan, source
from memory_engine import MemoryEngine

from mailmove.clock import Clock, clock_set, now
from mailmove.evidence import PollResult
from mailmove.items.item import Arrival
from mailmove.smtp.late_senders import gone_quiet, late_senders
from tasks.engine.current import engine, running_on
from tasks.execution.context import Context
from tasks.ledger.entry import EntryKind
from tasks.ledger.ledger import Ledger
from tasks.ledger.payloads import ServerClock, WaitEnded
from tasks.parking.poll import Awaited, poll_once
from tasks.traffic.server_clocks import record_clock

THEN = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
DOMAINS = ["contoso.com"]


def arrival(client: str, sender: str, minute: int = 0, name: str = "", to: str = "anna@contoso.com") -> Arrival:
    at = THEN + timedelta(minutes=minute)
    return Arrival(at=at, message_id="<1@x>", sender=sender, recipients=(to,), client_ip=client, client_name=name)


def test_each_is_told_what_it_is_and_what_to_do() -> None:
    found = late_senders(
        [
            arrival("192.168.1.20", "scanner@contoso.com", 5, "MFP-2OG"),
            arrival("192.168.1.20", "scanner@contoso.com", 9),
            arrival("10.0.0.9", "someone@partner.example"),
            arrival("9.9.9.9", "shop@contoso.com"),
            arrival("8.8.4.4", "someone@partner.example", 1),
            arrival("8.8.4.4", "", 2),
            arrival("8.8.4.4", "x@partner.example", 3),
            arrival("10.0.0.5", "HealthMailbox1a2b@contoso.com"),
            arrival("10.0.0.5", "inboundproxy@inboundproxy.com", to="HealthMailbox1a2b@contoso.com"),
        ]
    )
    lines = {one.client_ip: one.line(DOMAINS) for one in found}
    assert list(lines) == ["8.8.4.4", "192.168.1.20", "10.0.0.9", "9.9.9.9"], "busiest first; probes are nobody's mail"
    assert "192.168.1.20 (MFP-2OG) still delivers to the old server: 2 messages" in lines["192.168.1.20"]
    assert "the last at 02:09:00 UTC. A printer, scanner or application" in lines["192.168.1.20"]
    assert "A mail gateway or filter" in lines["10.0.0.9"]
    assert "in the company's name" in lines["9.9.9.9"]
    assert "holds on to the old MX" in lines["8.8.4.4"] and "the empty sender" in lines["8.8.4.4"]


def test_who_sends_to_other_domains_is_judged_by_them() -> None:
    found = late_senders(
        [
            arrival("192.168.1.20", "scanner@contoso.com", 5, to="orders@supplier.example"),
            arrival("8.8.4.4", "someone@partner.example", 1, to="anna@branch.example"),
            arrival("8.8.4.5", "someone@partner.example", 1, to="anna@branch.example"),
            arrival("8.8.4.5", "someone@partner.example", 2, to="Anna@Contoso.com"),
        ]
    )
    lines = {sender.client_ip: sender.line(DOMAINS) for sender in found}
    assert "for supplier.example, which the plan does not move" in lines["192.168.1.20"]
    assert "another way to send" in lines["192.168.1.20"]
    assert "for branch.example, which the plan does not move" in lines["8.8.4.4"] and "its MX, too" in lines["8.8.4.4"]
    assert "holds on to the old MX" in lines["8.8.4.5"], "some of it is the customer's"


PLAN = a_plan(sweep={"quiet_minutes": 15, "patience_hours": 4})


@pytest.fixture
def memory() -> Iterator[MemoryEngine]:
    with running_on(MemoryEngine(source(**{"clock.side_effect": lambda: datetime.now(UTC)}))) as memory:
        yield memory


def ahead(minutes: float) -> Clock:
    return Clock(ahead=timedelta(minutes=minutes))


def noticed(minutes_ago: float, *, by: Clock | None = None) -> None:
    """The world has noticed, by a worker's clock; what is asked of other servers since then is written down by now."""
    root = engine().root_run()
    with clock_set(Clock(ahead=(by or Clock()).ahead - timedelta(minutes=minutes_ago))):
        Ledger(PLAN.customer, root).record(EntryKind.EVIDENCE, "propagation", payload=WaitEnded())
    with clock_set(by or Clock()):
        record_clock(Context(PLAN, "propagation"), "propagation", "source")


def poll(*last_ago: float) -> PollResult:
    """last_ago: minutes since each message reached the old server, which has the true time."""
    true, one = datetime.now(UTC), arrival("10.0.0.9", "a@b.example")
    arrivals = [one.model_copy(update={"at": true - timedelta(minutes=ago)}) for ago in last_ago]
    memory = cast(MemoryEngine, engine())
    memory.blocks[SOURCE].arrivals.side_effect = lambda since: [one for one in arrivals if one.at >= since]
    writes = dict(memory.store.tables)
    result = asyncio.run(poll_once(PLAN, engine().root_run(), Awaited("quiet"), None))
    assert not result.faults and memory.store.tables == writes, "a poll writes nothing"
    return result


@pytest.mark.parametrize("wrong", [60, 3, -3, -60])
def test_a_worker_whose_clock_is_wrong_waits_as_long(wrong: int) -> None:
    for at_first, later in ((wrong, wrong), (wrong, 0), (0, wrong)):
        blocks = source(**{"clock.side_effect": lambda: datetime.now(UTC)})
        with running_on(MemoryEngine(blocks)):
            noticed(20, by=ahead(at_first))
            with clock_set(ahead(at_first)):
                result = poll(2)
                assert not result.done and len(result.details) == 1, "a message two minutes ago is seen, and waited for"
                until = cast(datetime, result.forecast) - now()
                assert timedelta(minutes=12) < until < timedelta(minutes=14)
            with clock_set(ahead(later)):
                assert not poll(14).done
                assert poll(16).done


@pytest.mark.parametrize("wrong", [60, -60])
def test_a_moment_by_a_wrong_clock_is_carried_over_once_and_is_never_in_the_future(
    memory: MemoryEngine, wrong: int
) -> None:
    noticed(0, by=ahead(wrong))
    [(_, reading)] = Ledger(PLAN.customer, memory.root).payloads(ServerClock)
    assert abs(reading.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert not poll(3).done  # and the clock has been set right since
    record_clock(Context(PLAN, "propagation"), "propagation", "source")
    assert [kept for _, kept in Ledger(PLAN.customer, memory.root).payloads(ServerClock)] == [reading]


def test_a_moment_that_is_not_carried_over_yet_is_never_in_the_future_there(memory: MemoryEngine) -> None:
    with clock_set(ahead(60)):
        Ledger(PLAN.customer, memory.root).record(EntryKind.EVIDENCE, "propagation", payload=WaitEnded())
    assert not poll(3).done


def test_it_ends_when_it_has_been_quiet_and_a_person_is_asked_when_it_never_is() -> None:
    def after(minutes: float, *last_ago: float) -> PollResult:
        with running_on(MemoryEngine(source(**{"clock.side_effect": lambda: datetime.now(UTC)}))):
            noticed(minutes)
            return poll(*last_ago)

    assert after(20).done
    assert not after(5).done
    result = after(180, 90, 3)
    assert (result.done, result.asks) == (False, None)
    assert result.next_poll == result.forecast and len(result.details) == 1
    late = after(300, 200, 3)
    assert not late.done and late.asks == after(360, 1).asks
    assert "go on all the same?" in str(late.asks)
    assert after(300, 200, 16).done, "no question is asked when it is quiet after all"


def test_a_machine_of_the_house_that_is_not_heard_of_since_is_named() -> None:
    switch = THEN + timedelta(minutes=30)
    found = gone_quiet(
        [
            arrival("192.168.1.20", "scanner@contoso.com", 5, "MFP-2OG"),
            arrival("192.168.1.21", "alarm@contoso.com", 5),
            arrival("192.168.1.21", "alarm@contoso.com", 31),  # who is heard of since is named by the wait
            arrival("10.0.0.9", "someone@partner.example", 5),  # a filter before the server
            arrival("9.9.9.9", "shop@contoso.com", 5),
        ],
        switch,
        DOMAINS,
    )
    assert [(one.client_ip, len(one.arrivals)) for one in found] == [("192.168.1.20", 1)]
