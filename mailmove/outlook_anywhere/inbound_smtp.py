"""Inbound mail, as Microsoft's "Inbound SMTP Email" test looks at it: banner, EHLO, a recipient, no open relay.

No message is ever sent: after RCPT the conversation is reset.
"""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Sequence

from mailmove.outlook_anywhere.steps import Deadline, Found, Step, group, skipped, step
from mailmove.smtp.port_check import look_at_port

SENDER, STRANGER = "mailmove-check@example.com", "mailmove-check@example.net"
"""Reserved for documentation (RFC 2606): nobody's."""
_PORT = "Forward port 25 of the public address to the Exchange server; look at what the provider blocks."
_RECEIVE = "Let anonymous users use the receive connector (Set-ReceiveConnector ... -PermissionGroups AnonymousUsers)."
_RELAY = (
    "Close it: take the right Ms-Exch-SMTP-Accept-Any-Recipient from anonymous users at the receive connector, or set "
    "the smart host not to relay. An open relay is soon on block lists."
)


def inbound_steps(
    host: str, addresses: Sequence[str], port: int, recipient: str | None, deadline: Callable[[], Deadline]
) -> Step:
    """Look at every address of the mail server. recipient: one of its mailboxes; None: RCPT is not tried."""
    title = f"Inbound mail at {host}"
    if not addresses:
        todo = "Mend the MX record or the address of its host."
        return Step(name=title, status="failed", seen="the name has no address", todo=todo)
    return group(title, [_address(address, port, recipient, deadline()) for address in addresses])


def _address(address: str, port: int, recipient: str | None, deadline: Deadline) -> Step:
    names = [f"Mail port {port} at {address}", "EHLO", "Own recipient", "No open relay"]
    steps = [step(names[0], lambda: _port(address, port, deadline))]
    if steps[0].failed:
        return group(f"Mail server at {address}", [*steps, *(skipped(name, "no connection") for name in names[1:])])
    smtp = smtplib.SMTP(timeout=max(0.1, deadline.left()))
    try:
        steps.append(step(names[1], lambda: _hello(smtp, address, port)))
        if steps[-1].failed:
            rest = [skipped(name, "no conversation") for name in names[2:]]
            return group(f"Mail server at {address}", [*steps, *rest])
        if recipient:
            steps.append(step(names[2], lambda: _own(smtp, recipient)))
        steps.append(step(names[3], lambda: _relay(smtp)))
    finally:
        smtp.close()
    return group(f"Mail server at {address}", steps)


def _port(address: str, port: int, deadline: Deadline) -> Found:
    seen = look_at_port(address, port, deadline.left())
    if seen.closed:
        return Found("failed", str(seen), _PORT)
    if seen.state != "open":
        return Found("failed", str(seen), "Look at the SMTP log of the server: it turns senders away.")
    if not seen.words:
        return Found("failed", f"{address} takes the connection and shows no banner in time", _PORT)
    return Found("ok", f"banner: {seen.words}")


def _hello(smtp: smtplib.SMTP, address: str, port: int) -> Found:
    smtp.connect(address, port)
    code, words = smtp.ehlo("mailmove.example.com")
    if code != 250:
        return Found("failed", f"EHLO is answered with {code} {_said(words)}", "Something in between filters SMTP.")
    tls = "offers STARTTLS" if smtp.has_extn("starttls") else "offers no STARTTLS"
    return Found("ok", f"it {tls}")


def _own(smtp: smtplib.SMTP, recipient: str) -> Found:
    code, words = _recipient(smtp, recipient)
    if code in (250, 251):
        return Found("ok", f"it takes mail for {recipient}")
    if 400 <= code < 500:
        why = f"it defers mail for {recipient}: {code} {_said(words)}"
        return Found("warning", why, "Greylisting, or the server is short of disk (back pressure); see its event log.")
    return Found("failed", f"it refuses mail for {recipient}: {code} {_said(words)}", _RECEIVE)


def _relay(smtp: smtplib.SMTP) -> Found:
    code, words = _recipient(smtp, STRANGER)
    if code in (250, 251):
        return Found("failed", f"it takes mail for a stranger ({STRANGER}): an open relay", _RELAY)
    return Found("ok", f"it does not relay: {code} {_said(words)}")


def _recipient(smtp: smtplib.SMTP, recipient: str) -> tuple[int, bytes]:
    code, words = smtp.mail(SENDER)
    if code == 250:
        code, words = smtp.rcpt(recipient)
    smtp.rset()
    return code, words


def _said(words: bytes) -> str:
    return words.decode("ascii", "replace").replace("\n", " ")[:200]
