"""Point MX, SPF and autodiscover at Microsoft 365: one change set for each zone, behind the gate."""

from __future__ import annotations

from mailmove.dns.zone.desired import switch_changes
from mailmove.errors import Blocked
from mailmove.evidence import Evidence, Finding, Preview, Receipt
from mailmove.plan.cutover import Cutover
from mailmove.records import RRsetChange, Zone
from mailmove.smtp.port_check import look_at_port
from tasks.dns.authoritative_check import looking_at, rrset_change, served_everywhere
from tasks.dns.host_addresses import addresses_of
from tasks.dns.mail_policies import policy_findings, refuse_if_blocked
from tasks.dns.switch_window import refuse_outside_window
from tasks.dns.zone_changes import act_on_zones, preview_zones, put_zones_back
from tasks.execution.apply_and_undo import witness
from tasks.execution.open_blocks import tenant
from tasks.execution.retry_policies import change, look, make_sure, put_back
from tasks.ledger.ledger import Ledger, this_cutover
from tasks.traffic.probes import probe_findings

NAME = "switch_mail"


def _wanted(cutover: Cutover, zone: Zone, domain: str) -> list[RRsetChange]:
    known = tenant(cutover).domains.get(domain)
    if known is None or not known.service_records:
        raise Blocked(
            "Microsoft 365",
            wanted=f"the MX name of {domain}",
            seen="the domain is not set up for mail yet",
            todo="The stage verify_domain does that.",
        )
    return switch_changes(zone, domain, known.service_records)


@look
def check(cutover: Cutover) -> Preview:
    """The records before and after. Before the tenant knows the domain, nobody can know them."""
    unknown = [domain for domain in cutover.domains if not _ready(cutover, domain)]
    if unknown:
        seen = f"the tenant does not give the records of {', '.join(unknown)} yet"
        return Preview(
            stage=NAME,
            findings=[Finding(subject="MX", seen=seen, means="They are shown at the gate.", todo="Nothing.")],
        )
    preview = preview_zones(cutover, NAME, lambda zone, domain: _wanted(cutover, zone, domain))
    preview.findings += _guards(cutover, preview) + policy_findings(cutover, preview)
    preview.findings += probe_findings(cutover, "probe_before")
    return preview


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    """Exactly what was approved, or nothing; never outside the plan's windows."""
    preview = preview_zones(cutover, NAME, lambda zone, domain: _wanted(cutover, zone, domain))
    refuse_if_blocked(NAME, policy_findings(cutover, preview))
    if preview.changes and cutover.windows:
        refuse_outside_window(cutover, Ledger(cutover.customer, this_cutover()))
    return act_on_zones(cutover, NAME, lambda zone, domain: _wanted(cutover, zone, domain), approved)


@make_sure
def verify(cutover: Cutover) -> Evidence:
    """Every authoritative server serves every record of the change set."""
    changes = _switched(cutover, Ledger(cutover.customer, this_cutover()))
    return witness(cutover, NAME, served_everywhere(cutover, changes))


def _switched(cutover: Cutover, ledger: Ledger) -> list[RRsetChange]:
    return [rrset_change(one) for one in ledger.receipt(NAME).changes]


look_on = looking_at(_switched)


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """MX, SPF and autodiscover as they were. Mail that has reached the cloud meanwhile stays there."""
    return put_zones_back(cutover, receipt)


def _ready(cutover: Cutover, domain: str) -> bool:
    known = tenant(cutover).domains.get(domain)
    return known is not None and any(rrset.type == "MX" for rrset in known.service_records)


def _guards(cutover: Cutover, preview: Preview) -> list[Finding]:
    """A new MX that does not take mail must not become the MX."""
    hosts = {
        value.split()[-1].rstrip(".")
        for one in preview.changes
        if (after := rrset_change(one).after) and after.type == "MX"
        for value in after.values
    }
    closed = [
        str(seen)
        for host in hosts
        for address in addresses_of(cutover, host)
        if (seen := look_at_port(address, cutover.sweep.smtp_port)).state != "open"
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
