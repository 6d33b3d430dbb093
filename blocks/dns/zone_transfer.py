"""Take in a zone transfer (AXFR, RFC 5936) as fast as it is sent, and understand it meanwhile.

Some servers hang up on who does not read for half a second (Knot's `tcp-io-timeout`). Reading a big signed zone takes
longer than sending it; so a thread of its own empties the socket.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import struct
import threading
import time
from collections.abc import Iterator

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rdatatype
import dns.rrset
import dns.xfr
import dns.zone

from mailmove.dns.server_made import is_server_made
from mailmove.wire.acts import TimedSocket, act, connected

_MOST = 512 * 2**20  # bytes of one transfer
_LENGTH = struct.Struct("!H")
_Frames = queue.SimpleQueue[bytes | BaseException]


def transferred(
    query: dns.message.Message, server: tuple[str, int], timeout: float, lifetime: float
) -> Iterator[dns.rrset.RRset]:
    """Every set of the zone but those that the server makes by itself. query: AXFR, signed.

    timeout: seconds for each message; lifetime: for all of it. dns.xfr.TransferError: the server refuses;
    dns.exception.FormError: what it sends is not signed; other DNSException, OSError, EOFError.
    """
    zone = dns.zone.Zone(query.question[0].name, relativize=False)
    with connected(server, timeout) as connection:
        wire = query.to_wire()
        connection.sendall(_LENGTH.pack(len(wire)) + wire)
        frames: _Frames = queue.SimpleQueue()
        reader = threading.Thread(target=_empty, args=(connection, frames, lifetime), daemon=True)
        reader.start()
        try:
            _understand(query, zone, frames, time.monotonic() + lifetime)
        finally:
            _hang_up(connection)
            reader.join()
    for name, rdataset in zone.iterate_rdatasets():
        if not is_server_made(dns.rdatatype.to_text(rdataset.rdtype)):
            yield dns.rrset.from_rdata_list(name, rdataset.ttl, list(rdataset))


def _empty(connection: TimedSocket, frames: _Frames, lifetime: float) -> None:
    """Put message after message into the queue, at last the error with which reading ended."""
    try:
        with act(lifetime, _MOST):
            while True:
                (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
                frames.put(_exactly(connection, length))
    except (OSError, EOFError) as error:
        frames.put(error)


def _exactly(connection: TimedSocket, count: int) -> bytes:
    content = bytearray()
    while len(content) < count:
        piece = connection.recv(count - len(content))
        if not piece:
            raise EOFError("the server hung up in the middle of the transfer")
        content += piece
    return bytes(content)


def _understand(query: dns.message.Message, zone: dns.zone.Zone, frames: _Frames, end: float) -> None:
    context, first, done = None, True, False
    with dns.xfr.Inbound(zone, dns.rdatatype.AXFR) as inbound:
        while not done:
            frame = frames.get()
            if isinstance(frame, BaseException):
                raise frame
            if time.monotonic() > end:
                raise dns.exception.Timeout
            answer = dns.message.from_wire(
                frame, keyring=query.keyring, request_mac=query.mac, xfr=True, tsig_ctx=context, multi=True
            )
            if not query.is_response(answer, xfr_continuation=not first):
                raise dns.query.BadResponse
            done, first, context = inbound.process_message(answer), False, answer.tsig_ctx
    if query.keyring and not answer.had_tsig:
        raise dns.exception.FormError("missing TSIG")  # type: ignore[no-untyped-call]


def _hang_up(connection: TimedSocket) -> None:
    with contextlib.suppress(OSError):  # it is closed already
        connection.shutdown(socket.SHUT_RDWR)
