"""Does the mail still go where the switch has sent it? People edit zones, and some panels put old records back."""

from __future__ import annotations

from mailmove.errors import Blocked
from mailmove.evidence import Finding
from tasks.dns.authoritative_check import is_record_set, rrset_change, zone_of_name
from tasks.execution.context import Context

SWITCH = "switch_mail"


def moved_away(context: Context) -> list[Finding]:
    """One for each MX set that somebody changed since the switch; TTLs do not count. [] before the switch."""
    findings = []
    for change in context.ledger.receipt(SWITCH).changes:
        wanted = rrset_change(change).after if is_record_set(change, "MX") else None
        if wanted is None:
            continue
        served = context.dns_provider.read_zone(zone_of_name(context, wanted.name)).get(wanted.key)
        if served is None or sorted(served.values) != sorted(wanted.values):
            findings.append(
                Finding(
                    subject=change.words,
                    seen=f"{', '.join(served.values) if served else 'nothing'} since the switch, instead of "
                    f"{', '.join(wanted.values)}",
                    means="The mail does not go to Microsoft 365 any more.",
                    todo=f"Set it to {', '.join(wanted.values)} again, or roll the cutover back.",
                    blocks=True,
                )
            )
    return findings


def refuse_if_moved(context: Context, stage: str) -> None:
    """Blocked: somebody has pointed the mail elsewhere since the switch."""
    for finding in moved_away(context):
        raise Blocked(
            stage, wanted=f"{finding.subject} as the switch has made it", seen=finding.seen, todo=finding.todo
        )
