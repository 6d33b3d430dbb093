"""Before the cutover: would every block work? Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable

from mailmove.errors import MailmoveError
from mailmove.evidence import Finding, Preview
from mailmove.ports import DnsProvider, Tenant
from tasks.accounts.block_findings import block_findings
from tasks.accounts.partner_relationship import relationship
from tasks.dns.zone_changes import zone_name
from tasks.execution.context import Context
from tasks.execution.retry_policies import check_task
from tasks.runbook import STAGES, Stage, stage_named
from tasks.stages import onboard_customer
from tasks.stages.obtain_certificate import proofs_of

NAME, CLOSED = "rights", "Microsoft 365 tenant"

_BLOCKS: tuple[Callable[[Context], object], ...] = (
    lambda context: context.dns_provider,
    lambda context: context.source,
    lambda context: context.tenant,
    lambda context: context.partner,
    lambda context: context.firewall,
)


@check_task
def check_rights(context: Context) -> Preview:
    """Sign in everywhere and test every right; each fault is a finding, all of them at once."""
    findings: list[Finding] = []
    for open_block in _BLOCKS:
        try:
            findings += _of_block(context, open_block(context))
        except MailmoveError as error:
            means = f"Wanted {error.wanted}."
            findings.append(Finding(subject=error.who, seen=error.seen, means=means, todo=error.todo, blocks=True))
    return Preview(stage=NAME, findings=findings)


def _of_block(context: Context, block: object) -> list[Finding]:
    findings = block_findings(context.plan, block)
    if isinstance(block, DnsProvider) and not findings:
        return [
            finding
            for domain in context.plan.domains
            for finding in block.zone_findings(zone_name(domain), also=proofs_of(context, zone_name(domain)))
        ]
    blockers = [finding for finding in findings if finding.blocks]
    if isinstance(block, Tenant) and blockers and not _open(context):
        return [_not_open(blockers[0])]
    return findings


def stages_to_check(rights: Preview) -> list[Stage]:
    """All of them; where the customer has not let us in, those up to the one that has them do it."""
    if all(finding.subject != CLOSED for finding in rights.findings):
        return list(STAGES)
    return list(STAGES[: STAGES.index(stage_named(onboard_customer.NAME)) + 1])


def _open(context: Context) -> bool:
    """Has the customer let the partner in, or is there no partner, so that nobody will?"""
    side = context.partner
    if side is None:
        return True
    live = relationship(context)
    return live is not None and live.status == "active" and not side.missing_access(live)


def _not_open(finding: Finding) -> Finding:
    return Finding(
        subject=CLOSED,
        seen=finding.seen,
        means="the customer has not let us in so far: what is done there is looked at, and its rights are proved, then",
        todo=f"The stage {onboard_customer.NAME} invites them, and parks until they have approved.",
    )
