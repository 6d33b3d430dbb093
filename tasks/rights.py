"""Before the night: would every block work? Nothing is changed."""

from __future__ import annotations

from mailmove.errors import MailmoveError
from mailmove.evidence import Finding, Preview
from mailmove.plan import Cutover
from mailmove.ports import Checkable, DnsProvider
from tasks import opening
from tasks.policies import look
from tasks.zones import zone_name

NAME = "rights"


@look
def check_rights(cutover: Cutover) -> Preview:
    """Sign in everywhere and test every right; each thing amiss is a finding, all of them at once."""
    found: list[Finding] = []
    for open_block in (opening.dns_provider, opening.source_server, opening.tenant, opening.partner, opening.firewall):
        try:
            block: object = open_block(cutover)
            amiss = block.findings() if isinstance(block, Checkable) else []
            if isinstance(block, DnsProvider) and not amiss:
                amiss = [one for domain in cutover.domains for one in block.zone_findings(zone_name(domain))]
            found += amiss
        except MailmoveError as error:
            found.append(
                Finding(
                    subject=error.who, seen=error.seen, means=f"Wanted {error.wanted}.", todo=error.todo, blocks=True
                )
            )
    return Preview(stage=NAME, findings=found)
