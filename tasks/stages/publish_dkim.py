"""Have DKIM keys made for the domain at Microsoft 365, and lend them the domain's name: two CNAMEs, which harm nobody.

They are published long before anybody signs with them, so that Microsoft sees them when signing is switched on.
"""

from __future__ import annotations

from mailmove.dns.mail_auth.dkim import dkim_changes
from mailmove.evidence import Change, Evidence, Preview, Receipt
from mailmove.plan.cutover import Cutover
from mailmove.records import RRsetChange, Zone
from tasks.dns.authoritative_check import looking_at, rrset_change, served_everywhere
from tasks.dns.zone_changes import act_on_zones, is_zone_change, preview_zones, put_zones_back
from tasks.execution.apply_and_undo import act, witness
from tasks.execution.open_blocks import tenant
from tasks.execution.retry_policies import change, look, make_sure, put_back
from tasks.ledger.ledger import Ledger, this_cutover

NAME = "publish_dkim"
_MADE = "DKIM keys at Microsoft 365: "


def _absent(cutover: Cutover) -> Preview:
    cloud = tenant(cutover)
    missing = [domain for domain in cutover.domains if not cloud.dkim.records(domain)]
    return Preview(stage=NAME, changes=[Change(what=_MADE + domain, before=None, after="made") for domain in missing])


def _wanted(cutover: Cutover, zone: Zone, domain: str) -> list[RRsetChange]:
    return dkim_changes(zone, tenant(cutover).dkim.records(domain))


def _published(cutover: Cutover, ledger: Ledger) -> list[RRsetChange]:
    return [rrset_change(one) for one in ledger.receipt(NAME).changes if is_zone_change(one)]


@look
def check(cutover: Cutover) -> Preview:
    """Which domains have no keys yet; once they have, the CNAMEs, whose targets only Microsoft knows."""
    preview = _absent(cutover)
    zones = preview_zones(cutover, NAME, lambda zone, domain: _wanted(cutover, zone, domain))
    preview.changes += zones.changes
    preview.findings += zones.findings
    return preview


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    """Keys first; then the records that lead to them."""

    def make(preview: Preview) -> None:
        for one in preview.changes:
            tenant(cutover).dkim.prepare(one.what.removeprefix(_MADE))

    act(cutover, lambda: _absent(cutover), make, approved=approved)
    return act_on_zones(cutover, NAME, lambda zone, domain: _wanted(cutover, zone, domain))


@make_sure
def verify(cutover: Cutover) -> Evidence:
    changes = _published(cutover, Ledger(cutover.customer, this_cutover()))
    facts = served_everywhere(cutover, changes) if changes else ["the records stood there already"]
    return witness(cutover, NAME, facts)


look_on = looking_at(_published)


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """The CNAMEs go. The keys stay, unused: Microsoft has no cmdlet that removes them."""
    made = [one for one in receipt.changes if one.what.startswith(_MADE)]
    undone = put_zones_back(cutover, receipt)
    return undone.model_copy(
        update={"remains": [*undone.remains, *(f"{one.what}: unused; they go with the domain" for one in made)]}
    )
