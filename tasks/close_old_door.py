"""Close port 25 of the old server, so that late mail is refused and looks for the MX again, instead of vanishing."""

from __future__ import annotations

from mailmove.errors import NotYet
from mailmove.evidence import Change, Evidence, Preview, Receipt
from mailmove.mail_port import look_at_port
from mailmove.plan import Cutover
from tasks.acting import act, undo, witness
from tasks.hosts import addresses_of
from tasks.opening import firewall
from tasks.policies import change, look, make_sure, put_back
from tasks.traces import findings_since_the_switch

NAME = "close_old_door"


def _preview(cutover: Cutover) -> Preview:
    port = cutover.sweep.smtp_port
    rules = firewall(cutover).allowed(port)
    what = f"TCP port {port} of {cutover.source.smtp_host}"
    return Preview(stage=NAME, changes=[Change(what=what, before=rules, after=[])] if rules else [])


@look
def check(cutover: Cutover) -> Preview:
    """The rules that let mail in today, and whether they can be taken away without closing more."""
    preview = _preview(cutover)
    preview.findings = [*firewall(cutover).obstacles(cutover.sweep.smtp_port), *findings_since_the_switch(cutover)]
    return preview


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    """Take them away, and only them."""
    port = cutover.sweep.smtp_port
    return act(cutover, lambda: _preview(cutover), lambda _: firewall(cutover).set_allowed(port, []), approved=approved)


@make_sure
def verify(cutover: Cutover) -> Evidence:
    """Knock from outside, by a real connection to each address of the old mail server."""
    seen = [
        look_at_port(address, cutover.sweep.smtp_port) for address in addresses_of(cutover, cutover.source.smtp_host)
    ]
    still = [one for one in seen if not one.closed]
    if still:
        raise NotYet(
            cutover.source.smtp_host,
            wanted="port 25 closed",
            seen="; ".join(str(one) for one in still),
            todo="It is looked at again; if it stays, another rule or router lets mail in.",
        )
    return witness(cutover, NAME, [str(one) for one in seen])


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """Open the port with the very rules that stood there."""
    port, before = cutover.sweep.smtp_port, receipt.changes[0].before
    return undo(
        receipt,
        lambda: receipt.changes if firewall(cutover).allowed(port) != before else [],
        lambda: firewall(cutover).set_allowed(port, before),
    )
