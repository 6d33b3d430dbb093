"""What the senders write, and what they remember of it."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Literal

_SUBJECTS = (
    "Angebot für Herrn Müller – bitte prüfen",
    "Rechnung № 4711",
    "会議の議事録",
    "Re: Встреча в четверг",
    "Déjeuner à midi ? 🥐",
    "Scan from the copier",
    "Weekly figures",
    "ขอใบเสนอราคา",
    "Your order has shipped",
    "Árvíztűrő tükörfúrógép",
)

Outcome = Literal["queued", "delivered", "bounced"]


@dataclass(frozen=True)
class SentMessage:
    """One message of a sender. Times are UTC; `server` is the address that took it."""

    serial: int
    message_id: str
    sender: int
    mail_from: str
    recipient: str
    subject: str
    created: datetime
    attempts: int = 0
    outcome: Outcome = "queued"
    server: str | None = None
    settled: datetime | None = None
    reply: str = ""

    def to_json(self) -> dict[str, Any]:
        plain = asdict(self)
        plain["created"] = self.created.isoformat()
        plain["settled"] = self.settled.isoformat() if self.settled else None
        return plain

    @staticmethod
    def from_json(plain: dict[str, Any]) -> SentMessage:
        settled = plain["settled"]
        return SentMessage(
            **{
                **plain,
                "created": datetime.fromisoformat(plain["created"]),
                "settled": datetime.fromisoformat(settled) if settled else None,
            }
        )


def write(serial: int, town: str, sender: int, recipient: str, luck: random.Random) -> tuple[SentMessage, bytes]:
    """A new message: what is remembered, and the bytes that travel (RFC 5322, CRLF, ASCII)."""
    record = SentMessage(
        serial=serial,
        message_id=f"<{serial}.{luck.getrandbits(48):012x}@{town}.senders.example>",
        sender=sender,
        mail_from=f"sender{sender}@senders.example",
        recipient=recipient,
        subject=f"{luck.choice(_SUBJECTS)} #{serial}",
        created=datetime.now(UTC),
    )
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    message["From"] = f"Sender {sender} <{record.mail_from}>"
    message["To"] = recipient
    message["Subject"] = record.subject
    message["Date"] = format_datetime(record.created)
    message["Message-ID"] = record.message_id
    message["X-Lab-Serial"] = str(serial)
    message.set_content(f"Message {serial}.\n.\nA line with one dot stands above. Grüße, 敬具\n")
    if luck.random() < 0.4:
        name = luck.choice(("scan.pdf", "Übersicht.xlsx", "写真.jpg"))
        data = luck.randbytes(luck.randint(100, 3000))
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return record, message.as_bytes()
