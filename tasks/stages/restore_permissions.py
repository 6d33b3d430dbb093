"""After the first sync: who could open a mailbox, send as it or on its behalf, can again."""

from __future__ import annotations

from mailmove.changes import RIGHTS, Change, ChangeKind, PermissionSubject
from mailmove.evidence import Evidence, Finding, Preview, Receipt
from mailmove.inventory.full import Grant
from mailmove.inventory.server import NotRead
from mailmove.ports import Tenant
from tasks.execution.apply_and_undo import apply_changes, record_evidence, undo_changes
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task

NAME = "restore_permissions"
_MAY_BE_TRUSTED = ("UserMailbox", "SharedMailbox", "MailUser", "MailUniversalSecurityGroup")
"""RecipientTypeDetails of those who can hold a permission in Exchange Online."""


def _preview(context: Context) -> Preview:
    wanted, findings = _carried(context)
    standing = set(context.tenant.permissions.of(sorted({grant.mailbox for grant in wanted})))
    changes = [_change(grant) for grant in wanted if grant not in standing]
    return Preview(stage=NAME, changes=changes, findings=findings)


def _carried(context: Context) -> tuple[list[Grant], list[Finding]]:
    """(what can be given at Microsoft 365, what cannot and why); both empty while nothing has been copied."""
    source, cloud = context.source, context.tenant
    arrived = {box.address for box in source.inventory().moving} & cloud.mailboxes.kinds().keys()
    if not arrived:
        return [], []
    trusted = {
        address: recipient.address
        for recipient in cloud.recipients.all()
        if recipient.kind in _MAY_BE_TRUSTED
        for address in (*recipient.addresses, recipient.address)
    }
    account, _ = source.migration_account()
    grants = source.grants()
    wanted: list[Grant] = []
    findings = [_unread(part) for part in grants.not_read]
    for grant in grants.given:
        # The account that we sign in with was given its rights for the move.
        if grant.mailbox not in arrived or _same(grant.trustee, account):
            continue
        trustee = trusted.get(grant.trustee.lower())
        if trustee:
            wanted.append(grant.model_copy(update={"trustee": trustee}))
        else:
            findings.append(_not_carried(grant))
    return list(dict.fromkeys(wanted)), findings


def _same(trustee: str, account: str) -> bool:
    """`CONTOSO\\mover`, `mover@contoso.com`: the name counts."""
    names = {name.lower().rpartition("\\")[2].partition("@")[0] for name in (trustee, account)}
    return len(names) == 1


def _not_carried(grant: Grant) -> Finding:
    return Finding(
        subject=grant.mailbox,
        seen=f"{RIGHTS[grant.right]} for {grant.trustee}, who is no person and no security group at Microsoft 365",
        means="This permission is not carried over.",
        todo="If it is still wanted, give it by hand to a person or to a mail-enabled security group.",
    )


def _unread(part: NotRead) -> Finding:
    return Finding(
        subject="the old server",
        seen=f"{part.what}: not read: {part.why}",
        means="Whoever had such a right on that mailbox is not given it at Microsoft 365.",
        todo="Look at this mailbox's permissions on the old server, and give them by hand.",
    )


def _change(grant: Grant) -> Change:
    subject = PermissionSubject(mailbox=grant.mailbox, right=grant.right, trustee=grant.trustee)
    return Change(kind=ChangeKind.PERMISSION, subject=subject, before=None, after="given")


def _grant(change: Change) -> Grant:
    assert isinstance(change.subject, PermissionSubject), "this stage changes permissions"
    return Grant(mailbox=change.subject.mailbox, right=change.subject.right, trustee=change.subject.trustee)


@check_task
def check(context: Context) -> Preview:
    """What of the old server's permissions is missing, and what cannot be carried over."""
    return _preview(context)


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    """One by one; what was given by somebody else meanwhile stays."""

    def give(preview: Preview) -> None:
        cloud = context.tenant
        for change in preview.changes:
            cloud.permissions.add(_grant(change))

    return apply_changes(context, lambda: _preview(context), give, approved=approved)


@verify_task
def verify(context: Context) -> Evidence:
    """Read back; what could not be carried over is named again."""
    wanted, findings = _carried(context)
    standing = set(context.tenant.permissions.of(sorted({grant.mailbox for grant in wanted})))
    given = [_change(grant).words for grant in wanted if grant in standing]
    left = [f"not carried over: {finding.subject}: {finding.seen}" for finding in findings]
    return record_evidence(context, NAME, [*given, *left] or ["nobody had a permission on another's mailbox"])


@rollback_task
def rollback(context: Context, receipt: Receipt) -> Receipt:
    """Take back what we gave; mailboxes that are gone are left."""
    cloud = context.tenant

    def standing() -> list[Change]:
        given = _standing(cloud, [_grant(change).mailbox for change in receipt.changes])
        return [change for change in receipt.changes if _grant(change) in given]

    def take() -> None:
        for change in standing():
            cloud.permissions.remove(_grant(change))

    return undo_changes(context, receipt, standing, take)


def _standing(cloud: Tenant, mailboxes: list[str]) -> set[Grant]:
    return set(cloud.permissions.of(sorted(set(mailboxes) & cloud.mailboxes.kinds().keys())))
