"""After the first sync: a first password for everybody whose account this cutover has made; nobody knows theirs.

The batch makes accounts without one; those that we make ourselves have theirs from the start (`create_recipients`).

A password is written into its block first, then set. It never reaches a parameter, log, artifact, result or report;
`mailmove passwords CUSTOMER` shows it to whoever hands it over. An account that people use already is left alone.
Where the plan says so and the tenant allows it, a Temporary Access Pass goes with it.
"""

from __future__ import annotations

from datetime import timedelta

from mailmove.changes import Change, ChangeKind, MailboxSubject
from mailmove.evidence import Evidence, Finding, Preview, Receipt
from mailmove.ports import Tenant
from tasks.accounts.access_passes import give_pass, pass_change, pass_policy, stands, take_pass
from tasks.accounts.first_password_store import FirstPassword, block_of, new_password, read_safe, write_safe
from tasks.execution.apply_and_undo import apply_changes, record_evidence, undo_changes
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task
from tasks.items.mover_choice import is_direct

NAME = "set_first_passwords"
_MAKING = timedelta(hours=1)
"""A password that was changed so long after the account was made was set by somebody."""
_DONE = ("set", "own")


def _preview(context: Context) -> Preview:
    preview = Preview(stage=NAME)
    if not _wanted(context):
        return preview
    cloud, safe = context.tenant, read_safe(context.plan.customer)
    kinds, policy = cloud.mailboxes.kinds(), pass_policy(context)
    for box in context.source.inventory().moving:
        known = safe.get(box.address)
        if known is None and is_direct(context):
            continue  # whoever made the account knows its password
        if box.kind != "user" or box.address not in kinds or (known and known.state == "own"):
            continue
        if known is None or known.state != "set":
            if _in_use(cloud, box.address, known):
                preview.findings.append(_left_alone(box.address))
                continue
            after = f"set, and held in the block secret/{block_of(context.plan.customer)}"
            subject = MailboxSubject(address=box.address)
            preview.changes.append(Change(kind=ChangeKind.FIRST_PASSWORD, subject=subject, before=None, after=after))
        if policy is not None and (change := pass_change(context, box.address, known)):
            preview.changes.append(change)
    return preview


def _wanted(context: Context) -> bool:
    return context.plan.target.first_sign_in


def _in_use(cloud: Tenant, address: str, known: FirstPassword | None) -> bool:
    """Has somebody else set its password?

    Unverified: that the batch leaves an account's lastPasswordChangeDateTime at about its createdDateTime.
    """
    made, changed = cloud.users.password_dates(address)
    if known is None:
        return changed - made > _MAKING
    return known.state == "withdrawn" and changed != known.changed


def _left_alone(address: str) -> Finding:
    return Finding(
        subject=address,
        seen="an account whose password somebody has set since it was made",
        means="It may be in use, so it gets no first password from us.",
        todo="Reset it in the admin centre if its owner does not know it.",
    )


@check_task
def check(context: Context) -> Preview:
    """Who is to get one; not a word about what it is."""
    return _preview(context)


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    """Each is to be changed at the first sign-in. A killed try is gone on with, never repeated with another one."""

    def hand_out(preview: Preview) -> None:
        policy = pass_policy(context)
        for change in preview.changes:
            if change.kind is ChangeKind.FIRST_PASSWORD:
                _hand_out(context, _address(change))
            elif policy is not None:
                give_pass(context, _address(change), policy)

    return apply_changes(context, lambda: _preview(context), hand_out, approved=approved)


def _address(change: Change) -> str:
    assert isinstance(change.subject, MailboxSubject), "this stage changes mailboxes"
    return change.subject.address


def _hand_out(context: Context, address: str) -> None:
    cloud, safe = context.tenant, read_safe(context.plan.customer)
    _, changed = cloud.users.password_dates(address)
    mine = safe.get(address)
    if mine is None or mine.state != "chosen" or mine.password is None:
        held = mine.access_pass if mine else None
        mine = FirstPassword(state="chosen", changed=changed, password=new_password(), access_pass=held)
        write_safe(context.plan.customer, {**safe, address: mine})
    if changed == mine.changed:  # otherwise a try that was killed has set it
        assert mine.password is not None
        cloud.users.set_password(address, mine.password, must_change=True)
        _, changed = cloud.users.password_dates(address)
    done = mine.model_copy(update={"state": "set", "changed": changed})
    write_safe(context.plan.customer, {**safe, address: done})


@verify_task
def verify(context: Context) -> Evidence:
    """How many have one, and where they lie."""
    if not _wanted(context):
        return record_evidence(context, NAME, ["no first passwords: the plan says so"])
    having = [address for address, first in read_safe(context.plan.customer).items() if first.state in _DONE]
    summary = f"{len(having)} people have a first password: `mailmove passwords {context.plan.customer}` shows them"
    return record_evidence(context, NAME, [summary, *_passes(context, having), *sorted(having)])


def _passes(context: Context, addresses: list[str]) -> list[str]:
    if not context.plan.target.access_passes:
        return []
    with_pass = sum(stands(context, address) for address in addresses)
    return [f"{with_pass} of them have an access pass beside it; one that lapses unused is made anew in Entra"]


@rollback_task
def rollback(context: Context, receipt: Receipt) -> Receipt:
    """Again a password that nobody knows. Who has chosen an own one since keeps it."""
    cloud = context.tenant
    kinds = cloud.mailboxes.kinds()
    passwords = [change for change in receipt.changes if change.kind is ChangeKind.FIRST_PASSWORD]
    passes = [change for change in receipt.changes if change.kind is ChangeKind.ACCESS_PASS]
    remains = _chosen_by_owner(context, [_address(change) for change in passwords])

    def standing() -> list[Change]:
        safe = read_safe(context.plan.customer)
        revocable = {address for address, first in safe.items() if first.state in ("chosen", "set", "withdrawing")}
        given = [change for change in passes if _address(change) in kinds and stands(context, _address(change))]
        return [*given, *(change for change in passwords if _address(change) in revocable & kinds.keys())]

    def withdraw() -> None:
        for change in standing():
            address = _address(change)
            if change.kind is ChangeKind.ACCESS_PASS:
                take_pass(context, address)
                continue
            _note(context, address, FirstPassword(state="withdrawing", changed=cloud.users.password_dates(address)[1]))
            cloud.users.set_password(address, new_password(), must_change=False)
            _note(context, address, FirstPassword(state="withdrawn", changed=cloud.users.password_dates(address)[1]))

    return undo_changes(context, receipt, standing, withdraw, remains=remains)


def _chosen_by_owner(context: Context, addresses: list[str]) -> list[str]:
    """Notes whose password is their own by now; a line for each."""
    cloud, remains = context.tenant, []
    kinds = cloud.mailboxes.kinds()
    for address, first in read_safe(context.plan.customer).items():
        if address not in addresses or address not in kinds or first.state not in _DONE:
            continue
        if first.state == "set" and cloud.users.password_dates(address)[1] == first.changed:
            continue
        if first.state == "set":
            _note(context, address, FirstPassword(state="own", changed=first.changed))
        remains.append(f"password of {address}: its owner has changed it, so it was left")
    return remains


def _note(context: Context, address: str, known: FirstPassword) -> None:
    safe = read_safe(context.plan.customer)
    held = safe[address].access_pass if address in safe else None
    write_safe(context.plan.customer, {**safe, address: known.model_copy(update={"access_pass": held})})
