"""Where the mail goes after the switch: what Microsoft says, never a name that we make up."""

from __future__ import annotations

from tasks.execution.context import Context


def new_mail_hosts(context: Context) -> list[str]:
    """Names of the mail servers that Microsoft gives for the plan's domains; []: none is set up yet."""
    cloud = context.tenant
    known = [cloud.domains.get(domain) for domain in context.plan.domains]
    return sorted(
        {
            value.split()[-1].rstrip(".")
            for domain in known
            if domain
            for rrset in domain.service_records
            if rrset.type == "MX"
            for value in rrset.values
        }
    )
