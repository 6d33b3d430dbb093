"""Port 25 of the old Exchange: takes mail for its domains, files it, and writes the message tracking log."""

from __future__ import annotations

import asyncio
import email
import threading
from email.policy import compat32
from email.utils import format_datetime, make_msgid
from types import TracebackType
from typing import Any, Self

from aiosmtpd.smtp import SMTP, Envelope, Session

from lab.exchange.state import ExchangeState
from lab.faults import Faults, declare
from mailmove.clock import now
from mailmove.items.item import Arrival

LARGEST_MESSAGE = 36 * 1024 * 1024

declare(
    exchange_smtp_tempfail="MAIL FROM is answered with 451",
    exchange_smtp_slow="DATA is answered two seconds late",
)


class SmtpIn:
    """One listener. `proxied`: every connection begins with a PROXY v1 header that tells the true client."""

    def __init__(self, state: ExchangeState, faults: Faults, address: str, port: int, *, proxied: bool = False) -> None:
        self._state, self._faults, self._proxied = state, faults, proxied
        self._where = (address, port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"exchange-smtp-{address}")
        self._server: asyncio.Server | None = None

    def _protocol(self) -> SMTP:
        return SMTP(
            self,
            hostname=f"{self._state.server.lower()}.{self._state.domains[0]}",
            ident="Microsoft ESMTP MAIL Service ready",
            data_size_limit=LARGEST_MESSAGE,
            enable_SMTPUTF8=True,
            proxy_protocol_timeout=10.0 if self._proxied else None,
            loop=self._loop,
        )

    def __enter__(self) -> Self:
        self._thread.start()
        starting = asyncio.run_coroutine_threadsafe(self._listen(), self._loop)
        try:
            starting.result(10)
        except BaseException:
            self._stop()
            raise
        return self

    async def _listen(self) -> None:
        self._server = await self._loop.create_server(self._protocol, *self._where, backlog=256, reuse_address=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._stop()

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # What aiosmtpd calls, by name.
    async def handle_PROXY(self, server: SMTP, session: Session, envelope: Envelope, proxy_data: Any) -> bool:
        return bool(proxy_data.valid)

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._faults.take("exchange.smtp_tempfail"):
            return "451 4.7.0 Temporary server error. Please try again later."
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.rpartition("@")[2].lower() not in self._state.domains:
            return "550 5.7.1 Unable to relay"
        if self._state.store.find(address) is None:
            return "550 5.1.1 User unknown"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self._faults.take("exchange.smtp_slow"):
            await asyncio.sleep(2)
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        client = self._client(session)
        at = now()
        message_id = str(email.message_from_bytes(content, policy=compat32).get("Message-ID", "")).strip()
        me = f"{self._state.server.lower()}.{self._state.domains[0]}"
        head = f"Received: from {session.host_name} ({client}) by {me}\r\n with SMTP; {format_datetime(at)}\r\n"
        if not message_id:
            message_id = make_msgid(domain=self._state.server.lower())
            head += f"Message-ID: {message_id}\r\n"
        with self._state.lock:
            for address in envelope.rcpt_tos:
                self._state.store.put(address, head.encode() + content, received=at)
            self._state.arrivals.append(
                Arrival(
                    at=at,
                    message_id=message_id,
                    sender=envelope.mail_from or "",
                    recipients=tuple(address.lower() for address in envelope.rcpt_tos),
                    client_ip=client,
                )
            )
        return f"250 2.6.0 {message_id} Queued mail for delivery"

    def _client(self, session: Session) -> str:
        if self._proxied and session.proxy_data is not None:
            return str(session.proxy_data.src_addr)
        assert session.peer is not None
        return str(session.peer[0])
