"""Turn an assessment into findings: what it means for the move, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from mailmove.dns.assessment.result import Assessment
from mailmove.dns.mail_auth import spf
from mailmove.dns.mail_auth.record_verdict import RecordVerdict
from mailmove.dns.mail_auth.tls_rpt import proposal
from mailmove.evidence import Finding
from mailmove.plan.values import MX_TTL_CEILING


def advice(seen: Assessment) -> list[Finding]:
    """Every finding, those that block first."""
    if seen.exists is False:
        return [
            Finding(
                subject=seen.domain,
                seen=f"no such domain (NXDOMAIN), says {seen.answered_by}",
                means="Nothing can be moved.",
                todo="Check the spelling, that the domain is registered, and that this resolver sees the public DNS.",
                blocks=True,
            )
        ]
    findings = [
        *_servers(seen), *_mx(seen), *_spf(seen), *_dkim(seen), *_dmarc(seen), *_mta_sts(seen), *_tls_rpt(seen),
        *_dnssec(seen), *_dane(seen), *_caa(seen),
    ]  # fmt: skip
    return sorted(findings, key=lambda finding: not finding.blocks)


def _servers(seen: Assessment) -> Iterator[Finding]:
    for server in seen.name_servers:
        if server.error:
            yield Finding(
                subject=f"name server {server.name} {server.address}".rstrip(),
                seen=server.error,
                means="Resolvers lose time there; a change that it does not have is not the world's yet.",
                todo="Mend it, or take it out of the NS set.",
            )
    if seen.agree is False:
        yield Finding(
            subject=f"name servers of {seen.zone}",
            seen="; ".join(
                f"{server.name} says {', '.join(server.mx) or 'no MX'}"
                for server in seen.name_servers
                if not server.error
            ),
            means="Senders go to different places, depending on whom they ask.",
            todo="Find out why the zone is not transferred; move nothing before they agree.",
            blocks=True,
        )


def _mx(seen: Assessment) -> Iterator[Finding]:
    subject = f"MX {seen.domain}"
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


def _spf(seen: Assessment) -> Iterator[Finding]:
    verdict, subject = seen.spf, f"SPF {seen.domain}"
    means = "Receivers take the record as broken (permerror), and many refuse mail for it; or pass over what is meant."
    todo = "Mend it before the move; the switch adds Microsoft's include to it."
    if wrong := _wrong(subject, verdict, means, todo, blocks=True):
        yield wrong
    elif verdict.record is None:
        yield Finding(
            subject=subject,
            seen="no SPF record",
            means="Anybody may send in the domain's name. The switch adds a record: today's servers, and Microsoft.",
            todo="Collect every service that sends for the domain.",
        )
    else:
        cost = verdict.facts.lookups
        more = spf.added_by_switch(verdict.record, [value.split()[-1] for value in seen.mx], seen.domain)
        if cost + more > spf.LOOKUP_LIMIT:
            yield Finding(
                subject=subject,
                seen=f"{cost} DNS look-ups, those of its includes counted",
                means=f"The switch adds {more} (today's MX by name, and Microsoft); more than {spf.LOOKUP_LIMIT} is a "
                "permanent error.",
                todo="Take out services that no longer send, or name addresses instead of hosts.",
                blocks=True,
            )
        verdict_on_all = verdict.facts.all
        if verdict_on_all in ("+", "?") or (verdict_on_all is None and not verdict.facts.redirect):
            yield Finding(
                subject=subject,
                seen=f"it ends in {'+all' if verdict_on_all == '+' else 'no verdict on other senders'}",
                means="It keeps nobody from sending in the domain's name.",
                todo="End it in ~all, and in -all once every sender is known.",
            )


def _dkim(seen: Assessment) -> Iterator[Finding]:
    if not seen.dkim and seen.answered("DKIM"):
        yield Finding(
            subject=f"DKIM {seen.domain}",
            seen="no key under a common selector",
            means="The old server probably does not sign its mail (a rare selector cannot be found from outside).",
            todo="Nothing; the move publishes Microsoft's selectors, and mail from the cloud is signed.",
            needs_action=False,
        )


def _dmarc(seen: Assessment) -> Iterator[Finding]:
    verdict, subject = seen.dmarc, f"DMARC {seen.domain}"
    means = "Receivers ignore the record."
    todo = "Mend it; Mailmove leaves DMARC alone."
    if wrong := _wrong(subject, verdict, means, todo):
        yield wrong
    elif verdict.record is None:
        yield Finding(
            subject=subject,
            seen="no DMARC record",
            means="Large receivers ask bulk senders for one.",
            todo=f'After the move: TXT at _dmarc.{seen.domain}, "v=DMARC1; p=none; rua=mailto:<mailbox>".',
        )
    else:
        yield from _strict_dmarc(seen, subject)


def _strict_dmarc(seen: Assessment, subject: str) -> Iterator[Finding]:
    facts = seen.dmarc.facts
    policy = facts.p if facts.location == seen.domain else facts.sp
    if not facts.p_given:
        yield Finding(
            subject=subject, seen="no p tag", means="It counts as p=none (RFC 9989), or not at all (older receivers).",
            todo="Say p=none.",
        )  # fmt: skip
    if policy not in ("quarantine", "reject"):
        return
    lame = [name for name, ok in (("SPF", seen.spf.valid is True), ("DKIM", bool(seen.dkim))) if not ok]
    yield Finding(
        subject=subject,
        seen=f"p={policy}" + (f", and no valid {' and no '.join(lame)}" if lame else ""),
        means=f"Receivers {policy} mail that neither SPF nor DKIM shows to be the domain's own. After the switch "
        "that is decided by Microsoft's include in SPF (envelope sender of the domain) and by its DKIM keys.",
        todo="Let the move publish DKIM and switch signing on; check services that send for you besides.",
        blocks=len(lame) == 2,
    )


def _mta_sts(seen: Assessment) -> Iterator[Finding]:
    verdict, subject = seen.mta_sts, f"MTA-STS {seen.domain}"
    means = "Senders use no policy, or go on with one that they hold."
    todo = "Mend it before the move, or take the TXT record away and wait the old max_age."
    if wrong := _wrong(subject, verdict, means, todo):
        yield wrong
    elif policy := verdict.facts.policy:
        refused = policy.refuses([value.split()[-1] for value in seen.mx])
        if refused:
            yield Finding(
                subject=subject,
                seen=f"the enforced policy does not list {', '.join(refused)}, which is an MX today",
                means="Senders that keep to it do not deliver there, already now.",
                todo="Mend the policy file and change the record's id.",
            )
        yield Finding(
            subject=subject,
            seen=f"mode {policy.mode}, max_age {policy.max_age} s, lists {', '.join(policy.mx) or 'nothing'}",
            means="Senders hold it for max_age, and refuse an MX that an enforced one does not list.",
            todo="Before the switch list the new MX beside the old one, change the id, and wait the max_age; narrow it "
            "afterwards. The new name is known once the tenant has the domain.",
            blocks=False,
        )


def _tls_rpt(seen: Assessment) -> Iterator[Finding]:
    verdict, subject = seen.tls_rpt, f"TLS-RPT {seen.domain}"
    means = "Senders ignore it."
    todo = "Mend the record."
    if wrong := _wrong(subject, verdict, means, todo):
        yield wrong
    elif verdict.record is None:
        yield Finding(
            subject=subject,
            seen="no record",
            means="Nobody reports failed deliveries for want of TLS; it is the only word from such senders.",
            todo=f"Optional, before the switch: {proposal(seen.domain, f'tls-reports@{seen.domain}')}",
        )


def _dnssec(seen: Assessment) -> Iterator[Finding]:
    verdict, subject = seen.dnssec, f"DNSSEC {seen.zone or seen.domain}"
    means = "For a large part of the world the domain does not resolve: mail queues, then bounces."
    todo = "Mend the DS at the registrar, or have it removed, and wait its TTL; then look again."
    if wrong := _wrong(subject, verdict, means, todo, blocks=True):
        yield wrong
    elif verdict.valid:
        yield Finding(
            subject=subject,
            seen="signed, and the chain holds",
            means="Every change must be signed too; a provider does so by itself.",
            todo="Do not change the DNS provider during the cutover.",
        )
    elif verdict.faults:
        yield Finding(
            subject=subject,
            seen="; ".join(verdict.faults),
            means="It does no harm.",
            todo="Nothing tonight.",
            needs_action=False,
        )


def _dane(seen: Assessment) -> Iterator[Finding]:
    for host, records in seen.tlsa.items():
        yield Finding(
            subject=f"DANE {host}",
            seen=f"{len(records)} TLSA records",
            means="They speak of the old server only; they do no harm once the MX no longer names it.",
            todo="Leave them until the old server goes. Microsoft's own DANE is switched on there, later.",
        )


def _caa(seen: Assessment) -> Iterator[Finding]:
    if seen.caa:
        yield Finding(
            subject=f"CAA {seen.domain}",
            seen="; ".join(seen.caa),
            means="Only these may issue certificates, also for the old server's public name and for mta-sts.",
            todo="Mind it if the certificate for Outlook Anywhere must be renewed before the move.",
        )


def _wrong(subject: str, verdict: RecordVerdict, means: str, todo: str, *, blocks: bool = False) -> Finding | None:
    """The finding about a faulty or unanswered record; None: it is valid, or there is none."""
    if verdict.unanswered:
        error = f"no answer: {verdict.unanswered}"
        return Finding(subject=subject, seen=error, means="It could not be judged.", todo="Look again.")
    if verdict.valid is False:
        return Finding(subject=subject, seen="; ".join(verdict.faults), means=means, todo=todo, blocks=blocks)
    return None
