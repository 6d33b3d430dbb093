"""Another host's port 25: a filter, a backup MX, a web host, the old server at a second address. It keeps nothing.

Replies by RFC 5321 and RFC 3463: 5.1.1 for a mailbox that its own domain lacks, 5.7.1 for a domain that is not its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from aiosmtpd.smtp import SMTP, Envelope, Session

from lab.dns.loop import LoopThread, OnLoop


class MailHost(OnLoop):
    """`with MailHost(address, port, name="mx.example")`.

    name: in its greeting. takes: domains that are its own. people: mailboxes that it has; None: it takes any address
    of its domains. everything: it takes every recipient there is.
    """

    def __init__(
        self,
        address: str,
        port: int,
        *,
        name: str,
        takes: Collection[str] = (),
        people: Collection[str] | None = (),
        everything: bool = False,
        loop: LoopThread | None = None,
    ) -> None:
        super().__init__(loop)
        self._takes, self._people, self._everything = set(takes), people, everything
        self._where, self._name = (address, port), name

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not self._everything:
            if address.rpartition("@")[2].lower() not in self._takes:
                return "554 5.7.1 Relay access denied"
            if self._people is not None and address.lower() not in self._people:
                return "550 5.1.1 User unknown"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        return "451 4.3.0 Nobody was to send anything here"

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: self._protocol(loop), *self._where, reuse_address=True)

    async def stop(self) -> None:
        self._server.close()

    def _protocol(self, loop: asyncio.AbstractEventLoop) -> SMTP:
        return SMTP(self, hostname=self._name, ident="ESMTP", loop=loop)
