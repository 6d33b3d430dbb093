"""Redeliver a message that reached the old server after the switch, with its original content."""

from __future__ import annotations

import contextlib
import re
import smtplib
import ssl

from mailmove.errors import Blocked, Transient
from mailmove.wire.acts import act, timed
from mailmove.wire.smtp import MOST, Smtp

WHOLE = 1200.0
"""Seconds for one conversation: 35 MB over a line of 256 kbit/s."""


class MaybeTaken(Transient):
    """The reply to the whole message was lost. Search for the message before it is sent again."""


def redeliver(
    content: bytes,
    *,
    sender: str,
    recipient: str,
    mx: tuple[str, int],
    helo: str,
    timeout: float = 60.0,
    whole: float = WHOLE,
) -> str:
    """Send one message by SMTP (RFC 5321) to `mx` (address, port); returns the server's last reply.

    content: RFC 5322 bytes, headers included, sent as they are (only lone line feeds become CRLF, as Exchange Online
    refuses them). sender: envelope sender, "" for a bounce. timeout: seconds for each step; whole: for all of them.
    Not idempotent in itself: look for the Message-ID in the target mailbox first, each time.
    MaybeTaken: it is unknown whether it was delivered. Transient: not now. Blocked: refused for good (5xx).
    """
    who, wanted = f"{mx[0]} port {mx[1]}", f"a message for {recipient} to be taken"
    if not content.strip():
        todo = "Look at it on the old server; an empty message is not delivered."
        raise Blocked(who, wanted=wanted, seen="a message with nothing in it", todo=todo)
    handed_over = False
    try:
        with act(whole, MOST), contextlib.closing(Smtp(*mx, local_hostname=helo, timeout=timeout)) as smtp:
            _expect(smtp.ehlo(), 250)
            if smtp.has_extn("starttls"):
                _expect(smtp.starttls(context=_opportunistic()), 220)
                _expect(smtp.ehlo(), 250)
            options = ["BODY=8BITMIME"] if smtp.has_extn("8bitmime") and not content.isascii() else []
            _expect(smtp.mail(sender, options), 250)
            _expect(smtp.rcpt(recipient), 250, 251)
            handed_over = True
            reply = _expect(smtp.data(_crlf(content)), 250)
            # The message is theirs now; nothing after this may say otherwise.
            with contextlib.suppress(OSError, smtplib.SMTPException):
                smtp.quit()
            return reply
    except smtplib.SMTPResponseException as error:
        reply = f"{error.smtp_code} {_text(error.smtp_error)}"
        if 400 <= error.smtp_code < 500:
            raise Transient(who, wanted=wanted, seen=reply, todo="It is tried again later.") from None
        raise Blocked(
            who, wanted=wanted, seen=reply, todo="Read the reason, mend it at the target, then run the sweep again."
        ) from None
    except (OSError, smtplib.SMTPException) as error:
        failure = f"{type(error).__name__}: {error}"
        if handed_over:
            todo = "It may have been taken: look for its Message-ID in the mailbox before sending it again."
            raise MaybeTaken(who, wanted=wanted, seen=failure, todo=todo) from error
        raise Transient(who, wanted=wanted, seen=failure, todo="It is tried again later.") from error
    except UnicodeEncodeError as error:
        raise Blocked(
            who, wanted=wanted, seen="an address with letters beyond ASCII", todo="Deliver this message by hand."
        ) from error


def _expect(answer: tuple[int, bytes], *codes: int) -> str:
    code, words = answer
    if code not in codes:
        raise smtplib.SMTPResponseException(code, words)
    return f"{code} {_text(words)}"


def _text(words: bytes | str) -> str:
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else words


def _crlf(content: bytes) -> bytes:
    return re.sub(rb"\r\n|\r|\n", b"\r\n", content)


def _opportunistic() -> ssl.SSLContext:
    """TLS as mail servers use it among themselves: better than none, any certificate (RFC 7435)."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return timed(context)
