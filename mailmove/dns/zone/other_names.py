"""Names of a zone that do not move, and whose mail goes to the old server all the same: `shop MX`, `* MX`.

Once port 25 of the old server is closed, their mail waits at its senders and bounces. Pure: a zone in, names out.
"""

from __future__ import annotations

from collections.abc import Iterable

from mailmove.dns.canonical import absolute
from mailmove.dns.server_made import is_server_made
from mailmove.dns.zone.desired import mx_hosts
from mailmove.dns.zone.mail_record_names import USUAL_NAMES
from mailmove.domain_names import shown
from mailmove.evidence import Finding
from mailmove.records import AskedZone, RRset, Zone

_CNAME_HOPS = 8


def left_at(zone: Zone, old_hosts: Iterable[str], old_addresses: Iterable[str], moving: Iterable[str]) -> list[RRset]:
    """The MX sets of other names that lead to one of the old hosts, by name or by an address of theirs.

    moving: domains whose MX is switched. The hosts' addresses are looked up in the zone, besides `old_addresses`.
    """
    hosts = {absolute(host) for host in old_hosts} - {"."}
    addresses = {*old_addresses, *(address for host in hosts for address in addresses_in(zone, host))}
    own = {absolute(domain) for domain in moving}
    return [
        rrset
        for (name, rtype), rrset in sorted(zone.items())
        if rtype == "MX" and name not in own and _leads_there(zone, rrset, hosts, addresses)
    ]


def addresses_in(zone: Zone, host: str) -> set[str]:
    """Addresses of a host as far as the zone itself has them, through its CNAMEs and its wildcard."""
    for _hop in range(_CNAME_HOPS):
        owner = _owner(zone, host)
        alias = zone.get((owner, "CNAME"))
        if alias is None:
            sets = (zone.get((owner, rtype)) for rtype in ("A", "AAAA"))
            return {value for rrset in sets if rrset for value in rrset.values}
        host = alias.values[0]
    return set()


def findings_before(zone: Zone, domain: str, moving: Iterable[str]) -> list[Finding]:
    """Before the switch: each other name whose mail will have nowhere to go, and what could not be asked."""
    apex = absolute(domain)
    mx = zone.get((apex, "MX"))
    others = left_at(zone, mx_hosts(mx) if mx else [], (), [*moving, domain])
    findings = [
        Finding(
            subject=f"MX {shown(rrset.name)}",
            seen=f"{', '.join(rrset.values)}: the old server, too",
            means=f"{_whose(rrset)} stays there: once port 25 is closed, it waits at its senders and bounces.",
            todo="If anybody gets mail there, move it as a domain of the plan (or of another one), or lead it "
            "elsewhere; if not, remove the record. The cutover does not touch it.",
        )
        for rrset in others
    ]
    if isinstance(zone, AskedZone):
        findings.append(
            Finding(
                subject=f"other names in {shown(apex)}",
                seen=f"the zone cannot be read as a whole; asked for an MX were {', '.join(USUAL_NAMES)}",
                means="Any other name with an MX to the old server loses its mail when port 25 is closed.",
                todo="Look through the zone where it is edited, for MX records of other names.",
            )
        )
    return findings


def findings_after(zone: Zone, domain: str, gone: Iterable[str], old_addresses: Iterable[str]) -> list[Finding]:
    """After the switch: other names whose mail still goes to the old server. gone: hosts of the old MX set."""
    return [
        Finding(
            subject=f"MX {shown(rrset.name)}",
            seen=f"{', '.join(rrset.values)}: still the old server",
            means=f"{_whose(rrset)} does not reach it any more once port 25 is closed.",
            todo="Remove the record, or lead it to where its mail is to go.",
        )
        for rrset in left_at(zone, gone, old_addresses, [domain])
    ]


def _leads_there(zone: Zone, rrset: RRset, hosts: set[str], addresses: set[str]) -> bool:
    named = set(mx_hosts(rrset))
    return bool(named & hosts) or any(addresses & addresses_in(zone, host) for host in named)


def _owner(zone: Zone, host: str) -> str:
    """The name whose records answer for a host: its own, or the wildcard's that covers it (RFC 4592)."""
    names = {name for name, rtype in zone if not is_server_made(rtype)}
    if host in names or not names:
        return host
    above = host.partition(".")[2]
    while above:
        if f"*.{above}" in names:
            return f"*.{above}"
        if any(name == above or name.endswith(f".{above}") for name in names):
            return host  # the closest name that exists has no wildcard
        above = above.partition(".")[2]
    return host


def _whose(rrset: RRset) -> str:
    if rrset.name.startswith("*."):
        return f"Mail for every name below {rrset.name[2:]} that has no records of its own"
    return f"Mail for {rrset.name.rstrip('.')}"
