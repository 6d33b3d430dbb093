"""Make the migration endpoint and the cutover batch, and start it. The batch itself creates the mailboxes."""

from __future__ import annotations

from mailmove.errors import Blocked
from mailmove.evidence import Change, Evidence, Finding, Preview, Receipt
from mailmove.plan.cutover import Cutover
from mailmove.tenant_state import Endpoint
from tasks.accounts.address_collisions import findings_of_collisions
from tasks.execution.apply_and_undo import act, undo, witness
from tasks.execution.open_blocks import source_server, tenant
from tasks.execution.retry_policies import change, look, make_sure, put_back
from tasks.items.copy_mailboxes import is_direct
from tasks.ledger.names import batch_name, endpoint_name

NAME = "start_migration_batch"
_UNSTARTED = ("Created", "Stopped", "Failed")
"""A batch of which every mailbox has failed is started again, once the cause is mended: Microsoft tries them anew."""
_DEAD = ("Failed", "Corrupted")


def _preview(cutover: Cutover) -> Preview:
    if is_direct(cutover):
        return Preview(stage=NAME)
    cloud = tenant(cutover)
    changes = []
    if cloud.migration.endpoint(endpoint_name(cutover)) is None:
        changes.append(Change(what=f"migration endpoint {endpoint_name(cutover)}", before=None, after="made"))
    batch = cloud.migration.batch(batch_name(cutover))
    if batch is None or batch.status in _UNSTARTED:
        changes.append(Change(what=f"migration batch {batch_name(cutover)}", before=None, after="started"))
    findings = [] if batch else [*findings_of_collisions(cutover), *_missing_endpoint(cutover)]
    return Preview(stage=NAME, changes=changes, findings=findings)


def _missing_endpoint(cutover: Cutover) -> list[Finding]:
    """An endpoint that the plan names must be there before the night."""
    named = cutover.target.endpoint
    if named is None or tenant(cutover).migration.endpoint(named):
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


@look
def check(cutover: Cutover) -> Preview:
    """What is to be made, and who stands in its way. What stays behind: `tasks/preflight/inventory.py`."""
    return _preview(cutover)


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    """Microsoft tests the connection first. Look before each create: a second run makes nothing twice."""

    def start(_: Preview) -> None:
        cloud, source = tenant(cutover), source_server(cutover)
        if cloud.migration.endpoint(endpoint_name(cutover)):
            cloud.migration.test_endpoint(endpoint_name(cutover))
        else:
            cloud.migration.create_endpoint(
                Endpoint(
                    name=endpoint_name(cutover),
                    exchange_server=source.inventory().server,
                    rpc_proxy_server=cutover.source.outlook_anywhere_host,
                ),
                source,
            )
        if cloud.migration.batch(batch_name(cutover)) is None:
            cloud.migration.create_batch(batch_name(cutover), endpoint_name(cutover))
        cloud.migration.start_batch(batch_name(cutover))

    return act(cutover, lambda: _preview(cutover), start, approved=approved)


@make_sure
def verify(cutover: Cutover) -> Evidence:
    """The batch runs. Blocked: Microsoft has given it up."""
    if is_direct(cutover):
        return witness(cutover, NAME, ["no batch: the plan has Mailmove copy the mailboxes itself"])
    batch = tenant(cutover).migration.batch(batch_name(cutover))
    if batch is None or batch.status in _DEAD:
        raise Blocked(
            "Exchange Online",
            wanted=f"batch {batch_name(cutover)} under way",
            seen=batch.status if batch else "no batch",
            todo="Open the batch in the Exchange admin centre; its error names the cause.",
        )
    return witness(cutover, NAME, [f"batch {batch.name} is {batch.status}"])


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """Remove batch and endpoint if we made them. Mailboxes made by the batch stay: they hold copies of mail."""
    cloud = tenant(cutover)
    made = {one.what for one in receipt.changes if one.before is None}
    copied = {box.address for box in source_server(cutover).inventory().moving} & cloud.mailboxes.kinds().keys()
    remains = [
        f"mailbox {address}: holds a copy of mail; remove it by hand if it is not wanted" for address in sorted(copied)
    ]

    def standing() -> list[Change]:
        batch = cloud.migration.batch(batch_name(cutover)) and f"migration batch {batch_name(cutover)}"
        endpoint = cloud.migration.endpoint(endpoint_name(cutover)) and f"migration endpoint {endpoint_name(cutover)}"
        return [one for one in receipt.changes if one.what in made and one.what in (batch, endpoint)]

    def remove() -> None:
        if f"migration batch {batch_name(cutover)}" in made:
            cloud.migration.remove_batch(batch_name(cutover))
        if f"migration endpoint {endpoint_name(cutover)}" in made:
            cloud.migration.remove_endpoint(endpoint_name(cutover))

    return undo(receipt, standing, remove, remains=remains)
