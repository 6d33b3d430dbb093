"""Does the mail still go where the switch has sent it? People edit zones, and some panels put old records back."""

from __future__ import annotations

from mailmove.errors import Blocked
from mailmove.evidence import Finding
from mailmove.plan.cutover import Cutover
from tasks.dns.authoritative_check import rrset_change, zone_of_name
from tasks.execution.open_blocks import dns_provider
from tasks.ledger.ledger import Ledger, this_cutover

SWITCH = "switch_mail"


def moved_away(cutover: Cutover) -> list[Finding]:
    """One for each MX set that somebody changed since the switch; TTLs do not count. [] before the switch."""
    found = []
    for one in Ledger(cutover.customer, this_cutover()).receipt(SWITCH).changes:
        wanted = rrset_change(one).after if one.what.startswith("MX ") else None
        if wanted is None:
            continue
        held = dns_provider(cutover).read_zone(zone_of_name(cutover, wanted.name)).get(wanted.key)
        if held is None or sorted(held.values) != sorted(wanted.values):
            found.append(
                Finding(
                    subject=one.what,
                    seen=f"{', '.join(held.values) if held else 'nothing'} since the switch, instead of "
                    f"{', '.join(wanted.values)}",
                    means="The mail does not go to Microsoft 365 any more.",
                    todo=f"Set it to {', '.join(wanted.values)} again, or roll the cutover back.",
                    blocks=True,
                )
            )
    return found


def refuse_if_moved(cutover: Cutover, stage: str) -> None:
    """Blocked: somebody has pointed the mail elsewhere since the switch."""
    for found in moved_away(cutover):
        raise Blocked(stage, wanted=f"{found.subject} as the switch has made it", seen=found.seen, todo=found.todo)
