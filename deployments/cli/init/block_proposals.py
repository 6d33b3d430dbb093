"""What init proposes for a block's fields, from what it has seen and from the plan."""

from __future__ import annotations

from deployments.cli.init.lookup import Discovery
from mailmove.plan.cutover import Cutover


def block_proposals(reference: str, seen: Discovery, plan: Cutover) -> tuple[dict[str, str], list[str]]:
    """(field -> proposal, blocks that it names and that must be made first)."""
    slug, _, name = reference.partition("/")
    host, aws = plan.source.outlook_anywhere_host, f"aws-credentials/{name}"
    kind = "winrm" if seen.version.startswith("8.") else "exchange"
    proposals = {
        "exchange-server": {
            "ews_url": f"https://{host}/EWS/Exchange.asmx",
            "shell_url": f"https://{host}/powershell" if seen.version and kind == "exchange" else "",
            "shell_kind": kind if seen.version else "",
        },
        "microsoft365": {"tenant_id": seen.tenant_id},
        "manual-firewall": {"host": plan.source.smtp_host},
        "octodns": {"provider_class": seen.octodns_class},
        "route53": {"credentials": aws},
        "aws-security-group": {"credentials": aws},
    }.get(slug, {})
    fields = {field: value for field, value in proposals.items() if value}
    return fields, [aws] if "credentials" in fields else []
