"""Compute the record sets that the customer's zone should hold at each stage. Pure: a zone in, record sets out."""

from __future__ import annotations

from collections.abc import Iterable

from mailmove.dns.canonical import absolute, canonical_value, displaced_by
from mailmove.dns.mail_auth import spf
from mailmove.errors import Blocked
from mailmove.plan.values import MX_TTL_CEILING
from mailmove.records import RRset, RRsetChange, Zone, difference

_NEW_TXT_TTL = 3600  # seconds, of an SPF record where there was no TXT set


def lowered(zone: Zone, domain: str, ttl: int) -> list[RRset]:
    """The domain's MX set with a TTL of at most `ttl`. Blocked: there is no MX set."""
    mx = _mx(zone, domain)
    return [mx.model_copy(update={"ttl": min(ttl, mx.ttl)})]


def restored_ttl(zone: Zone, domain: str, ttl: int) -> list[RRset]:
    """The domain's MX set with `ttl`, but no more than Exchange Online supports (21,600 s)."""
    return [_mx(zone, domain).model_copy(update={"ttl": min(ttl, MX_TTL_CEILING)})]


def switched(zone: Zone, domain: str, service_records: Iterable[RRset]) -> list[RRset]:
    """MX, SPF and autodiscover (CNAME and SRV) as they should be after the switch.

    service_records: what Microsoft asks for (Graph `serviceConfigurationRecords`), the only source of the MX name.
    The MX set keeps its (low) TTL. Both senders stay in the SPF record, other TXT values stay as they are.
    Blocked: the records cannot be made from what is there.
    """
    asked = list(service_records)
    return [
        *_switched_mx(zone, domain, asked),
        *_switched_txt(zone, domain, asked),
        *_autodiscover(zone, domain, asked),
        *_autodiscover_srv(zone, domain, asked),
    ]


def switch_changes(zone: Zone, domain: str, service_records: Iterable[RRset]) -> list[RRsetChange]:
    """The changes of the switch, for one transaction. What a new CNAME displaces (an A at autodiscover) goes."""
    wanted = switched(zone, domain, service_records)
    displaced = displaced_by(zone, wanted)
    return [*(RRsetChange(before=rrset, after=None) for rrset in displaced), *difference(zone, wanted)]


def mx_hosts(rrset: RRset) -> list[str]:
    """The hosts of an MX set, best preference first, with the last dot. Blocked: a value that is no MX record."""
    pairs = []
    for value in rrset.values:
        preference, _, host = canonical_value("MX", value).partition(" ")
        if not preference.isdecimal() or not host.endswith("."):
            raise Blocked(
                f"zone of {rrset.name}",
                wanted=f"MX records of {rrset.name}",
                seen=f"{value!r}, which is none",
                todo="Mend the record: a number, and the name of a mail server.",
            )
        pairs.append((int(preference), host))
    return [host for _, host in sorted(pairs)]


def _mx(zone: Zone, domain: str) -> RRset:
    mx = zone.get((absolute(domain), "MX"))
    if mx is None:
        raise Blocked(
            f"zone of {domain}",
            wanted=f"the MX records of {domain}",
            seen="there are none",
            todo="Check that this is the right zone, and that mail for the domain arrives at all.",
        )
    return mx


def _switched_mx(zone: Zone, domain: str, asked: list[RRset]) -> list[RRset]:
    name = absolute(domain)
    matching = [rrset for rrset in asked if rrset.type == "MX" and rrset.name == name]
    if not matching:
        raise Blocked(
            "Microsoft 365",
            wanted=f"the MX record that {domain} should have",
            seen="none in serviceConfigurationRecords",
            todo="Ask for mail service for the domain in the tenant (supportedServices: Email), then try again.",
        )
    values = tuple(canonical_value("MX", value) for rrset in matching for value in rrset.values)
    if "." in mx_hosts(matching[0].model_copy(update={"values": values})):
        raise Blocked(
            "Microsoft 365",
            wanted=f"the MX record that {domain} should have",
            seen="a null MX, which means that the domain takes no mail (RFC 7505)",
            todo="Do not switch. Look at the domain's records in the tenant.",
        )
    return [RRset(name=name, type="MX", ttl=min(_mx(zone, domain).ttl, MX_TTL_CEILING), values=values)]


def _switched_txt(zone: Zone, domain: str, asked: list[RRset]) -> list[RRset]:
    name = absolute(domain)
    new = [
        value
        for rrset in asked
        if (rrset.name, rrset.type) == (name, "TXT")
        for value in rrset.values
        if spf.is_spf(value)
    ]
    if not new:
        return []
    txt = zone.get((name, "TXT"))
    values = list(txt.values) if txt else []
    old = [value for value in values if spf.is_spf(value)]
    if len(old) > 1:
        raise _spf_blocked(domain, f"{len(old)} SPF records, which receivers take as an error", "Merge them into one")
    # At a second check the MX set may be the cloud's already; then today's hosts are not the old ones.
    cloud = {".", *mx_hosts(_switched_mx(zone, domain, asked)[0])}
    hosts = [host for host in mx_hosts(_mx(zone, domain)) if host not in cloud]
    # Without a record no receiver distrusted other senders: begin softly, and with today's server.
    text = spf.text_of(old[0]) if old else f"v=spf1 {' '.join('a:' + host.rstrip('.') for host in hosts)} ~all"
    merged = spf.merge(text, spf.text_of(new[0]), hosts, domain)
    if spf.lookups(merged) > spf.LOOKUP_LIMIT:
        raise _spf_blocked(
            domain, f"{spf.lookups(merged)} terms with a DNS look-up; {spf.LOOKUP_LIMIT} are allowed", "Shorten it"
        )
    kept = [value for value in values if value not in old]
    # An untouched record keeps its very spelling, so that there is nothing to change.
    value = old[0] if old and merged == " ".join(spf.words_of(text)) else spf.value_of(merged)
    return [RRset(name=name, type="TXT", ttl=txt.ttl if txt else _NEW_TXT_TTL, values=(*kept, value))]


def _spf_blocked(domain: str, seen: str, todo: str) -> Blocked:
    return Blocked(
        f"SPF of {domain}",
        wanted="one SPF record that lets the old and the new server send",
        seen=seen,
        todo=f"{todo} in the zone, then try again.",
    )


def _autodiscover(zone: Zone, domain: str, asked: list[RRset]) -> list[RRset]:
    name = f"autodiscover.{absolute(domain)}"
    for rrset in asked:
        if (rrset.name, rrset.type) == (name, "CNAME"):
            current = [other for key, other in zone.items() if key[0] == name and key[1] in ("CNAME", "A")]
            ttl = min([rrset.ttl, *(other.ttl for other in current)])
            values = tuple(canonical_value("CNAME", value) for value in rrset.values)
            return [RRset(name=name, type="CNAME", ttl=ttl, values=values)]
    return []


def _autodiscover_srv(zone: Zone, domain: str, asked: list[RRset]) -> list[RRset]:
    """The SRV hint of Autodiscover, if there is one, led to where Microsoft wants the CNAME to lead.

    Outlook follows it when the CNAME fails (MS-OXDISCO section 3.1.5.4). It is replaced, never removed: a name that
    is missing for a moment stays missing in caches. A target of "." says that there is no such service; it stays.
    """
    srv = zone.get((f"_autodiscover._tcp.{absolute(domain)}", "SRV"))
    targets = [canonical_value("CNAME", value) for rrset in _autodiscover({}, domain, asked) for value in rrset.values]
    if srv is None or not targets:
        return []
    current = {value.split()[-1].lower() for value in srv.values}
    if current <= {*targets, "."}:
        return []
    return [srv.model_copy(update={"values": tuple(f"0 0 443 {target}" for target in targets)})]
