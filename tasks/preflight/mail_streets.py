"""Before the cutover: by which way does the mail of each domain come, and which other ways lead to the old server?"""

from __future__ import annotations

from collections.abc import Sequence

from mailmove.domain_names import to_ascii
from mailmove.errors import MailmoveError
from mailmove.evidence import Finding, Preview
from mailmove.inventory.connector_findings import bound_ports
from mailmove.inventory.domains import is_inside
from mailmove.inventory.full import FullInventory
from mailmove.records import Zone
from mailmove.streets.findings import accepted_elsewhere, findings_of_ways
from mailmove.streets.server_findings import findings_of_server
from mailmove.streets.survey import Wanted, survey
from tasks.dns.authoritative_check import resolvers_of
from tasks.dns.zone_changes import zone_name
from tasks.execution.context import Context

NAME = "mail_streets"
_USUAL = (
    "mail", "smtp", "exchange", "remote", "owa", "webmail", "mx", "mx1", "mx2", "mail1", "mail2", "server", "sbs",
    "pop", "pop3", "imap", "relay", "gateway", "vpn", "office",
)  # fmt: skip
"""Names that mail servers are called by."""
_PORTS = 6
"""Most ports beside the mail port that are tried."""
_OTHERS = 50
"""Most accepted domains beside the plan's that are asked for their MX."""
_ZONE_NAMES = 300
"""Most other names of the zones whose addresses are asked for."""


def mail_streets(context: Context, inventory: FullInventory | None) -> Preview:
    """Findings about ways of mail. inventory None: the old server could not be read; DNS and ports are seen all the
    same. Nothing is changed, and no message is sent."""
    findings: list[Finding] = []
    try:
        zones = _zones(context)
    except MailmoveError as error:
        zones = {}
        findings.append(_zone_not_read(error))
    plan = context.plan
    others = _accepted(inventory, plan.domains) if inventory else []
    bound = bound_ports(inventory) if inventory else []
    sights = survey(_wanted(context, zones, others, bound), resolvers_of(context))
    incoming = inventory.incoming if inventory else None
    findings += findings_of_ways(sights, incoming, plan.domains, plan.ways_of_mail)
    findings += accepted_elsewhere(sights, others)
    findings += findings_of_server(sights, plan.domains)
    return Preview(stage=NAME, findings=findings)


def _wanted(context: Context, zones: dict[str, Zone], others: Sequence[str], bound: Sequence[int]) -> Wanted:
    """bound: ports on which the old server says that it listens."""
    plan = context.plan
    names, mx = list[str](), dict[str, tuple[str, ...]]()
    for zone in zones.values():
        for (name, rtype), record_set in zone.items():
            bare = name.rstrip(".")
            if rtype in ("A", "AAAA", "CNAME") and "*" not in bare:
                names.append(bare)
            elif rtype == "MX" and bare not in plan.domains and "*" not in bare:
                mx[bare] = tuple(sorted(value.split()[-1].rstrip(".") for value in record_set.values))
    if not zones:  # a zone that cannot be read: the usual names are tried
        names = [f"{label}.{domain}" for domain in plan.domains for label in _USUAL]
    return Wanted(
        domains=plan.domains,
        others=others,
        server_names=list(dict.fromkeys([plan.source.outlook_anywhere_host, plan.source.smtp_host])),
        zone_names=list(dict.fromkeys(names))[:_ZONE_NAMES],
        zone_mx=mx,
        smtp_port=plan.sweep.smtp_port,
        other_ports=[
            port for port in dict.fromkeys([*plan.sweep.other_smtp_ports, *bound]) if port != plan.sweep.smtp_port
        ][:_PORTS],
        closed_at=plan.source.smtp_host,
        helo=plan.source.smtp_host,
    )


def _zones(context: Context) -> dict[str, Zone]:
    provider = context.dns_provider
    if provider.by_hand:
        return {}  # nobody can list what is in it
    names = dict.fromkeys(zone_name(domain) for domain in context.plan.domains)
    return {name: provider.read_zone(name) for name in names}


def _zone_not_read(error: MailmoveError) -> Finding:
    return Finding(
        code="ZoneNotSeen",
        subject=error.who,
        seen=f"not seen: {error.seen}",
        means="Other names in the zone that lead to the old server, and second addresses, are not known from here.",
        todo=error.todo,
        needs_action=False,
    )


def _accepted(inventory: FullInventory, planned: Sequence[str]) -> list[str]:
    """Accepted domains beside the plan's that may have an MX."""
    names = [domain.name for domain in inventory.accepted_domains if "*" not in domain.name]
    known = {to_ascii(domain) for domain in planned}
    return [name for name in names if name not in known and not is_inside(name)][:_OTHERS]
