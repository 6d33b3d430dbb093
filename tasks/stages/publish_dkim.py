"""Have DKIM keys made for the domain at Microsoft 365, and lend them the domain's name: two CNAMEs, which harm nobody.

They are published long before anybody signs with them, so that Microsoft sees them when signing is switched on.
"""

from __future__ import annotations

from mailmove.changes import Change, ChangeKind, DomainSubject
from mailmove.dns.mail_auth.dkim import dkim_changes
from mailmove.evidence import Evidence, Preview, Receipt
from mailmove.records import RRsetChange, Zone
from tasks.dns.authoritative_check import is_record_set, poll_served, rrset_change, served_everywhere
from tasks.dns.zone_changes import act_on_zones, preview_zones, put_zones_back
from tasks.execution.apply_and_undo import apply_changes, record_evidence
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task

NAME = "publish_dkim"


def _absent(context: Context) -> Preview:
    cloud = context.tenant
    missing = [domain for domain in context.plan.domains if not cloud.dkim.records(domain)]
    return Preview(stage=NAME, changes=[_change(domain) for domain in missing])


def _change(domain: str) -> Change:
    return Change(kind=ChangeKind.DKIM_KEYS, subject=DomainSubject(domain=domain), before=None, after="made")


def _wanted(context: Context, zone: Zone, domain: str) -> list[RRsetChange]:
    return dkim_changes(zone, context.tenant.dkim.records(domain))


def _published(context: Context) -> list[RRsetChange]:
    return [rrset_change(change) for change in context.ledger.receipt(NAME).changes if is_record_set(change)]


@check_task
def check(context: Context) -> Preview:
    """Which domains have no keys yet; once they have, the CNAMEs, whose targets only Microsoft knows."""
    preview = _absent(context)
    zones = preview_zones(context, NAME, lambda zone, domain: _wanted(context, zone, domain))
    preview.changes += zones.changes
    preview.findings += zones.findings
    return preview


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    """Keys first; then the records that lead to them."""

    def make(preview: Preview) -> None:
        for change in preview.changes:
            if isinstance(change.subject, DomainSubject):
                context.tenant.dkim.prepare(change.subject.domain)

    apply_changes(context, lambda: _absent(context), make, approved=approved)
    return act_on_zones(context, NAME, lambda zone, domain: _wanted(context, zone, domain))


@verify_task
def verify(context: Context) -> Evidence:
    changes = _published(context)
    facts = served_everywhere(context, changes) if changes else ["the records stood there already"]
    return record_evidence(context, NAME, facts)


poll = poll_served(_published)


@rollback_task
def rollback(context: Context, receipt: Receipt) -> Receipt:
    """The CNAMEs go. The keys stay, unused: Microsoft has no cmdlet that removes them."""
    made = [change for change in receipt.changes if change.kind is ChangeKind.DKIM_KEYS]
    undone = put_zones_back(context, receipt)
    return undone.model_copy(
        update={"remains": [*undone.remains, *(f"{change.words}: unused; they go with the domain" for change in made)]}
    )
