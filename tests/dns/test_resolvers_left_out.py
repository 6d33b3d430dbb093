"""Resolvers that tell nothing of the zone are left out by name and reason; those that told of it are waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from dns_town import ZONE, Towns
from simulated_resolvers import NOON
from test_sweeping import answer_to, udp_server

from lab.dns.zone_data import rrset
from mailmove.dns.client.answer import Answer, Server
from mailmove.dns.propagation.measure import PropagationSweep, judge, next_poll, poll_result, sweep
from mailmove.dns.propagation.repeated_questions import views_of_resolvers
from mailmove.dns.propagation.resolver_view import ServerView
from mailmove.dns.zone.authority import Authority

OLD = rrset(ZONE, "MX", 60, "10 mail.contoso.test.")
NEW = rrset(ZONE, "MX", 60, "0 contoso-test.j-v1.mx.microsoft.")
STRANGE, HONEST = ("101.101.101.101", 53), [("192.0.2.1", 53), ("192.0.2.2", 53)]
"""An address of TWNIC on the shipped list, and two that nobody knows."""

Said = dict[str, Any]
"""Fields of an answer."""

OLD_SET: Said = {"values": OLD.values, "ttl": 20}
NEW_SET: Said = {"values": NEW.values, "ttl": 60}
NOTHING: dict[str, tuple[Said, str]] = {
    "refused": ({"rcode": "REFUSED", "error": "REFUSED"}, "REFUSED"),
    "refused in France": ({"rcode": "REFUSED", "error": "REFUSED", "explained": (16,)}, "REFUSED (EDE 16 Censored)"),
    "servfail": ({"rcode": "SERVFAIL", "error": "SERVFAIL"}, "SERVFAIL"),
    "notimp": ({"rcode": "NOTIMP", "error": "NOTIMP"}, "NOTIMP"),
    "nxdomain": ({"rcode": "NXDOMAIN", "ttl": 300}, "no such record"),
    "empty": ({"values": (), "ttl": None}, "no such record"),
    "portal": ({"values": ("10 portal.hotel.example.",), "ttl": 0}, "portal.hotel.example."),
    "portal with a long TTL": ({"values": ("10 portal.hotel.example.",), "ttl": 86400}, "portal.hotel.example."),
    "blocked": ({"values": NEW.values, "ttl": 60, "explained": (15,)}, "EDE 15 Blocked"),
    "censored": ({"rcode": "NXDOMAIN", "ttl": 60, "explained": (16,)}, "EDE 16 Censored"),
    "filtered": ({"values": OLD.values, "ttl": 3600, "explained": (17,)}, "EDE 17 Filtered"),
    "prohibited": ({"values": (), "explained": (18,)}, "EDE 18 Prohibited"),
    "forged": ({"values": OLD.values, "ttl": 60, "explained": (4,)}, "EDE 4 Forged answer"),
    "silent": ({"rcode": None, "error": "timeout"}, "timeout"),
    "garbage": ({"rcode": None, "error": "malformed"}, "malformed"),
}
"""Kind of resolver -> (its answer to every question, words of the reason)."""


def played(*strange: Said, honest: Said = NEW_SET, every: float = 5) -> list[PropagationSweep]:
    """Looks, `every` seconds, at a resolver with these answers, one a look, beside two with the set `honest`."""
    sweeps: list[PropagationSweep] = []
    for number, said in enumerate(strange):
        at = NOON + timedelta(seconds=number * every)
        previous = {view.server: view for view in sweeps[-1].resolvers} if sweeps else {}

        async def ask(servers: Sequence[Server], said: Said = said, at: Any = at) -> list[Answer]:
            fields = {server: {"rcode": "NOERROR", **(said if server == STRANGE else honest)} for server in servers}
            return [Answer(f"{server[0]}:{server[1]}", ZONE, "MX", at=at, **fields[server]) for server in servers]

        async def pause(seconds: float) -> None:
            """Time stands still."""

        views = asyncio.run(views_of_resolvers(ask, [STRANGE, *HONEST], previous, NOON, OLD, NEW, pause=pause))
        zone = ServerView(server="192.0.2.9:53", sees="new", at=at, changes=((at, "new"),))
        made = PropagationSweep(at=at, authorities=[zone], resolvers=views, served_since=NOON)
        sweeps.append(PropagationSweep.model_validate_json(made.model_dump_json()))
    return sweeps


@pytest.mark.parametrize("kind", NOTHING)
def test_who_tells_nothing_is_left_out_after_three_looks_by_name_and_reason(kind: str) -> None:
    said, reason = NOTHING[kind]
    sweeps = played(said, said, said)
    assert [judge(each, 1.0) for each in sweeps] == [False, False, True]
    told = poll_result(sweeps[-1], 1.0)
    assert "2 of 2 resolvers have it" in told.summary and "left out" in told.summary
    assert "TWNIC Quad 101" in told.summary and reason in told.summary
    [line] = told.details
    assert line.startswith("101.101.101.101:53 ") and "left out" in line
    assert not sweeps[-1].resolvers[0].extends and "left out" in told.picture
    waiting = played(said, said, said, honest=OLD_SET)[-1]
    assert (next_poll(waiting, 1.0) or NOON) > waiting.at + timedelta(seconds=10), "it is not what anybody waits for"


@pytest.mark.parametrize("kind", NOTHING)
def test_who_said_old_and_tells_nothing_more_is_left_out_once_nobody_honest_could_hold_it(kind: str) -> None:
    sweeps = played(OLD_SET, *[NOTHING[kind][0]] * 5)
    assert [judge(each, 1.0) for each in sweeps] == [False] * 5 + [True], "its TTL of 20 s has run out after 21"
    assert "nobody who keeps to TTLs" in str(sweeps[-1].resolvers[0])


def test_who_fell_silent_with_a_long_ttl_is_waited_for() -> None:
    sweeps = played({**OLD_SET, "ttl": 3600}, *[NOTHING["silent"][0]] * 20)
    assert not any(judge(each, 1.0) for each in sweeps)


def test_who_comes_back_counts_again() -> None:
    nothing = NOTHING["servfail"][0]
    *_, left, back = played(nothing, nothing, nothing, OLD_SET)
    assert judge(left, 1.0) and not judge(back, 1.0) and back.resolvers[0].sees == "old"


def test_a_failure_for_broken_dnssec_is_about_the_zone() -> None:
    bogus = {"rcode": "SERVFAIL", "error": "SERVFAIL", "explained": (6,)}
    last = played(*[bogus] * 9)[-1]
    assert not judge(last, 1.0) and "Dnssec bogus" in poll_result(last, 1.0).details[0]


def test_if_most_tell_nothing_the_network_may_be_at_fault() -> None:
    refused = NOTHING["refused"][0]
    last = played(*[NEW_SET] * 4, honest=refused)[-1]
    assert not judge(last, 1.0)
    assert "1 of 3 resolvers have it" in poll_result(last, 1.0).summary
    assert "network may be at fault" in poll_result(last, 1.0).summary


# The same with packets


def _reply(change: Callable[[dns.message.Message], None]) -> Callable[[bytes, int], list[bytes]]:
    def reply(query: bytes, count: int) -> list[bytes]:
        response = dns.message.make_response(dns.message.from_wire(query), recursion_available=True)
        change(response)
        return [response.to_wire()]

    return reply


def _censored(response: dns.message.Message) -> None:
    """As OpenDNS answered in France (28 June 2024): a TXT record with the reason, and the extended error."""
    response.set_rcode(dns.rcode.REFUSED)
    response.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode.CENSORED, "by order of a court")])


def _portal(response: dns.message.Message) -> None:
    response.answer.append(dns.rrset.from_text(response.question[0].name, 0, "IN", "A", "10.0.0.1"))


def _filtered(response: dns.message.Message) -> None:
    old = dns.rrset.from_text(response.question[0].name, 3600, "IN", "MX", *OLD.values)
    response.answer.append(old)
    response.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode.FILTERED)])


async def test_packets_of_all_kinds_are_read_for_what_they_are(town: Towns) -> None:
    place = town(zone=[NEW])
    bosses = [Authority("ns", address) for address in place.places.name_servers]
    replies = [_reply(_censored), _reply(_portal), _reply(_filtered)]
    with ExitStack() as stack:
        strange = [stack.enter_context(udp_server(reply)) for reply in replies]
        honest = stack.enter_context(udp_server(lambda query, count: [answer_to(query, NEW.values[0])]))
        also = stack.enter_context(udp_server(lambda query, count: [answer_to(query, NEW.values[0])]))
        last = stack.enter_context(udp_server(lambda query, count: [answer_to(query, NEW.values[0])]))
        seen: PropagationSweep | None = None
        for _ in range(3):
            where = [*strange, honest, also, last]
            seen = await sweep(OLD, NEW, bosses, where, previous=seen, dns_port=place.places.dns_port)
    assert seen is not None
    assert judge(seen, 1.0), poll_result(seen, 1.0)
    assert [view.left_out for view in seen.resolvers] == [True] * 3 + [False] * 3
    summary = poll_result(seen, 1.0).summary
    assert "REFUSED (EDE 16 Censored)" in summary and "no such record" in summary and "EDE 17 Filtered" in summary
