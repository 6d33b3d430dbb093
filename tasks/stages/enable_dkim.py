"""Have Microsoft 365 sign the domain's mail in the domain's name (DKIM)."""

from __future__ import annotations

from mailmove.errors import NotYet
from mailmove.evidence import Change, Evidence, Preview, Receipt
from mailmove.plan.cutover import Cutover
from tasks.dns.mx_drift import refuse_if_moved
from tasks.execution.apply_and_undo import act, undo, witness
from tasks.execution.open_blocks import tenant
from tasks.execution.retry_policies import change, look, make_sure, put_back

NAME = "enable_dkim"
_SIGNED = "DKIM signing: "


def _unsigned(cutover: Cutover) -> Preview:
    cloud = tenant(cutover)
    off = [domain for domain in cutover.domains if not cloud.dkim.signing(domain)]
    return Preview(stage=NAME, changes=[Change(what=_SIGNED + domain, before="off", after="on") for domain in off])


def _set(cutover: Cutover, changes: list[Change], on: bool) -> None:
    for one in changes:
        tenant(cutover).dkim.set_signing(one.what.removeprefix(_SIGNED), on)


@look
def check(cutover: Cutover) -> Preview:
    """Domains whose mail is not signed in their name."""
    return _unsigned(cutover)


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    """Microsoft looks whether the CNAMEs are there. NotYet: its resolvers do not see them."""
    return act(
        cutover, lambda: _unsigned(cutover), lambda preview: _set(cutover, preview.changes, True), approved=approved
    )


@make_sure
def verify(cutover: Cutover) -> Evidence:
    """Microsoft's own word, asked again. The last look of the night: the mail must go where the switch sent it."""
    refuse_if_moved(cutover, NAME)
    left = _unsigned(cutover).changes
    if left:
        raise NotYet(
            "Microsoft 365",
            wanted="the domain's mail signed",
            seen=", ".join(f"{one.what} is off" for one in left),
            todo="It is asked again.",
        )
    return witness(cutover, NAME, [f"mail of {domain} is signed in its name" for domain in cutover.domains])


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """Off, where it was off."""
    cloud = tenant(cutover)
    ours = [one for one in receipt.changes if one.what.startswith(_SIGNED)]

    def still_on() -> list[Change]:
        return [one for one in ours if cloud.dkim.signing(one.what.removeprefix(_SIGNED))]

    return undo(receipt, still_on, lambda: _set(cutover, still_on(), False))
