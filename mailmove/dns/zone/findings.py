"""Find what in a zone concerns the move of its mail. Pure: a zone in, findings out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mailmove.dns.canonical import absolute
from mailmove.dns.mail_auth import dmarc, spf
from mailmove.dns.mail_auth.tls_rpt import proposal
from mailmove.dns.server_made import without_server_made
from mailmove.dns.zone.desired import mx_hosts
from mailmove.dns.zone.other_names import findings_before
from mailmove.domain_names import shown
from mailmove.evidence import Finding
from mailmove.plan.values import MX_TTL_CEILING
from mailmove.records import Zone


def findings(zone: Zone, domain: str, *, moving: Iterable[str] = ()) -> list[Finding]:
    """Every finding about one domain, those that block first. moving: all domains whose mail moves."""
    name = absolute(domain)
    about = [
        *_about_letters(name),
        *_about_mx(zone, name),
        *_about_spf(zone, name),
        *_about_policies(zone, name),
        *_about_dmarc(zone, name),
        *_about_autodiscover(zone, name),
        *findings_before(zone, domain, moving),
    ]
    return sorted(about, key=lambda finding: not finding.blocks)


def _about_letters(name: str) -> Iterator[Finding]:
    if (both := shown(name)) != name:
        yield Finding(
            subject=f"domain {both}",
            seen="letters outside ASCII",
            means=f"DNS, certificates and Microsoft 365 have it as {name.rstrip('.')}; people may write either.",
            todo="Nothing.",
            needs_action=False,
        )


def _about_mx(zone: Zone, name: str) -> Iterator[Finding]:
    mx = zone.get((name, "MX"))
    subject = f"MX {shown(name)}"
    if mx is None:
        yield Finding(
            subject=subject,
            seen="no MX records",
            means="Mail is delivered to the domain's own address, or nowhere; there is nothing to lower or switch.",
            todo="Check that this is the right zone and provider.",
            blocks=True,
        )
        return
    if "." in mx_hosts(mx):
        yield Finding(
            subject=subject,
            seen=f"a null MX: {', '.join(mx.values)}",
            means="The domain says that it takes no mail at all (RFC 7505).",
            todo="Replace it by the real mail server before the move.",
            blocks=True,
        )
    if mx.ttl > MX_TTL_CEILING:
        yield Finding(
            subject=subject,
            seen=f"TTL {mx.ttl} s",
            means=f"The world may use the old MX for {mx.ttl / 3600:.0f} h after the TTL is lowered; Exchange Online "
            f"supports at most {MX_TTL_CEILING} s.",
            todo="Lower the TTL early; the wait is as long as the old TTL.",
        )
    if (name, "CNAME") in zone:
        yield Finding(
            subject=name,
            seen="a CNAME beside the MX",
            means="Senders may follow the CNAME and never see the MX (RFC 2181 section 10.3).",
            todo="Remove the CNAME.",
            blocks=True,
        )


def _about_spf(zone: Zone, name: str) -> Iterator[Finding]:
    txt = zone.get((name, "TXT"))
    records = [value for value in (txt.values if txt else ()) if spf.is_spf(value)]
    if len(records) > 1:
        yield Finding(
            subject=f"SPF {shown(name)}",
            seen=f"{len(records)} SPF records",
            means="Receivers take this as a permanent error (RFC 7208 section 4.5).",
            todo="Merge them into one record.",
            blocks=True,
        )
    mx = zone.get((name, "MX"))
    for text in map(spf.text_of, records):
        cost, more = spf.lookups(text), spf.added_by_switch(text, mx_hosts(mx) if mx else [], name)
        if cost + more > spf.LOOKUP_LIMIT:
            yield Finding(
                subject=f"SPF {shown(name)}",
                seen=f"{cost} terms with a DNS look-up",
                means=f"The switch adds {more} (today's MX by name, and Microsoft); more than {spf.LOOKUP_LIMIT} is a "
                "permanent error.",
                todo="Shorten the record.",
                blocks=True,
            )
    for fault in [fault for text in map(spf.text_of, records) for fault in spf.faults(text)]:
        yield Finding(
            subject=f"SPF {shown(name)}",
            seen=fault,
            means="Receivers do not read it as it was meant; the switch leaves it as it is.",
            todo="Mend it before the switch.",
        )
    if not records:
        yield Finding(
            subject=f"SPF {shown(name)}",
            seen="no SPF record",
            means="The switch will add one, with today's servers and Microsoft, ending in ~all.",
            todo="Name here any other service that sends for the domain.",
        )


def _about_policies(zone: Zone, name: str) -> Iterator[Finding]:
    if (f"_mta-sts.{name}", "TXT") in zone or (f"_mta-sts.{name}", "CNAME") in zone:
        yield Finding(
            subject=f"MTA-STS {shown(name)}",
            seen="a policy is announced",
            means="Senders that hold the policy refuse an MX that it does not list, for as long as its max_age.",
            todo="List the new MX beside the old one in the policy file, change the id of the _mta-sts record, and "
            "wait the old max_age before the switch (RFC 8461).",
        )
    tlsa = sorted(key[0] for key in zone if key[1] == "TLSA" and key[0].startswith("_25._tcp."))
    if tlsa:
        yield Finding(
            subject=f"DANE {shown(name)}",
            seen=f"TLSA records at {', '.join(tlsa)}",
            means="They speak of the old server only and do no harm after the switch.",
            todo="Nothing tonight; remove them together with the old server.",
            needs_action=False,
        )
    if (f"_smtp._tls.{name}", "TXT") not in zone:
        yield Finding(
            subject=f"TLS-RPT {shown(name)}",
            seen="no record",
            means="Nobody tells when a delivery fails for want of TLS.",
            todo=f"Optional, before the switch: {proposal(name, 'tls-reports@' + name.rstrip('.'))}",
        )


def _about_dmarc(zone: Zone, name: str) -> Iterator[Finding]:
    txt = zone.get((f"_dmarc.{name}", "TXT"))
    verdict = dmarc.read(txt.values if txt else (), name.rstrip("."))
    if verdict.valid is False:
        yield Finding(
            subject=f"DMARC {shown(name)}",
            seen="; ".join(verdict.faults),
            means="Receivers ignore the record. It is left alone.",
            todo="Mend it.",
        )
    elif verdict.valid:
        policy, strict = verdict.facts.p, verdict.facts.aspf == "s"
        yield Finding(
            subject=f"DMARC {shown(name)}",
            seen=f"a policy is published: p={policy}" + (", SPF only of the very domain (aspf=s)" if strict else ""),
            means="It is left alone. Mail from Microsoft 365 passes by SPF, and by DKIM once that is enabled"
            + (f"; what passes by neither is met with {policy}." if policy != "none" else "."),
            todo="The cutover publishes Microsoft's DKIM names before the switch, and has mail signed after it."
            + (" Check every other service that sends in the domain's name." if policy != "none" else ""),
        )


def _about_autodiscover(zone: Zone, name: str) -> Iterator[Finding]:
    others = sorted(
        rtype for owner, rtype in without_server_made(zone) if owner == f"autodiscover.{name}" and rtype != "CNAME"
    )
    if others:
        yield Finding(
            subject=f"autodiscover.{name}",
            seen=f"{', '.join(others)} records",
            means="The switch replaces them by a CNAME, which cannot stand beside other records.",
            todo="Nothing; a rollback puts them back.",
            needs_action=False,
        )
    srv = zone.get((f"_autodiscover._tcp.{name}", "SRV"))
    if srv:
        yield Finding(
            subject=f"_autodiscover._tcp.{name}",
            seen=f"SRV {', '.join(srv.values)}",
            means="Outlook follows it where the CNAME fails; the switch leads it to Microsoft (a target of . stays).",
            todo="Nothing; a rollback puts it back.",
            needs_action=False,
        )
    yield Finding(
        subject="Autodiscover in Active Directory",
        seen="DNS does not show it",
        means="Outlook on computers of the domain asks Active Directory (SCP) first, and finds the old server there.",
        todo="After the cutover, on the old server: Set-ClientAccessServer -Identity <server> "
        "-AutoDiscoverServiceInternalUri $null (Set-ClientAccessService from Exchange 2016 on).",
    )
