"""What published policies say to a switch: SPF with all that it includes, and MTA-STS with senders that remember."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from mailmove.dns.assessment.survey import read_mta_sts
from mailmove.dns.client.lookups import Lookup, Lookups
from mailmove.dns.mail_auth import mta_sts, spf
from mailmove.dns.mail_auth.mta_sts import RememberedPolicy
from mailmove.dns.mail_auth.mta_sts_fetch import Fetch, https_fetch
from mailmove.dns.mail_auth.spf_cost import measure
from mailmove.dns.zone.desired import mx_hosts
from mailmove.errors import Blocked, Transient
from mailmove.evidence import Finding, Preview, now
from mailmove.plan.cutover import Cutover
from mailmove.records import RRset
from tasks.dns.authoritative_check import resolvers_of, rrset_change
from tasks.ledger.artifact_tables import read_latest, write_table
from tasks.ledger.ledger import this_cutover


def policy_findings(cutover: Cutover, preview: Preview) -> list[Finding]:
    """What speaks against the preview's new MX and SPF records. It remembers what it saw of MTA-STS.

    Transient: no resolver tells whether there is a policy.
    """
    wanted = [after for one in preview.changes if (after := rrset_change(one).after)]
    return asyncio.run(_findings(cutover, wanted))


def refuse_if_blocked(stage: str, findings: list[Finding]) -> None:
    """Blocked: one of the findings blocks."""
    blockers = [found for found in findings if found.blocks]
    if blockers:
        raise Blocked(
            stage,
            wanted="policies that let the new server be used",
            seen="; ".join(f"{found.subject}: {found.seen}" for found in blockers),
            todo=" ".join(found.todo for found in blockers),
        )


def fetcher(cutover: Cutover, look: Lookup) -> Fetch:
    """Reads policy files, from where the plan's resolvers say that they lie."""
    return https_fetch(look, port=cutover.source.https_port)


async def _findings(cutover: Cutover, wanted: list[RRset]) -> list[Finding]:
    lookups = Lookups(resolvers_of(cutover))
    try:
        found = []
        for rrset in wanted:
            if rrset.type == "TXT" and rrset.name.rstrip(".") in cutover.domains:
                found += await _about_spf(rrset, lookups.get)
            if rrset.type == "MX":
                found += await _about_mta_sts(cutover, rrset, lookups.get)
        return found
    finally:
        await lookups.close()


async def _about_spf(rrset: RRset, look: Lookup) -> list[Finding]:
    found = []
    for text in (spf.text_of(value) for value in rrset.values if spf.is_spf(value)):
        cost = await measure(rrset.name, text, look)
        if cost.permanent:
            found.append(
                Finding(
                    subject=f"SPF {rrset.name}",
                    seen=f"the merged record would have: {'; '.join(cost.permanent)}",
                    means="Receivers would take it as broken (permerror), and refuse mail from both servers.",
                    todo=f"Shorten what stands there; merged it would be: {text}",
                    blocks=True,
                )
            )
        elif cost.unanswered:
            found.append(
                Finding(
                    subject=f"SPF {rrset.name}",
                    seen=f"no answer to {'; '.join(cost.unanswered)}",
                    means="Its whole cost could not be counted.",
                    todo="Lookup again.",
                )
            )
    return found


async def _about_mta_sts(cutover: Cutover, mx: RRset, look: Lookup) -> list[Finding]:
    domain, at = mx.name.rstrip("."), now()
    seen = await read_mta_sts(domain, look, fetcher(cutover, look))
    held = await asyncio.to_thread(_recall, cutover, domain)
    if seen.unanswered:
        raise Transient("resolvers", wanted=f"TXT of _mta-sts.{domain}", seen=seen.unanswered, todo="Ask again.")
    policy = seen.facts.policy
    if policy is None:
        return [_unreadable(domain, "; ".join(seen.faults))] if seen.record else []
    kept = mta_sts.remember(policy, mx_hosts(mx), held, at)
    if kept and kept != held:
        await asyncio.to_thread(_keep, cutover, domain, kept)
    patience = timedelta(hours=cutover.propagation.policy_patience_hours)
    return mta_sts.judge(domain, policy, mx_hosts(mx), kept, at=at, patience=patience)


def _unreadable(domain: str, seen: str) -> Finding:
    return Finding(
        subject=f"MTA-STS {domain}",
        seen=seen,
        means="A policy is announced that could not be read; senders may hold one that refuses the new MX.",
        todo=f"Make https://mta-sts.{domain}/.well-known/mta-sts.txt answer, or take the TXT record at "
        f"_mta-sts.{domain} away and wait the old max_age.",
        blocks=True,
    )


def _recall(cutover: Cutover, domain: str) -> RememberedPolicy | None:
    """What an earlier look, of this night or of a preflight before it, remembered."""
    rows = read_latest([_key(cutover, domain)])
    return RememberedPolicy.model_validate(rows[_key(cutover, domain)][0]) if rows else None


def _keep(cutover: Cutover, domain: str, held: RememberedPolicy) -> None:
    write_table(
        _key(cutover, domain),
        [held.model_dump(mode="json")],
        description=f"{domain}: an MTA-STS policy that refuses the new MX was published",
        flow_run=this_cutover(),
    )


def _key(cutover: Cutover, domain: str) -> str:
    return f"mta-sts-{cutover.customer}-{domain.replace('.', '-').replace('_', '-')}"
