"""Have Microsoft 365 sign the domain's mail in the domain's name (DKIM)."""

from __future__ import annotations

from mailmove.changes import Change, ChangeKind, DomainSubject
from mailmove.errors import NotYet
from mailmove.evidence import Evidence, Preview, Receipt
from tasks.dns.mx_drift import refuse_if_moved
from tasks.execution.apply_and_undo import apply_changes, record_evidence, undo_changes
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task

NAME = "enable_dkim"


def _unsigned(context: Context) -> Preview:
    cloud = context.tenant
    off = [domain for domain in context.plan.domains if not cloud.dkim.signing(domain)]
    return Preview(stage=NAME, changes=[_change(domain) for domain in off])


def _set(context: Context, changes: list[Change], on: bool) -> None:
    for change in changes:
        context.tenant.dkim.set_signing(_domain(change), on)


def _change(domain: str) -> Change:
    subject = DomainSubject(domain=domain)
    return Change(kind=ChangeKind.DKIM_SIGNING, subject=subject, before="off", after="on")


def _domain(change: Change) -> str:
    assert isinstance(change.subject, DomainSubject), "this stage changes domains"
    return change.subject.domain


@check_task
def check(context: Context) -> Preview:
    """Domains whose mail is not signed in their name."""
    return _unsigned(context)


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    """Microsoft looks whether the CNAMEs are there. NotYet: its resolvers do not see them."""
    return apply_changes(
        context, lambda: _unsigned(context), lambda preview: _set(context, preview.changes, True), approved=approved
    )


@verify_task
def verify(context: Context) -> Evidence:
    """Microsoft's own word, asked again. The last check of the cutover: the mail must go where the switch sent it."""
    refuse_if_moved(context, NAME)
    left = _unsigned(context).changes
    if left:
        raise NotYet(
            "Microsoft 365",
            wanted="the domain's mail signed",
            seen=", ".join(f"{change.words} is off" for change in left),
            todo="It is asked again.",
        )
    return record_evidence(
        context, NAME, [f"mail of {domain} is signed in its name" for domain in context.plan.domains]
    )


@rollback_task
def rollback(context: Context, receipt: Receipt) -> Receipt:
    """Off, where it was off."""
    cloud = context.tenant

    def still_on() -> list[Change]:
        return [change for change in receipt.changes if cloud.dkim.signing(_domain(change))]

    return undo_changes(context, receipt, still_on, lambda: _set(context, still_on(), False))
