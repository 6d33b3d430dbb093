"""Remove the batch and its endpoint: after that nothing is copied any more."""

from __future__ import annotations

from mailmove.errors import Blocked
from mailmove.evidence import Change, Evidence, Preview, Receipt
from mailmove.plan.cutover import Cutover
from mailmove.tenant_state import Endpoint
from tasks.execution.apply_and_undo import act, undo, witness
from tasks.execution.open_blocks import source_server, tenant
from tasks.execution.retry_policies import change, look, make_sure, put_back
from tasks.ledger.ledger import Ledger, this_cutover
from tasks.ledger.names import batch_name, endpoint_name

NAME = "finish_batch"


def _preview(cutover: Cutover) -> Preview:
    cloud = tenant(cutover)
    changes = []
    if cloud.migration.batch(batch_name(cutover)):
        changes.append(Change(what=f"migration batch {batch_name(cutover)}", before="made", after=None))
    if not cutover.target.endpoint and (endpoint := cloud.migration.endpoint(endpoint_name(cutover))):
        changes.append(Change(what=f"migration endpoint {endpoint.name}", before=endpoint.model_dump(), after=None))
    return Preview(stage=NAME, changes=changes)


@look
def check(cutover: Cutover) -> Preview:
    return _preview(cutover)


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    """Only behind Microsoft's own rule; the last proof has counted every item by then."""

    def remove(_: Preview) -> None:
        if Ledger(cutover.customer, this_cutover()).evidence("finish_rule") is None:
            raise Blocked(
                NAME,
                wanted="evidence that Microsoft's rule for ending a batch holds",
                seen="none in this cutover's ledger",
                todo="Let the night wait for `finish_rule`; do not remove the batch by hand.",
            )
        cloud = tenant(cutover)
        cloud.migration.remove_batch(batch_name(cutover))
        if not cutover.target.endpoint:
            cloud.migration.remove_endpoint(endpoint_name(cutover))

    return act(cutover, lambda: _preview(cutover), remove, approved=approved)


@make_sure
def verify(cutover: Cutover) -> Evidence:
    return witness(cutover, NAME, [f"batch {batch_name(cutover)} is gone; the mailboxes stand on their own"])


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """Make endpoint and batch again and start it: Microsoft goes on copying from where the mailboxes stand."""

    def standing() -> list[Change]:
        today = {one.what for one in _preview(cutover).changes}
        return [one for one in receipt.changes if one.what not in today]

    def make() -> None:
        cloud = tenant(cutover)
        for one in receipt.changes:
            if isinstance(one.before, dict):
                cloud.migration.create_endpoint(Endpoint.model_validate(one.before), source_server(cutover))
        cloud.migration.create_batch(batch_name(cutover), endpoint_name(cutover))
        cloud.migration.start_batch(batch_name(cutover))

    return undo(receipt, standing, make)
