"""Look-ups at recursive resolvers, each name and type asked once and then remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import dns.exception

from mailmove.dns.client.query import Answer, Server, ask

Lookup = Callable[[str, str], Awaitable[Answer]]
"""`await lookup(name, rtype)`: the answer of a recursive resolver; trouble on the network is `Answer.error`."""

_HEDGE = 0.6  # seconds until the next resolver is asked as well


class Lookups:
    """Recursive resolvers behind one cache: the first answer without an error is kept for the next caller.

    `await lookups.get("contoso.com.", "MX")`.

    A resolver that is slow or fails is asked last from then on, so that one address without a server costs little.
    timeout: seconds for each resolver.
    """

    def __init__(self, resolvers: Sequence[Server], *, timeout: float = 3.0) -> None:
        self.resolvers = list(resolvers)
        self._timeout = timeout
        self._slow = dict.fromkeys(self.resolvers, 0)
        self._asked: dict[tuple[str, str], asyncio.Task[Answer]] = {}

    async def get(self, name: str, rtype: str) -> Answer:
        """The answer for a name and type; a `Lookup`."""
        key = (name.rstrip(".").lower() + ".", rtype)
        if key not in self._asked:
            self._asked[key] = asyncio.create_task(self._race(*key))
        # One caller that gives up must not take the answer from the others.
        return await asyncio.shield(self._asked[key])

    @property
    def best(self) -> list[Server]:
        """The resolvers, those that answered well first."""
        return sorted(self.resolvers, key=lambda resolver: self._slow[resolver])

    async def close(self) -> None:
        """Cancel the questions that nobody waits for any more."""
        for task in self._asked.values():
            task.cancel()
        await asyncio.gather(*self._asked.values(), return_exceptions=True)

    async def _race(self, name: str, rtype: str) -> Answer:
        running: dict[asyncio.Task[Answer], Server] = {}
        last = Answer(server="no resolver", name=name, type=rtype, error="no resolver to ask")
        waiting = self.best
        try:
            while running or waiting:
                if waiting:
                    server = waiting.pop(0)
                    running[asyncio.create_task(_ask(server, name, rtype, self._timeout))] = server
                done, _ = await asyncio.wait(
                    running, timeout=_HEDGE if waiting else None, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    last, server = task.result(), running.pop(task)
                    if not last.error:
                        return last
                    self._slow[server] += 1
                if not done:
                    for server in running.values():
                        self._slow[server] += 1
            return last
        finally:
            for task in running:
                task.cancel()


async def _ask(server: Server, name: str, rtype: str, timeout: float) -> Answer:
    try:
        return await ask(server, name, rtype, recursive=True, timeout=timeout)
    except (
        ValueError,
        dns.exception.DNSException,
    ) as error:  # a name that no message can hold (RFC 1035 section 2.3.4)
        return Answer(server=f"{server[0]}:{server[1]}", name=name, type=rtype, error=f"malformed name ({error})")
