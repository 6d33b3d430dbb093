"""Remove the batch and its endpoint: after that nothing is copied any more."""

from __future__ import annotations

from mailmove.changes import Change, ChangeKind, NamedSubject
from mailmove.errors import Blocked
from mailmove.evidence import Evidence, Preview, Receipt
from mailmove.tenant_state import Endpoint
from tasks.execution.apply_and_undo import apply_changes, record_evidence, undo_changes
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task
from tasks.items.recipient_arrival import ask_about_recipients
from tasks.items.wanted_endpoint import tested_mailbox
from tasks.ledger.names import batch_name, endpoint_name
from tasks.ledger.stored_values import stored_value

NAME = "finish_batch"


def _preview(context: Context) -> Preview:
    cloud = context.tenant
    changes = []
    if cloud.migration.batch(batch_name(context.plan)):
        subject = NamedSubject(name=batch_name(context.plan))
        changes.append(Change(kind=ChangeKind.MIGRATION_BATCH, subject=subject, before="made", after=None))
    if not context.plan.target.endpoint and (endpoint := cloud.migration.endpoint(endpoint_name(context.plan))):
        subject, before = NamedSubject(name=endpoint.name), endpoint.model_dump()
        changes.append(Change(kind=ChangeKind.MIGRATION_ENDPOINT, subject=subject, before=before, after=None))
    return Preview(stage=NAME, changes=changes)


@check_task
def check(context: Context) -> Preview:
    return _preview(context)


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    """Only behind Microsoft's own rule; the last proof has counted every item by then. Groups and contacts that have
    not arrived whole are asked about here, once: after this nobody adds their members any more."""

    def remove(_: Preview) -> None:
        if context.ledger.evidence("finish_rule") is None:
            raise Blocked(
                NAME,
                wanted="evidence that Microsoft's rule for ending a batch holds",
                seen="none in this cutover's ledger",
                todo="Let the cutover wait for `finish_rule`; do not remove the batch by hand.",
            )
        cloud = context.tenant
        if cloud.migration.batch(batch_name(context.plan)):
            ask_about_recipients(context)
        cloud.migration.remove_batch(batch_name(context.plan))
        if not context.plan.target.endpoint:
            cloud.migration.remove_endpoint(endpoint_name(context.plan))

    return apply_changes(context, lambda: _preview(context), remove, approved=approved)


@verify_task
def verify(context: Context) -> Evidence:
    return record_evidence(
        context, NAME, [f"batch {batch_name(context.plan)} is gone; the mailboxes stand on their own"]
    )


@rollback_task
def rollback(context: Context, receipt: Receipt) -> Receipt:
    """Make endpoint and batch again and start it: Microsoft goes on copying from where the mailboxes stand."""

    def missing() -> list[Change]:
        standing = {change.key for change in _preview(context).changes}
        return [change for change in receipt.changes if change.key not in standing]

    def make() -> None:
        cloud = context.tenant
        for change in receipt.changes:
            if change.kind is ChangeKind.MIGRATION_ENDPOINT:
                before = stored_value(Endpoint, change.before, "the endpoint that stood there")
                if not before.email_address:  # of a Mailmove that did not need it
                    before = before.model_copy(update={"email_address": tested_mailbox(context)})
                cloud.migration.create_endpoint(before, context.source)
        if any(change.kind is ChangeKind.MIGRATION_BATCH for change in receipt.changes):
            cloud.migration.create_batch(batch_name(context.plan), endpoint_name(context.plan))
            cloud.migration.start_batch(batch_name(context.plan))

    return undo_changes(context, receipt, missing, make)
