"""Suggest what to tidy in DNS after a successful cutover. A person decides; Mailmove does none of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mailmove.dns.canonical import absolute
from mailmove.dns.mail_auth import mta_sts, spf
from mailmove.dns.zone.desired import mx_hosts
from mailmove.dns.zone.other_names import findings_after
from mailmove.evidence import Finding
from mailmove.records import RRset, Zone


def suggestions(
    zone: Zone,
    domain: str,
    old_mx: RRset,
    *,
    old_addresses: Iterable[str] = (),
    policy: mta_sts.MtaStsPolicy | None = None,
) -> list[Finding]:
    """Suggest for a zone after the switch. old_mx: the set before it. policy: the MTA-STS policy as published now."""
    name = absolute(domain)
    now = zone.get((name, "MX"))
    new_hosts = mx_hosts(now) if now else []
    gone = [host for host in mx_hosts(old_mx) if host not in new_hosts and host != "."]
    return [
        *_spf(zone, name, gone, old_addresses),
        *_policy(domain, policy, gone, new_hosts),
        *_tlsa(zone, gone),
        *_names(zone, gone),
        *findings_after(zone, domain, gone, old_addresses),
    ]


def _spf(zone: Zone, name: str, gone: Sequence[str], addresses: Iterable[str]) -> Iterator[Finding]:
    txt = zone.get((name, "TXT"))
    numbers = list(addresses) or [
        address
        for host in gone
        for rtype in ("A", "AAAA")
        if (rrset := zone.get((host, rtype)))
        for address in rrset.values
    ]
    for text in (spf.text_of(value) for value in (txt.values if txt else ()) if spf.is_spf(value)):
        shorter = spf.without(text, gone, numbers)
        if shorter != text:
            yield Finding(
                subject=f"SPF {name}",
                seen="the old server may still send in the domain's name",
                means="Needed as long as it sends (queues, printers that relay through it); later a way in for others.",
                todo=f"Once it is off: {spf.value_of(shorter)}",
            )


def _policy(
    domain: str, policy: mta_sts.MtaStsPolicy | None, gone: Sequence[str], new_hosts: Sequence[str]
) -> Iterator[Finding]:
    old = [host for host in gone if policy and policy.lists(host)]
    if policy and old:
        lines = mta_sts.narrowed(policy, new_hosts).text().strip().replace("\r\n", " | ")
        yield Finding(
            subject=f"MTA-STS {domain}",
            seen=f"the policy still lists {', '.join(old)}",
            means="Harmless while the old names are yours.",
            todo=f"When the old MX TTL has run out everywhere, publish (one line each): {lines} -- and change the id.",
        )


def _tlsa(zone: Zone, gone: Sequence[str]) -> Iterator[Finding]:
    left = [f"_25._tcp.{host}" for host in gone if (f"_25._tcp.{host}", "TLSA") in zone]
    if left:
        yield Finding(
            subject="DANE",
            seen=f"TLSA records at {', '.join(left)}",
            means="They speak of the old server only.",
            todo="Remove them together with the old server's name.",
        )


def _names(zone: Zone, gone: Sequence[str]) -> Iterator[Finding]:
    left = [host for host in gone if (host, "A") in zone or (host, "AAAA") in zone or (host, "CNAME") in zone]
    if left:
        yield Finding(
            subject="old mail host",
            seen=f"{', '.join(left)} still resolves",
            means="What once was an MX is sent junk for years.",
            todo="Remove the name when nothing of your own (Outlook Anywhere, printers) uses it any more.",
        )
