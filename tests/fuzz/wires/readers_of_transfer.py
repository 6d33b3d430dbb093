"""The reader of a zone transfer: bytes that were spoiled on the way, and a server that signs what is odd."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.rrset
import dns.tsig
from answers import Answer
from mutate_text import bytes_mutation, lines_mutation
from reader import Case, Reader
from readers_of_http import of_zone
from readers_of_smtp import OneAtATime

from blocks.dns.rfc2136 import Rfc2136

TRANSFER_NAMES = ("AXFR bytes", "AXFR records")
_SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQ="
_ZONE = b"""contoso.com. 300 SOA ns1.contoso.com. hostmaster.contoso.com. 7 2 3 4 5
contoso.com. 300 NS ns1.contoso.com.
contoso.com. 300 MX 10 mail.contoso.com.
contoso.com. 300 TXT "v=spf1 mx -all"
mail.contoso.com. 60 A 192.0.2.1
autodiscover.contoso.com. 60 CNAME mail.contoso.com.
_sip._tcp.contoso.com. 60 SRV 1 2 443 mail.contoso.com.
*.contoso.com. 60 TXT "wild"
contoso.com. 300 SOA ns1.contoso.com. hostmaster.contoso.com. 7 2 3 4 5
"""
_MOST_OCTETS = 60_000


class SigningServer(OneAtATime):
    """A name server by TCP that knows one key. make: question -> the message that answers it, which is then signed.

    spoil: what becomes of the signed bytes on the way.
    """

    def __init__(self) -> None:
        self.make: Callable[[dns.message.Message], dns.message.Message] = dns.message.make_response
        self.spoil: Callable[[bytes], bytes] = bytes
        self._keys = {dns.name.from_text("key"): dns.tsig.Key("key", _SECRET, "hmac-sha256")}
        super().__init__()

    def _converse(self, connection: socket.socket, reader: Any) -> None:
        with contextlib.suppress(struct.error, EOFError, dns.exception.DNSException):  # one that hung up halfway, too
            (length,) = struct.unpack("!H", reader.read(2))
            wire = self.answer(dns.message.from_wire(reader.read(length), keyring=self._keys))
            connection.sendall(struct.pack("!H", len(wire)) + wire)

    def answer(self, query: dns.message.Message) -> bytes:
        return self.spoil(self.make(query).to_wire(max_size=65535))


def _message(query: dns.message.Message, body: bytes) -> dns.message.Message:
    """A signed answer with the records of these lines, in their order; a line that is no record cannot be sent."""
    response = dns.message.make_response(query)
    response.flags |= dns.flags.AA
    for line in body.decode("utf-8", "replace").splitlines():
        with contextlib.suppress(dns.exception.DNSException, ValueError, KeyError, UnicodeError):
            name, ttl, kind, value = line.split(" ", 3)
            response.answer.append(dns.rrset.from_text(name, int(ttl), "IN", kind, value))
    return response


def _is_whole(query: dns.message.Message) -> bool:
    return query.question[0].rdtype == dns.rdatatype.AXFR


@contextlib.contextmanager
def transfer_readers() -> Iterator[list[Reader]]:
    server = SigningServer()
    block = Rfc2136(server="127.0.0.1", port=server.place[1], key_name="key", key_secret=_SECRET, timeout_seconds=0.5)

    def records(answers: Sequence[Answer]) -> Any:
        server.make = lambda query: _message(query, answers[0].body if _is_whole(query) else b"")
        server.spoil = lambda wire: wire[:_MOST_OCTETS]
        return block.read_zone("contoso.com")

    signed: list[bytes] = []

    def octets(answers: Sequence[Answer]) -> Any:
        """The signature is of another question each time: what is spoiled in the recorded bytes is spoiled in ours."""
        server.make = lambda query: _message(query, _ZONE if _is_whole(query) else b"")
        server.spoil = lambda wire: _spoiled_alike(signed[0], answers[0].body, wire)
        return block.read_zone("contoso.com")

    server.make = lambda query: _message(query, _ZONE)

    def keep(wire: bytes) -> bytes:
        signed.append(wire)
        return wire

    server.spoil = keep
    block.read_zone("contoso.com")
    yield [
        Reader("AXFR bytes", [Case("zone", [Answer(signed[0])], octets)], [bytes_mutation], measure=of_zone),
        # A line that is gone, or that no server could send, is a record less: nobody can tell, so only errors count.
        Reader("AXFR records", [Case("zone", [Answer(_ZONE)], records)], [lines_mutation],
               measure=lambda zone: Counter()),
    ]  # fmt: skip
    server.close()


def _spoiled_alike(before: bytes, after: bytes, wire: bytes) -> bytes:
    """What distinguishes `after` from `before`, done to `wire`, which is as long as `before`."""
    start = next((at for at, (one, two) in enumerate(zip(before, after, strict=False)) if one != two), None)
    if start is None:
        start = min(len(before), len(after))
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return (wire[:start] + after[start : len(after) - end] + wire[len(wire) - end :])[:_MOST_OCTETS]
