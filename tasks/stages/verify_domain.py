"""Prove to Microsoft 365 that the domain is the customer's, and ask for mail service there."""

from __future__ import annotations

from mailmove.changes import Change, ChangeKind, DomainSubject
from mailmove.dns.zone.domain_proof import with_verification
from mailmove.errors import NotYet
from mailmove.evidence import Evidence, Finding, Preview, Receipt
from mailmove.records import RRsetChange, Zone, difference
from mailmove.report import forecast_rules
from tasks.dns.authoritative_check import is_record_set, rrset_change, served_everywhere
from tasks.dns.zone_changes import act_on_zones, preview_zones, put_zones_back
from tasks.execution.apply_and_undo import apply_changes, record_evidence, undo_changes
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task

NAME = "verify_domain"
FORECAST = forecast_rules.verified_domain


def _absent(context: Context) -> Preview:
    cloud = context.tenant
    missing = [domain for domain in context.plan.domains if cloud.domains.get(domain) is None]
    return Preview(stage=NAME, changes=[_change(domain) for domain in missing])


def _change(domain: str) -> Change:
    return Change(kind=ChangeKind.DOMAIN, subject=DomainSubject(domain=domain), before=None, after="added")


def _domain(change: Change) -> str:
    assert isinstance(change.subject, DomainSubject), "a domain is added"
    return change.subject.domain


def _held(context: Context, domain: str) -> Finding | None:
    """Who has the domain, which our tenant does not; None: nobody. Not seen is said, and is not nobody."""
    holder = context.tenant.domains.holder(domain)
    if holder.kind == "none":
        return None
    return Finding(
        subject=f"{domain} at Microsoft",
        seen=holder.words(),
        means="A domain is proved in one tenant at a time."
        if holder.kind
        else "Whether another tenant has the domain shows when it is verified.",
        todo=holder.todo() or "Look again: `mailmove preflight --domain`.",
        needs_action=bool(holder.kind),
        blocks=holder.kind in ("managed", "federated"),
    )


def _wanted(context: Context, zone: Zone, domain: str) -> list[RRsetChange]:
    known = context.tenant.domains.get(domain)
    return [] if known is None or known.verified else difference(zone, with_verification(zone, known.verification))


@check_task
def check(context: Context) -> Preview:
    """What the tenant knows of each domain, and the TXT record that it asks for once it knows it."""
    preview = _absent(context)
    preview.findings += [finding for change in preview.changes if (finding := _held(context, _domain(change)))]
    preview.changes += preview_zones(context, NAME, lambda zone, domain: _wanted(context, zone, domain)).changes
    return preview


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    """Add the domains; then publish what Microsoft wants to see."""

    def add(preview: Preview) -> None:
        for change in preview.changes:
            if isinstance(change.subject, DomainSubject):
                context.tenant.domains.add(change.subject.domain)

    apply_changes(context, lambda: _absent(context), add, approved=approved)
    return act_on_zones(context, NAME, lambda zone, domain: _wanted(context, zone, domain))


@verify_task
def verify(context: Context) -> Evidence:
    """Ask Microsoft to look. NotYet: its resolvers do not see the record so far, which may take an hour."""
    cloud = context.tenant
    if not all((known := cloud.domains.get(domain)) and known.verified for domain in context.plan.domains):
        # Asked before it is served everywhere, Microsoft would remember that there is no such record.
        changes = context.ledger.receipt(NAME).changes
        served_everywhere(context, [rrset_change(change) for change in changes if is_record_set(change)])
    facts = []
    for domain in context.plan.domains:
        known = cloud.domains.verify(domain)
        if not known.mail_enabled:
            known = cloud.domains.enable_mail(domain)
        if not cloud.domains.accepts_mail(domain):
            raise NotYet(
                "Exchange Online",
                wanted=f"{domain} among the domains that Exchange takes mail for",
                seen="not there so far, though the directory has it",
                todo="It follows the directory within minutes.",
            )
        mx = ", ".join(str(rrset) for rrset in known.service_records if rrset.type == "MX")
        facts.append(f"{domain} is verified; mail is to go to {mx}")
    return record_evidence(context, NAME, facts)


@rollback_task
def rollback(context: Context, receipt: Receipt) -> Receipt:
    """Take the TXT record out and the domain away; Microsoft keeps a domain that mailboxes use, and says so."""
    used = {address.partition("@")[2] for address in context.tenant.mailboxes.kinds()}
    added = {change.subject.domain: change for change in receipt.changes if isinstance(change.subject, DomainSubject)}
    kept = [change for domain, change in added.items() if domain in used]
    going = {domain: change for domain, change in added.items() if domain not in used}
    cloud = context.tenant

    def remove() -> None:
        for domain in going:
            cloud.domains.remove(domain)

    zones = put_zones_back(context, receipt)
    domains = undo_changes(
        context,
        receipt,
        lambda: [change for domain, change in going.items() if cloud.domains.get(domain)],
        remove,
        remains=[f"{change.words}: mailboxes use it" for change in kept],
    )
    return domains.model_copy(update={"changes": [*domains.changes, *zones.changes]})
