"""One assessment behind eight shapes of firewall: what is seen, what is not, and how long it takes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from model_net import How, ModelNet, in_own_time

from mailmove.dns.assessment.assess import Assessment, assess
from mailmove.dns.client.host_addresses import resolve_host
from mailmove.dns.client.lanes import Lane, LaneMemory, Standing, Ways, lanes_of, listed_doh
from mailmove.dns.client.lookups import Lookups
from mailmove.dns.mail_auth.mta_sts_fetch import Fetched
from mailmove.dns.zone.authority import Authority, authorities
from mailmove.errors import Blocked, Transient
from mailmove.plan.public_resolvers import public_addresses

OWN = "10.20.30.53"
PUBLIC = public_addresses()
RESOLVERS = [(address, 53) for address in [*PUBLIC, OWN]]
HTTPS = frozenset(PUBLIC[:8])
AUTHORITIES = ("198.51.100.1", "198.51.100.2")
RECORDS = {
    ("contoso.test.", "NS"): ("ns1.contoso.test.", "ns2.contoso.test."),
    ("contoso.test.", "SOA"): ("ns1.contoso.test. host.contoso.test. 7 3600 600 86400 60",),
    ("ns1.contoso.test.", "A"): (AUTHORITIES[0],),
    ("ns2.contoso.test.", "A"): (AUTHORITIES[1],),
    ("contoso.test.", "MX"): ("10 mail.contoso.test.",),
    ("mail.contoso.test.", "A"): ("192.0.2.25",),
    ("contoso.test.", "TXT"): ('"v=spf1 mx include:one.test include:two.test -all"',),
    ("one.test.", "TXT"): ('"v=spf1 include:three.test ~all"',),
    ("two.test.", "TXT"): ('"v=spf1 ip4:192.0.2.0/24 ~all"',),
    ("three.test.", "TXT"): ('"v=spf1 ip4:192.0.2.0/24 ~all"',),
    ("_dmarc.contoso.test.", "TXT"): ('"v=DMARC1; p=reject; rua=mailto:x@contoso.test"',),
}


@dataclass(frozen=True)
class Shape:
    """public, own: how resolvers outside, and the network's own, answer at port 53. outside: are authorities reached?

    most: seconds for a whole assessment.
    """

    name: str
    public: How
    own: How
    most: float
    https: bool = False
    outside: bool = False
    sees: bool = True


SHAPES = [
    Shape("open", "answers", "answers", 2.0, https=True, outside=True),
    Shape("only its own resolver, others dropped", "silent", "answers", 5.0),
    Shape("only its own resolver, others rejected", "unreachable", "answers", 5.0),
    Shape("port 53 by TCP only", "tcp only", "tcp only", 6.0),
    Shape("HTTPS only", "silent", "silent", 9.0, https=True),
    Shape("its own resolver refuses, HTTPS is open", "silent", "REFUSED", 9.0, https=True),
    Shape("outside everybody says SERVFAIL", "SERVFAIL", "answers", 5.0),
    Shape("nothing at all", "silent", "silent", 9.5, sees=False),
]


async def no_file(domain: str) -> Fetched:
    return Fetched(error="nothing there")


def net_of(shape: Shape) -> ModelNet:
    resolvers: dict[str, How] = {**dict.fromkeys(PUBLIC, shape.public), OWN: shape.own}
    outside: How = "answers" if shape.outside else "silent"
    return ModelNet(RECORDS, resolvers, dict.fromkeys(AUTHORITIES, outside), HTTPS if shape.https else frozenset())


def assessed(net: ModelNet) -> tuple[Assessment, float]:
    """(the assessment, the seconds that it took in the net's time)."""

    async def work() -> tuple[Assessment, float]:
        clock = asyncio.get_running_loop().time
        started = clock()
        seen = await assess("contoso.test", RESOLVERS, fetch=no_file, ways=net.ways())
        return seen, clock() - started

    return in_own_time(work())


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_shape(shape: Shape) -> None:
    net = net_of(shape)
    seen, seconds = assessed(net)
    assert seconds < shape.most, (seconds, seen.verdict)
    text = "\n".join(seen.lines())
    if shape.sees:
        assert seen.mx == ("10 mail.contoso.test.",) and seen.spf.valid and seen.spf.facts.lookups == 4, text
        assert seen.dmarc.facts.p == "reject" and seen.answered("DKIM") and seen.answered("DNSSEC"), text
    else:
        assert seen.exists is None and seen.spf.state == "no answer" and not seen.complete
        assert "Anybody may send" not in text and "none\n" not in text
    assert seen.complete is shape.outside, text
    if not shape.outside:
        assert seen.agree is None and "Mend it, or take it out of the NS set" not in text


def test_a_network_that_denies_every_name_is_not_believed() -> None:
    """No "no such domain", and no "none" of any record: nothing was seen."""
    seen, seconds = assessed(ModelNet(RECORDS, {address: "denies" for address, _ in RESOLVERS}))
    assert (seen.exists, seen.complete, seen.spf.state, seen.dnssec.state) == (None, False, "no answer", "no answer")
    assert all("not even the root of the DNS exists" in unanswered.error for unanswered in seen.silent)
    assert seconds < 9 and "no such domain" not in "\n".join(seen.lines())


def test_a_domain_that_does_not_exist_is_told_where_the_root_is_there() -> None:
    others = {key: values for key, values in RECORDS.items() if "contoso" not in key[0]}
    seen, _ = assessed(ModelNet(others, {address: "answers" for address, _ in RESOLVERS}))
    assert seen.exists is False and "no such domain" in "\n".join(seen.lines())


@pytest.mark.parametrize("alive", [0, 1, 5, 13, 26, 27])
def test_27_of_28_are_silent(alive: int) -> None:
    resolvers: dict[str, How] = dict.fromkeys((address for address, _ in RESOLVERS), "silent")
    resolvers[RESOLVERS[alive][0]] = "answers"
    seen, seconds = assessed(ModelNet(RECORDS, resolvers, dict.fromkeys(AUTHORITIES, "silent")))
    assert seen.spf.valid and seen.answered("DKIM") and seconds < 5, (seconds, seen.verdict)


def test_in_an_open_network_few_questions_are_asked_and_of_several() -> None:
    net = net_of(SHAPES[0])
    assessed(net)
    to_resolvers = [address for address, _, _ in net.sent if address not in AUTHORITIES]
    assert len(to_resolvers) < 120 and len(set(to_resolvers)) < 12
    assert OWN not in to_resolvers, "the inside of a split horizon is not asked where the outside answers"


def test_who_was_silent_is_asked_last_by_the_next_look_too() -> None:
    net = ModelNet(RECORDS, {**dict.fromkeys(PUBLIC, "silent"), OWN: "answers"})

    async def work() -> tuple[float, float]:
        ways, clock, spent = net.ways(), asyncio.get_running_loop().time, []
        for _ in range(2):
            started = clock()
            found = await authorities("contoso.test.", RESOLVERS, ways=ways)
            assert found == [Authority(f"ns{n}.contoso.test.", AUTHORITIES[n - 1]) for n in (1, 2)]
            assert await resolve_host("mail.contoso.test", RESOLVERS, ways=ways) == ["192.0.2.25"]
            spent.append(clock() - started)
        return spent[0], spent[1]

    first, second = in_own_time(work())
    assert first < 2 and second < 0.6, "15 s for each silent resolver, at every look, as it was"


def test_where_nobody_answers_it_is_said_within_one_timeout() -> None:
    net = ModelNet(RECORDS, dict.fromkeys([*PUBLIC, OWN], "silent"))

    async def work() -> float:
        ways, started = net.ways(), asyncio.get_running_loop().time()
        with pytest.raises(Transient, match=r"NS of contoso\.test\."):
            await authorities("contoso.test.", RESOLVERS, ways=ways, timeout=3)
        with pytest.raises(Blocked, match=r"mail\.contoso\.test"):
            await resolve_host("mail.contoso.test", RESOLVERS, ways=ways, timeout=3)
        return asyncio.get_running_loop().time() - started

    assert in_own_time(work()) < 12


def test_one_resolver_that_does_not_know_a_host_is_not_the_last_word() -> None:
    """The customer's own resolver knows the inside name; the public ones say NXDOMAIN."""
    inside = {**RECORDS, ("exchange.inside.test.", "A"): ("10.1.1.1",)}
    net = ModelNet(RECORDS, {**dict.fromkeys(PUBLIC, "answers"), OWN: "answers"}, differing={OWN: inside})

    async def work() -> list[str]:
        return await resolve_host("exchange.inside.test", RESOLVERS, ways=net.ways())

    assert in_own_time(work()) == ["10.1.1.1"]


@pytest.mark.parametrize("code", ["SERVFAIL", "REFUSED"])
def test_an_error_code_of_everybody_ends_soon(code: How) -> None:
    net = ModelNet(RECORDS, dict.fromkeys([*PUBLIC, OWN], code))
    seen, seconds = assessed(net)
    assert seconds < 5 and seen.spf.unanswered == code and not seen.complete
    assert len(net.sent) < 400, "28 resolvers are not asked 60 questions each"


def test_lanes_are_tried_in_an_order_that_finds_its_own_resolver_and_https_soon() -> None:
    lanes = lanes_of(RESOLVERS, listed_doh)
    assert [lane.server[0] for lane in lanes[:3]] == PUBLIC[:3] and lanes[3] == Lane((OWN, 53))
    assert any(lane.doh for lane in lanes[:7])
    assert len({lane for lane in lanes if not lane.doh}) == len(RESOLVERS)


def test_silence_is_forgotten_after_a_while_and_a_code_does_not_undo_an_answer() -> None:
    at = [0.0]
    memory, lane = LaneMemory(lambda: at[0]), Lane((OWN, 53))
    memory.note(lane, Standing.SILENT)
    assert memory.standing(lane) == Standing.SILENT
    at[0] = 601
    assert memory.standing(lane) == Standing.UNKNOWN
    memory.note(lane, Standing.ANSWERS, 0.1)
    memory.note(lane, Standing.FAILS)
    assert memory.standing(lane) == Standing.ANSWERS


def test_one_client_serves_all_questions_by_https() -> None:
    net = net_of(SHAPES[4])

    async def work() -> int:
        ways: Ways = net.ways()
        lookups = Lookups(RESOLVERS, ways=ways)
        for name in ("contoso.test", "one.test", "two.test"):
            assert (await lookups.get(name, "TXT")).via == "https"
        client = await lookups.asker._https()
        await lookups.close()
        return int(client is ways.client)

    assert in_own_time(work()) == 1
