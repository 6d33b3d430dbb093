"""A firewall that only a person can change: Mailmove says what to do, and sees by a real connection when it is done."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from blocks.provider_block import ProviderBlock
from mailmove.errors import ByHand, MailmoveError, NotYet
from mailmove.evidence import Finding
from mailmove.plan.values import Mode
from mailmove.ports import Checkable, Firewall
from mailmove.smtp.port_check import PortCheck, check_port
from mailmove.smtp.port_modes import mode_for, shut

_HOW: dict[Mode, str] = {
    "refuse": "refuse TCP port {port} of {host} (a TCP reset: often called REJECT)",
    "reject": "have TCP port {port} of {host} answer 554 with a text that says where the mail went",
    "drop": "drop TCP port {port} of {host}",
}


class ManualFirewall(ProviderBlock, Firewall, Checkable):
    """For a router without an API. Needs no credentials."""

    by_hand: ClassVar[bool] = True

    _block_type_name = "Firewall by hand"
    _block_type_slug = "manual-firewall"
    _description = "A router without an API: what to close is shown, and the cutover goes on once it is seen closed."

    host: str = Field(description="Public name or address of the old mail server.", examples=["mail.contoso.com"])
    control_host: str = Field(
        default="gmail-smtp-in.l.google.com",
        description="A mail server that is known to be open: where it cannot be reached either, nothing was seen.",
    )
    control_port: int = Field(default=25, ge=1, le=65535, description="Its port; not 25 only in a rehearsal.")
    timeout_seconds: float = Field(default=10, gt=0, description="How long to wait for an answer.")

    def modes(self) -> frozenset[Mode]:
        return frozenset({"refuse", "reject", "drop"})

    def allowed(self, port: int) -> list[dict[str, Any]]:
        """One entry: a real connection gets in. NotYet: it cannot be seen from here."""
        check = self._seen(port)
        return [] if shut(check, "reject") else [{"protocol": "tcp", "port": port, "seen": "open"}]

    def set_allowed(self, port: int, rules: list[dict[str, Any]], mode: Mode | None = None) -> None:
        """Returns when it is seen so. ByHand: `records` says what is to be done."""
        check, mode = self._seen(port), mode_for("manual firewall", self.modes(), mode)
        if not shut(check, "reject") if rules else shut(check, mode):
            return
        done = f"let in TCP port {port} of {self.host} again" if rules else _HOW[mode].format(port=port, host=self.host)
        raise ByHand(
            f"the firewall before {self.host}",
            wanted=f"port {port} {'open' if rules else f'closed ({mode})'}, made so by hand",
            seen=str(check),
            todo="Change it where the firewall is administered; it goes on by itself once it is seen.",
            records=[done],
        )

    def findings(self) -> list[Finding]:
        """Can mail ports be reached from here at all?"""
        try:
            self._seen(self.control_port, always=True)
        except MailmoveError as error:
            means = "whether a person has closed the port cannot be seen from here"
            return [Finding(subject="manual firewall", seen=error.seen, means=means, todo=error.todo, blocks=True)]
        return []

    def _seen(self, port: int, *, always: bool = False) -> PortCheck:
        check = check_port(self.host, port, self.timeout_seconds)
        if check.closed or always:
            control = check_port(self.control_host, self.control_port, self.timeout_seconds)
            if control.state != "open":
                raise NotYet(
                    "this worker's network",
                    wanted=f"a connection to {self.control_host}, which is known to be open",
                    seen=str(control),
                    todo="Outgoing mail ports seem to be blocked here: let the worker send on them.",
                )
        return check
