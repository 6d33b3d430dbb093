"""Before the night: can those who are to be asked and told be reached, and is any night of the plan long enough?"""

from __future__ import annotations

from datetime import timedelta

from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block

from blocks.approver import Approver
from mailmove.errors import Blocked
from mailmove.evidence import Finding, Preview, now
from mailmove.plan.cutover import Cutover
from mailmove.plan.gates_and_windows import APPROVER, Gate
from mailmove.plan.windows import next_opening
from tasks.execution.open_blocks import open_block
from tasks.execution.retry_policies import look

NAME = "people"


@look
def check_people(cutover: Cutover) -> Preview:
    """Every block of an approver or a notifier is opened; nobody is sent anything. All that is amiss, at once."""
    gates: list[Gate] = [getattr(cutover.gates, name) for name in type(cutover.gates).model_fields]
    wanted: list[tuple[str, type[Block]]] = [(one, Approver) for gate in gates for one in gate.approver_blocks]
    wanted += [(one, NotificationBlock) for one in cutover.notices.to]
    found = [amiss for reference, kind in dict.fromkeys(wanted) if (amiss := _amiss(reference, kind))]
    return Preview(stage=NAME, findings=found + _nights(cutover))


def _amiss(reference: str, kind: type[Block]) -> Finding | None:
    try:
        open_block(reference, kind)
    except Blocked as error:
        means = (
            "A gate would wait for somebody who cannot answer."
            if reference.startswith(APPROVER)
            else "Nobody would be told."
        )
        return Finding(subject=reference, seen=error.seen, means=means, todo=error.todo, blocks=True)
    return None


def _nights(cutover: Cutover) -> list[Finding]:
    if not cutover.windows or next_opening(cutover.windows, now(), timedelta(seconds=cutover.dns.low_ttl)):
        return []
    return [
        Finding(
            subject="windows",
            seen="in none of them could a switch be undone by `reversible_by`",
            means="The switch would wait for ever.",
            todo="Let them open earlier or be reversible later, or say fewer way_back_minutes.",
            blocks=True,
        )
    ]
