"""What published policies say to a switch: SPF with all that it includes, and MTA-STS with senders that remember."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from mailmove.clock import now
from mailmove.dns.assessment.survey import read_mta_sts
from mailmove.dns.client.lookups import Lookup, Lookups
from mailmove.dns.mail_auth import mta_sts, spf
from mailmove.dns.mail_auth.mta_sts import RememberedPolicy
from mailmove.dns.mail_auth.mta_sts_fetch import Fetch, https_fetch
from mailmove.dns.mail_auth.spf_cost import measure
from mailmove.dns.zone.desired import mx_hosts
from mailmove.errors import Blocked, Transient
from mailmove.evidence import Finding, Preview
from mailmove.records import RRset
from tasks.dns.authoritative_check import is_record_set, resolvers_of, rrset_change
from tasks.engine.current import engine
from tasks.execution.context import Context
from tasks.ledger.stored_values import stored_value


def policy_findings(context: Context, preview: Preview) -> list[Finding]:
    """What speaks against the preview's new MX and SPF records. What MTA-STS policies say is noted in the preview.

    Transient: no resolver tells whether there is a policy.
    """
    changes = [rrset_change(change) for change in preview.changes if is_record_set(change)]
    return asyncio.run(_findings(context, [change.after for change in changes if change.after], preview.observed))


def keep_observed(context: Context, *previews: Preview) -> None:
    """Keep what previews have seen of policies: senders remember a policy for as long as it was published for."""
    for preview in previews:
        for key, policy in preview.observed.items():
            context.write_table(key, [policy], description="An MTA-STS policy that refuses the new MX was published")


def refuse_if_blocked(stage: str, findings: list[Finding]) -> None:
    """Blocked: one of the findings blocks."""
    blockers = [finding for finding in findings if finding.blocks]
    if blockers:
        raise Blocked(
            stage,
            wanted="policies that let the new server be used",
            seen="; ".join(f"{finding.subject}: {finding.seen}" for finding in blockers),
            todo=" ".join(finding.todo for finding in blockers),
        )


def fetcher(context: Context, lookup: Lookup) -> Fetch:
    """Reads policy files, from where the plan's resolvers say that they lie."""
    return https_fetch(lookup, port=context.plan.source.https_port)


async def _findings(context: Context, wanted: list[RRset], observed: dict[str, Any]) -> list[Finding]:
    lookups = Lookups(resolvers_of(context))
    try:
        findings = []
        for rrset in wanted:
            if rrset.type == "TXT" and rrset.name.rstrip(".") in context.plan.domains:
                findings += await _about_spf(rrset, lookups.get)
            if rrset.type == "MX":
                findings += await _about_mta_sts(context, rrset, lookups.get, observed)
        return findings
    finally:
        await lookups.close()


async def _about_spf(rrset: RRset, lookup: Lookup) -> list[Finding]:
    findings = []
    for text in (spf.text_of(value) for value in rrset.values if spf.is_spf(value)):
        cost = await measure(rrset.name, text, lookup)
        if cost.permanent:
            findings.append(
                Finding(
                    subject=f"SPF {rrset.name}",
                    seen=f"the merged record would have: {'; '.join(cost.permanent)}",
                    means="Receivers would take it as broken (permerror), and refuse mail from both servers.",
                    todo=f"Shorten what stands there; merged it would be: {text}",
                    blocks=True,
                )
            )
        elif cost.unanswered:
            findings.append(
                Finding(
                    subject=f"SPF {rrset.name}",
                    seen=f"no answer to {'; '.join(cost.unanswered)}",
                    means="Its whole cost could not be counted.",
                    todo="Look again.",
                )
            )
    return findings


async def _about_mta_sts(context: Context, mx: RRset, lookup: Lookup, observed: dict[str, Any]) -> list[Finding]:
    domain, at = mx.name.rstrip("."), now()
    published = await read_mta_sts(domain, lookup, fetcher(context, lookup))
    remembered = await asyncio.to_thread(_recall, context, domain)
    if published.unanswered:
        raise Transient("resolvers", wanted=f"TXT of _mta-sts.{domain}", seen=published.unanswered, todo="Ask again.")
    policy = published.facts.policy
    if policy is None:
        return [_unreadable(domain, "; ".join(published.faults))] if published.record else []
    kept = mta_sts.remember(policy, mx_hosts(mx), remembered, at)
    if kept and kept != remembered:
        observed[_key(context, domain)] = kept.model_dump(mode="json")
    patience = timedelta(hours=context.plan.propagation.policy_patience_hours)
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


def _recall(context: Context, domain: str) -> RememberedPolicy | None:
    """What an earlier check, of this cutover or of a preflight before it, observed."""
    rows = engine().store.read_latest([_key(context, domain)])
    return stored_value(RememberedPolicy, rows[_key(context, domain)][0], "the policy seen before") if rows else None


def _key(context: Context, domain: str) -> str:
    return f"mta-sts-{context.plan.customer}-{domain.replace('.', '-').replace('_', '-')}"
