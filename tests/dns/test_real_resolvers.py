"""Forecasts against real unbound and BIND, honest ones and ones that keep answers longer than the zone says.

All are told the same switch, each is watched on its own, as often as `next_poll` says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dns_town import ZONE
from real_resolvers import Server, balanced, bind, unbound

from lab.dns.town_dns import TownDns
from lab.dns.zone_data import rrset
from lab.faults import Faults
from lab.places import Places
from mailmove.dns.client.query import ask
from mailmove.dns.propagation.measure import PropagationSweep, forecast, judge, next_poll, poll_result, sweep
from mailmove.dns.zone.authority import Authority, agree, ask_authorities

TTL, MINIMUM = 4, 9  # seconds
OLD = rrset(ZONE, "MX", TTL, "10 mail.contoso.test.")
NEW = rrset(ZONE, "MX", TTL, "0 contoso-test.j-v1.mx.microsoft.")
CLOCKS = 1.5  # seconds: a TTL is a whole number of them, and two looks are at least half a second apart
LIARS = {"unbound-minimum": "extends", "bind-minimum": "extends", "unbound-stale": "stale", "bind-stale": "stale"}
LIARS["unbound-long-stale"] = "stale"
HONEST = ["unbound", "bind"]
CACHES = ["unbound-older", "unbound"]
"""Resolvers behind the one address of `pool`, filled at different times."""


@dataclass
class Story:
    """What was seen of one resolver, look by look."""

    server: Server
    sweeps: list[PropagationSweep]

    @property
    def clear(self) -> datetime:
        """When it was first seen with the new set."""
        return next(each.at for each in self.sweeps if each.resolvers[0].sees == "new")

    @property
    def interval(self) -> float:
        """Seconds between the last look that saw the old set and that one."""
        old = [each.at for each in self.sweeps if each.resolvers[0].sees != "new"]
        return (self.clear - old[-1]).total_seconds() if old else 0.0


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Story]]:
    with ExitStack() as stack:
        town = stack.enter_context(
            TownDns(Places(), kind="rfc2136", zones={ZONE: [OLD]}, resolvers=(), faults=Faults())
        )
        there = [(address, town.places.dns_port) for address in town.places.name_servers]

        def place(name: str) -> Path:
            return tmp_path_factory.mktemp(name)

        stale = ("stale-answer-enable yes", "stale-cache-enable yes", "stale-answer-client-timeout 0")
        resolvers = {
            "unbound": unbound(place("u"), there),
            "unbound-minimum": unbound(place("um"), there, f"cache-min-ttl: {MINIMUM}"),
            "unbound-stale": unbound(place("us"), there, "serve-expired: yes"),
            "unbound-long-stale": unbound(place("ul"), there, "serve-expired: yes"),
            "bind": bind(place("b"), there),
            "bind-minimum": bind(place("bm"), there, f"min-cache-ttl {MINIMUM}"),
            "bind-stale": bind(place("bs"), there, *stale),
        }
        resolvers["unbound-older"] = unbound(place("uo"), there)
        servers = {name: stack.enter_context(each) for name, each in resolvers.items()}
        servers["pool"] = stack.enter_context(balanced([servers[name] for name in CACHES]))
        yield asyncio.run(_tell(town, servers))


async def _tell(town: TownDns, servers: dict[str, Server]) -> dict[str, Story]:
    async def warm(name: str) -> None:
        answer = await ask(servers[name], ZONE, "MX", recursive=True)
        assert answer.values == OLD.values, answer

    await warm("unbound-long-stale")  # its copy has expired unnoticed when the switch comes
    await asyncio.sleep(TTL - 2)
    await warm("unbound-older")
    await asyncio.sleep(3)
    await asyncio.gather(*(warm(name) for name in servers if name not in ("unbound-long-stale", "pool")))
    town.edit(ZONE, NEW)
    bosses = [Authority("ns", address) for address in town.places.name_servers]
    deadline = time.monotonic() + 10
    while not agree(await ask_authorities(bosses, ZONE, "MX", dns_port=town.places.dns_port), NEW):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    told = await asyncio.gather(*(_follow(town, bosses, server) for server in servers.values()))
    return dict(zip(servers, told, strict=True))


async def _follow(town: TownDns, bosses: list[Authority], server: Server) -> Story:
    seen: list[PropagationSweep] = []
    deadline = time.monotonic() + 40
    while not seen or not judge(seen[-1], 1.0):
        assert time.monotonic() < deadline, poll_result(seen[-1], 1.0)
        if seen:
            due = next_poll(seen[-1], 1.0)
            assert due is not None
            await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
        previous = PropagationSweep.model_validate_json(seen[-1].model_dump_json()) if seen else None
        port = town.places.dns_port
        seen.append(await sweep(OLD, NEW, bosses, [server], previous=previous, dns_port=port))
    return Story(server, seen)


@pytest.mark.parametrize("name", [*HONEST, *LIARS])
def test_the_first_forecast_is_right_within_one_polling_interval(stories: dict[str, Story], name: str) -> None:
    story = stories[name]
    first = forecast(story.sweeps[0], 1.0)
    assert first is not None
    assert abs((story.clear - first).total_seconds()) <= max(story.interval, CLOCKS), poll_result(story.sweeps[0], 1.0)
    assert len(story.sweeps) <= 4, "asked when due, not all the time"


@pytest.mark.parametrize("name", LIARS)
def test_the_liar_is_named(stories: dict[str, Story], name: str) -> None:
    story = stories[name]
    [view] = story.sweeps[-1].resolvers
    assert view.habit == LIARS[name]
    told = poll_result(story.sweeps[-1], 1.0)
    assert told.done
    assert [line.split()[0] for line in told.details] == [f"{story.server[0]}:{story.server[1]}"]


@pytest.mark.parametrize("name", HONEST)
def test_the_honest_are_not_slandered(stories: dict[str, Story], name: str) -> None:
    story = stories[name]
    assert all(view.habit is None and not view.extends for each in story.sweeps for view in each.resolvers)
    assert poll_result(story.sweeps[-1], 1.0).details == []


def test_several_caches_are_done_when_the_last_one_is(stories: dict[str, Story]) -> None:
    pool, last = stories["pool"], stories["unbound"]
    expired = max(each.resolvers[0].held_until for each in last.sweeps if each.resolvers[0].held_until)
    assert pool.clear >= expired - timedelta(seconds=CLOCKS), "the younger copy was still there"
    assert (pool.clear - last.clear).total_seconds() <= 2 * CLOCKS, "and it is not waited for longer"
    assert pool.sweeps[-1].resolvers[0].habit is None, "each of its caches keeps to the TTL"
