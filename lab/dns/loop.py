"""One asyncio loop on a thread of its own, and DNS listeners (UDP and TCP) that run on it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")
Handler = Callable[[bytes, bool], Awaitable[list[bytes]]]
"""(request, came by TCP) -> messages to send back; [] is silence."""


class LoopThread:
    """`with LoopThread() as loop:` runs coroutines for threads that have no loop."""

    def __enter__(self) -> LoopThread:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lab-dns", daemon=True)
        self._thread.start()
        return self

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run on the loop and wait for the result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()


async def _cancel_others() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class OnLoop:
    """`with server:` starts and stops it on a loop that others use too, or, without one, on its own."""

    def __init__(self, loop: LoopThread | None) -> None:
        self._own_loop, self._loop = loop is None, loop or LoopThread()

    def __enter__(self) -> Self:
        if self._own_loop:
            self._loop.__enter__()
        self._loop.run(self.start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.run(self.stop())
        if self._own_loop:
            self._loop.__exit__(kind, error, trace)

    async def start(self) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        raise NotImplementedError


class Listener(asyncio.DatagramProtocol):
    """Takes DNS messages at one address, UDP and TCP, and gives each to the handler."""

    def __init__(self, address: str, port: int, handler: Handler) -> None:
        self._address, self._port, self._handler = address, port, handler
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await asyncio.start_server(self._stream, self._address, self._port, reuse_address=True)
        self._udp, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(self._address, self._port), family=socket.AF_INET
        )

    async def stop(self) -> None:
        self._udp.close()
        self._server.close()
        for writer in list(self._writers):
            writer.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        task = asyncio.get_running_loop().create_task(self._datagram(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _datagram(self, data: bytes, sender: tuple[str, int]) -> None:
        for message in await self._handler(data, False):
            if not self._udp.is_closing():
                self._udp.sendto(message, sender)

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                size = int.from_bytes(await reader.readexactly(2), "big")
                for message in await self._handler(await reader.readexactly(size), True):
                    writer.write(len(message).to_bytes(2, "big") + message)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the client hung up, which is how TCP queries end
        finally:
            self._writers.discard(writer)
            writer.close()
