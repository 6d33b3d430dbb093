"""The dry run: every check of every stage, everything shown, nothing changed."""

from __future__ import annotations

from prefect import flow

from mailmove.errors import Blocked
from mailmove.evidence import Preview
from mailmove.plan.cutover import Cutover
from tasks.preflight.contacts import check_people
from tasks.preflight.inventory import check_inventory
from tasks.preflight.permissions import check_rights, stages_to_look_at
from tasks.reporting.publish import show_preflight


@flow(flow_run_name="preflight {plan.customer}")
def preflight(plan: Cutover) -> list[Preview]:
    """What each stage would do. Blocked lists everything that stands in the way, at once."""
    rights = check_rights(plan)
    looks = (stage.module.check(plan) for stage in stages_to_look_at(rights))
    previews = [rights, check_people(plan), check_inventory(plan), *looks]
    show_preflight(plan, previews)
    blockers = [found for preview in previews for found in preview.blockers]
    if blockers:
        raise Blocked(
            "preflight",
            wanted="nothing in the way of the night",
            seen="; ".join(f"{found.subject}: {found.seen}" for found in blockers),
            todo=" ".join(dict.fromkeys(found.todo for found in blockers)),
        )
    return previews
