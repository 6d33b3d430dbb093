"""The RPC servers behind the RPC proxy of the old Exchange: binds, signing in by NTLM, sealed calls (C706, MS-RPCE).

Each port knows its own interface; from Exchange 2010 on 6002 and 6004 know each other's, as they do in life. Only the
address book answers calls.
"""

from __future__ import annotations

import struct
import uuid

from lab.exchange.nspi import AddressBook
from lab.exchange.ntlm import Acceptor
from lab.exchange.state import ExchangeState

REQUEST, RESPONSE, FAULT, BIND, BIND_ACK, BIND_NAK, ALTER, ALTER_RESPONSE, AUTH3 = 0, 2, 3, 11, 12, 13, 14, 15, 16
EMSMDB = uuid.UUID("a4f1db00-ca47-1067-b31f-00dd010662da")
RFR = uuid.UUID("1544f5e0-613c-11d1-93df-00c04fd7bd09")
NSPI = uuid.UUID("f5cc5a18-4264-101a-8c59-08002b2f8426")
MANAGEMENT = uuid.UUID("afa8bd80-7d8a-11c9-bef4-08002b102989")
_NTLM, _PRIVACY, _FRAGMENT = 10, 6, 4000
_ACCESS_DENIED, _RANGE_ERROR = 5, 0x1C010002


def pdu(kind: int, body: bytes, call_id: int = 0, *, flags: int = 3, auth: int = 0) -> bytes:
    return struct.pack("<BBBB4sHHI", 5, 0, kind, flags, b"\x10\0\0\0", 16 + len(body), auth, call_id) + body


class RpcServer:
    """One connection to one port. `answers(pdu)` gives the PDUs that the server sends back."""

    def __init__(self, state: ExchangeState, port: int) -> None:
        self._state, self._port = state, port
        known = {6001: {EMSMDB}, 6002: {RFR}, 6004: {NSPI}}[port]
        both = {RFR, NSPI} if state.major >= 14 and port != 6001 else set[uuid.UUID]()
        self._known = known | both | {MANAGEMENT}
        self._contexts: dict[int, uuid.UUID] = {}
        self._acceptor: Acceptor | None = None
        self._account: str | None = None
        self._level = 0
        self._book: AddressBook | None = None

    def answers(self, asked: bytes) -> list[bytes]:
        kind = asked[2]
        if kind in (BIND, ALTER):
            return [self._bound(asked, BIND_ACK if kind == BIND else ALTER_RESPONSE)]
        if kind == AUTH3:
            token = _token(asked)
            self._account = self._acceptor.account(token) if self._acceptor and token else None
            return []
        return self._called(asked) if kind == REQUEST else []

    def _bound(self, asked: bytes, kind: int) -> bytes:
        (call_id,) = struct.unpack_from("<I", asked, 12)
        results, at = b"", 28
        for _ in range(asked[24]):
            number, syntaxes = struct.unpack_from("<HB", asked, at)
            interface = uuid.UUID(bytes_le=asked[at + 4 : at + 20])
            transfer = asked[at + 24 : at + 44]
            at += 24 + 20 * syntaxes
            if interface in self._known:
                self._contexts[number] = interface
                results += struct.pack("<HH", 0, 0) + transfer
            else:
                results += struct.pack("<HH", 2, 1) + b"\0" * 20  # provider rejection, abstract syntax not supported
        address = f"{self._port}\0".encode()
        body = struct.pack("<HHIH", 5840, 5840, 0x1234, len(address)) + address
        body += b"\0" * (-(16 + len(body)) % 4) + struct.pack("<BBH", asked[24], 0, 0) + results
        token = _token(asked)
        if not token:
            return pdu(kind, body, call_id)
        trailer = asked[-len(token) - 8 : -len(token)]
        self._level, self._acceptor = trailer[1], Acceptor(self._state.accounts, self._state.server)
        challenge = self._acceptor.challenge(token)
        pad = -len(body) % 4
        sec = struct.pack("<BBBBI", _NTLM, self._level, pad, 0, *struct.unpack_from("<I", trailer, 4))
        return pdu(kind, body + b"\0" * pad + sec + challenge, call_id, auth=len(challenge))

    def _called(self, asked: bytes) -> list[bytes]:
        (call_id,) = struct.unpack_from("<I", asked, 12)
        context, operation = struct.unpack_from("<HH", asked, 20)
        seal = self._acceptor.seal if self._acceptor and self._level == _PRIVACY else None
        if self._contexts.get(context) != NSPI or self._account is None:
            status = _ACCESS_DENIED if self._contexts.get(context) == NSPI else _RANGE_ERROR
            return [_fault(status, call_id)]
        stub = asked[24:]
        if seal is not None:
            signature = _token(asked)
            trailer = asked[-24:-16]
            try:
                stub = seal.open(asked[:24], asked[24:-24], trailer, signature)
            except ValueError:
                return [_fault(_ACCESS_DENIED, call_id)]
            stub = stub[: len(stub) - trailer[2]]
        self._book = self._book or AddressBook(self._state)
        answer = self._book.call(operation, stub)
        if answer is None:
            return [_fault(_RANGE_ERROR, call_id)]
        parts = [answer[at : at + _FRAGMENT] for at in range(0, len(answer), _FRAGMENT)] or [b""]
        sent = []
        for number, part in enumerate(parts):
            flags = (number == 0) | (number == len(parts) - 1) << 1
            head = struct.pack("<IHBB", len(answer), context, 0, 0)
            if seal is None:
                sent.append(pdu(RESPONSE, head + part, call_id, flags=flags))
                continue
            pad = -len(part) % 16
            sec = struct.pack("<BBBBI", _NTLM, _PRIVACY, pad, 0, *struct.unpack_from("<I", asked, len(asked) - 20))
            whole = pdu(RESPONSE, head + part + b"\0" * pad + sec + b"\0" * 16, call_id, flags=flags, auth=16)
            body, signature = seal.close(whole[:24], part + b"\0" * pad, sec)
            sent.append(whole[:24] + body + sec + signature)
        return sent


def _fault(status: int, call_id: int) -> bytes:
    return pdu(FAULT, struct.pack("<IHBBII", 0, 0, 0, 0, status, 0), call_id)


def _token(asked: bytes) -> bytes:
    (length,) = struct.unpack_from("<H", asked, 10)
    return asked[len(asked) - length :] if length else b""
