"""UDP sockets shared by many questions: non-blocking, unconnected; an answer is matched by id and address."""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from mailmove.dns.client.answer import Server

_AT_ONCE = 256  # packets read in one go, so that a flood does not starve the rest of the loop
_BUFFER = 1 << 20  # bytes asked of the kernel, which may give less
_LARGEST = 4096  # bytes; we ask for 1232 at most, and what is cut off is malformed
_ERRORS = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
"""Linux: IP_RECVERR and IPV6_RECVERR, which hand over ICMP errors together with the packet that met them."""
_MSG_ERRQUEUE = 0x2000


def normal(server: Server) -> Server:
    """The server with its address in the spelling that the kernel uses. ValueError: not an IP address."""
    return str(ipaddress.ip_address(server[0])), server[1]


def family_of(server: Server) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in server[0] else socket.AF_INET


class UdpPort:
    """One socket with a source port of the kernel's choosing. `pending` maps an id to the question that bears
    it, an object with `server` and `wire`."""

    def __init__(self, family: socket.AddressFamily) -> None:
        self.family, self.pending = family, dict[int, Any]()
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        if sys.platform == "linux":  # elsewhere a server that is down shows by its silence, and the numbers differ
            with suppress(OSError):
                self.socket.setsockopt(*_ERRORS[family], 1)
        self.socket.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", 0))  # noqa: S104 - it only asks

    def send(self, wire: bytes, server: Server) -> str | None:
        """Send a packet; the error, or None: sent, or lost for want of room, as packets may be."""
        trouble = None
        for _ in range(8):  # errors of earlier packets are raised here first, once each
            try:
                self.socket.sendto(wire, server)
            except BlockingIOError:
                return None
            except OSError as error:
                trouble = f"unreachable ({error.strerror or error})"
            else:
                return None
        return trouble

    def receive(self, take: Callable[[Any, bytes], None], unreachable: Callable[[Any], None]) -> None:
        """Hand over what has come: `take(question, packet)` for each with the id of a question, from its server."""
        receive, pending, v4 = self.socket.recvfrom, self.pending, self.family == socket.AF_INET
        for read in range(_AT_ONCE):
            try:
                wire, sender = receive(_LARGEST)
            except OSError as error:
                if not read or not isinstance(error, BlockingIOError):
                    self._report_errors(unreachable)
                if isinstance(error, BlockingIOError):
                    return
                continue
            if len(wire) < 12:
                continue
            question = pending.get(wire[0] << 8 | wire[1])
            if question is not None and question.server == (sender if v4 else sender[:2]):
                take(question, wire)

    def _report_errors(self, unreachable: Callable[[Any], None]) -> None:
        """Call `unreachable(question)` for each question whose packet met an ICMP error."""
        for wire, server in self._errors():
            question = self.pending.get(int.from_bytes(wire[:2], "big"))
            if question is not None and question.server == server and question.wire == wire:
                unreachable(question)

    def _errors(self) -> Iterator[tuple[bytes, Server]]:
        """(packet, server) of each ICMP error on the socket's error queue."""
        receive = getattr(self.socket, "recvmsg", None) if sys.platform == "linux" else None  # Windows has none
        while receive is not None:
            try:
                wire, _, _, server = receive(_LARGEST, 512, _MSG_ERRQUEUE)
            except OSError:
                return
            yield wire, server[:2]

    def close(self) -> None:
        self.socket.close()
