"""Ask a mail server by RCPT whether it takes mail for addresses. No message is sent: the conversation ends there.

Its reply codes decide, never its words (RFC 5321 section 4.2.1; RFC 3463 for the three numbers behind them): 5.1.x
speaks of the address and so of a domain that is the server's own, 5.7.x of what it is not allowed to relay.
"""

from __future__ import annotations

import contextlib
import re
import smtplib

from pydantic import BaseModel, ConfigDict, Field

from mailmove.wire.acts import act
from mailmove.wire.smtp import MOST, Smtp

_ENHANCED = re.compile(rb"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")


class RcptCheck(BaseModel):
    """What a server answered to each address. error: why there was no answer at all."""

    model_config = ConfigDict(frozen=True)

    address: str = Field(description="IP address of the server")
    replies: dict[str, str] = Field(default={}, description="Recipient -> '250', '550 5.1.1'")
    error: str = ""

    def takes(self, recipient: str) -> bool:
        return self.replies.get(recipient, "").startswith("25")

    def knows(self, recipient: str) -> bool:
        """Whether it judges the address itself: it takes it, or says that there is no such mailbox (5.1.x)."""
        code, _, enhanced = self.replies.get(recipient, "").partition(" ")
        return code.startswith("25") or (code.startswith("5") and enhanced.startswith("5.1."))


def takes_mail(
    address: str, port: int, recipients: list[str], *, helo: str, timeout: float = 8.0, whole: float = 20.0
) -> RcptCheck:
    """Ask about each recipient, from an empty sender. timeout: seconds for each step; whole: for all of them."""
    replies: dict[str, str] = {}
    try:
        with act(whole, MOST), contextlib.closing(Smtp(address, port, local_hostname=helo, timeout=timeout)) as smtp:
            smtp.ehlo_or_helo_if_needed()
            code, _ = smtp.mail("")
            if code != 250:
                return RcptCheck(address=address, error=f"it answers {code} to an empty sender")
            for recipient in recipients:
                code, words = smtp.rcpt(recipient)
                enhanced = _ENHANCED.match(words)
                replies[recipient] = f"{code} {enhanced[1].decode()}" if enhanced else str(code)
            with contextlib.suppress(OSError, smtplib.SMTPException):
                smtp.rset()
                smtp.quit()
    except (OSError, smtplib.SMTPException, UnicodeError) as error:
        if not replies:
            return RcptCheck(address=address, error=f"{type(error).__name__}: {error}")
    return RcptCheck(address=address, replies=replies)
