"""Close port 25 of the old server, in the plan's mode, and see from outside that it is closed."""

from __future__ import annotations

import logging

from mailmove.changes import Change, ChangeKind, HostSubject
from mailmove.errors import MailmoveError, NotYet
from mailmove.evidence import Evidence, Finding, Preview, Receipt
from mailmove.plan.cutover import Cutover
from mailmove.plan.values import CONSEQUENCES
from mailmove.smtp.port_check import PortCheck, check_port
from mailmove.smtp.port_modes import port_state_text, shut
from tasks.dns.host_addresses import addresses_of
from tasks.dns.mx_drift import moved_away
from tasks.dns.mx_targets import new_mail_hosts
from tasks.execution.apply_and_undo import apply_changes, record_evidence, undo_changes
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task
from tasks.traffic.infrequent_senders import infrequent_senders
from tasks.traffic.message_traces import findings_since_the_switch
from tasks.traffic.server_clocks import record_clock

NAME = "close_smtp_port"

_log = logging.getLogger(__name__)


def question(plan: Cutover) -> str:
    """What its gate asks."""
    return f"Close port 25 of the old server? {CONSEQUENCES[plan.firewall.mode]}"


def _preview(context: Context) -> Preview:
    port = context.plan.sweep.smtp_port
    rules = context.firewall.allowed(port)
    subject = HostSubject(host=context.plan.source.smtp_host, port=port)
    changes = [Change(kind=ChangeKind.PORT, subject=subject, before=rules, after=[])] if rules else []
    return Preview(stage=NAME, changes=changes, findings=moved_away(context))


@check_task
def check(context: Context) -> Preview:
    """The rules that let mail in today, whether they can be taken away alone, and what late senders will meet."""
    preview = _preview(context)
    gateway, mode = context.firewall, context.plan.firewall.mode
    preview.findings += gateway.obstacles(context.plan.sweep.smtp_port)
    preview.findings += [*findings_since_the_switch(context), *infrequent_senders(context)]
    if mode not in gateway.modes():
        able = " or ".join(sorted(gateway.modes()))
        preview.findings.append(
            Finding(
                subject=context.plan.firewall.gateway,
                seen=f"it cannot {mode}, only {able}",
                means="Late senders would meet something else than the plan says.",
                todo=f"Set firewall.mode to {able}: {CONSEQUENCES[min(gateway.modes())]}",
                blocks=True,
            )
        )
    if preview.changes:
        preview.findings += _seen_closed_already(context)
    return preview


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    """Take them away, and only them; never while the mail still goes there."""
    port, mode = context.plan.sweep.smtp_port, context.plan.firewall.mode
    return apply_changes(
        context,
        lambda: _preview(context),
        lambda _: context.firewall.set_allowed(port, [], mode),
        approved=approved,
    )


@verify_task
def verify(context: Context) -> Evidence:
    """Knock from outside at each address of the old mail server; and at the new one, to prove that we could see."""
    port, mode, gateway = context.plan.sweep.smtp_port, context.plan.firewall.mode, context.firewall
    if gateway.by_hand:
        gateway.set_allowed(port, [], mode)  # ByHand, until it is old: it says what a person must do
    old = _connect(context, [context.plan.source.smtp_host])
    still = [connection for connection in old if not shut(connection, mode)]
    if still:
        raise NotYet(
            context.plan.source.smtp_host,
            wanted=f"port {port} closed",
            seen="; ".join(str(connection) for connection in still),
            todo="It is looked at again; if it stays, another rule or router lets mail in.",
        )
    control = _connect(context, new_mail_hosts(context))
    if not any(connection.state == "open" for connection in control):
        raise NotYet(
            "this worker's network",
            wanted=f"a connection to the new mail server, to prove that port {port} can be reached from here at all",
            seen="; ".join(str(connection) for connection in control) or "no new mail server",
            todo="What looks closed from here may be open. Let the worker send on this port, or look from another "
            "network and answer 'go on anyway', saying what was old.",
        )
    evidence = record_evidence(
        context,
        NAME,
        [
            *(port_state_text(connection, mode) for connection in old),
            *(f"seen beside it: {connection}" for connection in control),
        ],
    )
    try:
        record_clock(context, NAME, "source")
    except MailmoveError as error:  # the port is closed all the same; `when` works the moment out anew then
        _log.warning("%s: %s", NAME, error)
    return evidence


@rollback_task
def rollback(context: Context, receipt: Receipt) -> Receipt:
    """Open the port with the very rules that stood there."""
    port, before = context.plan.sweep.smtp_port, receipt.changes[0].before
    undone = undo_changes(
        context,
        receipt,
        lambda: receipt.changes if context.firewall.allowed(port) != before else [],
        lambda: context.firewall.set_allowed(port, before),
    )
    if not undone.changes:
        context.fence()
        context.firewall.set_allowed(port, before)  # a killed closing may leave a reopening under way
    return undone


def _connect(context: Context, hosts: list[str]) -> list[PortCheck]:
    return [
        check_port(address, context.plan.sweep.smtp_port) for host in hosts for address in addresses_of(context, host)
    ]


def _seen_closed_already(context: Context) -> list[Finding]:
    return [
        Finding(
            subject=context.plan.source.smtp_host,
            seen=f"{connection}, although the firewall lets it in",
            means="Either this worker cannot send on that port, or something else stands before the server.",
            todo="Look from another network; whether the port is closed could not be seen from here.",
        )
        for connection in _connect(context, [context.plan.source.smtp_host])
        if connection.closed
    ]
