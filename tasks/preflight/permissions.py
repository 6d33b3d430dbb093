"""Before the night: would every block work? Nothing is changed."""

from __future__ import annotations

from mailmove.errors import MailmoveError
from mailmove.evidence import Finding, Preview
from mailmove.plan.cutover import Cutover
from mailmove.ports import DnsProvider, Tenant
from tasks.accounts.partner_relationship import relationship
from tasks.dns.zone_changes import zone_name
from tasks.execution import open_blocks as opening
from tasks.execution.retry_policies import look
from tasks.runbook import STAGES, Stage, stage_named
from tasks.stages import onboard_customer

NAME, CLOSED = "rights", "Microsoft 365 tenant"


@look
def check_rights(cutover: Cutover) -> Preview:
    """Sign in everywhere and test every right; each thing amiss is a finding, all of them at once."""
    found: list[Finding] = []
    for open_block in (opening.dns_provider, opening.source_server, opening.tenant, opening.partner, opening.firewall):
        try:
            block: object = open_block(cutover)
            amiss = opening.amiss(cutover, block)
            if isinstance(block, DnsProvider) and not amiss:
                amiss = [one for domain in cutover.domains for one in block.zone_findings(zone_name(domain))]
            if isinstance(block, Tenant) and any(one.blocks for one in amiss) and not _open(cutover):
                amiss = [_not_open(next(one for one in amiss if one.blocks))]
            found += amiss
        except MailmoveError as error:
            found.append(
                Finding(
                    subject=error.who, seen=error.seen, means=f"Wanted {error.wanted}.", todo=error.todo, blocks=True
                )
            )
    return Preview(stage=NAME, findings=found)


def stages_to_look_at(rights: Preview) -> list[Stage]:
    """All of them; where the customer has not let us in, those up to the one that has them do it."""
    if all(one.subject != CLOSED for one in rights.findings):
        return list(STAGES)
    return list(STAGES[: STAGES.index(stage_named(onboard_customer.NAME)) + 1])


def _open(cutover: Cutover) -> bool:
    """Has the customer let the partner in, or is there no partner, so that nobody will?"""
    side = opening.partner(cutover)
    if side is None:
        return True
    found = relationship(cutover)
    return found is not None and found.status == "active" and not side.missing_access(found)


def _not_open(amiss: Finding) -> Finding:
    return Finding(
        subject=CLOSED,
        seen=amiss.seen,
        means="the customer has not let us in so far: what is done there is looked at, and its rights are proved, then",
        todo=f"The stage {onboard_customer.NAME} invites them, and parks until they have approved.",
    )
