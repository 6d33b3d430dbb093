"""Zones that are hard to read and to change: big ones from a server in a hurry, and one that never stands still."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dns.message
import dns.name
import dns.rdata
import dns.rrset
import dns.tsig
import pytest
from dns_town import CONTENT
from dns_worlds import keyed, real_world
from real_authorities import KEY
from real_signing import KEYS, signing_bind

from blocks.dns.zone_transfer import transferred
from lab.dns.zone_data import rrset
from mailmove.records import RRsetChange

_NAMES, _PATIENCE = 10_000, 0.5
"""Owner names, each with an address and a signature; seconds without reading after which the server hangs up."""


@contextmanager
def hasty_server(answer: Callable[[dns.message.Message], list[bytes]]) -> Iterator[tuple[str, int]]:
    """Sends whole transfers through a small buffer, and hangs up on who does not read for half a second (Knot)."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
                (length,) = struct.unpack("!H", connection.recv(2, socket.MSG_WAITALL))
                keyring = {dns.name.from_text(KEY[0]): dns.tsig.Key(*KEY)}
                query = dns.message.from_wire(connection.recv(length, socket.MSG_WAITALL), keyring=keyring)
                messages = answer(query)
                connection.settimeout(_PATIENCE)
                for wire in messages:
                    try:
                        connection.sendall(struct.pack("!H", len(wire)) + wire)
                    except OSError:
                        return

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()


def _messages(query: dns.message.Message) -> list[bytes]:
    zone = query.question[0].name
    soa = dns.rrset.from_text(zone, 60, "IN", "SOA", "ns1.big.test. h.big.test. 1 7200 900 1209600 60")
    signature = dns.rdata.from_text("IN", "RRSIG", f"A 13 3 60 20261214000000 20261130000000 1 {zone} {'A' * 86}==")
    sets = [soa, dns.rrset.from_text(zone, 60, "IN", "NS", "ns1.big.test.")]
    for number in range(_NAMES):
        name = dns.name.from_text(f"h{number}", zone)
        sets += [dns.rrset.from_text(name, 60, "IN", "A", "192.0.2.1"), dns.rrset.from_rdata(name, 60, signature)]
    sets.append(soa)
    wires, context = [], None
    for first in range(0, len(sets), 400):
        response = dns.message.make_response(query)
        response.answer.extend(sets[first : first + 400])
        wires.append(response.to_wire(max_size=65535, multi=True, tsig_ctx=context))
        context = response.tsig_ctx
    return wires


@pytest.mark.long
def test_a_big_signed_zone_is_read_from_a_server_that_waits_for_nobody() -> None:
    query = dns.message.make_query("big.test.", "AXFR")
    query.use_tsig(dns.tsig.Key(*KEY))
    with hasty_server(_messages) as server:
        sets = list(transferred(query, server, timeout=60, lifetime=300))
    assert len(sets) == _NAMES + 2, "SOA, NS and every address; no signature"


def test_a_zone_that_changes_all_the_time_is_changed_all_the_same(tmp_path: Path) -> None:
    with signing_bind(tmp_path, "", zones=1) as authorities:
        world, over = real_world("bind", authorities, "rfc2136"), threading.Event()

        def busy() -> None:
            number = 0
            while not over.wait(0.15):
                number += 1
                world.edit(rrset(f"lease.{world.zone}", "TXT", 60, f'"{number}"'))

        thread = threading.Thread(target=busy)
        thread.start()
        try:
            mx = world.here(CONTENT[0])
            for ttl in (60, 3600):  # by the key that reads by some sixty questions, which takes longest
                standing = world.picture()[mx.key]
                change = RRsetChange(before=standing, after=mx.model_copy(update={"ttl": ttl}))
                keyed(authorities, KEYS["update-only"]).apply(world.zone, [change])
                assert world.picture()[mx.key].ttl == ttl
                time.sleep(0.1)
        finally:
            over.set()
            thread.join()
