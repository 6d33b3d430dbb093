"""The customer's router: it passes port 25 of the public address to the old server, while a rule allows it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, cast

from lab import faults as fault_names
from lab.faults import Faults

fault_names.declare(
    gateway_cut="closing the port cuts connections that are still open, instead of letting them finish",
    gateway_stuck="the port stays open although the rule has closed it; one occasion is one look at the rule (200 ms)",
)

MOVED = b"554 5.7.1 This company's mail has moved to Microsoft 365: look up its MX record again.\r\n"

LOOK_EVERY = 0.2
"""Seconds between two polls of the rule; a change takes effect within this time."""

_BIND_TRIES = 200


class _Closable(Protocol):
    def close(self) -> None: ...


class _Nothing:
    """No socket: the kernel refuses."""

    def close(self) -> None:
        return


class _Silence:
    """A bound port whose kernel drops every packet before it is read, as a firewall does: no SYN is answered.

    A socket filter of Linux (filter.rst of the kernel), set before the port listens, so that no client slips in: a
    full queue of connections would be silent too, but only after somebody has filled it.
    """

    _ATTACH_FILTER = 26  # SO_ATTACH_FILTER of asm-generic/socket.h, which Python does not name
    _RETURN_NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)  # struct sock_filter: BPF_RET | BPF_K, keep 0 bytes

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        program = ctypes.create_string_buffer(self._RETURN_NOTHING)
        listener.setsockopt(socket.SOL_SOCKET, self._ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(program)))
        listener.listen(0)

    def close(self) -> None:
        self._listener.close()


async def _reject(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.write(MOVED)
        await writer.drain()
    writer.close()


class Gateway:
    """Forwards TCP from `listen` to `forward` while `is_open()`.

    The true client address goes ahead in a PROXY protocol v1 line (haproxy's proxy-protocol.txt, section 2.1), as
    the old server must know whom it talks to. While closed there is no listening socket, so a client is refused.
    A connection made before the rule changed is finished. `closed()` says what a client meets while it is closed:
    "refuse", "drop" (its SYNs are not answered) or "reject" (a 554).
    """

    def __init__(
        self,
        listen: tuple[str, int],
        forward: tuple[str, int],
        is_open: Callable[[], bool],
        faults: Faults,
        closed: Callable[[], str] = lambda: "refuse",
    ) -> None:
        self._listen, self._forward, self._is_open, self._faults = listen, forward, is_open, faults
        self._closed = closed
        self._stop = threading.Event()
        self._looked_once = threading.Event()
        self._clients: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="lab-gateway", daemon=True)
        self.listening = False
        self.failure: BaseException | None = None

    def __enter__(self) -> Gateway:
        self._thread.start()
        if not self._looked_once.wait(10):
            raise RuntimeError("the gateway did not start in 10 s")
        if self.failure:
            raise RuntimeError("the gateway could not start") from self.failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(10)

    async def _run(self) -> None:
        now, door = "", cast(_Closable, _Nothing())
        try:
            while not self._stop.is_set():
                wanted = "open" if self._is_open() else self._closed()
                if wanted != now and not (now == "open" and self._faults.take("gateway.stuck")):
                    door.close()
                    if now == "open" and self._faults.take("gateway.cut"):
                        self._cut()
                    now, door = wanted, await self._door(wanted)
                self.listening = now == "open"
                self._looked_once.set()
                await asyncio.sleep(LOOK_EVERY)
        except BaseException as error:
            self.failure = error
            raise
        finally:
            self._looked_once.set()
            self.listening = False
            door.close()
            self._cut()
            await asyncio.gather(*self._clients, return_exceptions=True)

    async def _door(self, wanted: str) -> _Closable:
        if wanted == "open":
            return await asyncio.start_server(self._accept, sock=await self._socket())
        if wanted == "reject":
            return await asyncio.start_server(_reject, sock=await self._socket())
        return _Silence(await self._socket()) if wanted == "drop" else _Nothing()

    async def _socket(self) -> socket.socket:
        # asyncio turns Nagle off only where the protocol is said.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for left in reversed(range(_BIND_TRIES)):
            try:
                listener.bind(self._listen)
                break
            except OSError as error:  # a child that was forked just now still holds the last one
                if error.errno != errno.EADDRINUSE or not left:
                    raise
                await asyncio.sleep(LOOK_EVERY)
        return listener

    def _cut(self) -> None:
        for client in self._clients:
            client.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):  # either end may go at any time
                await self._pass_on(reader, writer)
        finally:
            self._clients.discard(task)
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(*self._forward)
        try:
            source, target = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
            header = f"PROXY TCP4 {source[0]} {target[0]} {source[1]} {target[1]}\r\n"
            inner_writer.write(header.encode("ascii"))
            await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
        finally:
            inner_writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy bytes until the sender closes its side; then close the receiver's."""
    while chunk := await reader.read(65536):
        writer.write(chunk)
        await writer.drain()
    await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
