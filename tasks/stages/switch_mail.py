"""Point MX, SPF and autodiscover at Microsoft 365: one change set for each zone, behind the gate."""

from __future__ import annotations

from mailmove.dns.zone.desired import switch_changes
from mailmove.errors import Blocked
from mailmove.evidence import Evidence, Finding, Preview, Receipt
from mailmove.plan.cutover import Cutover
from mailmove.records import RRsetChange, Zone
from mailmove.smtp.port_check import check_port
from tasks.dns.authoritative_check import poll_served, rrset_change, served_everywhere
from tasks.dns.host_addresses import addresses_of
from tasks.dns.mail_policies import keep_observed, policy_findings, refuse_if_blocked
from tasks.dns.switch_window import refuse_outside_window
from tasks.dns.zone_changes import act_on_zones, preview_zones, put_zones_back
from tasks.execution.apply_and_undo import record_evidence
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task
from tasks.traffic.probes import probe_findings

NAME = "switch_mail"


def question(plan: Cutover) -> str:
    """What its gate asks."""
    return "Point the mail at Microsoft 365?"


def _wanted(context: Context, zone: Zone, domain: str) -> list[RRsetChange]:
    known = context.tenant.domains.get(domain)
    if known is None or not known.service_records:
        raise Blocked(
            "Microsoft 365",
            wanted=f"the MX name of {domain}",
            seen="the domain is not set up for mail yet",
            todo="The stage verify_domain does that.",
        )
    return switch_changes(zone, domain, known.service_records)


@check_task
def check(context: Context) -> Preview:
    """The records before and after. Before the tenant knows the domain, nobody can know them."""
    unknown = [domain for domain in context.plan.domains if not _ready(context, domain)]
    if unknown:
        words = f"the tenant does not give the records of {', '.join(unknown)} yet"
        return Preview(
            stage=NAME,
            findings=[
                Finding(
                    subject="MX", seen=words, means="They are shown at the gate.", todo="Nothing.", needs_action=False
                )
            ],
        )
    preview = preview_zones(context, NAME, lambda zone, domain: _wanted(context, zone, domain))
    preview.findings += _guards(context, preview) + policy_findings(context, preview)
    preview.findings += probe_findings(context, "probe_before")
    return preview


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    """Exactly what was approved, or nothing; never outside the plan's windows."""
    preview = preview_zones(context, NAME, lambda zone, domain: _wanted(context, zone, domain))
    refuse_if_blocked(NAME, policy_findings(context, preview))
    keep_observed(context, preview)
    if preview.changes and context.plan.windows:
        refuse_outside_window(context)
    return act_on_zones(context, NAME, lambda zone, domain: _wanted(context, zone, domain), approved)


@verify_task
def verify(context: Context) -> Evidence:
    """Every authoritative server serves every record of the change set."""
    changes = _switched(context)
    return record_evidence(context, NAME, served_everywhere(context, changes))


def _switched(context: Context) -> list[RRsetChange]:
    return [rrset_change(change) for change in context.ledger.receipt(NAME).changes]


poll = poll_served(_switched)


@rollback_task
def rollback(context: Context, receipt: Receipt) -> Receipt:
    """MX, SPF and autodiscover as they were. Mail that has reached the cloud meanwhile stays there."""
    return put_zones_back(context, receipt)


def _ready(context: Context, domain: str) -> bool:
    known = context.tenant.domains.get(domain)
    return known is not None and any(rrset.type == "MX" for rrset in known.service_records)


def _guards(context: Context, preview: Preview) -> list[Finding]:
    """A new MX that does not take mail must not become the MX."""
    hosts = {
        value.split()[-1].rstrip(".")
        for change in preview.changes
        if (after := rrset_change(change).after) and after.type == "MX"
        for value in after.values
    }
    closed = [
        str(connection)
        for host in hosts
        for address in addresses_of(context, host)
        if (connection := check_port(address, context.plan.sweep.smtp_port)).state != "open"
    ]
    return [
        Finding(
            subject="new MX",
            seen=words,
            means="Mail sent there would queue or bounce.",
            todo="Wait, or ask Microsoft; then look again.",
            blocks=True,
        )
        for words in closed
    ]
