"""The cloud's port 25: takes mail for its mailboxes, and traces every message with the address it came from."""

from __future__ import annotations

import email
import ssl
from datetime import UTC, datetime
from email.utils import format_datetime
from types import TracebackType
from typing import Self
from uuid import uuid4

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from lab.cloud.tenant import Tenant, utc
from lab.faults import Faults, declare

declare(cloud_smtp_tempfail="the cloud answers 451 to every recipient")


class _Receiver:
    """Answers to RCPT and DATA as Exchange Online Protection does."""

    def __init__(self, tenant: Tenant, faults: Faults, name: str) -> None:
        self.tenant, self.faults, self.name = tenant, faults, name

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.faults.take("cloud.smtp_tempfail"):
            return "451 4.7.0 Temporary server error. Please try again later. PRX2"
        sender = self.tenant.domains.get((envelope.mail_from or "").rpartition("@")[2].lower())
        if sender is not None and sender.takes_mail and self.faults.take("hostile.reject_direct_send"):
            # An empty sender is none of ours, so it is not direct send.
            return "550 5.7.68 TenantInboundAttribution; Direct Send not allowed for this organization"
        domain = self.tenant.domains.get(address.rpartition("@")[2].lower())
        if domain is None or not domain.takes_mail:
            return "550 5.7.64 TenantAttribution; Relay Access Denied"
        user = self.tenant.user(address)
        if user is None or not user.has_mailbox:
            return "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes), "aiosmtpd decodes only when it is told to"
        head = email.message_from_bytes(content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
        message_id = str(head.get("Message-ID", "")).strip()
        if not message_id:
            message_id = f"<{uuid4()}@{self.name}>"
            content = f"Message-ID: {message_id}\r\n".encode() + content
        came_from = str((session.peer or ("unknown",))[0])
        stamp = (
            f"Received: from {session.host_name} ({came_from}) by {self.name}; {format_datetime(datetime.now(UTC))}\r\n"
        )
        trace = {
            "senderAddress": envelope.mail_from or "<>",
            "messageId": message_id,
            "receivedDateTime": utc(),
            "subject": str(head.get("Subject", "")),
            "size": len(content),
            "fromIP": came_from,
            "toIP": None,
            "status": "delivered",
        }
        for address in envelope.rcpt_tos:
            # The mailbox may have gone since RCPT; a message that is not filed must not be accepted.
            user = self.tenant.user(address)
            if user is None:
                return "451 4.7.0 Temporary server error. Please try again later. PRX3"
            self.tenant.store.put(user.upn, stamp.encode() + content)
            with self.tenant.lock:
                self.tenant.traces.append({"id": str(uuid4()), "recipientAddress": address.lower(), **trace})
        return f"250 2.6.0 {message_id} Queued mail for delivery"


class _Door(Controller):
    def __init__(self, receiver: _Receiver, tls: ssl.SSLContext, host: str, port: int) -> None:
        super().__init__(receiver, hostname=host, port=port, server_hostname=receiver.name)
        self._tls = tls

    def factory(self) -> SMTP:
        return SMTP(
            self.handler,
            hostname=self.handler.name,
            ident="Microsoft ESMTP MAIL Service ready",
            tls_context=self._tls,
            enable_SMTPUTF8=True,
        )


class CloudSmtp:
    """`with CloudSmtp(...):` listens on (host, port); STARTTLS is offered, not required."""

    def __init__(self, tenant: Tenant, faults: Faults, name: str, tls: ssl.SSLContext, host: str, port: int) -> None:
        self._door = _Door(_Receiver(tenant, faults, name), tls, host, port)

    def __enter__(self) -> Self:
        self._door.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._door.stop()
