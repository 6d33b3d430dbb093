"""Findings about the way of each domain's mail, and about its MX records. Pure.

Facts: RFC 5321 section 5.1 (MX, and the address where there is none), RFC 2181 section 10.3 (an MX names no alias),
RFC 7505 (null MX), RFC 4592 (wildcards); providers hold mail for a backup MX from five days (RFC 5321 section 4.5.4.1)
to a month.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mailmove.domain_names import shown
from mailmove.evidence import Finding
from mailmove.inventory.transport import Incoming
from mailmove.lists_in_words import some_of
from mailmove.streets.judge import Street, before_the_server, role_of, street_of
from mailmove.streets.sights import DomainSight, Host, Sights

NAMED = 20
"""Most things of a kind that are named; more are counted."""


def findings_of_ways(
    sights: Sights, incoming: Incoming | None, domains: Sequence[str], planned: Mapping[str, str]
) -> Iterator[Finding]:
    """Each of the plan's domains in turn. planned: domain -> what the plan says of it; not in it: nothing."""
    for domain in domains:
        sight = sights.domains.get(domain)
        if sight is None:
            continue
        if broken := _broken(sight):
            yield broken
            continue
        street = street_of(sight, sights, incoming)
        yield _of_way(street, planned.get(domain, ""))
        if street.way == "direct":
            yield from _of_gateway(street, incoming)
        yield from _of_hosts(sight, sights, street)
        yield from _of_names_below(sight, sights)


def accepted_elsewhere(sights: Sights, domains: Sequence[str]) -> Iterator[Finding]:
    """Where the MX of accepted domains beside the plan lead: whether mail comes for them at all."""
    for domain in domains:
        sight = sights.domains.get(domain)
        if sight is None or sight.error or not sight.hosts:
            continue
        at_server = any(role_of(host, sights)[0] == "server" for host in sight.hosts)
        yield Finding(
            code="AcceptedDomainMx",
            subject=shown(domain),
            seen=f"not in the plan; its MX lead to {'the old server' if at_server else 'others'} {_hosts(sight.hosts)}",
            means="Its mail goes on coming to the old server after the switch; once port 25 is closed it bounces."
            if at_server
            else "Its mail is delivered elsewhere; what the old server accepts for it comes from inside.",
            todo="Name it in the plan's `domains`, or point its MX elsewhere before the cutover."
            if at_server
            else "Ask who takes its mail, and whether the addresses in it are still used.",
        )


def _broken(sight: DomainSight) -> Finding | None:
    """Nothing can be switched at a domain whose MX leads nowhere."""
    subject, name = f"MX {sight.domain}", shown(sight.domain)
    if sight.error:
        return Finding(
            code="MxNotSeen",
            subject=subject,
            seen=f"not seen: {sight.error}",
            means=f"By which way the mail of {name} comes is not known; that is not the same as directly.",
            todo="See that this machine reaches the plan's resolvers, and run preflight again.",
        )
    if sight.null:
        return Finding(
            code="NullMx",
            subject=subject,
            seen="a null MX",
            means=f"{name} says that it takes no mail at all (RFC 7505); with the switch it would begin to.",
            todo="Take the domain out of the plan, or replace the record by the real mail server first.",
            blocks=True,
        )
    if not sight.hosts:
        return Finding(
            code="NoMx",
            subject=subject,
            seen="no MX record" if sight.exists else "no such domain (NXDOMAIN)",
            means="Senders try the domain's own address instead, which is often a web server (RFC 5321 section 5.1).",
            todo="Check the spelling; publish an MX that names the old server, or take the domain out of the plan.",
            blocks=True,
        )
    if not any(host.addresses for host in sight.hosts):
        errors = [host.error for host in sight.hosts if host.error]
        return Finding(
            code="MxUnresolved",
            subject=subject,
            seen=f"none of its hosts has an address: {_names(sight.hosts)}" + (f" ({errors[0]})" if errors else ""),
            means=f"No mail reaches {name} today; senders keep it for some days." if not errors else "Not known.",
            todo="Give the host an address, or mend the MX record, before the cutover.",
            blocks=not errors,
        )
    return None


def _of_way(street: Street, planned: str) -> Finding:
    evidence = "; ".join(street.evidence)
    whose = f" of {street.whose}" if street.whose else ""
    subject = f"way of mail to {shown(street.domain)}"
    if street.way == "direct":
        wrong = planned not in ("", "direct")
        return Finding(
            code="MailComesDirect",
            subject=subject,
            seen=evidence + (f"; the plan says {planned}" if wrong else ""),
            means="Senders deliver to the old server itself; the switch moves them by the MX.",
            todo="Say `mail_comes_by: direct` in the plan, or look why it says otherwise."
            if wrong
            else "Nothing to do.",
            needs_action=wrong,
        )
    ask = "" if planned else " Until the plan says which (`source.mail_comes_by`), preflight blocks."
    if street.way == "filter":
        keeps = planned == "filter"
        return Finding(
            code="MailComesByFilter",
            subject=subject,
            seen=f"a filter{whose} takes the mail and passes it on: {evidence}",
            means="The switch moves the MX past the filter: its lists, its quarantine and what it archives end there, "
            "and what it holds then is still delivered to the old server."
            + (" Keeping the filter is not carried out by this version." if keeps else ""),
            todo="To drop it: `mail_comes_by: direct`; export its allow and block lists, and empty its quarantine "
            "first. To keep it: leave the MX alone, point its next hop at Microsoft 365 by hand, and do "
            "not run the cutover's switch." + ask,
            blocks=planned in ("", "filter"),
        )
    if street.way == "pop":
        return Finding(
            code="MailComesByPop",
            subject=subject,
            seen=f"mailboxes elsewhere{whose}, from which something fetches: {evidence}",
            means="Port 25 of the old server has nothing to do with it. After the switch mail goes to Microsoft 365; "
            "what lies in those mailboxes, and what senders with the old MX deliver there, must be fetched once more.",
            todo="Proposal: `mail_comes_by: pop`. Write down the mailboxes and passwords of the POP3 connector; after "
            "the propagation fetch a last time, see them empty, then switch the connector off." + ask,
            blocks=not planned,
        )
    if street.way == "microsoft":
        return Finding(
            code="MxAtMicrosoft",
            subject=subject,
            seen=evidence,
            means="Mail is delivered to Microsoft today: to this tenant, to another one, or by a connector back to the "
            "old server. The switch may have nothing to change.",
            todo="Look in Microsoft 365 in whose tenant the domain is, and whether a connector passes mail on to the "
            "old server; then say `mail_comes_by: direct`.",
            needs_action=planned != "direct",
        )
    known = street.way == "elsewhere"
    return Finding(
        code="MxElsewhere" if known else "MailComesUnknown",
        subject=subject,
        seen=evidence or "not known",
        means="Its mail is delivered elsewhere today and does not reach the old server; the switch would take it from "
        "there."
        if known
        else "It is not known how mail comes from there to the old server: a filter or a fetcher.",
        todo=f"Ask who reads that mail. If it shall come to Microsoft 365: `mail_comes_by: direct`{whose and ', after'}"
        f"{f' its mailboxes{whose} are emptied' if whose else ''}; else take the domain out of the plan."
        if known
        else "Look at the Received headers of a message from outside; then say `mail_comes_by` in the plan.",
        blocks=not planned,
    )


def _of_gateway(street: Street, incoming: Incoming | None) -> Iterator[Finding]:
    gateways = before_the_server(street.domain, incoming)
    if gateways:
        machines = ", ".join(f"{who.client_ip or 'Pickup'} ({count} messages)" for who, count in gateways[:NAMED])
        yield Finding(
            code="GatewayInside",
            subject=f"way of mail to {shown(street.domain)}",
            seen=f"the MX is the old server, and by its log nearly all mail from outside is handed in by {machines}",
            means="A mail gateway or filter in the house, a proxy of the router, or a router that hides addresses. "
            "Late senders are all seen as that one, and closing the server's port 25 does not close the gateway's.",
            todo="Find out which; close port 25 at the gateway itself, and let nothing that it has queued be lost.",
        )


def _of_hosts(sight: DomainSight, sights: Sights, street: Street) -> Iterator[Finding]:
    subject, usable = f"MX {sight.domain}", [host for host in sight.hosts if host.addresses]
    lowest = min(host.preference for host in usable)
    main = {address for host in usable if host.preference == lowest for address in host.addresses}
    kind = {host.name: role_of(host, sights)[0] for host in usable}
    backups = [
        host for host in usable
        if host.preference > lowest and not set(host.addresses) & main
        and not (kind[host.name] == street.way == "filter" or kind[host.name] in ("server", "microsoft"))
    ]  # fmt: skip
    if backups:
        yield Finding(
            code="BackupMx",
            subject=subject,
            seen=f"a backup MX: {_hosts(backups)}",
            means="It takes mail when the old server does not answer, keeps it from 5 days up to a month, and delivers "
            "it to the old server, whatever the MX says then. When port 25 closes, late mail goes to it first.",
            todo="Tell who runs it that the domain moves: before port 25 is closed its route must end, its queue be "
            "empty. The switch takes it out of the MX set.",
        )
    equals = [host for host in usable if host.preference == lowest]
    groups = {host.addresses for host in equals}
    if len(groups) > 1 and street.way not in ("filter", "microsoft"):
        yield Finding(
            code="SplitMx",
            subject=subject,
            seen=f"several servers with the same preference: {_hosts(equals)}",
            means="Mail comes to each of them. What the others take is not in this server's mailboxes and log, and "
            "closing one port leaves the others open.",
            todo="Find out where the others deliver. Each of them must be quiet, and closed, as the old server.",
        )
    for host in sight.hosts:
        if host.literal:
            yield Finding(
                code="MxLiteral",
                subject=subject,
                seen=f"an address where a name must stand: {host.name}",
                means="Many senders do not deliver to such an MX (RFC 5321 section 5.1); it hides who the server is.",
                todo="Give the server a name, and let the MX name that.",
            )
        elif not host.addresses:
            yield Finding(
                code="MxUnresolved",
                subject=subject,
                seen=f"{host.name} has no address" + (f": {host.error}" if host.error else ""),
                means="Senders lose time there, or give up.",
                todo="Take it out of the MX set, or give it an address.",
            )
        elif host.alias:
            yield Finding(
                code="MxAlias",
                subject=subject,
                seen=f"{host.name} is an alias (CNAME) of {host.alias}",
                means="An MX must not name an alias (RFC 2181 section 10.3): some senders refuse it, and what it leads "
                "to may change without a word in this zone.",
                todo="The switch replaces it. Until then mind that the real host is the one behind the alias.",
            )


def _of_names_below(sight: DomainSight, sights: Sights) -> Iterator[Finding]:
    if sight.wildcard:
        yield Finding(
            code="MxWildcard",
            subject=f"MX *.{sight.domain}",
            seen=f"any name below {shown(sight.domain)} has an MX: {', '.join(sight.wildcard)}",
            means="Mail to printer.<domain> and the like goes there too. The switch changes the domain's own MX; names "
            "below it go on leading to the old server.",
            todo="Ask whether any such address is used; remove the wildcard, or name those domains in the plan.",
        )
    below = {
        name: hosts for name, hosts in sights.zone_mx.items()
        if name.endswith(f".{sight.domain}") and name not in sights.domains
    }  # fmt: skip
    if below:
        some = [f"{name}: {', '.join(hosts)}" for name, hosts in sorted(below.items())]
        yield Finding(
            code="MxBelow",
            subject=f"names below {shown(sight.domain)}",
            seen=f"they have an MX of their own: {some_of(some, NAMED)}",
            means="The switch does not change them; where they lead to the old server, their mail goes on to it.",
            todo="Name them in the plan's `domains`, or point their MX where the mail shall go.",
        )


def _hosts(hosts: Sequence[Host]) -> str:
    shown_hosts = [f"{host.preference} {host.name} ({', '.join(host.addresses) or 'no address'})" for host in hosts]
    return some_of(shown_hosts, NAMED)


def _names(hosts: Sequence[Host]) -> str:
    return some_of([host.name for host in hosts], NAMED)
