"""Encode DNS questions and parse answers. dnspython parses every form of answer at least once.

Its parser takes 100 microseconds. Most answers in a sweep are the same few bytes, from many servers, but for the id,
the case of the question and the TTLs; so what dnspython has once read in such a packet is remembered, and a packet
that differs nowhere else is not read again. Everything unusual goes to dnspython.
"""

from __future__ import annotations

import os
import struct
from typing import NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from mailmove.dns.canonical import values_of

_PAYLOAD = 1232  # bytes over UDP; the size that passes everywhere (DNS flag day 2020)
_OPT = struct.pack("!BHHIH", 0, dns.rdatatype.OPT, _PAYLOAD, 0, 0)  # EDNS 0 (RFC 6891)
_NAME_AT = {dns.rdatatype.MX: 2, dns.rdatatype.NS: 0, dns.rdatatype.CNAME: 0, dns.rdatatype.PTR: 0}
_NO_NAME = {dns.rdatatype.A, dns.rdatatype.AAAA, dns.rdatatype.TXT}
_REMEMBERED = 64  # forms of an answer to one question; an attacker may send as many as it likes
_LONGEST_TAIL = 64  # bytes after the answers: room for an OPT record
_COUNTS, _TTL_LENGTH = struct.Struct("!HHHHH"), struct.Struct("!IH")

NO_EDNS = ("FORMERR", "NOTIMP", "BADVERS")
"""Response codes of a server without EDNS (RFC 6891 section 7)."""


class _RandomBytes:
    """The system's randomness, fetched in larger pieces; each byte is used once."""

    def __init__(self) -> None:
        self.forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.forget)  # two processes must not use the same bytes

    def forget(self) -> None:
        self._bytes, self._at = b"", 0

    def __call__(self, count: int) -> bytes:
        at = self._at
        self._at = at + count
        if self._at > len(self._bytes):
            self._bytes, at, self._at = os.urandom(8192), 0, count
        return self._bytes[at : at + count]


_random_bytes = _RandomBytes()


class ParsedAnswer(NamedTuple):
    """The meaning of an answer; `error` is its rcode when that is neither NOERROR nor NXDOMAIN. explained: codes of
    its extended errors (RFC 8914)."""

    rcode: str | None
    values: tuple[str, ...] = ()
    ttl: int | None = None
    authoritative: bool = False
    error: str | None = None
    explained: tuple[int, ...] = ()


class Query(NamedTuple):
    """One question as sent: `wire` begins with `id`, and holds `question` with its own random case at offset 12."""

    id: int
    question: bytes
    wire: bytes


class QuestionCodec:
    """Encodes questions for a (name, type), and parses the answers to them. ValueError: not a DNS name or type."""

    def __init__(self, name: str, rtype: str, *, recursive: bool, rdclass: str = "IN") -> None:
        try:
            self.name = dns.name.from_text(name)
            self.type, self.rdclass = dns.rdatatype.from_text(rtype), dns.rdataclass.from_text(rdclass)
        except (dns.exception.DNSException, UnicodeError) as error:
            raise ValueError(f"{name!r} {rtype!r} cannot be asked for: {error}") from error
        self.lower = self.name.canonicalize().to_wire() or b"\0"
        self._what = struct.pack("!HH", self.type, self.rdclass)
        letters = bytes(0x20 if 0x61 <= byte <= 0x7A else 0 for byte in self.lower)  # a length is below 64
        self._spelling, self._letters = int.from_bytes(self.lower, "big"), int.from_bytes(letters, "big")
        flags = dns.flags.RD if recursive else 0
        self._header = struct.pack("!HHHHH", flags, 1, 0, 0, 1)
        self._plain_header = struct.pack("!HHHHH", flags, 1, 0, 0, 0)
        self._owner = b"\xc0\x0c" + self._what
        self._parsed: dict[tuple[bytes, ...], ParsedAnswer] = {}

    def query(self, *, edns: bool = True) -> Query:
        """The question with a random id and random case ("0x20"), both from the system's randomness."""
        size = len(self.lower)
        random = _random_bytes(size + 2)
        spelled = (self._spelling ^ int.from_bytes(random[2:], "big") & self._letters).to_bytes(size, "big")
        question = spelled + self._what
        head, tail = (self._header, _OPT) if edns else (self._plain_header, b"")
        return Query(random[0] << 8 | random[1], question, b"".join((random[:2], head, question, tail)))

    def read(self, wire: bytes) -> ParsedAnswer | None:
        """Parse an answer; None: malformed, or to another question. The caller compares id and case."""
        form = self._form(wire)
        if form is None:
            return parse_answer(wire, self)
        key, ttls = form
        known = self._parsed.get(key)
        if known is not None:
            return known if known.ttl == ttls[0] == min(ttls) else known._replace(ttl=min(ttls))
        parsed = parse_answer(wire, self)
        if parsed and not parsed.error and parsed.ttl == min(ttls) and self._settled(wire, len(ttls)):
            if len(self._parsed) >= _REMEMBERED:
                self._parsed.clear()
            self._parsed[key] = parsed
        return parsed

    def _form(self, wire: bytes) -> tuple[tuple[bytes, ...], list[int]] | None:
        """(all that matters for the meaning, TTLs) of a packet of the expected form: the question, then its answers."""
        try:
            _, _, answers, authorities, _ = _COUNTS.unpack_from(wire, 2)
            if not answers or answers > 32 or authorities:
                return None
            end = 12 + len(self.lower)
            if wire[12:end].lower() != self.lower or wire[end : end + 4] != self._what:
                return None
            at = end + 4
            key, ttls = [wire[2:12]], []
            for _ in range(answers):
                if wire[at : at + 6] != self._owner:
                    return None
                ttl, length = _TTL_LENGTH.unpack_from(wire, at + 6)
                if ttl > 0x7FFFFFFF:
                    return None
                ttls.append(ttl)
                key.append(wire[at + 10 : at + 12 + length])
                at += 12 + length
        except struct.error:
            return None
        if at > len(wire) or len(wire) - at > _LONGEST_TAIL:
            return None
        key.append(wire[at:])
        return tuple(key), ttls

    def _settled(self, wire: bytes, answers: int) -> bool:
        """Does the meaning depend on nothing that differs from packet to packet: not on the id, not on a TTL?"""
        if self.type in _NO_NAME:
            return True
        if self.type not in _NAME_AT:
            return False
        changing, names, at = {0, 1}, [], 12 + len(self.lower) + 4
        for _ in range(answers):
            changing.update(range(at + 6, at + 10))
            names.append(at + 12 + _NAME_AT[self.type])
            at += 12 + int.from_bytes(wire[at + 10 : at + 12], "big")
        return all(_stays(wire, name, changing) for name in names)


def parse_answer(wire: bytes, codec: QuestionCodec, *, same_id: int | None = None) -> ParsedAnswer | None:
    """Parse with dnspython; None: malformed, or not an answer to this question, in any case (`same_id`: of this id)."""
    try:
        message = dns.message.from_wire(wire)
        if not _answers(message, codec) or (same_id is not None and message.id != same_id):
            return None
        rcode, aa = dns.rcode.to_text(message.rcode()), bool(message.flags & dns.flags.AA)
        explained = tuple(int(error.code) for error in message.extended_errors())
        if rcode not in ("NOERROR", "NXDOMAIN"):
            return ParsedAnswer(rcode, authoritative=aa, error=rcode, explained=explained)
        assert isinstance(message, dns.message.QueryMessage)
        chain = message.resolve_chaining()
        values = values_of(chain.answer) if chain.answer else ()
        return ParsedAnswer(rcode, values, chain.minimum_ttl, aa, explained=explained)
    except Exception:  # noqa: BLE001 - hostile bytes can upset the parser in any way; none of them is an answer
        return None


def _answers(message: dns.message.Message, codec: QuestionCodec) -> bool:
    if not message.flags & dns.flags.QR or message.opcode() != dns.opcode.QUERY:
        return False
    if not message.question:  # some servers leave it out when they only say what went wrong
        return message.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
    [asked] = message.question
    return asked.name == codec.name and asked.rdtype == codec.type and asked.rdclass == codec.rdclass


def _stays(wire: bytes, at: int, changing: set[int]) -> bool:
    """Does reading the compressed name at `at` touch none of the bytes that change?"""
    for _ in range(128):
        length = wire[at]
        touched = {at, at + 1} if length >= 0xC0 else set(range(at, at + length + 1))
        if touched & changing:
            return False
        if length == 0:
            return True
        at = (length & 0x3F) << 8 | wire[at + 1] if length >= 0xC0 else at + length + 1
    return False
