"""Every check of every stage, everything shown, nothing changed."""

from __future__ import annotations

from prefect import flow

from mailmove.errors import Blocked
from mailmove.evidence import Preview
from mailmove.plan.cutover import Cutover
from tasks.engine.current import engine
from tasks.items.mover_choice import check_mover, settled_plan
from tasks.preflight.contacts import check_contacts
from tasks.preflight.first_morning import check_first_morning
from tasks.preflight.inventory import check_inventory
from tasks.preflight.mail_judged import check_mail_judged
from tasks.preflight.permissions import check_rights, stages_to_check
from tasks.reporting.publish import show_preflight


@flow(flow_run_name="preflight {plan.customer}")
def preflight(plan: Cutover) -> list[Preview]:
    """What each stage would do. Blocked lists everything that stands in the way, at once.

    All is asked anew, whatever this run remembers: a run that is retried has a person behind it who has mended things.
    """
    mover = engine().run_task(check_mover, plan, fresh=True)
    whole, plan = plan, settled_plan(plan, mover)
    rights = engine().run_task(check_rights, plan, fresh=True)
    contacts = engine().run_task(check_contacts, plan, fresh=True)
    inventory = engine().run_task(check_inventory, plan, fresh=True)
    judged = engine().run_task(check_mail_judged, plan, fresh=True)
    morning = engine().run_task(check_first_morning, plan, fresh=True)
    stages = stages_to_check(rights)
    previews = [
        rights,
        mover,
        contacts,
        inventory.preview,
        inventory.streets,
        judged,
        morning,
        *(stage.check(plan, fresh=True) for stage in stages),
    ]
    show_preflight(whole, previews, inventory)
    blockers = [finding for preview in previews for finding in preview.blockers]
    if blockers:
        raise Blocked(
            "preflight",
            wanted="nothing in the way of the cutover",
            seen="; ".join(f"{finding.subject}: {finding.seen}" for finding in blockers),
            todo=" ".join(dict.fromkeys(finding.todo for finding in blockers)),
        )
    return previews
