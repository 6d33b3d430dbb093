"""Get a public certificate for the old server, and put it there; does nothing unless the plan names an authority.

The authority believes what stands in the DNS (ACME DNS-01), so that the plan's own DNS provider proves the names. What
was ordered is remembered by the authority's block: a killed night goes on with the same order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailmove.errors import Blocked, ByHand, NotYet
from mailmove.evidence import Change, Evidence, Finding, Preview, Receipt
from mailmove.plan.cutover import Cutover
from mailmove.ports import CertificateAuthority, HoldsCertificates
from mailmove.records import RRset, RRsetChange
from tasks.dns.authoritative_check import served_everywhere, zone_of_name
from tasks.dns.host_addresses import addresses_of
from tasks.dns.zone_changes import change_of, is_zone_change, put_zones_back
from tasks.execution.apply_and_undo import act, undo, witness
from tasks.execution.open_blocks import certificate_authority, dns_provider, source_server
from tasks.execution.retry_policies import change, look, make_sure, put_back
from tasks.ledger.ledger import Ledger, this_cutover

if TYPE_CHECKING:
    from mailmove.certificates import Challenge, Issued
    from mailmove.outlook_anywhere import Step

NAME = "obtain_certificate"
_WHAT = "certificate that the old server shows"


@look
def check(cutover: Cutover) -> Preview:
    """What the server shows today, and whether Microsoft would take it; what stands against a new one."""
    preview = _preview(cutover)
    strange = [name for name in _names(cutover) if not _in_plan(cutover, name)]
    if preview.changes and strange:
        means = "No certificate can be had for it: the proof would stand in a zone that the plan does not edit."
        todo = "Use a name in one of the plan's domains for Outlook Anywhere, or buy a certificate."
        preview.findings.append(
            Finding(subject=NAME, seen=f"{', '.join(strange)} lies outside", means=means, todo=todo, blocks=True)
        )
    return preview


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    """Order, prove, import, show; then take the proofs out of the zone again."""
    act(cutover, lambda: _preview(cutover), lambda _: _put_there(cutover), approved=approved)
    _take_proofs_away(cutover)
    return Ledger(cutover.customer, this_cutover()).receipt(NAME)


@make_sure
def verify(cutover: Cutover) -> Evidence:
    """Every address of the server shows a good certificate."""
    if certificate_authority(cutover) is None:
        return witness(cutover, NAME, ["the plan leaves the certificate alone"])
    seen = _shown(cutover)
    for bad in _amiss(seen):
        raise NotYet(cutover.source.outlook_anywhere_host, wanted=bad.name, seen=bad.seen, todo=bad.todo)
    return witness(cutover, NAME, [f"{step.name}: {step.seen}" for step in seen.walk() if not step.children])


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """The certificate that was shown before is shown again, and ours leaves the server's store."""
    own = [one for one in receipt.changes if one.what == _WHAT]
    undone = undo(
        receipt.model_copy(update={"changes": own}),
        lambda: [one for one in own if one.before and one.before != _used(_server(cutover))],
        lambda: _put_back(cutover, own),
        remains=[f"{_WHAT}: the new one was issued, and stands in public logs; it is not revoked"] if own else [],
    )
    zones = put_zones_back(cutover, receipt)
    return undone.model_copy(update={"changes": [*undone.changes, *zones.changes]})


def _names(cutover: Cutover) -> list[str]:
    """What it must cover: Outlook Anywhere, and Autodiscover of every domain."""
    wanted = [cutover.source.outlook_anywhere_host, *(f"autodiscover.{domain}" for domain in cutover.domains)]
    return list(dict.fromkeys(wanted))


def _in_plan(cutover: Cutover, name: str) -> bool:
    return any(f".{name}".endswith(f".{domain}") for domain in cutover.domains)


def _preview(cutover: Cutover) -> Preview:
    preview = Preview(stage=NAME)
    if certificate_authority(cutover) is not None and _amiss(_shown(cutover)):
        preview.changes = [Change(what=_WHAT, before=_used(_server(cutover)), after=", ".join(_names(cutover)))]
    return preview


def _shown(cutover: Cutover) -> Step:
    # Here, because the analysis brings lxml, cryptography and NTLM with it, which few runs need.
    from mailmove.outlook_anywhere import check_certificate, fetch_issuer

    host, port = cutover.source.outlook_anywhere_host, cutover.source.https_port
    addresses, trusted = addresses_of(cutover, host), source_server(cutover).trusted_ca()
    return check_certificate(
        host, addresses=addresses, port=port, extra_ca=trusted, covers=_names(cutover), fetch=fetch_issuer
    )


def _amiss(seen: Step) -> list[Step]:
    """What is wrong with the certificate itself; that it will end soon, or lacks a name, counts as wrong."""
    bad = [one for one in seen.walk() if not one.children and one.status in ("failed", "warning")]
    return [one for one in bad if not (one.name.startswith("TLS") and one.status == "warning")]


def _server(cutover: Cutover) -> HoldsCertificates:
    server = source_server(cutover)
    if not isinstance(server, HoldsCertificates):
        raise Blocked(
            cutover.source.server,
            wanted="a server whose certificate can be changed from here",
            seen=f"a {type(server).__name__}",
            todo="Take `obtain_certificate` out of the plan, and put a certificate there by hand.",
        )
    return server


def _used(server: HoldsCertificates) -> str | None:
    """Thumbprint of what IIS shows."""
    return next((one.thumbprint for one in server.certificates() if "IIS" in one.services), None)


def _put_there(cutover: Cutover) -> None:
    authority = certificate_authority(cutover)
    assert authority is not None, "without one there is nothing to change"
    names = _names(cutover)
    issued = authority.earlier_certificate(names) or _obtained(cutover, authority, names)
    server = _server(cutover)
    server.import_certificate(issued)
    server.use_certificate(issued.thumbprint)


def _obtained(cutover: Cutover, authority: CertificateAuthority, names: list[str]) -> Issued:
    proofs = _proofs(cutover, authority.begin(names))
    if proofs:
        ledger = Ledger(cutover.customer, this_cutover())
        ledger.record("intent", NAME, changes=[change_of(one) for one in proofs])
        _publish(cutover, [one for one in proofs if one.before != one.after])
        served_everywhere(cutover, proofs)
    issued = authority.finish(names)
    if not issued.enough_for(names):
        from mailmove.certificates import ENOUGH

        raise Blocked(
            "certificate authority",
            wanted=f"a certificate for {', '.join(names)} for more than {ENOUGH.days} days",
            seen="one that is less",
            todo="Name another authority in the plan.",
        )
    return issued


def _proofs(cutover: Cutover, challenges: list[Challenge]) -> list[RRsetChange]:
    """Our text beside whatever stands there: another ACME client may use the same name."""
    provider, found = dns_provider(cutover), []
    for one in challenges:
        before = provider.read_zone(zone_of_name(cutover, one.name)).get((one.name, "TXT"))
        values = {*(before.values if before else ()), f'"{one.value}"'}
        ttl = before.ttl if before else cutover.dns.low_ttl
        found.append(RRsetChange(before=before, after=RRset(name=one.name, type="TXT", ttl=ttl, values=tuple(values))))
    return found


def _publish(cutover: Cutover, changes: list[RRsetChange]) -> None:
    provider = dns_provider(cutover)
    for zone in {zone_of_name(cutover, one.key[0]) for one in changes}:
        try:
            provider.apply(zone, [one for one in changes if zone_of_name(cutover, one.key[0]) == zone])
        except ByHand as typing:  # the order must go on afterwards, which waiting alone would not do
            raise Blocked(
                typing.who,
                wanted="proofs for the certificate authority",
                seen=typing.seen,
                todo=f"Type these records, then try again: {'; '.join(typing.records)}",
            ) from None


def _take_proofs_away(cutover: Cutover) -> None:
    ledger = Ledger(cutover.customer, this_cutover())
    proofs = [one for one in ledger.receipt(NAME).changes if is_zone_change(one) and one.before != one.after]
    if proofs:
        put_zones_back(cutover, Receipt(stage=NAME, changes=proofs))
        gone = [Change(what=one.what, before=one.before, after=one.before) for one in proofs]
        ledger.record("receipt", NAME, changes=gone, facts=["the proofs are out of the zone again"])


def _put_back(cutover: Cutover, own: list[Change]) -> None:
    server, authority = _server(cutover), certificate_authority(cutover)
    for one in own:
        if one.before:
            server.use_certificate(str(one.before))
    issued = authority.earlier_certificate(_names(cutover)) if authority else None
    if issued is not None and issued.thumbprint not in [one.before for one in own]:
        server.remove_certificate(issued.thumbprint)
