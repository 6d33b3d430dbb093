"""Ask a person, show exactly what would change, and bind the answer to it."""

from __future__ import annotations

from prefect import flow

from mailmove.evidence import Preview
from mailmove.plan import Cutover, Gate
from tasks.acting import approve
from tasks.parking import GateForm, last_answer, park
from tasks.showing import question_of


@flow(flow_run_name="gate: {name}", persist_result=True, result_serializer="json")
def gate(cutover: Cutover, name: str, preview: Preview) -> str:
    """The digest of what was approved. A no, or the word of somebody who has no say, parks it again."""
    rule: Gate = getattr(cutover.gates, name)
    if not rule.required:
        return approve(cutover, name, preview, by="the plan", reason="this gate is not required")
    answer = last_answer(GateForm)
    if answer and answer.approve and (not rule.approvers or answer.name in rule.approvers):
        return approve(cutover, name, preview, by=answer.name, reason=answer.reason)
    return park(GateForm, question_of(cutover, name, preview, rule, answer))
