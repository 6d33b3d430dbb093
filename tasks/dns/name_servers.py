"""Name servers that do not serve the zone: named before the cutover, written down once, and counted without.

The rule: one that was lame before the cutover touched the zone holds nothing up; should it begin to answer, it counts
again. One that answered before and does not answer now is waited for, until patience ends; then a person is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from mailmove.changes import Change, RecordSetSubject
from mailmove.clock import now
from mailmove.dns.client.query import Answer
from mailmove.dns.zone.authority import Authority, ask_authorities, authorities
from mailmove.dns.zone.server_findings import differing_findings, lame_findings
from mailmove.errors import MailmoveError
from mailmove.evidence import Finding
from tasks.execution.context import Context
from tasks.ledger.entry import EntryKind
from tasks.ledger.payloads import LameServer, LameServers


def name_server_findings(context: Context) -> list[Finding]:
    """Each name server of the plan's zones that does not serve its zone, or not what the others do, by name.

    It asks what the stages ask later when they verify a change. What cannot be asked is a finding.
    """
    findings: list[Finding] = []
    for domain in context.plan.domains:
        try:
            servers, answers, others = asyncio.run(_asked_for_all(context, f"{domain}."))
        except MailmoveError as error:
            means = "Whether one of them is out of order could not be told."
            findings.append(
                Finding(subject=f"name servers of {domain}.", seen=error.seen, means=means, todo=error.todo)
            )
        else:
            findings += lame_findings(servers, answers)
            for each in (answers, *others):
                findings += differing_findings(servers, each)
    return findings


def note_lame_servers(context: Context, making: str = "") -> None:
    """Write down, before the first change of the cutover, which name servers do not serve their zone.

    making: the stage that is about to make its change, which is in the ledger as intent already.
    """
    if any(
        _is_of_dns(change) for entry in context.ledger.entries() for change in entry.changes if entry.stage != making
    ):
        return  # an earlier stage has changed zones: who is silent now may have answered before
    known = {servers.zone for _, servers in context.ledger.payloads(LameServers)}
    for zone in (f"{domain}." for domain in context.plan.domains):
        if zone in known:
            continue
        try:
            servers, answers = asyncio.run(_asked(context, zone))
        except MailmoveError:
            continue  # nobody knows: then everybody is waited for
        lame = [
            LameServer(name=server.name, address=server.address, error=answer.error)
            for server, answer in zip(servers, answers, strict=True)
            if answer.error
        ]
        if lame and len(lame) < len(servers):  # all of them: this machine may not ask them, rather
            facts = [f"{server.name} {server.address} does not serve {zone}: {server.error}" for server in lame]
            payload = LameServers(zone=zone, servers=lame)
            context.ledger.record(EntryKind.EVIDENCE, context.stage, payload=payload, facts=facts)


def lame_before(context: Context, zone: str) -> set[str]:
    """Addresses (names of those without) of the servers that did not serve the zone before the cutover touched it."""
    noted = [lame for _, lame in context.ledger.payloads(LameServers) if lame.zone == zone]
    return {server.address or server.name for lame in noted for server in lame.servers}


def counted(answers: Sequence[Answer], lame: set[str]) -> list[Answer]:
    """The answers that count: of those that answer, and of those that did before. lame: see `lame_before`."""
    return [answer for answer in answers if not answer.error or answer.address not in lame] or list(answers)


def patience_ended(context: Context, stage: str) -> str | None:
    """When the plan's patience since the stage's change ended, in words that stay the same; None: it has not."""
    rule = context.plan.propagation
    end = context.ledger.receipt(stage).at + timedelta(minutes=rule.patience_minutes)
    return f"patience ended at {end:%Y-%m-%d %H:%M:%S} UTC" if now() >= end else None


async def _asked(context: Context, zone: str) -> tuple[list[Authority], list[Answer]]:
    """The zone's servers, and what each says to its SOA, in one order."""
    port = context.plan.propagation.dns_port
    servers = await authorities(zone, context.plan.propagation.servers, port)
    return servers, await ask_authorities(servers, zone, "SOA", dns_port=port)


async def _asked_for_all(context: Context, zone: str) -> tuple[list[Authority], list[Answer], list[list[Answer]]]:
    """The same, and what each says to MX and TXT, which the cutover changes."""
    servers, answers = await _asked(context, zone)
    port = context.plan.propagation.dns_port
    others = [ask_authorities(servers, zone, rtype, dns_port=port) for rtype in ("MX", "TXT")]
    return servers, answers, list(await asyncio.gather(*others))


def _is_of_dns(change: Change) -> bool:
    return isinstance(change.subject, RecordSetSubject)
