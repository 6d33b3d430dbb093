"""What to clean up in DNS after the cutover, for the report. Nothing of it is done by Mailmove."""

from __future__ import annotations

from mailmove.dns.zone.cleanup import suggestions
from mailmove.errors import MailmoveError
from tasks.dns.authoritative_check import is_record_set, rrset_change
from tasks.dns.zone_changes import zone_name
from tasks.execution.context import Context


def cleanup_lines(context: Context) -> list[str]:
    """One line for each suggestion; [] when the mail was not switched. A zone that cannot be read is named."""
    switched = [change for change in context.ledger.receipt("switch_mail").changes if is_record_set(change, "MX")]
    lines = []
    for change in map(rrset_change, switched):
        if change.before is None:
            continue
        domain = change.key[0].rstrip(".")
        try:
            zone = context.dns_provider.read_zone(zone_name(domain))
        except MailmoveError as error:
            lines.append(f"{domain}: {error}")
            continue
        findings = suggestions(zone, domain, change.before)
        lines += [f"{finding.subject}: {finding.seen}. {finding.means} {finding.todo}" for finding in findings]
    return lines
