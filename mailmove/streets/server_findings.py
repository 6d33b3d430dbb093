"""Findings about the old server as it is seen from outside: its addresses, its other ports and names; and who else
takes mail for the domain. Pure.

Facts: RFC 8314 (465 and 587), RFC 5321 section 4.2 (the name in a greeting).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from mailmove.domain_names import shown
from mailmove.evidence import Finding
from mailmove.lists_in_words import some_of
from mailmove.smtp.other_ways import OTHER_WAYS
from mailmove.smtp.takes_mail import RcptCheck
from mailmove.streets.findings import NAMED
from mailmove.streets.judge import role_of
from mailmove.streets.known_hosts import is_dynamic_name, known
from mailmove.streets.sights import Sights

_SHORT = 300
"""Seconds; TTL of an address from which it is made to change."""
_GENERIC = {"postmaster"}


def findings_of_server(sights: Sights, domains: Sequence[str]) -> Iterator[Finding]:
    """In the order in which a person would mend them."""
    yield from _of_closing(sights)
    yield from _of_ipv6(sights)
    yield from _of_second_addresses(sights)
    yield from _of_other_ports(sights)
    yield from _of_dynamic(sights)
    yield from _of_other_names(sights, domains)
    yield from _of_web(sights)
    yield from _of_any_address(sights)
    yield from _of_silence(sights)


def _of_closing(sights: Sights) -> Iterator[Finding]:
    """Port 25 is closed, and seen closed, at one host of the plan's: is that where the mail comes?"""
    mail = [host for sight in sights.domains.values() for host in sight.hosts if role_of(host, sights)[0] == "server"]
    closed = next((host for host in sights.server if host.name == sights.closed_at), None)
    others = sorted({address for host in mail for address in host.addresses} - set(closed.addresses if closed else ()))
    if sights.closed_at and sights.server and (closed is None or (closed.addresses and others)):
        yield Finding(
            code="SmtpHostNotServer",
            subject=sights.closed_at,
            seen="the plan's `smtp_host` is not the old server, but somebody else's"
            if closed is None
            else f"mail reaches the old server at {', '.join(others)}, too; the plan's `smtp_host` leads to "
            f"{', '.join(closed.addresses)}",
            means="Port 25 is closed, and seen closed from outside, at that name alone.",
            todo="Let `smtp_host` be the name by which mail reaches the old server itself, with all its addresses.",
        )


def second_addresses(sights: Sights) -> dict[str, list[str]]:
    """Address -> names of it: other addresses at which the same server greets."""
    greetings = sights.greetings
    second: dict[str, list[str]] = {}
    hosts = [*sights.zone_hosts, *(host for sight in sights.domains.values() for host in sight.hosts)]
    for check in sights.ports:
        if check.address in sights.server_addresses or check.greets_as not in greetings:
            continue
        names = {host.name for host in hosts if check.address in host.addresses}
        second[check.address] = sorted({*second.get(check.address, ()), *names})
    return second


def _of_ipv6(sights: Sights) -> Iterator[Finding]:
    own = list(sights.server)
    own += [
        host for sight in sights.domains.values() for host in sight.hosts
        if set(host.addresses) & sights.server_addresses
    ]  # fmt: skip
    addresses = {address: host.name for host in own for address in host.addresses if _is_ipv6(address)}
    for address, name in sorted(addresses.items()):
        check = sights.port(address, sights.smtp_port)
        yield Finding(
            code="ServerByIpv6",
            subject=name,
            seen=f"the old server has an IPv6 address, too: {check or address}",
            means="Senders prefer it where they can. A rule for IPv4 does not close it; from a network without IPv6 it "
            "cannot be seen closed.",
            todo="See that the firewall block of the plan, or a rule by hand, closes port 25 for IPv6 too; or take the "
            "AAAA record away before the cutover.",
        )


def _of_second_addresses(sights: Sights) -> Iterator[Finding]:
    for address, names in sorted(second_addresses(sights).items()):
        yield Finding(
            code="SecondAddress",
            subject=address,
            seen=f"the old server takes mail at a second public address: {', '.join(names) or 'by no name'}; it greets "
            f"as {', '.join(sorted(sights.greetings))}",
            means="Who delivers there goes on after the port 25 that the plan names is closed.",
            todo="Close port 25 there as well, at the router or provider of that line, in the same hours.",
        )


def _of_other_ports(sights: Sights) -> Iterator[Finding]:
    own = sights.server_addresses | second_addresses(sights).keys()
    by_port: dict[int, list[str]] = {}
    for check in sights.ports:
        if check.port != sights.smtp_port and check.address in own and not check.closed:
            by_port.setdefault(check.port, []).append(check.address)
    for port, addresses in sorted(by_port.items()):
        yield Finding(
            code="OtherPortOpen",
            subject=f"port {port} of the old server",
            seen=f"open from outside at {', '.join(sorted(addresses))}",
            means="Machines and people that sign in there send by the old server, and mail for the company handed in "
            "there goes to the old mailboxes, also after port 25 is closed.",
            todo=f"Find in the server's log who signs in there, and give each another way to send: {OTHER_WAYS}. Then "
            "close the port together with port 25.",
        )


def _of_dynamic(sights: Sights) -> Iterator[Finding]:
    for host in sights.server:
        name = next((name for name in (host.name, host.alias) if (entry := known(name)) and entry[0] == "dynamic"), "")
        pointer = next((pointer for pointer in host.pointers if is_dynamic_name(pointer)), "")
        short = f", TTL {host.ttl} s" if host.ttl is not None and host.ttl <= _SHORT else ""
        if not name and not pointer:
            continue
        why = f"it is an entry of a dynamic DNS service ({name})" if name else f"its address is called {pointer}"
        yield Finding(
            code="DynamicAddress",
            subject=host.name,
            seen=f"the old server's address is a dynamic one: {why}{short}",
            means="It may change during the cutover: what is seen closed then is somebody else's port, and a connector "
            "by address breaks. Receivers refuse mail from such addresses (550 5.7.1), also Microsoft 365.",
            todo="Ask the provider for a fixed address for these days, or forbid the router to reconnect meanwhile. "
            "Send nothing from it to Microsoft 365 but by a connector with a certificate.",
        )
        return


def _of_other_names(sights: Sights, domains: Sequence[str]) -> Iterator[Finding]:
    named = {host.name for host in sights.server} | {f"autodiscover.{domain}" for domain in domains}
    named |= {host.name for sight in sights.domains.values() for host in sight.hosts} | set(domains)
    others = [host for host in sights.zone_hosts if set(host.addresses) & sights.server_addresses]
    names = sorted({host.name for host in others} - named)
    if names:
        yield Finding(
            code="OtherNames",
            subject="names of the old server",
            seen=f"other names that lead to it: {some_of(names, NAMED)}",
            means="Machines, programs and phones have them typed in. The switch does not change them: what sends by "
            "such a name goes on sending to the old server.",
            todo="Look into the log for who uses them, and decide where each name shall lead afterwards.",
        )


def _of_web(sights: Sights) -> Iterator[Finding]:
    reported: set[tuple[str, str]] = set()
    for web in sights.web:
        verdict = takes_for(web.rcpt, web.domain)
        if not verdict or (web.domain, web.rcpt.address) in reported:
            continue
        reported.add((web.domain, web.rcpt.address))
        sure = verdict == "own"
        yield Finding(
            code="WebHostTakesMail",
            subject=f"{web.name} ({web.rcpt.address})",
            seen=f"the host of the web site answers to mail for {shown(web.domain)}: {_replies(web.rcpt)}",
            means=(
                "It takes the domain for its own: mail of the web site's forms, and of its other customers, ends in "
                "mailboxes there that nobody reads."
                if sure
                else "It takes mail for any domain before it looks; whether it would pass it on is not known from here."
            ),
            todo="In the web host's panel set the domain's mail to 'remote' (cPanel: Email Routing, Remote Mail "
            "Exchanger; Plesk: switch the mail service of the domain off), and send by a form once to see it arrive.",
            needs_action=sure,
        )


def _of_any_address(sights: Sights) -> Iterator[Finding]:
    for domain, rcpt in sights.any_address.items():
        nobody = [recipient for recipient in rcpt.replies if _nobody(recipient, domain)]
        foreign = [recipient for recipient in rcpt.replies if not recipient.endswith(f"@{domain}")]
        if not any(rcpt.takes(recipient) for recipient in nobody):
            continue
        relays = any(rcpt.takes(recipient) for recipient in foreign)
        yield Finding(
            code="AnyAddress",
            subject=f"addresses of {shown(domain)}",
            seen=f"{rcpt.address} takes mail for an address that nobody has: {_replies(rcpt)}"
            + ("; and for other people's domains" if relays else ""),
            means="Either a catch-all mailbox gets it, or it bounces later. Microsoft 365 refuses unknown addresses "
            "(550 5.4.1): what a catch-all collects today is lost after the switch.",
            todo="Ask whether there is a catch-all. If so, make each address in use an alias; or make the domain an "
            "internal relay at Microsoft 365 with a mail flow rule that redirects.",
        )


def _of_silence(sights: Sights) -> Iterator[Finding]:
    tried = [check for check in sights.ports if check.port == sights.smtp_port]
    if tried and all(check.closed for check in tried):
        yield Finding(
            code="PortNotSeen",
            subject="mail ports from outside",
            seen=f"none of {len(tried)} addresses answers on port {sights.smtp_port}",
            means="Most likely this machine may not connect to mail servers; then second addresses, web hosts and "
            "catch-alls are not seen from here. That is not the same as none.",
            todo=f"Let this machine connect to port {sights.smtp_port}, or run preflight from another network.",
            needs_action=True,
        )
    if sights.silent:
        yield Finding(
            code="NotSeen",
            subject="names in DNS",
            seen="no answer: " + "; ".join(sights.silent[:NAMED]),
            means="What these names lead to is not known.",
            todo="Run preflight again.",
            needs_action=False,
        )


def takes_for(rcpt: RcptCheck, domain: str) -> str:
    """own: it takes the domain for its own. anything: it takes mail for everybody. "": it does not take it."""
    ours = [recipient for recipient in rcpt.replies if recipient.endswith(f"@{domain}")]
    foreign = [recipient for recipient in rcpt.replies if not recipient.endswith(f"@{domain}")]
    if any(rcpt.takes(recipient) for recipient in foreign):
        return "anything" if any(rcpt.takes(recipient) for recipient in ours) else ""
    if any(rcpt.takes(recipient) for recipient in ours):
        return "own"
    judged = [recipient for recipient in ours if rcpt.knows(recipient)]
    alike = any(rcpt.knows(recipient) for recipient in foreign)  # it speaks of every address so
    return "own" if judged and not alike else ""


def _nobody(recipient: str, domain: str) -> bool:
    local, _, host = recipient.rpartition("@")
    return host == domain and local not in _GENERIC


def _replies(rcpt: RcptCheck) -> str:
    return "; ".join(f"{recipient}: {reply}" for recipient, reply in rcpt.replies.items())


def _is_ipv6(address: str) -> bool:
    return ipaddress.ip_address(address).version == 6
