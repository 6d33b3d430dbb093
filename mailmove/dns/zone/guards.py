"""Check that a zone may be edited at all. Each guard gives findings; those that block refuse the stage."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdatatype

from mailmove.dns.client.query import Answer, Server
from mailmove.dns.zone.authority import Authority, ask_authorities, authorities
from mailmove.errors import MailmoveError
from mailmove.evidence import Finding
from mailmove.lists_in_words import some_of
from mailmove.records import Key, Zone

_PARENTS_ASKED = 2
"""Number of servers of the parent zone that are asked; they agree within minutes, and big zones have a dozen."""


def beyond_plan(zone: str, planned: Iterable[Key], would: Iterable[Key]) -> Finding | None:
    """The finding if more record sets would change than are planned: numbers, names, and what to do."""
    planned_keys, would_keys = set(planned), set(would)
    beyond = sorted(would_keys - planned_keys)
    if not beyond:
        return None
    names = some_of([f"{rtype} {name}" for name, rtype in beyond], 10)
    return Finding(
        subject=f"zone {zone}",
        seen=f"{len(would_keys)} record sets would change where {len(planned_keys)} may: also {names}",
        means="More than the move of the mail would change; nothing was changed.",
        todo="Look at these records: bring them to rest by hand (or with the tool that keeps them), then look again.",
        blocks=True,
    )


async def delegation_findings(
    zone: str, provider_zone: Zone, resolvers: Sequence[Server], dns_port: int = 53, *, timeout: float = 3.0
) -> list[Finding]:
    """The findings if the zone's NS set is changing, or if we edit a copy that no name server serves.

    Compares the delegation at the parent, the NS set at every authoritative server, and the one that the provider
    holds (not all providers show it). What cannot be asked is a finding that does not block.
    """
    try:
        servers = await authorities(zone, resolvers, dns_port, timeout=timeout)
        answers = await ask_authorities(servers, zone, "NS", dns_port=dns_port, timeout=timeout)
    except MailmoveError as error:
        return [_not_asked(zone, "its name servers", str(error))]
    findings = _disagreeing(zone, servers, answers)
    served = {host for answer in answers if not answer.error for host in answer.values}
    copy = provider_zone.get((zone, "NS"))
    if copy and served and not served & {value.lower() for value in copy.values}:
        findings.append(
            _changing(
                zone,
                f"the world asks {', '.join(sorted(served))}, the provider's copy names {', '.join(copy.values)}",
                "The zone at this provider is not the one that the world asks: editing it would change nothing.",
            )
        )
    try:
        delegated = await _delegation(zone, resolvers, dns_port, timeout)
    except MailmoveError as error:
        return [*findings, _not_asked(zone, "the delegation at the parent zone", str(error))]
    if delegated and served and delegated != served:
        findings.append(
            _changing(
                zone,
                f"the parent delegates to {', '.join(sorted(delegated))}, the zone names {', '.join(sorted(served))}",
                "The zone is on its way to other name servers: some of the world would see an edit, some not.",
            )
        )
    return findings


def _disagreeing(zone: str, servers: Sequence[Authority], answers: Sequence[Answer]) -> list[Finding]:
    sets = {answer.values for answer in answers if not answer.error}
    if len(sets) < 2:
        return []
    sets_named = "; ".join(
        f"{server.name} names {', '.join(answer.values) or 'none'}"
        for server, answer in zip(servers, answers, strict=True)
        if not answer.error
    )
    return [
        _changing(
            zone, sets_named, "The name servers do not agree on who they are: the zone is being moved, or broken."
        )
    ]


def _changing(zone: str, seen: str, means: str) -> Finding:
    todo = (
        "Let the change of name servers finish (the parent's NS records live up to 48 h), at one provider; then look "
        "again. Never move DNS and mail in one cutover."
    )
    return Finding(subject=f"NS {zone}", seen=seen, means=means, todo=todo, blocks=True)


def _not_asked(zone: str, what: str, seen: str) -> Finding:
    means = f"Whether the name servers are being changed could not be told from {what}."
    return Finding(subject=f"NS {zone}", seen=seen, means=means, todo="Check by hand that nobody moves the zone.")


async def _delegation(zone: str, resolvers: Sequence[Server], dns_port: int, timeout: float) -> set[str]:
    """The NS names that the parent zone's servers give; empty: none of them answers."""
    parent = dns.name.from_text(zone).parent().to_text()
    if parent == ".":
        return set()
    servers = await authorities(parent, resolvers, dns_port, timeout=timeout)
    reachable = [server.address for server in servers if server.address]
    asked = [_referral(address, zone, dns_port, timeout) for address in reachable[:_PARENTS_ASKED]]
    return set().union(*await asyncio.gather(*asked))


async def _referral(address: str, zone: str, dns_port: int, timeout: float) -> set[str]:
    """The NS names in the referral of a parent's server: they are in the authority section, without AA."""
    from dns.asyncquery import udp_with_fallback  # brings an HTTP client with it

    query = dns.message.make_query(zone, "NS", use_edns=0, payload=1232)
    query.flags &= ~dns.flags.RD
    try:
        answer, _ = await udp_with_fallback(query, address, timeout, dns_port)
    except (dns.exception.DNSException, OSError, EOFError):
        return set()
    owner = dns.name.from_text(zone)
    sections = (*answer.answer, *answer.authority)
    sets = [rrset for rrset in sections if (rrset.name, rrset.rdtype) == (owner, dns.rdatatype.NS)]
    return {rdata.target.to_text().lower() for rrset in sets for rdata in rrset}
