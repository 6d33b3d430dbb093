"""Check inbound mail, as Microsoft's "Inbound SMTP Email" test does: banner, EHLO, a recipient, no open relay.

No message is ever sent: after RCPT the conversation is reset.
"""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Sequence

from mailmove.outlook_anywhere.steps import Deadline, Step, StepResult, group, skipped, step
from mailmove.smtp.port_check import check_port
from mailmove.wire.acts import act
from mailmove.wire.smtp import MOST, Smtp

SENDER, STRANGER = "mailmove-check@example.com", "mailmove-check@example.net"
"""Addresses in domains reserved for documentation (RFC 2606), which belong to nobody."""
_PORT = "Forward port 25 of the public address to the Exchange server; look at what the provider blocks."
_RECEIVE = "Let anonymous users use the receive connector (Set-ReceiveConnector ... -PermissionGroups AnonymousUsers)."
_RELAY = (
    "Close it: take the right Ms-Exch-SMTP-Accept-Any-Recipient from anonymous users at the receive connector, or set "
    "the smart host not to relay. An open relay is soon on block lists."
)


def inbound_steps(
    host: str, addresses: Sequence[str], port: int, recipient: str | None, deadline: Callable[[], Deadline]
) -> Step:
    """Check every address of the mail server. recipient: one of its mailboxes; None: RCPT is not tried."""
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
    smtp = Smtp(timeout=max(0.1, deadline.left()))
    try:
        steps.append(step(names[1], lambda: _in_time(deadline, lambda: _hello(smtp, address, port))))
        if steps[-1].failed:
            rest = [skipped(name, "no conversation") for name in names[2:]]
            return group(f"Mail server at {address}", [*steps, *rest])
        if recipient:
            steps.append(step(names[2], lambda: _in_time(deadline, lambda: _own(smtp, recipient))))
        steps.append(step(names[3], lambda: _in_time(deadline, lambda: _relay(smtp))))
    finally:
        smtp.close()
    return group(f"Mail server at {address}", steps)


def _in_time(deadline: Deadline, attempt: Callable[[], StepResult]) -> StepResult:
    with act(deadline.left(), MOST):
        return attempt()


def _port(address: str, port: int, deadline: Deadline) -> StepResult:
    port_check = check_port(address, port, deadline.left())
    if port_check.closed:
        return StepResult("failed", str(port_check), _PORT)
    if port_check.state != "open":
        return StepResult("failed", str(port_check), "Look at the SMTP log of the server: it turns senders away.")
    if not port_check.words:
        return StepResult("failed", f"{address} takes the connection and shows no banner in time", _PORT)
    return StepResult("ok", f"banner: {port_check.words}")


def _hello(smtp: smtplib.SMTP, address: str, port: int) -> StepResult:
    smtp.connect(address, port)
    code, words = smtp.ehlo("mailmove.example.com")
    if code != 250:
        return StepResult(
            "failed", f"EHLO is answered with {code} {_words(words)}", "Something in between filters SMTP."
        )
    tls = "offers STARTTLS" if smtp.has_extn("starttls") else "offers no STARTTLS"
    return StepResult("ok", f"it {tls}")


def _own(smtp: smtplib.SMTP, recipient: str) -> StepResult:
    code, words = _recipient(smtp, recipient)
    if code in (250, 251):
        return StepResult("ok", f"it takes mail for {recipient}")
    if 400 <= code < 500:
        why = f"it defers mail for {recipient}: {code} {_words(words)}"
        return StepResult(
            "warning", why, "Greylisting, or the server is short of disk (back pressure); see its event log."
        )
    return StepResult("failed", f"it refuses mail for {recipient}: {code} {_words(words)}", _RECEIVE)


def _relay(smtp: smtplib.SMTP) -> StepResult:
    code, words = _recipient(smtp, STRANGER)
    if code in (250, 251):
        return StepResult("failed", f"it takes mail for a stranger ({STRANGER}): an open relay", _RELAY)
    return StepResult("ok", f"it does not relay: {code} {_words(words)}")


def _recipient(smtp: smtplib.SMTP, recipient: str) -> tuple[int, bytes]:
    code, words = smtp.mail(SENDER)
    if code == 250:
        code, words = smtp.rcpt(recipient)
    smtp.rset()
    return code, words


def _words(words: bytes) -> str:
    return words.decode("ascii", "replace").replace("\n", " ")[:200]
