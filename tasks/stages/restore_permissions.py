"""After the first sync: who could open a mailbox, send as it or on its behalf, can again."""

from __future__ import annotations

from mailmove.evidence import Change, Evidence, Finding, Preview, Receipt
from mailmove.inventory.full import Grant
from mailmove.plan.cutover import Cutover
from mailmove.ports import Tenant
from tasks.execution.apply_and_undo import act, undo, witness
from tasks.execution.open_blocks import source_server, tenant
from tasks.execution.retry_policies import change, look, make_sure, put_back

NAME = "restore_permissions"
_WORDS = {"full_access": "full access", "send_as": "send as", "send_on_behalf": "send on behalf"}
_MAY_BE_TRUSTED = ("UserMailbox", "SharedMailbox", "MailUser", "MailUniversalSecurityGroup")
"""RecipientTypeDetails of those who can hold a permission in Exchange Online."""


def _preview(cutover: Cutover) -> Preview:
    wanted, findings = _carried(cutover)
    held = set(tenant(cutover).permissions.of(sorted({one.mailbox for one in wanted})))
    changes = [Change(what=_said(one), before=None, after="given") for one in wanted if one not in held]
    return Preview(stage=NAME, changes=changes, findings=findings)


def _carried(cutover: Cutover) -> tuple[list[Grant], list[Finding]]:
    """(what can be given at Microsoft 365, what cannot and why); both empty while nothing has been copied."""
    source, cloud = source_server(cutover), tenant(cutover)
    arrived = {box.address for box in source.inventory().moving} & cloud.mailboxes.kinds().keys()
    if not arrived:
        return [], []
    trusted = {
        address: one.address
        for one in cloud.recipients.all()
        if one.kind in _MAY_BE_TRUSTED
        for address in (*one.addresses, one.address)
    }
    account, _ = source.migration_account()
    wanted, findings = [], []
    for grant in source.grants():
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
    names = {one.lower().rpartition("\\")[2].partition("@")[0] for one in (trustee, account)}
    return len(names) == 1


def _not_carried(grant: Grant) -> Finding:
    return Finding(
        subject=grant.mailbox,
        seen=f"{_WORDS[grant.right]} for {grant.trustee}, who is no person and no security group at Microsoft 365",
        means="This permission is not carried over.",
        todo="If it is still wanted, give it by hand to a person or to a mail-enabled security group.",
    )


def _said(grant: Grant) -> str:
    return f"{_WORDS[grant.right]} on {grant.mailbox} for {grant.trustee}"


def _meant(what: str) -> Grant:
    words, _, rest = what.rpartition(" on ")
    mailbox, _, trustee = rest.partition(" for ")
    right = next(right for right, said in _WORDS.items() if said == words)
    return Grant.model_validate({"mailbox": mailbox, "right": right, "trustee": trustee})


@look
def check(cutover: Cutover) -> Preview:
    """What of the old server's permissions is missing, and what cannot be carried over."""
    return _preview(cutover)


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    """One by one; what was given by somebody else meanwhile stays."""

    def give(preview: Preview) -> None:
        cloud = tenant(cutover)
        for one in preview.changes:
            cloud.permissions.add(_meant(one.what))

    return act(cutover, lambda: _preview(cutover), give, approved=approved)


@make_sure
def verify(cutover: Cutover) -> Evidence:
    """Read back; what could not be carried over is named again."""
    wanted, findings = _carried(cutover)
    held = set(tenant(cutover).permissions.of(sorted({one.mailbox for one in wanted})))
    given = [_said(one) for one in wanted if one in held]
    left = [f"not carried over: {one.subject}: {one.seen}" for one in findings]
    return witness(cutover, NAME, [*given, *left] or ["nobody had a permission on another's mailbox"])


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """Take back what we gave; mailboxes that are gone are left."""
    cloud = tenant(cutover)

    def standing() -> list[Change]:
        held = _held(cloud, [_meant(one.what).mailbox for one in receipt.changes])
        return [one for one in receipt.changes if _meant(one.what) in held]

    def take() -> None:
        for one in standing():
            cloud.permissions.remove(_meant(one.what))

    return undo(receipt, standing, take)


def _held(cloud: Tenant, mailboxes: list[str]) -> set[Grant]:
    return set(cloud.permissions.of(sorted(set(mailboxes) & cloud.mailboxes.kinds().keys())))
