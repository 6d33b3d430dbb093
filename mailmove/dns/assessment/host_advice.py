"""Findings about name servers, the MX set, and where it leads. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from mailmove.dns.assessment.mail_filters import MICROSOFT
from mailmove.dns.assessment.mail_hosts import MailHost
from mailmove.dns.assessment.name_servers import differing
from mailmove.dns.assessment.result import Assessment
from mailmove.domain_names import shown
from mailmove.evidence import Finding
from mailmove.plan.values import MX_TTL_CEILING


def about_name_servers(seen: Assessment) -> Iterator[Finding]:
    """Servers that do not answer, where others do, and what they do not agree on."""
    anybody = any(server.answered and server.address for server in seen.name_servers)
    for server in seen.name_servers:
        if not server.error or not (anybody or server.answered):
            continue  # where nobody answers it is this network that lets nothing out: nobody is blamed for it
        yield Finding(
            subject=f"name server {server.name} {server.address}".rstrip(),
            seen=server.error + ("" if server.answered else ", from here"),
            means="Resolvers lose time there; a change that it does not have is not the world's yet.",
            todo="Mend it, or take it out of the NS set.",
        )
    for kind, sets in differing(seen.name_servers).items():
        yield Finding(
            subject=f"name servers of {shown(seen.zone)}",
            seen="; ".join(f"{server} says {', '.join(values) or f'no {kind}'}" for server, values in sets.items()),
            means="Senders go to different places, depending on whom they ask."
            if kind == "MX"
            else f"Receivers judge by different {kind} records, depending on whom they ask.",
            todo="Find out why the zone is not transferred; move nothing before they agree.",
            blocks=True,
        )
    serials = {server.name: server.serial for server in seen.name_servers if server.serial is not None}
    if len(set(serials.values())) > 1 and not differing(seen.name_servers):
        yield Finding(
            subject=f"name servers of {shown(seen.zone)}",
            seen="their serials differ: " + ", ".join(f"{name} {serial}" for name, serial in serials.items()),
            means="A change may be under way, or one of them is not kept up; or the provider numbers each by itself.",
            todo="Look again in an hour; if it stays, find out whether changes reach every one of them.",
        )


def about_mx(seen: Assessment) -> Iterator[Finding]:
    """The MX set itself, and its TTL."""
    subject = f"MX {shown(seen.domain)}"
    if not seen.answered("MX"):
        return
    if not seen.mx:
        yield Finding(
            subject=subject,
            seen="no MX records",
            means="Mail is delivered to the domain's own address, or nowhere; there is nothing to lower or switch.",
            todo="Check that this is the right domain.",
            blocks=True,
        )
    elif any(value.split()[-1] == "." for value in seen.mx):
        yield Finding(
            subject=subject,
            seen=f"a null MX: {', '.join(seen.mx)}",
            means="The domain says that it takes no mail at all (RFC 7505).",
            todo="Replace it by the real mail server before the move.",
            blocks=True,
        )
    if seen.mx_ttl is not None and seen.clear_by:
        ceiling = f" Exchange Online supports at most {MX_TTL_CEILING} s." if seen.mx_ttl > MX_TTL_CEILING else ""
        yield Finding(
            subject=f"TTL of {subject}",
            seen=f"{seen.mx_ttl} s",
            means="For so long after a change resolvers may use the old one; a few hold it longer." + ceiling,
            todo=f"Lowered now, a switch would be clear by {seen.clear_by:%Y-%m-%d %H:%M:%S} UTC: do it early.",
        )


def about_mail_hosts(seen: Assessment) -> Iterator[Finding]:
    """Where the MX leads: to a name without an address, an alias, an address, a filter, or to Microsoft already."""
    for host in seen.mail_hosts:
        yield from _about_host(host)
    filters = {host.filter for host in seen.mail_hosts} - {""}
    subject = f"MX {shown(seen.domain)}"
    if MICROSOFT in filters:
        only = all(host.filter == MICROSOFT for host in seen.mail_hosts)
        yield Finding(
            subject=subject,
            seen=f"{'it leads' if only else 'one of its hosts leads'} to Microsoft 365 already: {', '.join(seen.mx)}",
            means="The domain was moved, or Microsoft filters its mail and hands it to the old server: then there is "
            "a tenant, with connectors, and the switch finds little to change."
            if only
            else "Part of the mail is delivered to a tenant already, whoever's it is.",
            todo="Find out which before anything is planned; which tenant has the domain stands below.",
        )
    for operator in sorted(filters - {MICROSOFT}):
        yield Finding(
            subject=subject,
            seen=f"it leads to {operator}, by the name of its host",
            means="Mail comes by way of a filter or another service, and not straight to the old server. The switch "
            "changes the MX: the filter would be left out.",
            todo="Decide whether it stays: then its target is changed and not the MX, and Microsoft needs a connector "
            "for it. Else end the contract only after the move.",
        )


def _about_host(host: MailHost) -> Iterator[Finding]:
    subject = f"MX host {host.name}"
    if host.literal:
        yield Finding(
            subject=subject,
            seen="an IP address where a name must stand (RFC 1035 section 3.3.9)",
            means="Most senders take it for a name that does not exist, and do not deliver.",
            todo="Give the server a name with an A record, and let the MX name that.",
        )
    if host.absent:
        yield Finding(
            subject=subject,
            seen="it has no address" + (f" (it is an alias of {host.alias_of})" if host.alias_of else ""),
            means="No mail can be delivered there.",
            todo="Mend the name, or take it out of the MX set.",
        )
    elif host.alias_of:
        yield Finding(
            subject=subject,
            seen=f"an alias (CNAME) of {host.alias_of}",
            means="An MX must name a host with an address of its own (RFC 2181 section 10.3): some senders refuse it.",
            todo="Let the MX name the host itself; the switch replaces it anyway.",
        )
    if outside := host.out_of_reach:
        yield Finding(
            subject=subject,
            seen=f"{', '.join(outside)}, which nobody reaches from outside",
            means="A private address: no mail comes this way, or this resolver shows the inside of a split horizon.",
            todo="Ask from another network (--resolver 1.1.1.1); then mend the address, or take the host out.",
        )
