"""Get a public certificate for the old server, and put it there; does nothing unless the plan names an authority.

The authority believes what stands in the DNS (ACME DNS-01), so that the plan's own DNS provider proves the names. What
was ordered is remembered by the authority's block: a killed cutover goes on with the same order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailmove.changes import Change, ChangeKind, HostSubject
from mailmove.errors import Blocked, ByHand, NotYet
from mailmove.evidence import Evidence, Finding, Preview, Receipt
from mailmove.ports import CertificateAuthority, HoldsCertificates
from mailmove.records import Key, RRset, RRsetChange
from tasks.dns.authoritative_check import is_record_set, served_everywhere, zone_of_name
from tasks.dns.host_addresses import addresses_of
from tasks.dns.zone_changes import change_of, put_zones_back
from tasks.execution.apply_and_undo import apply_changes, record_evidence, undo_changes
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task
from tasks.ledger.entry import EntryKind

if TYPE_CHECKING:
    from mailmove.certificates import Challenge, Issued
    from mailmove.outlook_anywhere import Step

NAME = "obtain_certificate"


@check_task
def check(context: Context) -> Preview:
    """What the server shows today, and whether Microsoft would take it; what stands against a new one."""
    preview = _preview(context)
    strange = [name for name in _names(context) if not _in_plan(context, name)]
    if preview.changes and strange:
        means = "No certificate can be had for it: the proof would stand in a zone that the plan does not edit."
        todo = "Use a name in one of the plan's domains for Outlook Anywhere, or buy a certificate."
        preview.findings.append(
            Finding(subject=NAME, seen=f"{', '.join(strange)} lies outside", means=means, todo=todo, blocks=True)
        )
    return preview


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    """Order, prove, import, show; then take the proofs out of the zone again."""
    apply_changes(context, lambda: _preview(context), lambda _: _put_there(context), approved=approved)
    _take_proofs_away(context)
    return context.ledger.receipt(NAME)


@verify_task
def verify(context: Context) -> Evidence:
    """Every address of the server shows a good certificate."""
    if context.certificate_authority is None:
        return record_evidence(context, NAME, ["the plan leaves the certificate alone"])
    analysis = _shown(context)
    for fault in _faults(analysis):
        raise NotYet(context.plan.source.outlook_anywhere_host, wanted=fault.name, seen=fault.seen, todo=fault.todo)
    return record_evidence(
        context, NAME, [f"{step.name}: {step.seen}" for step in analysis.walk() if not step.children]
    )


@rollback_task
def rollback(context: Context, receipt: Receipt) -> Receipt:
    """The certificate that was shown before is shown again, and ours leaves the server's store."""
    own = [change for change in receipt.changes if change.kind is ChangeKind.CERTIFICATE]
    undone = undo_changes(
        context,
        receipt.model_copy(update={"changes": own}),
        lambda: [change for change in own if change.before and change.before != _used(_server(context))],
        lambda: _put_back(context, own),
        remains=[
            f"{change.words}: the new one was issued, and stands in public logs; it is not revoked" for change in own
        ],
    )
    zones = put_zones_back(context, receipt)
    return undone.model_copy(update={"changes": [*undone.changes, *zones.changes]})


def proofs_of(context: Context, domain: str) -> list[Key]:
    """The sets below the domain by which the certificate's names will be proved (RFC 8555 section 8.4)."""
    names = [f"_acme-challenge.{name}." for name in _names(context)] if context.plan.source.obtain_certificate else []
    return [(name, "TXT") for name in names if f".{name}".endswith(f".{domain}")]


def _names(context: Context) -> list[str]:
    """What it must cover: Outlook Anywhere, and Autodiscover of every domain."""
    wanted = [context.plan.source.outlook_anywhere_host, *(f"autodiscover.{domain}" for domain in context.plan.domains)]
    return list(dict.fromkeys(wanted))


def _in_plan(context: Context, name: str) -> bool:
    return any(f".{name}".endswith(f".{domain}") for domain in context.plan.domains)


def _preview(context: Context) -> Preview:
    preview = Preview(stage=NAME)
    if context.certificate_authority is not None and _faults(_shown(context)):
        subject = HostSubject(host=context.plan.source.outlook_anywhere_host)
        before, after = _used(_server(context)), ", ".join(_names(context))
        preview.changes = [Change(kind=ChangeKind.CERTIFICATE, subject=subject, before=before, after=after)]
    return preview


def _shown(context: Context) -> Step:
    # Here, because the analysis brings lxml, cryptography and NTLM with it, which few runs need.
    from mailmove.outlook_anywhere import check_certificate

    host, port = context.plan.source.outlook_anywhere_host, context.plan.source.https_port
    addresses, trusted = addresses_of(context, host), context.source.trusted_ca()
    return check_certificate(host, addresses=addresses, port=port, extra_ca=trusted, covers=_names(context))


def _faults(seen: Step) -> list[Step]:
    """What is wrong with the certificate itself; that it will end soon, or lacks a name, counts as wrong."""
    bad = [step for step in seen.walk() if not step.children and step.status in ("failed", "warning")]
    return [step for step in bad if not (step.name.startswith("TLS") and step.status == "warning")]


def _server(context: Context) -> HoldsCertificates:
    server = context.source
    if not isinstance(server, HoldsCertificates):
        raise Blocked(
            context.plan.source.server,
            wanted="a server whose certificate can be changed from here",
            seen=f"a {type(server).__name__}",
            todo="Take `obtain_certificate` out of the plan, and put a certificate there by hand.",
        )
    return server


def _used(server: HoldsCertificates) -> str | None:
    """Thumbprint of what IIS shows."""
    return next(
        (certificate.thumbprint for certificate in server.certificates() if "IIS" in certificate.services), None
    )


def _put_there(context: Context) -> None:
    authority = context.certificate_authority
    assert authority is not None, "without one there is nothing to change"
    names = _names(context)
    issued = authority.earlier_certificate(names) or _obtained(context, authority, names)
    server = _server(context)
    server.import_certificate(issued)
    server.use_certificate(issued.thumbprint)


def _obtained(context: Context, authority: CertificateAuthority, names: list[str]) -> Issued:
    proofs = _proofs(context, authority.begin(names))
    if proofs:
        ledger = context.ledger
        ledger.record(EntryKind.INTENT, NAME, changes=[change_of(proof) for proof in proofs])
        context.fence()
        _publish(context, [proof for proof in proofs if proof.before != proof.after])
        served_everywhere(context, proofs)
    issued = authority.finish(names)
    if not issued.enough_for(names):
        from mailmove.certificates import ENOUGH

        raise Blocked(
            "certificate authority",
            wanted=f"a certificate for {', '.join(names)} for more than {ENOUGH.days} days",
            seen="proof that is less",
            todo="Name another authority in the plan.",
        )
    return issued


def _proofs(context: Context, challenges: list[Challenge]) -> list[RRsetChange]:
    """Our text beside whatever stands there: another ACME client may use the same name."""
    proofs: list[RRsetChange] = []
    provider = context.dns_provider
    for challenge in challenges:
        before = provider.read_zone(zone_of_name(context, challenge.name)).get((challenge.name, "TXT"))
        values = {*(before.values if before else ()), f'"{challenge.value}"'}
        ttl = before.ttl if before else context.plan.dns.low_ttl
        proofs.append(
            RRsetChange(before=before, after=RRset(name=challenge.name, type="TXT", ttl=ttl, values=tuple(values)))
        )
    return proofs


def _publish(context: Context, changes: list[RRsetChange]) -> None:
    provider = context.dns_provider
    for zone in {zone_of_name(context, change.key[0]) for change in changes}:
        try:
            provider.apply(zone, [change for change in changes if zone_of_name(context, change.key[0]) == zone])
        except ByHand as typing:  # the order must go on afterwards, which waiting alone would not do
            raise Blocked(
                typing.who,
                wanted="proofs for the certificate authority",
                seen=typing.seen,
                todo=f"Type these records, then try again: {'; '.join(typing.records)}",
            ) from None


def _take_proofs_away(context: Context) -> None:
    ledger = context.ledger
    changes = ledger.receipt(NAME).changes
    proofs = [change for change in changes if is_record_set(change) and change.before != change.after]
    if proofs:
        put_zones_back(context, Receipt(stage=NAME, changes=proofs))
        gone = [proof.model_copy(update={"after": proof.before}) for proof in proofs]
        ledger.record(EntryKind.RECEIPT, NAME, changes=gone, facts=["the proofs are out of the zone again"])


def _put_back(context: Context, own: list[Change]) -> None:
    server, authority = _server(context), context.certificate_authority
    for change in own:
        if change.before:
            server.use_certificate(str(change.before))
    issued = authority.earlier_certificate(_names(context)) if authority else None
    if issued is not None and issued.thumbprint not in [change.before for change in own]:
        server.remove_certificate(issued.thumbprint)
