"""Encode and decode PDUs of RPC (C706 chapter 12) and of RPC over HTTP version 2 (MS-RPCH 2.2), client side."""

from __future__ import annotations

import struct
import uuid

ENDLESS = 1073741824  # Content-Length of an IN channel, MS-RPCH 2.1.2.1.1
REQUEST, RESPONSE, FAULT, BIND, BIND_ACK, BIND_NAK, AUTH3, RTS = 0, 2, 3, 11, 12, 13, 16, 20
ECHO_SIZE = 20
LARGEST = 65535
_ECHO_FLAG = 0x40
_NTLM, _PRIVACY, TRAILER = 10, 6, 8  # RPC_C_AUTHN_WINNT, RPC_C_AUTHN_LEVEL_PKT_PRIVACY, bytes before a token
_NDR = uuid.UUID("8a885d04-1ceb-11c9-9fe8-08002b104860").bytes_le + struct.pack("<HH", 2, 0)
INTERFACES = {
    6001: ("a4f1db00-ca47-1067-b31f-00dd010662da", 0, 81),  # EMSMDB, MS-OXCRPC
    6002: ("1544f5e0-613c-11d1-93df-00c04fd7bd09", 1, 0),  # RFR, MS-OXABREF
    6004: ("f5cc5a18-4264-101a-8c59-08002b2f8426", 56, 0),  # NSPI, MS-OXNSPI
}
"""Interfaces (UUID, major version, minor version) by port."""
FAULTS = {
    0x5: "access is denied (0x5)",
    0x1C00001A: "the context is unknown (nca_s_fault_context_mismatch)",
    0x1C010002: "the operation is unknown (nca_op_rng_error)",
    0x1C010003: "the interface is unknown (nca_unk_if)",
    0x1C01001D: "the authentication level is not supported",
    0x6BA: "the RPC server is unavailable (0x6ba)",
}


def pdu(kind: int, body: bytes, call_id: int = 0, token: bytes = b"") -> bytes:
    """One whole PDU; `token` is what an authentication trailer carries, NTLM with packet privacy."""
    trailer = b""
    if token:
        pad = -len(body) % 4
        trailer = b"\0" * pad + sec_trailer(pad) + token
    length = 16 + len(body) + len(trailer)
    return struct.pack("<BBBB4sHHI", 5, 0, kind, 3, b"\x10\0\0\0", length, len(token), call_id) + body + trailer


def sec_trailer(pad: int) -> bytes:
    """What stands before a token (C706 13.2.6.1); `pad`: bytes between the body and here."""
    return struct.pack("<BBBBI", _NTLM, _PRIVACY, pad, 0, 79231)


def is_pdu(head: bytes) -> bool:
    """Do 16 bytes look like the head of a PDU of version 5.0, little-endian, that may be whole?"""
    return len(head) == 16 and head[:2] == b"\5\0" and head[4] & 0xF0 == 0x10 and length_of(head) >= 16


def length_of(head: bytes) -> int:
    return int(struct.unpack_from("<H", head, 8)[0])


def is_echo(body: bytes) -> bool:
    """An RTS PDU with the ECHO flag (MS-RPCH 2.2.4.47)."""
    return len(body) == ECHO_SIZE and body[2] == RTS and bool(struct.unpack_from("<H", body, 16)[0] & _ECHO_FLAG)


def is_a3(answer: bytes) -> bool:
    """CONN/A3: one command, ConnectionTimeout (MS-RPCH 2.2.4.4)."""
    return _commands(answer) == 1 and len(answer) >= 28 and answer[20:24] == b"\2\0\0\0"


def is_c2(answer: bytes) -> bool:
    """CONN/C2: Version, ReceiveWindowSize, ConnectionTimeout (MS-RPCH 2.2.4.9)."""
    return _commands(answer) == 3


def _commands(answer: bytes) -> int:
    return int(struct.unpack_from("<H", answer, 18)[0]) if len(answer) >= 20 and answer[2] == RTS else -1


def token_of(answer: bytes) -> bytes:
    """The authentication token at the end of a PDU; empty: it has none. ValueError: there is no room for it."""
    (length,) = struct.unpack_from("<H", answer, 10)
    if length > len(answer) - 16 - TRAILER and length:
        raise ValueError(f"a PDU of {len(answer)} bytes with a token of {length}")
    return answer[len(answer) - length :] if length else b""


def accepts(answer: bytes) -> bool:
    """Does a BIND_ACK take the one context that was asked for? (C706 12.6.4.4)"""
    if len(answer) < 26:
        return False
    (address,) = struct.unpack_from("<H", answer, 24)
    results = 26 + address + (-(26 + address) % 4)
    return len(answer) >= results + 8 and answer[results + 4 : results + 6] == b"\0\0"


def fault_of(answer: bytes) -> str:
    """The status of a FAULT, in words."""
    status = int(struct.unpack_from("<I", answer, 24)[0]) if len(answer) >= 28 else 0
    return FAULTS.get(status, f"status {status:#010x}")


def bind(port: int, token: bytes = b"") -> bytes:
    """Ask for the interface behind `port`."""
    interface, major, minor = INTERFACES[port]
    syntax = uuid.UUID(interface).bytes_le + struct.pack("<HH", major, minor)
    context = struct.pack("<BBHHBB", 1, 0, 0, 0, 1, 0) + syntax + _NDR
    return pdu(BIND, struct.pack("<HHI", 5840, 5840, 0) + context, call_id=1, token=token)


def conn_a1(cookie: bytes) -> bytes:
    """CONN/A1, for the OUT channel (MS-RPCH 2.2.4.2); always 76 bytes."""
    return _rts(_number(6, 1), struct.pack("<I", 3) + cookie, _cookie(), _number(0, 262_144))


def conn_b1(cookie: bytes) -> bytes:
    """CONN/B1, for the IN channel (MS-RPCH 2.2.4.5)."""
    group = struct.pack("<I", 12) + uuid.uuid4().bytes_le
    # A keep-alive of 0 is allowed by the text of MS-RPCH and refused by servers (0x6c0): 300 s.
    lasting = (_number(4, ENDLESS), _number(5, 300_000))
    return _rts(_number(6, 1), struct.pack("<I", 3) + cookie, _cookie(), *lasting, group)


def _rts(*commands: bytes) -> bytes:
    return pdu(RTS, struct.pack("<HH", 0, len(commands)) + b"".join(commands))


def _number(command: int, value: int) -> bytes:
    return struct.pack("<II", command, value)


def _cookie() -> bytes:
    return struct.pack("<I", 3) + uuid.uuid4().bytes_le
