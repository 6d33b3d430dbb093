"""Where the mail goes after the switch: what Microsoft says, never a name that we make up."""

from __future__ import annotations

from mailmove.plan.cutover import Cutover
from tasks.execution.open_blocks import tenant


def new_mail_hosts(cutover: Cutover) -> list[str]:
    """Names of the mail servers that Microsoft gives for the plan's domains; []: none is set up yet."""
    cloud = tenant(cutover)
    known = [cloud.domains.get(domain) for domain in cutover.domains]
    return sorted(
        {
            value.split()[-1].rstrip(".")
            for one in known
            if one
            for rrset in one.service_records
            if rrset.type == "MX"
            for value in rrset.values
        }
    )
