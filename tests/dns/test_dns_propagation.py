"""Measuring when the world has noticed, against resolvers with their habits."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from dns_town import ZONE, Towns

from lab.dns.resolver import CLAMPED, HONEST, Behaviour
from lab.dns.town_dns import TownDns
from lab.dns.zone_data import rrset
from lab.faults import Faults
from mailmove.dns.client.query import Answer, ask, ask_all
from mailmove.dns.propagation.measure import PropagationSweep, forecast, judge, next_poll, poll_result, sweep
from mailmove.dns.propagation.resolver_view import ServerView
from mailmove.dns.zone.authority import Authority, agree, ask_authorities, authorities, disagreements
from mailmove.plan.values import split_address

OLD = rrset(ZONE, "MX", 2, "10 mail.contoso.test.")
NEW = rrset(ZONE, "MX", 2, "0 contoso-test.j-v1.mx.microsoft.")
EXTENDING = Behaviour("extending", min_ttl=6)
LIAR = Behaviour("liar", overstay=4, stale_ttl=0)
CONSTANT = Behaviour("shows its minimum", min_ttl=5, min_shown=True)


def resolvers_of(town: TownDns) -> list[tuple[str, int]]:
    return [split_address(address, 53) for address in town.resolver_addresses]


async def asked_all(town: TownDns) -> list[Answer]:
    """The MX set as each resolver has it, which makes it cache the set."""
    return await ask_all(resolvers_of(town), ZONE, "MX", recursive=True)


async def bosses_of(town: TownDns) -> list[Authority]:
    return await authorities(ZONE, resolvers_of(town))


async def one_sweep(town: TownDns, previous: PropagationSweep | None = None, timeout: float = 2) -> PropagationSweep:
    if previous:  # as it travels between two looks of the watch
        previous = PropagationSweep.model_validate_json(previous.model_dump_json())
    bosses = [Authority("ns", address) for address in town.places.name_servers]
    return await sweep(
        OLD, NEW, bosses, resolvers_of(town), previous=previous, dns_port=town.places.dns_port, timeout=timeout
    )


async def until_done(town: TownDns, share: float = 1.0, seconds: float = 25) -> list[PropagationSweep]:
    """Every sweep, asked as often as `next_poll` says."""
    seen = [await one_sweep(town)]
    deadline = time.monotonic() + seconds
    while not judge(seen[-1], share) and time.monotonic() < deadline:
        due = next_poll(seen[-1], share)
        assert due is not None
        await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
        seen.append(await one_sweep(town, seen[-1]))
    assert judge(seen[-1], share), poll_result(seen[-1], share)
    return seen


async def test_resolvers_show_the_true_remaining_ttl(town: Towns) -> None:
    place = town(resolvers=(HONEST, CLAMPED), zone=[OLD.model_copy(update={"ttl": 300})])
    first = await asked_all(place)
    await asyncio.sleep(1.2)
    second = await asked_all(place)
    assert [answer.ttl for answer in first] == pytest.approx([299, 29], abs=1)
    for before, after in zip(first, second, strict=True):
        assert before.ttl is not None and after.ttl is not None
        assert 1 <= before.ttl - after.ttl <= 3
        assert after.values == OLD.values


async def test_an_extender_counts_to_zero_and_goes_on_serving(town: Towns) -> None:
    place = town(resolvers=(HONEST, EXTENDING), zone=[OLD])
    await asked_all(place)
    place.edit(ZONE, NEW)
    await asyncio.sleep(3)
    honest, extender = await asked_all(place)
    assert honest.values == NEW.values
    assert (extender.values, extender.ttl) == (OLD.values, 0)


async def test_a_resolver_serves_stale_while_the_authorities_fail(town: Towns, faults: Faults) -> None:
    place = town(resolvers=(HONEST, Behaviour("stale", stale_for=60)), zone=[OLD.model_copy(update={"ttl": 1})])
    await asked_all(place)
    await asyncio.sleep(1.1)
    faults.set("dns.servfail")
    honest, stale = await asked_all(place)
    assert honest.error == "SERVFAIL" and honest.values == ()
    assert (stale.values, stale.ttl, stale.error) == (OLD.values, 30, None)


async def test_no_such_record_is_remembered_for_the_soa_minimum(town: Towns) -> None:
    place = town(resolvers=(HONEST,), zone=[OLD])
    [resolver] = resolvers_of(place)
    name = f"new.{ZONE}"
    assert (await ask(resolver, name, "TXT", recursive=True)).rcode == "NXDOMAIN"
    place.edit(ZONE, rrset(name, "TXT", 5, '"here"'))
    answer = await ask(resolver, name, "TXT", recursive=True)
    assert answer.values == () and answer.ttl is not None and 50 <= answer.ttl <= 60


async def test_honest_and_clamped_resolvers_keep_their_forecast(town: Towns) -> None:
    place = town(resolvers=(HONEST, Behaviour("clamped", max_ttl=1)), zone=[OLD])
    await asked_all(place)
    place.edit(ZONE, NEW)
    await settled(place)
    seen = await until_done(place)
    first = forecast(seen[0], 1.0)
    assert first is not None and seen[0].at <= first <= seen[0].at + timedelta(seconds=3.2)
    assert abs((seen[-1].at - first).total_seconds()) < 2, "one polling interval, on a busy machine"
    assert not any(view.extends for view in seen[-1].resolvers)
    assert len(seen) <= 4, "asked when due, not all the time"


async def test_who_extends_ttls_is_named(town: Towns) -> None:
    place = town(resolvers=(HONEST, EXTENDING, LIAR, CONSTANT), zone=[OLD])
    await asked_all(place)
    place.edit(ZONE, NEW)
    await settled(place)
    seen = await until_done(place)
    # The last one holds it as long, but its TTL says so: it keeps its promise, which is longer than the zone's TTL.
    assert [view.extends for view in seen[-1].resolvers] == [False, True, True, True]
    assert [view.overdue > 0 for view in seen[-1].resolvers] == [False, True, True, False]
    told = poll_result(seen[-1], 1.0)
    assert told.done and [line.split()[0] for line in told.details] == place.resolver_addresses[1:]
    for index in (1, 2):
        caught = next(each.resolvers[index] for each in seen if each.resolvers[index].extends)
        clear = next(each.at for each in seen if each.resolvers[index].sees == "new")
        assert caught.clear_at is not None and caught.clear_at >= clear, "its second forecast is on the safe side"
    promise = seen[0].resolvers[3].clear_at
    clear = next(each.at for each in seen if each.resolvers[3].sees == "new")
    assert promise is not None and abs((clear - promise).total_seconds()) < 2


async def test_a_lagging_secondary_is_seen_and_nothing_is_promised(town: Towns) -> None:
    place = town(resolvers=(HONEST,), zone=[OLD], secondary_lag=1.5)
    bosses = await bosses_of(place)
    assert [boss.address for boss in bosses] == list(place.places.name_servers)
    place.edit(ZONE, NEW)
    answers = await ask_authorities(bosses, ZONE, "MX", dns_port=place.places.dns_port)
    assert not agree(answers, NEW)
    assert [place.places.name_servers[1] in line for line in disagreements(answers, NEW)] == [True]
    seen = await one_sweep(place)
    assert not judge(seen, 0.01) and forecast(seen, 1.0) is None and seen.served_since is None
    await until_done(place)
    assert agree(await ask_authorities(bosses, ZONE, "MX", dns_port=place.places.dns_port), NEW)


async def test_a_stuck_secondary_is_never_done(town: Towns, faults: Faults) -> None:
    place = town(resolvers=(HONEST,), zone=[OLD])
    await settled(place, OLD)
    faults.set("dns.secondary_stuck")
    place.edit(ZONE, NEW)
    await asyncio.sleep(0.3)
    seen = await one_sweep(place)
    assert [view.sees for view in seen.authorities] == ["new", "old"] and not judge(seen, 0.01)
    faults.clear()
    await until_done(place)


async def test_a_failing_resolver_is_failing_not_old(town: Towns, faults: Faults) -> None:
    place = town(resolvers=(HONEST, HONEST, HONEST), zone=[NEW])
    await settled(place)
    faults.set("resolver.servfail", times=1)
    seen = await one_sweep(place)
    assert sorted(view.sees for view in seen.resolvers) == ["failing", "new", "new"]
    assert judge(seen, 0.6) and not judge(seen, 1.0)
    assert any("SERVFAIL" in line for line in poll_result(seen, 1.0).details)
    assert judge(await one_sweep(place, seen), 1.0)


async def test_an_authority_that_fails_is_not_agreement(town: Towns, faults: Faults) -> None:
    place = town(zone=[NEW])
    bosses = [Authority("ns", address) for address in place.places.name_servers]
    faults.set("dns.timeout")
    answers = await ask_authorities(bosses, ZONE, "MX", dns_port=place.places.dns_port, timeout=0.5)
    assert [answer.error for answer in answers] == ["timeout", "timeout"]
    assert not agree(answers, NEW) and not agree([], NEW)


async def test_a_ttl_only_change_is_new_when_what_is_held_runs_out_in_time(town: Towns) -> None:
    high, low = OLD.model_copy(update={"ttl": 4}), OLD.model_copy(update={"ttl": 1})
    place = town(resolvers=(HONEST,), zone=[high])
    bosses = [Authority("ns", address) for address in place.places.name_servers]
    await asked_all(place)
    place.edit(ZONE, low)
    await settled(place, low)
    where = {"dns_port": place.places.dns_port}
    seen = await sweep(high, low, bosses, resolvers_of(place), **where)
    assert [view.sees for view in seen.resolvers] == ["old"] and not judge(seen, 1.0)
    deadline = time.monotonic() + 10
    while not judge(seen, 1.0):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.3)
        seen = await sweep(high, low, bosses, resolvers_of(place), previous=seen, **where)
    assert not any(view.extends for view in seen.resolvers)


async def test_garbage_before_the_answer_fools_nobody(town: Towns, faults: Faults) -> None:
    place = town(resolvers=(HONEST,) * 8, zone=[NEW])
    await settled(place)
    faults.set("resolver.garbage")
    seen = await one_sweep(place)
    assert {view.values for view in seen.resolvers} == {NEW.values} and judge(seen, 1.0)


async def test_only_garbage_is_malformed_never_an_answer() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(2)

        def lie() -> None:
            query, sender = server.recvfrom(4096)
            for bad in (b"", b"x", query[:2] + b"\x84\x00" + b"\xff" * 40, query, b"\0\0" + query[2:]):
                server.sendto(bad, sender)

        liar = threading.Thread(target=lie)
        liar.start()
        answer = await ask(server.getsockname(), ZONE, "MX", recursive=True, timeout=1)
        liar.join()
    assert answer.error == "malformed" and answer.values == () and answer.rcode is None


async def test_nobody_there_is_an_error_not_an_exception() -> None:
    answer = await ask(("127.0.0.1", 1), ZONE, "MX", recursive=True, timeout=0.5)
    assert answer.error is not None and answer.values == ()


async def test_a_long_answer_is_fetched_by_tcp(town: Towns) -> None:
    long = rrset(ZONE, "TXT", 60, *(f'"{number:03d}{"x" * 200}"' for number in range(20)))
    place = town(resolvers=(HONEST,), zone=[OLD, long])
    for server, recursive in ((place.places.name_servers[0], False), (place.places.resolver(0), True)):
        answer = await ask((server, place.places.dns_port), ZONE, "TXT", recursive=recursive)
        assert answer.values == long.values


def view(number: int, sees: str, clear: datetime | None = None) -> ServerView:
    return ServerView.model_validate(
        {"server": f"192.0.2.{number}:53", "sees": sees, "at": NOON, "clear_at": clear, "poll_at": clear}
    )


NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_the_forecast_is_of_the_share_that_is_needed() -> None:
    later = [NOON + timedelta(seconds=seconds) for seconds in (10, 20)]
    views = [view(1, "new"), view(2, "old", later[0]), view(3, "old", later[1]), view(4, "failing")]
    seen = PropagationSweep(at=NOON, authorities=[view(9, "new")], resolvers=views, served_since=NOON)
    assert forecast(seen, 0.25) == NOON and judge(seen, 0.25)
    assert forecast(seen, 0.5) == later[0]
    assert forecast(seen, 0.75) == later[1]
    assert forecast(seen, 1.0) is None, "the one that fails has promised nothing"
    assert next_poll(seen, 0.75) == later[0]
    assert next_poll(seen, 0.25) is None


async def settled(town: TownDns, wanted: object = NEW) -> None:
    """Both name servers serve the set."""
    bosses = [Authority("ns", address) for address in town.places.name_servers]
    deadline = time.monotonic() + 5
    while not agree(await ask_authorities(bosses, ZONE, "MX", dns_port=town.places.dns_port), wanted):  # type: ignore[arg-type]
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
