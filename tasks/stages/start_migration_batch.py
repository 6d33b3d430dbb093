"""Make the migration endpoint and the cutover batch, and start it. The batch itself creates the mailboxes."""

from __future__ import annotations

from mailmove.changes import Change, ChangeKind, NamedSubject
from mailmove.errors import Blocked, Refused
from mailmove.evidence import Evidence, Finding, Preview, Receipt
from mailmove.ports.tenant.migration import CUTOVER_NOT_SUPPORTED
from mailmove.tenant_states import MIGRATION_BATCHES, Step
from tasks.accounts.address_collisions import findings_of_collisions
from tasks.execution.apply_and_undo import apply_changes, record_evidence, undo_changes
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task
from tasks.items.mover_choice import is_direct
from tasks.items.wanted_endpoint import wanted_endpoint
from tasks.ledger.names import batch_name, endpoint_name

NAME = "start_migration_batch"
_UNSTARTED = ("created", "stopped", "failed")
"""In lower case. A batch of which every mailbox has failed is started again, once the cause is mended: Microsoft tries
them anew. One that somebody stopped is started with the word of whoever lets this stage be applied."""


def _preview(context: Context) -> Preview:
    if is_direct(context):
        return Preview(stage=NAME)
    cloud = context.tenant
    changes = []
    if cloud.migration.endpoint(endpoint_name(context.plan)) is None:
        changes.append(_change(ChangeKind.MIGRATION_ENDPOINT, endpoint_name(context.plan), "made"))
    batch = cloud.migration.batch(batch_name(context.plan))
    if batch is None or batch.status.lower() in _UNSTARTED:
        before = batch.status if batch else None  # one that was there is not ours to remove
        changes.append(_change(ChangeKind.MIGRATION_BATCH, batch_name(context.plan), "started", before))
    findings = [] if batch else [*findings_of_collisions(context), *_endpoint_findings(context)]
    return Preview(stage=NAME, changes=changes, findings=findings)


def _change(kind: ChangeKind, name: str, after: str, before: str | None = None) -> Change:
    return Change(kind=kind, subject=NamedSubject(name=name), before=before, after=after)


def _endpoint_findings(context: Context) -> list[Finding]:
    """An endpoint that the plan names must be there before the cutover, and the tenant must take a cutover batch by it.

    That the server does not answer yet is none: Outlook Anywhere may be enabled by the cutover itself.
    """
    named = context.plan.target.endpoint
    if named is None:
        return []
    if context.tenant.migration.endpoint(named):
        try:
            context.tenant.migration.test_endpoint(named)
        except Refused:
            raise
        except Blocked as error:
            if error.code == CUTOVER_NOT_SUPPORTED:
                means = "The batch cannot be made."
                return [Finding(subject=error.who, seen=error.seen, means=means, todo=error.todo, blocks=True)]
        return []
    return [
        Finding(
            subject="target.endpoint",
            seen=f"no endpoint {named} in the tenant",
            means="The batch cannot be made.",
            todo="Make it in the Exchange admin centre, or take `target.endpoint` out of the plan.",
            blocks=True,
        )
    ]


@check_task
def check(context: Context) -> Preview:
    """What is to be made, and who stands in its way. What stays behind: `tasks/preflight/inventory.py`."""
    return _preview(context)


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    """Microsoft tests the connection first. Look before each create: a second run makes nothing twice."""

    def start(_: Preview) -> None:
        cloud, source = context.tenant, context.source
        if cloud.migration.endpoint(endpoint_name(context.plan)):
            cloud.migration.test_endpoint(endpoint_name(context.plan))
        else:
            cloud.migration.create_endpoint(wanted_endpoint(context), source)
        if cloud.migration.batch(batch_name(context.plan)) is None:
            cloud.migration.create_batch(batch_name(context.plan), endpoint_name(context.plan))
        cloud.migration.start_batch(batch_name(context.plan))

    return apply_changes(context, lambda: _preview(context), start, approved=approved)


@verify_task
def verify(context: Context) -> Evidence:
    """The batch runs. Blocked: it does not, and will not by itself."""
    if is_direct(context):
        return record_evidence(context, NAME, ["no batch: Mailmove copies the mailboxes itself"])
    batch = context.tenant.migration.batch(batch_name(context.plan))
    state = MIGRATION_BATCHES.of(batch.status) if batch else None
    if batch is None or state is None or state.step is Step.ASK or batch.status.lower() == "failed":
        raise Blocked(
            "Exchange Online",
            wanted=f"batch {batch_name(context.plan)} under way",
            seen=batch.status if batch else "no batch",
            todo=(state.todo if state else "") or "Open the batch in the Exchange admin centre: its error says why.",
        )
    return record_evidence(context, NAME, [f"batch {batch.name} is {batch.status}"])


@rollback_task
def rollback(context: Context, receipt: Receipt) -> Receipt:
    """Remove batch and endpoint if we made them. Mailboxes made by the batch stay: they hold copies of mail."""
    cloud = context.tenant
    made = {change.kind for change in receipt.changes if change.before is None}
    copied = {box.address for box in context.source.inventory().moving} & cloud.mailboxes.kinds().keys()
    remains = [
        f"mailbox {address}: holds a copy of mail; remove it by hand if it is not wanted" for address in sorted(copied)
    ]

    remains += [
        f"{change.words}: it was {change.before} before this cutover started it; stop it by hand if it is not wanted"
        for change in receipt.changes
        if change.kind not in made
    ]

    def standing() -> list[Change]:
        standing = {
            ChangeKind.MIGRATION_BATCH: cloud.migration.batch(batch_name(context.plan)) is not None,
            ChangeKind.MIGRATION_ENDPOINT: cloud.migration.endpoint(endpoint_name(context.plan)) is not None,
        }
        return [change for change in receipt.changes if change.kind in made and standing[change.kind]]

    def remove() -> None:
        if ChangeKind.MIGRATION_BATCH in made:
            cloud.migration.remove_batch(batch_name(context.plan))
        if ChangeKind.MIGRATION_ENDPOINT in made:
            cloud.migration.remove_endpoint(endpoint_name(context.plan))

    return undo_changes(context, receipt, standing, remove, remains=remains)
