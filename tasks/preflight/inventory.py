"""Before the cutover: what is on the old server, what each thing means for the move, and what to do about it."""

from __future__ import annotations

from pydantic import BaseModel

from mailmove.errors import Blocked
from mailmove.evidence import Finding, Preview
from mailmove.inventory.findings import findings_of
from mailmove.inventory.table import rows_of
from mailmove.report.handover import Handover, handover_of
from tasks.engine.port import Rows
from tasks.execution.context import Context
from tasks.execution.retry_policies import check_task
from tasks.ledger.names import handover_key
from tasks.preflight import mail_streets

NAME = "inventory"


class Inventoried(BaseModel):
    """What an inventory gave. streets: the ways of mail, judged with it. rows: of the table of all that was found.

    handover None: nothing could be read.
    """

    preview: Preview
    streets: Preview = Preview(stage=mail_streets.NAME)
    server: str = ""
    rows: Rows = []
    handover: Handover | None = None


@check_task
def check_inventory(context: Context) -> Inventoried:
    """Findings of everything, and all that was found. Nothing is changed."""
    try:
        inventory = context.source.full_inventory()
    except Blocked as error:
        finding = Finding(
            subject=error.who, seen=error.seen, means=f"Wanted {error.wanted}.", todo=error.todo, blocks=True
        )
        streets = mail_streets.mail_streets(context, None)
        return Inventoried(preview=Preview(stage=NAME, findings=[finding]), streets=streets)
    return Inventoried(
        preview=Preview(stage=NAME, findings=findings_of(inventory, context.plan.domains)),
        streets=mail_streets.mail_streets(context, inventory),
        server=f"Exchange {inventory.version} on {inventory.server}",
        rows=rows_of(inventory),
        handover=handover_of(inventory),
    )


def keep_inventory(context: Context, inventoried: Inventoried) -> None:
    """Keep it as the tables `inventory-<customer>` and `handover-<customer>`, in the running flow's name."""
    if inventoried.handover is None:
        return
    customer = context.plan.customer
    context.write_table(f"inventory-{customer}", inventoried.rows, description=inventoried.server)
    row = inventoried.handover.model_dump(mode="json")
    context.write_table(handover_key(customer), [row], description="for runbook and report")
