"""Turn an assessment into findings: what it means for the move, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from mailmove.dns.assessment.host_advice import about_mail_hosts, about_mx, about_name_servers
from mailmove.dns.assessment.result import Assessment
from mailmove.dns.mail_auth import spf
from mailmove.dns.mail_auth.dkim_key import is_for_testing
from mailmove.dns.mail_auth.record_verdict import RecordVerdict
from mailmove.dns.mail_auth.tls_rpt import proposal
from mailmove.domain_names import shown
from mailmove.evidence import Finding


def advice(seen: Assessment) -> list[Finding]:
    """Every finding, those that block first. What was not seen is no ground for any, but that it was not seen."""
    if seen.exists is False:
        return [
            Finding(
                subject=shown(seen.domain),
                seen=f"no such domain (NXDOMAIN), says {seen.answered_by}",
                means="Nothing can be moved.",
                todo="Check the spelling, that the domain is registered, and that this resolver sees the public DNS.",
                blocks=True,
            )
        ]
    findings = [
        *about_name_servers(seen), *about_mx(seen), *about_mail_hosts(seen), *_spf(seen), *_dkim(seen), *_dmarc(seen),
        *_mta_sts(seen), *_tls_rpt(seen), *_dnssec(seen), *_dane(seen), *_caa(seen),
    ]  # fmt: skip
    return sorted(findings, key=lambda finding: not finding.blocks)


def _spf(seen: Assessment) -> Iterator[Finding]:
    verdict, subject = seen.spf, f"SPF {shown(seen.domain)}"
    means = "Receivers take the record as broken (permerror), and many refuse mail for it; or pass over what is meant."
    todo = "Mend it before the move; the switch adds Microsoft's include to it."
    yield from _near(subject, verdict)
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
        yield from _spf_after_switch(seen, subject)
        verdict_on_all = verdict.facts.all
        if verdict_on_all in ("+", "?") or (verdict_on_all is None and not verdict.facts.redirect):
            yield Finding(
                subject=subject,
                seen=f"it ends in {'+all' if verdict_on_all == '+' else 'no verdict on other senders'}",
                means="It keeps nobody from sending in the domain's name.",
                todo="End it in ~all, and in -all once every sender is known.",
            )


def _spf_after_switch(seen: Assessment, subject: str) -> Iterator[Finding]:
    """What the switch makes of a record that is good today."""
    facts, record = seen.spf.facts, seen.spf.record or ""
    if seen.answered("MX"):
        cost = facts.lookups
        more = spf.added_by_switch(record, [value.split()[-1] for value in seen.mx], seen.domain)
        if cost + more > spf.LOOKUP_LIMIT:
            yield Finding(
                subject=subject,
                seen=f"{cost} DNS look-ups, those of its includes counted",
                means=f"The switch adds {more} (today's MX by name, and Microsoft); more than {spf.LOOKUP_LIMIT} is a "
                "permanent error.",
                todo="Take out services that no longer send, or name addresses instead of hosts.",
                blocks=True,
            )
    if facts.mx_elsewhere:
        yield Finding(
            subject=subject,
            seen=f"`mx` in the record of {', '.join(facts.mx_elsewhere)}, which this one leads to, stands for today's "
            "mail servers",
            means="Once that MX is switched it stands for Microsoft, and mail that the old server still sends fails "
            "SPF. Mailmove edits the domain's own record only.",
            todo="Before the switch name the old server there by its address (ip4:) or its name (a:).",
        )
    if facts.mx_nowhere:
        yield Finding(
            subject=subject,
            seen=f"`mx` in the record of {', '.join(facts.mx_nowhere)}, which this one leads to, stands for nothing",
            means="There `mx` means the MX of that name, which has none, and not that of "
            f"{shown(seen.domain)}: today's mail servers are not in the record by it.",
            todo=f"Write mx:{seen.domain} there, or name the servers.",
        )


def _dkim(seen: Assessment) -> Iterator[Finding]:
    for selector, reason in seen.dkim_no_keys.items():
        yield Finding(
            subject=f"DKIM {selector}._domainkey.{shown(seen.domain)}",
            seen=reason,
            means="To receivers that is no key: signatures by it do not verify.",
            todo="If something still signs by this selector, publish its key again; else nothing.",
        )
    for selector in (selector for selector, record in seen.dkim.items() if is_for_testing(record)):
        yield Finding(
            subject=f"DKIM {selector}._domainkey.{shown(seen.domain)}",
            seen="the key is for testing (t=y)",
            means="Receivers may take signatures by it as if there were none.",
            todo="Take t=y out once signing works.",
        )
    if not seen.dkim and seen.answered("DKIM"):
        yield Finding(
            subject=f"DKIM {shown(seen.domain)}",
            seen="no key under a common selector",
            means="The old server probably does not sign its mail (a rare selector cannot be found from outside).",
            todo="Nothing; the move publishes Microsoft's selectors, and mail from the cloud is signed.",
            needs_action=False,
        )


def _dmarc(seen: Assessment) -> Iterator[Finding]:
    verdict, subject = seen.dmarc, f"DMARC {shown(seen.domain)}"
    means = "Receivers ignore the record."
    todo = "Mend it; Mailmove leaves DMARC alone."
    yield from _near(subject, verdict)
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
    if seen.dmarc.remarks:
        yield Finding(
            subject=subject,
            seen="; ".join(seen.dmarc.remarks),
            means="Receivers pass over that part; the rest, with its policy, stays in force."
            + ("" if facts.rua else " Nobody sends reports."),
            todo="Mend it; Mailmove leaves DMARC alone.",
        )
    policy = facts.p if facts.location == seen.domain else facts.sp
    if not facts.p_given:
        yield Finding(
            subject=subject, seen="no p tag", means="It counts as p=none (RFC 9989), or not at all (older receivers).",
            todo="Say p=none.",
        )  # fmt: skip
    if policy not in ("quarantine", "reject"):
        return
    lame = [
        name
        for name, missing in (
            ("SPF", seen.spf.state == "answered" and seen.spf.valid is not True),
            ("DKIM", seen.answered("DKIM") and not seen.dkim),
        )
        if missing
    ]
    testing = "are asked to test only (t=y), and else would " if facts.testing else ""
    yield Finding(
        subject=subject,
        seen=f"p={policy}" + (f", and no valid {' and no '.join(lame)}" if lame else ""),
        means=f"Receivers {testing}{policy} mail that neither SPF nor DKIM shows to be the domain's own. After the "
        "switch that is decided by Microsoft's include in SPF (envelope sender of the domain) and by its DKIM keys.",
        todo="Let the move publish DKIM and switch signing on; check services that send for you besides.",
        blocks=len(lame) == 2 and not facts.testing,
    )


def _mta_sts(seen: Assessment) -> Iterator[Finding]:
    verdict, subject = seen.mta_sts, f"MTA-STS {shown(seen.domain)}"
    means = "Senders use no policy, or go on with one that they hold."
    todo = "Mend it before the move, or take the TXT record away and wait the old max_age."
    yield from _near(subject, verdict)
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
    verdict, subject = seen.tls_rpt, f"TLS-RPT {shown(seen.domain)}"
    means = "Senders ignore it."
    todo = "Mend the record."
    yield from _near(subject, verdict)
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
    verdict, subject = seen.dnssec, f"DNSSEC {shown(seen.zone or seen.domain)}"
    means = "For a large part of the world the domain does not resolve: mail queues, then bounces."
    todo = "Mend the DS at the registrar, or have it removed, and wait its TTL; then look again."
    if wrong := _wrong(subject, verdict, means, todo, blocks=True):
        yield wrong
    elif verdict.valid:
        yield Finding(
            subject=subject,
            seen="signed, and the chain holds" if verdict.facts.validated else f"signed; {'; '.join(verdict.remarks)}",
            means="Every change must be signed too; a provider does so by itself.",
            todo="Do not change the DNS provider during the cutover.",
        )
    elif verdict.remarks:
        yield Finding(
            subject=subject,
            seen="; ".join(verdict.remarks),
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
            subject=f"CAA {shown(seen.domain)}",
            seen="; ".join(seen.caa),
            means="Only these may issue certificates, also for the old server's public name and for mta-sts.",
            todo="Mind it if the certificate for Outlook Anywhere must be renewed before the move.",
        )


def _near(subject: str, verdict: RecordVerdict) -> Iterator[Finding]:
    """A finding for each text that somebody meant as such a record, and that is none."""
    for text in verdict.near:
        yield Finding(
            subject=subject,
            seen=f"nearly a record: {text}",
            means="To receivers it is not there.",
            todo="Mend it, or take it away.",
        )


def _wrong(subject: str, verdict: RecordVerdict, means: str, todo: str, *, blocks: bool = False) -> Finding | None:
    """The finding about a faulty or unanswered record; None: it is valid, or there is none."""
    if verdict.state != "answered":
        error = str(verdict)
        return Finding(subject=subject, seen=error, means="It could not be judged.", todo="Look again.")
    if verdict.valid is False:
        return Finding(subject=subject, seen="; ".join(verdict.faults), means=means, todo=todo, blocks=blocks)
    return None
