"""Lame name servers: named before, counted without by rule, never waited for for ever.

Source: lego 1777 and 1335, cert-manager 6510.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from fake_blocks import a_plan
from memory_engine import MemoryEngine
from zone_world import ASKED, PLAIN, ZONE, ZoneWorld, settled, zone_world

from mailmove.dns.assessment.assess import assess
from mailmove.dns.propagation.measure import PropagationSweep, judge, poll_result, sweep
from mailmove.dns.zone.authority import ask_authorities, authorities, disagreements
from mailmove.dns.zone.desired import switch_changes
from mailmove.errors import NotYet, Overdue, Transient
from mailmove.plan.cutover import Cutover
from mailmove.records import RRset, RRsetChange
from tasks.dns.authoritative_check import poll_served, served_everywhere
from tasks.dns.name_servers import lame_before, name_server_findings, note_lame_servers
from tasks.dns.zone_changes import act_on_zones
from tasks.engine.current import running_on
from tasks.execution.context import Context
from tasks.parking.poll import not_yet

LAME = ["dns.lame", "dns.lame_silent", "dns.lame_servfail", "dns.lame_no_authority"]
NOWHERE = ["dns.ns_without_address", "dns.ns_by_ipv6_only"]
OLD = PLAIN[0]
NEW = ASKED[0].model_copy(update={"ttl": OLD.ttl})


@contextmanager
def cutover(world: ZoneWorld, **propagation: Any) -> Iterator[Context]:
    """A context of a stage that has not begun, on this world's name servers."""
    plan = a_plan()
    rules = {"resolvers": world.town.resolver_addresses, "dns_port": world.port, **propagation}
    data = {**plan.model_dump(mode="json"), "domains": [ZONE.rstrip(".")], "propagation": rules}
    engine = MemoryEngine(blocks={plan.dns.provider: world.by_update})
    with running_on(engine):
        yield Context(Cutover.model_validate(data), "lower_ttl", root=uuid4())


def propagate(world: ZoneWorld, sweeps: int, before: set[str] | None) -> PropagationSweep:
    async def measured() -> PropagationSweep:
        servers = await authorities(ZONE, world.resolvers, world.port)
        seen: PropagationSweep | None = None
        for _ in range(sweeps):
            seen = await sweep(
                OLD,
                NEW,
                servers,
                world.resolvers,
                previous=seen,
                lame_before=before,
                dns_port=world.port,
                timeout=1,
            )
        assert seen
        return seen

    return asyncio.run(measured())


@pytest.mark.parametrize("fault", [*LAME, *NOWHERE])
def test_it_is_named_before_the_cutover(fault: str) -> None:
    with zone_world(faults=[fault]) as world, cutover(world) as context:
        [finding] = name_server_findings(context)
        server = {"dns.ns_without_address": "ns3.", "dns.ns_by_ipv6_only": "ns4."}.get(fault, "ns2.")
        assert finding.subject.startswith(f"name server {server}") and not finding.blocks
        found = asyncio.run(assess(ZONE, world.resolvers, dns_port=world.port, deadline=20))
        assert [f.subject for f in found.findings if f.subject.startswith("name server ")] == [finding.subject]


@pytest.mark.parametrize("fault", [*LAME, *NOWHERE])
def test_lame_before_the_switch_it_holds_nothing_up(fault: str) -> None:
    with zone_world(faults=[fault]) as world, cutover(world) as context:
        note_lame_servers(context, "lower_ttl")
        before = lame_before(context, ZONE)
        assert len(before) == 1
        changes = switch_changes(world.by_update.read_zone(ZONE), ZONE.rstrip("."), [NEW])
        world.by_update.apply(ZONE, changes)
        facts = settled(lambda: served_everywhere(context, changes))
        assert any("did not before" in fact for fact in facts)
        assert world.by_hand.apply(ZONE, changes) is None
        assert not judge(propagate(world, 1, before), 1.0), "it is given some polls"
        seen = propagate(world, 3, before)
        assert judge(seen, 1.0) and seen.served_since, poll_result(seen, 1.0)
        assert any("left out" in line for line in poll_result(seen, 1.0).details)


def test_it_is_written_down_where_nothing_is_to_be_changed() -> None:
    """Found by a cruel night: the TTL was low already, and the wait for what is served stood still."""
    with zone_world(faults=["dns.lame"]) as world, cutover(world) as context:
        receipt = act_on_zones(context, "lower_ttl", lambda zone, domain: [])
        assert receipt.changes == [] and len(lame_before(context, ZONE)) == 1


@pytest.mark.parametrize("fault", LAME)
def test_one_that_answered_before_is_waited_for_and_then_a_person_is_asked(fault: str) -> None:
    with zone_world() as world, cutover(world) as context:
        note_lame_servers(context, "lower_ttl")
        before = lame_before(context, ZONE)
        changes = switch_changes(world.by_update.read_zone(ZONE), ZONE.rstrip("."), [NEW])
        world.faults.set(fault)
        world.by_update.apply(ZONE, changes)
        with pytest.raises(NotYet) as caught:
            served_everywhere(context, changes)
        assert not isinstance(caught.value, Overdue)
        assert not judge(propagate(world, 4, before), 1.0)
        rule = context.plan.propagation.model_copy(update={"patience_minutes": 1e-9})
        late = Context(context.plan.model_copy(update={"propagation": rule}), "lower_ttl", root=context.root)
        with pytest.raises(Overdue) as overdue:
            served_everywhere(late, changes)
        polled = asyncio.run(poll_served(lambda _: changes)(late, None))
        assert not polled.done and polled.asks and not_yet(overdue.value).asks
        world.faults.clear()
        assert settled(lambda: served_everywhere(late, changes)), "it goes on by itself"


def test_a_lame_one_that_begins_to_answer_counts_again() -> None:
    with zone_world(faults=["dns.lame"]) as world, cutover(world) as context:
        note_lame_servers(context, "lower_ttl")
        world.faults.clear()
        world.faults.set("dns.secondary_stuck")
        changes = switch_changes(world.by_update.read_zone(ZONE), ZONE.rstrip("."), [NEW])
        world.by_update.apply(ZONE, changes)
        with pytest.raises(NotYet, match=world.town.places.name_servers[1]):
            served_everywhere(context, changes)
        assert not judge(propagate(world, 3, lame_before(context, ZONE)), 1.0), "its old records are the world's"


def test_where_nobody_answers_nobody_is_left_out() -> None:
    with zone_world() as world, cutover(world) as context:
        changes = [RRsetChange(before=OLD, after=NEW)]
        world.faults.set("dns.timeout")
        note_lame_servers(context, "lower_ttl")
        assert lame_before(context, ZONE) == set()
        with pytest.raises(Transient):
            served_everywhere(context, changes)
        assert world.by_hand.zone_findings(ZONE)


def test_without_the_second_server_everybody_agrees() -> None:
    with zone_world(faults=["dns.ns_without_address"]) as world:

        async def asked() -> list[str]:
            servers = await authorities(ZONE, world.resolvers, world.port)
            assert [server.address == "" for server in servers] == [False, False, True]
            return disagreements(await ask_authorities(servers, ZONE, "MX", dns_port=world.port), OLD)

        [late] = asyncio.run(asked())
        assert late.startswith("ns3.") and "no address" in late
        zone = world.by_hand.read_zone(ZONE)
        assert isinstance(zone[ZONE, "MX"], RRset)
