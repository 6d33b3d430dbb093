"""Ask a person, show exactly what would change, and bind the answer to it."""

from __future__ import annotations

from prefect import flow

from mailmove.evidence import Preview
from mailmove.plan.cutover import Cutover
from mailmove.plan.gates_and_windows import Gate
from tasks.execution.apply_and_undo import approve
from tasks.parking.gate_questions import Asked, asked_last, has_expired, judge, write_question
from tasks.parking.park import GateForm, Plan, last_answer, own_run_id, park, times_parked
from tasks.parking.question_text import question_of
from tasks.runbook import stage_behind


@flow(flow_run_name="gate: {name}")
def gate(cutover: Plan, name: str, preview: Preview) -> str:
    """The digest of what was approved. A no, a late yes, or the word of somebody without a say: it is asked again.

    preview: for the first question. One that has expired is asked anew from a fresh look.
    """
    rule: Gate = getattr(cutover.gates, name)
    if not rule.required:
        return approve(cutover, name, preview, by="the plan", reason="this gate is not required")
    key, asked, why_not = times_parked(), asked_last(own_run_id()), ""
    answer = last_answer(GateForm) if asked and asked.key == key else None  # else it was killed before it parked
    if asked and answer:
        verdict = judge(cutover, name, asked, answer)
        if verdict.counts:
            said = {"by": answer.name, "reason": answer.reason, "proof": verdict.proof, "question": asked.question}
            return approve(cutover, name, asked.preview, **said)
        why_not = verdict.why_not
    if asked:
        preview = _look_again(cutover, name) if has_expired(rule, asked) else asked.preview
    shown = Asked(run=own_run_id(), key=key + 1, preview=preview)
    write_question(shown)
    return park(GateForm, question_of(cutover, name, shown, why_not))


def _look_again(cutover: Cutover, name: str) -> Preview:
    seen: Preview = stage_behind(name).module.check.with_options(refresh_cache=True)(cutover)
    return seen
