"""Before the night: what is on the old server, what each thing means for the move, and what to do about it."""

from __future__ import annotations

from mailmove.errors import Blocked
from mailmove.evidence import Finding, Preview
from mailmove.inventory.findings import findings_of
from mailmove.inventory.table import rows_of
from mailmove.plan.cutover import Cutover
from mailmove.report.handover import handover_of
from tasks.execution.open_blocks import source_server
from tasks.execution.retry_policies import look
from tasks.ledger.artifact_tables import write_table
from tasks.ledger.ledger import this_cutover
from tasks.ledger.names import handover_key

NAME = "inventory"


@look
def check_inventory(cutover: Cutover) -> Preview:
    """Findings of everything, and a table `inventory-<customer>` of all that was found. Nothing is changed."""
    try:
        inventory = source_server(cutover).full_inventory()
    except Blocked as error:
        found = Finding(
            subject=error.who, seen=error.seen, means=f"Wanted {error.wanted}.", todo=error.todo, blocks=True
        )
        return Preview(stage=NAME, findings=[found])
    server = f"Exchange {inventory.version} on {inventory.server}"
    write_table(f"inventory-{cutover.customer}", rows_of(inventory), description=server, flow_run=this_cutover())
    kept = handover_of(inventory).model_dump(mode="json")
    write_table(handover_key(cutover.customer), [kept], description="for runbook and report", flow_run=this_cutover())
    return Preview(stage=NAME, findings=findings_of(inventory))
