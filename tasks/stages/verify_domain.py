"""Prove to Microsoft 365 that the domain is the customer's, and ask for mail service there."""

from __future__ import annotations

from mailmove.dns.zone.domain_proof import with_verification
from mailmove.evidence import Change, Evidence, Preview, Receipt
from mailmove.plan.cutover import Cutover
from mailmove.records import RRsetChange, Zone, difference
from tasks.dns.authoritative_check import rrset_change, served_everywhere
from tasks.dns.zone_changes import act_on_zones, is_zone_change, preview_zones, put_zones_back
from tasks.execution.apply_and_undo import act, undo, witness
from tasks.execution.open_blocks import tenant
from tasks.execution.retry_policies import change, look, make_sure, put_back
from tasks.ledger.ledger import Ledger, this_cutover

NAME = "verify_domain"
_ADDED = "domain at Microsoft 365: "


def _absent(cutover: Cutover) -> Preview:
    cloud = tenant(cutover)
    missing = [domain for domain in cutover.domains if cloud.domains.get(domain) is None]
    return Preview(stage=NAME, changes=[Change(what=_ADDED + domain, before=None, after="added") for domain in missing])


def _wanted(cutover: Cutover, zone: Zone, domain: str) -> list[RRsetChange]:
    known = tenant(cutover).domains.get(domain)
    return [] if known is None or known.verified else difference(zone, with_verification(zone, known.verification))


@look
def check(cutover: Cutover) -> Preview:
    """What the tenant knows of each domain, and the TXT record that it asks for once it knows it."""
    preview = _absent(cutover)
    preview.changes += preview_zones(cutover, NAME, lambda zone, domain: _wanted(cutover, zone, domain)).changes
    return preview


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    """Add the domains; then publish what Microsoft wants to see."""

    def add(preview: Preview) -> None:
        for one in preview.changes:
            tenant(cutover).domains.add(one.what.removeprefix(_ADDED))

    act(cutover, lambda: _absent(cutover), add, approved=approved)
    return act_on_zones(cutover, NAME, lambda zone, domain: _wanted(cutover, zone, domain))


@make_sure
def verify(cutover: Cutover) -> Evidence:
    """Ask Microsoft to look. NotYet: its resolvers do not see the record so far, which may take an hour."""
    cloud = tenant(cutover)
    if not all((known := cloud.domains.get(domain)) and known.verified for domain in cutover.domains):
        # Asked before it is served everywhere, Microsoft would remember that there is no such record.
        changes = Ledger(cutover.customer, this_cutover()).receipt(NAME).changes
        served_everywhere(cutover, [rrset_change(one) for one in changes if is_zone_change(one)])
    facts = []
    for domain in cutover.domains:
        known = cloud.domains.verify(domain)
        if not known.mail_enabled:
            known = cloud.domains.enable_mail(domain)
        mx = ", ".join(str(one) for one in known.service_records if one.type == "MX")
        facts.append(f"{domain} is verified; mail is to go to {mx}")
    return witness(cutover, NAME, facts)


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """Take the TXT record out and the domain away; Microsoft keeps a domain that mailboxes use, and says so."""
    added = [one for one in receipt.changes if one.what.startswith(_ADDED)]
    used = {address.partition("@")[2] for address in tenant(cutover).mailboxes.kinds()}
    kept = [one for one in added if one.what.removeprefix(_ADDED) in used]
    going = [one for one in added if one not in kept]
    cloud = tenant(cutover)

    def remove() -> None:
        for one in going:
            cloud.domains.remove(one.what.removeprefix(_ADDED))

    zones = put_zones_back(cutover, receipt)
    domains = undo(
        receipt,
        lambda: [one for one in going if cloud.domains.get(one.what.removeprefix(_ADDED))],
        remove,
        remains=[f"{one.what}: mailboxes use it" for one in kept],
    )
    return domains.model_copy(update={"changes": [*domains.changes, *zones.changes]})
