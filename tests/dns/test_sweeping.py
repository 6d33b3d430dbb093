"""The sweep: nothing is lost, nobody fools it, and it is polite."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import httpx
import pytest
import trustme
from dns_town import ZONE, Towns
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.dns.resolver import HONEST
from lab.dns.zone_data import rrset
from lab.faults import Faults
from mailmove.dns.client.bulk_query import DnsQuestion, ask_many
from mailmove.dns.client.messages import QuestionCodec, parse_answer
from mailmove.dns.client.query import ask
from mailmove.dns.client.rate_limit import QueryPace

Reply = Callable[[bytes, int], Sequence[bytes]]
"""(query, how many came before) -> packets to send back."""

RECORDS = {
    "MX": "10 mail.contoso.test.",
    "A": "192.0.2.1",
    "TXT": '"a" "b;c"',
    "NS": f"ns1.{ZONE}",
    "SRV": "1 2 3 a.b.",
}


@contextmanager
def udp_server(reply: Reply) -> Iterator[tuple[str, int]]:
    """Says to each query what `reply` says."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.05)
        ended = threading.Event()

        def serve() -> None:
            count = 0
            while not ended.is_set():
                try:
                    query, sender = server.recvfrom(4096)
                except TimeoutError:
                    continue
                for packet in reply(query, count):
                    server.sendto(packet, sender)
                count += 1

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()
        finally:
            ended.set()
            thread.join()


def answer_to(query: bytes, value: str = RECORDS["MX"], rtype: str = "MX", ttl: int = 300) -> bytes:
    asked = dns.message.from_wire(query)
    response = dns.message.make_response(asked)
    response.answer.append(dns.rrset.from_text(asked.question[0].name, ttl, "IN", rtype, value))
    return response.to_wire()


# Nobody is forgotten, nobody is fooled


async def test_every_answer_goes_to_its_question(town: Towns) -> None:
    names = [f"d{number}.{ZONE}" for number in range(30)]
    zone = [rrset(name, "MX", 60 + number, f"{number} mail.{name}") for number, name in enumerate(names)]
    place = town(resolvers=(HONEST,) * 5, zone=zone)
    servers = [(resolver.address, resolver.port) for resolver in place.resolvers]
    questions = [DnsQuestion(server, name, "MX") for name in names for server in servers]
    answers = await ask_many(questions)
    assert [(one.server, one.name) for one in answers] == [(f"{q.server[0]}:{q.server[1]}", q.name) for q in questions]
    assert [one.values for one in answers] == [(f"{n} mail.{name}",) for n, name in enumerate(names) for _ in servers]


async def test_what_is_lost_is_sent_again() -> None:
    with udp_server(lambda query, count: [answer_to(query)] if count else []) as server:
        answer = await ask(server, ZONE, "MX", recursive=True, timeout=2)
    assert answer.values == ("10 mail.contoso.test.",) and 0.4 < answer.elapsed < 1.5


async def test_a_burst_of_lies_before_the_truth_fools_nobody() -> None:
    def reply(query: bytes, count: int) -> list[bytes]:
        truth, lie = answer_to(query), answer_to(query, "0 evil.example.")
        wrong_id = bytes([lie[0] ^ 1]) + lie[1:]
        asked = dns.message.from_wire(query)
        asked.question[0].name = dns.name.from_text("other.test.")
        other = answer_to(asked.to_wire(), "0 evil.example.")
        return [wrong_id, other, query, lie[:-3], query[:2] + b"\x84\x00" + b"\xff" * 40, truth, lie]

    with udp_server(reply) as server:
        answer = await ask(server, ZONE, "MX", recursive=True, timeout=3)
    assert answer.values == ("10 mail.contoso.test.",)


async def test_the_right_answer_from_another_address_is_not_taken() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.9", 0))
        heard = threading.Event()

        def reply(query: bytes, count: int) -> list[bytes]:
            stranger.sendto(answer_to(query, "0 evil.example."), asker[0])
            heard.set()
            return []

        asker: list[tuple[str, int]] = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))

            def serve() -> None:
                query, sender = server.recvfrom(4096)
                asker.append(sender)
                reply(query, 0)

            thread = threading.Thread(target=serve)
            thread.start()
            answer = await ask(server.getsockname(), ZONE, "MX", recursive=True, timeout=0.6)
            thread.join()
    assert heard.is_set() and answer.values == () and answer.error == "timeout"


async def test_another_case_is_not_proof_enough_by_udp() -> None:
    def reply(query: bytes, count: int) -> list[bytes]:
        whole = answer_to(query)
        return [whole[:12] + whole[12:30].swapcase() + whole[30:]]

    with udp_server(reply) as server:
        answer = await ask(server, ZONE, "MX", recursive=True, timeout=0.6)
    assert answer.values == () and answer.error is not None


async def test_a_server_that_knows_no_edns_is_asked_without() -> None:
    def reply(query: bytes, count: int) -> list[bytes]:
        if dns.message.from_wire(query).edns < 0:
            return [answer_to(query)]
        return [query[:2] + struct.pack("!HHHHH", 0x8001, 0, 0, 0, 0)]  # FORMERR, header only

    with udp_server(reply) as server:
        answer = await ask(server, ZONE, "MX", recursive=True, timeout=2)
    assert answer.values == ("10 mail.contoso.test.",) and answer.elapsed < 1


async def test_ids_cases_and_ports_are_spread() -> None:
    seen: set[tuple[int, bytes, int]] = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)

        def serve() -> None:
            for _ in range(64):
                query, sender = server.recvfrom(4096)
                seen.add((int.from_bytes(query[:2], "big"), query[12:30], sender[1]))
                server.sendto(answer_to(query), sender)

        thread = threading.Thread(target=serve)
        thread.start()
        await ask_many([DnsQuestion(server.getsockname(), ZONE, "MX")] * 64)
        thread.join()
    ids, spellings, ports = (set(each) for each in zip(*seen, strict=True))
    assert len(ids) > 60 and len(spellings) > 50 and len(ports) > 3


async def test_a_dead_server_is_told_at_once_and_holds_nobody_up(town: Towns) -> None:
    place = town(resolvers=(HONEST,), zone=[rrset(ZONE, "MX", 60, "10 a.test.")])
    resolver = (place.resolvers[0].address, place.resolvers[0].port)
    dead, alive = await ask_many(
        [DnsQuestion(("127.0.0.1", 1), ZONE, "MX"), DnsQuestion(resolver, ZONE, "MX")], timeout=5
    )
    assert dead.error == "unreachable" and dead.elapsed < 2 and alive.values == ("10 a.test.",)


async def test_what_cannot_be_asked_is_refused_before_anything_is_sent() -> None:
    for server, name, rtype, words in (
        (("host.test", 53), ZONE, "MX", "'host.test' does not appear to be an IPv4 or IPv6 address"),
        (("127.0.0.1", 53), "a" * 64, "MX", "'a{64}' 'MX' cannot be asked for"),
        (("127.0.0.1", 53), ZONE, "NONSENSE", "'NONSENSE' cannot be asked for"),
    ):
        with pytest.raises(ValueError, match=words):
            await ask_many([DnsQuestion(server, name, rtype)])
    assert await ask_many([]) == []


# DNS over HTTPS


@contextmanager
def doh_server(
    media_type: str = "application/dns-message", age: int = 0, name: str = "127.0.0.1"
) -> Iterator[tuple[str, httpx.AsyncClient]]:
    """RFC 8484 on loopback with a private root, and a client that trusts it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            assert query[:2] == b"\0\0" and self.headers["Content-Type"] == "application/dns-message"
            body = answer_to(query)
            self.send_response(200)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            if age:
                self.send_header("Age", str(age))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    root = trustme.CA()
    ours, theirs = ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    root.configure_trust(ours)
    root.issue_cert(name).configure_cert(theirs)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = theirs.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://{name}:{server.server_port}/dns-query", httpx.AsyncClient(verify=ours, trust_env=False)
        server.shutdown()


@pytest.mark.parametrize("blocked", ["silent", "refused"])
async def test_where_port_53_is_blocked_https_is_asked(blocked: str) -> None:
    with doh_server(age=100) as (url, client), udp_server(lambda query, count: []) as silent:
        server = silent if blocked == "silent" else ("127.0.0.1", 1)
        async with client:
            [answer] = await ask_many([DnsQuestion(server, ZONE, "MX", True, url)], timeout=2, client=client)
    assert answer.values == ("10 mail.contoso.test.",) and answer.via == "https"
    assert answer.ttl == 200, "less its age in HTTP caches"


async def test_a_captive_portal_is_no_answer() -> None:
    with doh_server(media_type="text/html") as (url, client):
        async with client:
            [answer] = await ask_many([DnsQuestion(("127.0.0.1", 1), ZONE, "MX", True, url)], timeout=1, client=client)
    assert answer.values == () and answer.error is not None


# Politeness


def test_nobody_is_asked_more_often_than_is_polite() -> None:
    at = [1000.0]
    pace = QueryPace(per_server=10, per_operator=15, burst=2, clock=lambda: at[0])
    servers = [("1.1.1.1", 53), ("1.0.0.1", 53), ("192.0.2.53", 53)]
    sent = dict.fromkeys(servers, 0)
    for _ in range(1000):  # ten seconds
        for server in random.sample(servers, len(servers)):
            if pace.due(server) <= at[0]:
                pace.sent(server)
                sent[server] += 1
        at[0] += 0.01
    assert sent["192.0.2.53", 53] <= 102
    assert 140 <= sent["1.1.1.1", 53] + sent["1.0.0.1", 53] <= 152, "both are Cloudflare's"


async def test_a_sweep_keeps_the_pace_and_loopback_is_free() -> None:
    slow = QueryPace(per_server=20, per_operator=20, burst=1)
    with udp_server(lambda query, count: [answer_to(query)]) as server:
        questions = [DnsQuestion(server, ZONE, "MX")] * 10
        loop = asyncio.get_running_loop()
        started = loop.time()
        await ask_many(questions, pace=slow)
        assert loop.time() - started < 0.4
        slow._buckets["127.0.0.1"] = ("127.0.0.1", "operator x")  # as if it were far away
        started = loop.time()
        assert all(one.values for one in await ask_many(questions, pace=slow))
        assert loop.time() - started >= 0.4


# The fast path, with dnspython as the judge


@st.composite
def packets(draw: st.DrawFn) -> tuple[str, str, list[bytes]]:
    """A question, and a run of answers to it that were bent in every way, so that memories are put to the test."""
    rtype = draw(st.sampled_from(list(RECORDS)))
    name = draw(st.sampled_from([ZONE, f"a.{ZONE}", "x."]))
    asked = dns.message.make_query(name, rtype, use_edns=0, id=7)
    texts = [RECORDS[rtype]]
    if rtype == "MX":
        texts = draw(st.lists(st.sampled_from([RECORDS["MX"], f"20 {name}", f"5 mx.{name}", "0 ."]), min_size=1))
    response = dns.message.make_response(asked)
    response.answer.append(dns.rrset.from_text(name, draw(st.integers(0, 2**31 - 1)), "IN", rtype, *texts))
    if draw(st.booleans()):
        response.use_edns(0)
    good = response.to_wire()
    made = [good]
    for _ in range(draw(st.integers(1, 6))):
        packet = bytearray(draw(st.sampled_from([good, made[-1]])))
        for _ in range(draw(st.integers(0, 4))):
            where = draw(st.integers(0, len(packet) - 1))
            packet[where] = draw(st.integers(0, 255))
        if draw(st.booleans()):  # a pointer somewhere into the packet: loops, TTLs, the id
            where = draw(st.integers(12, max(12, len(packet) - 2)))
            packet[where : where + 2] = struct.pack("!H", 0xC000 | draw(st.integers(0, len(packet))))
        cut = draw(st.integers(0, 8))
        made.append(bytes(packet[: len(packet) - cut] if cut < 4 else packet))
    return name, rtype, made


@settings(max_examples=300, deadline=None)
@given(packets())
def test_the_fast_path_reads_as_dnspython_reads(drawn: tuple[str, str, list[bytes]]) -> None:
    name, rtype, made = drawn
    codec = QuestionCodec(name, rtype, recursive=True)
    for packet in made:
        for ttl in (None, b"\0\0\0\x07"):
            for ident in (packet[:2], b"\xab\xcd", b"\x04mail"[:2]):
                bent = ident + packet[2:]
                if ttl:
                    at = 12 + len(codec.lower) + 4 + 6
                    bent = bent[:at] + ttl + bent[at + 4 :]
                assert codec.read(bent) == parse_answer(bent, codec)


def test_a_value_that_rests_on_the_id_or_a_ttl_is_never_remembered() -> None:
    codec = QuestionCodec(ZONE, "MX", recursive=True)
    head = struct.pack("!HHHHHH", 0x0261, 0x8180, 1, 1, 0, 0) + codec.lower + struct.pack("!HH", 15, 1)
    for target in (0, 12 + len(codec.lower) + 4 + 6):  # the id (2, 'a', then flags), and the TTL (1 'b' 0)
        record = struct.pack("!HHHIHHH", 0xC00C, 15, 1, 0x01620000, 4, 10, 0xC000 | target)
        wire = head + record
        first = codec.read(wire)
        assert first == parse_answer(wire, codec)
        for change in (0, 1, len(head) + 6, len(head) + 7):
            bent = wire[:change] + b"\x00" + wire[change + 1 :]
            assert codec.read(bent) == parse_answer(bent, codec)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.booleans())
def test_bytes_of_any_kind_never_crash_the_reading(noise: bytes, with_head: bool) -> None:
    codec = QuestionCodec(ZONE, "MX", recursive=True)
    head = struct.pack("!HHHHHH", 7, 0x8180, 1, 1, 0, 0) + codec.lower + struct.pack("!HH", 15, 1)
    wire = head + noise if with_head else noise.ljust(12, b"\0")
    assert codec.read(wire) == parse_answer(wire, codec)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 79), st.integers(0, 255)), max_size=6), st.integers(0, 30))
def test_bent_packets_on_the_wire_never_crash_or_fool_the_sweep(bends: list[tuple[int, int]], cut: int) -> None:
    def reply(query: bytes, count: int) -> list[bytes]:
        lie, truth = bytearray(answer_to(query, "0 evil.example.")), answer_to(query)
        for where, byte in bends:
            if where < len(lie) - 12 and 12 + where > 12 + 13:  # the question stays, so that it reaches the parser
                lie[12 + where] = byte
        wrong_id = bytes([lie[0] ^ 0x40]) + bytes(lie[1:])
        return [wrong_id, bytes(lie[: len(lie) - 1 - cut]), truth]

    with udp_server(reply) as server:
        answer = asyncio.run(ask(server, ZONE, "MX", recursive=True, timeout=2))
    assert answer.values == ("10 mail.contoso.test.",) and answer.error is None


async def test_a_loop_of_aliases_is_an_error(town: Towns, faults: Faults) -> None:
    def reply(query: bytes, count: int) -> list[bytes]:
        asked = dns.message.from_wire(query)
        response = dns.message.make_response(asked)
        name = asked.question[0].name
        response.answer.append(dns.rrset.from_text("b.test.", 60, "IN", "CNAME", name.to_text()))
        response.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", "b.test."))
        return [response.to_wire()]

    with udp_server(reply) as server:
        answer = await ask(server, ZONE, "MX", recursive=True, timeout=0.6)
    assert answer.error == "malformed" and answer.values == ()
