"""Before the cutover: can those who are to be asked be reached, and is any window of the plan long enough?"""

from __future__ import annotations

from datetime import timedelta

from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block

from blocks.approver import Approver
from mailmove.clock import now
from mailmove.errors import Blocked
from mailmove.evidence import Finding, Preview
from mailmove.plan.gates_and_windows import APPROVER, Gate
from mailmove.plan.windows import next_opening
from tasks.execution.context import Context
from tasks.execution.open_blocks import open_block
from tasks.execution.retry_policies import check_task

NAME = "people"


@check_task
def check_contacts(context: Context) -> Preview:
    """Every block of an approver or a notifier is opened; nobody is sent anything. All faults at once."""
    gates: list[Gate] = [getattr(context.plan.gates, name) for name in type(context.plan.gates).model_fields]
    wanted: list[tuple[str, type[Block]]] = [
        (approver, Approver) for gate in gates for approver in gate.approver_blocks
    ]
    wanted += [(channel, NotificationBlock) for channel in context.plan.notices.to]
    findings = [fault for reference, kind in dict.fromkeys(wanted) if (fault := _fault(reference, kind))]
    return Preview(stage=NAME, findings=findings + _windows(context))


def _fault(reference: str, kind: type[Block]) -> Finding | None:
    try:
        open_block(reference, kind)
    except Blocked as error:
        means = (
            "A gate would wait for somebody who cannot answer."
            if reference.startswith(APPROVER)
            else "Nobody would be notified."
        )
        return Finding(subject=reference, seen=error.seen, means=means, todo=error.todo, blocks=True)
    return None


def _windows(context: Context) -> list[Finding]:
    if not context.plan.windows or next_opening(
        context.plan.windows, now(), timedelta(seconds=context.plan.dns.low_ttl)
    ):
        return []
    return [
        Finding(
            subject="windows",
            seen="in none of them could a switch be undone by `reversible_by`",
            means="The switch would wait for ever.",
            todo="Let them open earlier or be reversible later, or say fewer rollback_minutes.",
            blocks=True,
        )
    ]
