"""Every check of every stage, everything shown, nothing changed."""

from __future__ import annotations

from prefect import flow

from mailmove.errors import Blocked
from mailmove.evidence import Preview
from mailmove.plan.cutover import Cutover
from tasks.engine.current import engine
from tasks.preflight.contacts import check_contacts
from tasks.preflight.inventory import check_inventory
from tasks.preflight.permissions import check_rights, stages_to_check
from tasks.reporting.publish import show_preflight


@flow(flow_run_name="preflight {plan.customer}")
def preflight(plan: Cutover) -> list[Preview]:
    """What each stage would do. Blocked lists everything that stands in the way, at once."""
    rights = engine().run_task(check_rights, plan)
    contacts, inventory = engine().run_task(check_contacts, plan), engine().run_task(check_inventory, plan)
    previews = [rights, contacts, inventory.preview, *(stage.check(plan) for stage in stages_to_check(rights))]
    show_preflight(plan, previews, inventory)
    blockers = [finding for preview in previews for finding in preview.blockers]
    if blockers:
        raise Blocked(
            "preflight",
            wanted="nothing in the way of the cutover",
            seen="; ".join(f"{finding.subject}: {finding.seen}" for finding in blockers),
            todo=" ".join(dict.fromkeys(finding.todo for finding in blockers)),
        )
    return previews
