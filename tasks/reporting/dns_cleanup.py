"""What to tidy in DNS after the night, for the report. Nothing of it is done by Mailmove."""

from __future__ import annotations

from mailmove.dns.zone.cleanup import suggestions
from mailmove.errors import MailmoveError
from mailmove.plan.cutover import Cutover
from tasks.dns.authoritative_check import rrset_change
from tasks.dns.zone_changes import zone_name
from tasks.execution.open_blocks import dns_provider
from tasks.ledger.ledger import Ledger


def tidying(cutover: Cutover, ledger: Ledger) -> list[str]:
    """One line for each suggestion; [] when the mail was not switched. A zone that cannot be read is said."""
    switched = [rrset_change(one) for one in ledger.receipt("switch_mail").changes if one.what.startswith("MX ")]
    lines = []
    for change in switched:
        if change.before is None:
            continue
        domain = change.key[0].rstrip(".")
        try:
            zone = dns_provider(cutover).read_zone(zone_name(domain))
        except MailmoveError as error:
            lines.append(f"{domain}: {error}")
            continue
        found = suggestions(zone, domain, change.before)
        lines += [f"{one.subject}: {one.seen}. {one.means} {one.todo}" for one in found]
    return lines
