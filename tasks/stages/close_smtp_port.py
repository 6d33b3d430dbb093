"""Close port 25 of the old server, in the plan's mode, and see from outside that it is closed."""

from __future__ import annotations

from mailmove.errors import NotYet
from mailmove.evidence import Change, Evidence, Finding, Preview, Receipt
from mailmove.plan.cutover import Cutover
from mailmove.plan.values import CONSEQUENCES
from mailmove.smtp.port_check import PortCheck, check_port
from mailmove.smtp.port_modes import port_state_text, shut
from tasks.dns.host_addresses import addresses_of
from tasks.dns.mx_drift import moved_away
from tasks.dns.mx_targets import new_mail_hosts
from tasks.execution.apply_and_undo import act, undo, witness
from tasks.execution.open_blocks import firewall
from tasks.execution.retry_policies import change, look, make_sure, put_back
from tasks.traffic.infrequent_senders import silent_machines
from tasks.traffic.message_traces import findings_since_the_switch

NAME = "close_smtp_port"


def _preview(cutover: Cutover) -> Preview:
    port = cutover.sweep.smtp_port
    rules = firewall(cutover).allowed(port)
    what = f"TCP port {port} of {cutover.source.smtp_host}"
    changes = [Change(what=what, before=rules, after=[])] if rules else []
    return Preview(stage=NAME, changes=changes, findings=moved_away(cutover))


@look
def check(cutover: Cutover) -> Preview:
    """The rules that let mail in today, whether they can be taken away alone, and what late senders will meet."""
    preview = _preview(cutover)
    gateway, mode = firewall(cutover), cutover.firewall.mode
    preview.findings += gateway.obstacles(cutover.sweep.smtp_port)
    preview.findings += [*findings_since_the_switch(cutover), *silent_machines(cutover)]
    if mode not in gateway.modes():
        able = " or ".join(sorted(gateway.modes()))
        preview.findings.append(
            Finding(
                subject=cutover.firewall.gateway,
                seen=f"it cannot {mode}, only {able}",
                means="Late senders would meet something else than the plan says.",
                todo=f"Set firewall.mode to {able}: {CONSEQUENCES[min(gateway.modes())]}",
                blocks=True,
            )
        )
    if preview.changes:
        preview.findings += _seen_closed_already(cutover)
    return preview


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    """Take them away, and only them; never while the mail still goes there."""
    port, mode = cutover.sweep.smtp_port, cutover.firewall.mode
    return act(
        cutover,
        lambda: _preview(cutover),
        lambda _: firewall(cutover).set_allowed(port, [], mode),
        approved=approved,
    )


@make_sure
def verify(cutover: Cutover) -> Evidence:
    """Knock from outside at each address of the old mail server; and at the new one, to prove that we could see."""
    port, mode, gateway = cutover.sweep.smtp_port, cutover.firewall.mode, firewall(cutover)
    if gateway.by_hand:
        gateway.set_allowed(port, [], mode)  # ByHand, until it is seen: it says what a person must do
    seen = _looks(cutover, [cutover.source.smtp_host])
    still = [one for one in seen if not shut(one, mode)]
    if still:
        raise NotYet(
            cutover.source.smtp_host,
            wanted=f"port {port} closed",
            seen="; ".join(str(one) for one in still),
            todo="It is looked at again; if it stays, another rule or router lets mail in.",
        )
    control = _looks(cutover, new_mail_hosts(cutover))
    if not any(one.state == "open" for one in control):
        raise NotYet(
            "this worker's network",
            wanted=f"a connection to the new mail server, to prove that port {port} can be reached from here at all",
            seen="; ".join(str(one) for one in control) or "no new mail server",
            todo="What looks closed from here may be open. Let the worker send on this port, or look from another "
            "network and answer 'go on anyway', saying what was seen.",
        )
    return witness(
        cutover, NAME, [*(port_state_text(one, mode) for one in seen), *(f"seen beside it: {one}" for one in control)]
    )


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """Open the port with the very rules that stood there."""
    port, before = cutover.sweep.smtp_port, receipt.changes[0].before
    undone = undo(
        receipt,
        lambda: receipt.changes if firewall(cutover).allowed(port) != before else [],
        lambda: firewall(cutover).set_allowed(port, before),
    )
    if not undone.changes:
        firewall(cutover).set_allowed(port, before)  # a killed closing may leave a reopening under way
    return undone


def _looks(cutover: Cutover, hosts: list[str]) -> list[PortCheck]:
    return [check_port(address, cutover.sweep.smtp_port) for host in hosts for address in addresses_of(cutover, host)]


def _seen_closed_already(cutover: Cutover) -> list[Finding]:
    return [
        Finding(
            subject=cutover.source.smtp_host,
            seen=f"{one}, although the firewall lets it in",
            means="Either this worker cannot send on that port, or something else stands before the server.",
            todo="Look from another network; whether the door is closed could not be seen from here.",
        )
        for one in _looks(cutover, [cutover.source.smtp_host])
        if one.closed
    ]
