"""A deadline and a size for a whole act on the network, whatever the library in between does.

Sockets have a timeout for each packet: who sends a byte every second is never late. Within `act`, every read and
write of our sockets gets only what is left of the whole. Libraries get such sockets by the TLS context that is handed
to them (`timed`), or by `timed_socket`.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any


class TooMuch(OSError):
    """The other side sends more than any good answer has."""


class _Budget:
    """What is left of an act. end: by the monotonic clock. most: bytes that may still come in; None: any number."""

    def __init__(self, end: float, most: int | None) -> None:
        self.end, self.most = end, most

    def left(self) -> float:
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer came too slowly")
        return left

    def took(self, count: int) -> None:
        if self.most is not None:
            self.most -= count
            if self.most < 0:
                raise TooMuch("the other side sends more than any good answer has")


_budget: ContextVar[_Budget | None] = ContextVar("budget", default=None)


@contextmanager
def act(seconds: float, most: int | None = None) -> Iterator[None]:
    """Within, all that this thread does on our sockets ends after `seconds`, and takes in at most `most` bytes.

    TimeoutError, TooMuch: raised by the read or write that is too late or too large. An act within another one ends
    with the earlier of both.
    """
    outer = _budget.get()
    end = time.monotonic() + seconds
    token = _budget.set(_Budget(min(end, outer.end) if outer else end, most))
    try:
        yield
    finally:
        _budget.reset(token)


def seconds_left() -> float | None:
    """Seconds that the act under way may still take; None: there is none. TimeoutError: it is over."""
    budget = _budget.get()
    return budget.left() if budget else None


class _Timed:
    """Reads and writes of a socket, in the time that is left."""

    def _arm(self: Any) -> None:
        budget, own = _budget.get(), self.gettimeout()
        if budget is not None and own != 0:
            left = budget.left()
            if own is None or own > left:
                self.settimeout(left)

    def _took(self, count: int) -> None:
        if (budget := _budget.get()) is not None:
            budget.took(count)


class TimedSocket(_Timed, socket.socket):
    """A plain socket that knows the act under way."""

    def recv(self, *args: Any) -> bytes:
        self._arm()
        content = super().recv(*args)
        self._took(len(content))
        return content

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self._arm()
        count = super().recv_into(*args, **kwargs)
        self._took(count)
        return count

    def send(self, *args: Any) -> int:
        self._arm()
        return super().send(*args)

    def sendall(self, *args: Any) -> None:
        self._arm()
        super().sendall(*args)


class TimedTlsSocket(_Timed, ssl.SSLSocket):
    """The same over TLS. `recv`, `recv_into` and `sendall` of Python's own come by here."""

    def do_handshake(self, block: bool = False) -> None:
        self._arm()
        super().do_handshake(block)

    def read(self, count: int = 1024, buffer: Any = None) -> Any:
        """Bytes; their number, where they were put into `buffer`."""
        self._arm()
        content: Any = super().read(count, buffer)
        self._took(content if isinstance(content, int) else len(content))
        return content

    def send(self, *args: Any) -> int:
        self._arm()
        return super().send(*args)


def timed(context: ssl.SSLContext) -> ssl.SSLContext:
    """The context itself: from here on its sockets know the act under way."""
    context.sslsocket_class = TimedTlsSocket
    return context


def timed_socket(plain: socket.socket) -> TimedSocket:
    """The same connection, as a socket that knows the act under way; `plain` is of no use afterwards."""
    timeout = plain.gettimeout()
    made = TimedSocket(plain.family, plain.type, plain.proto, fileno=plain.detach())
    made.settimeout(timeout)
    return made


def connected(address: tuple[str, int], timeout: float) -> TimedSocket:
    """A TCP connection. timeout: seconds, also for each read and write; the act's end counts too. OSError."""
    left = seconds_left()
    return timed_socket(socket.create_connection(address, timeout if left is None else min(timeout, left)))
