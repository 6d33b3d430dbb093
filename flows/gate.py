"""Ask a person, show exactly what would change, and bind the answer to it."""

from __future__ import annotations

from prefect import flow

from mailmove.evidence import Preview
from mailmove.plan.cutover import Cutover
from mailmove.plan.gates_and_windows import Gate
from tasks.engine.current import engine
from tasks.execution.apply_and_undo import record_approval
from tasks.execution.rolled_back import ask, end_if_rolled_back
from tasks.ledger.ledger import own_ledger
from tasks.parking.forms import GateForm, Plan
from tasks.parking.gate_questions import Asked, asked_last, has_expired, judge, write_question
from tasks.parking.question_text import question_of
from tasks.runbook import stage_of_gate


@flow(flow_run_name="gate: {name}")
def gate(cutover: Plan, name: str, preview: Preview) -> str:
    """The digest of what was approved. A no, a late yes, or the word of somebody without a say: it is asked again.

    preview: for the first question. One that has expired is asked anew from a fresh check.
    """
    end_if_rolled_back()
    rule: Gate = getattr(cutover.gates, name)
    ledger, parking, run = own_ledger(cutover), engine().parking, engine().own_run()
    if not rule.required:
        return record_approval(ledger, name, preview, by="the plan", reason="this gate is not required", automatic=True)
    key, asked, why_not = parking.times_parked(), asked_last(run), ""
    answer = parking.last_answer(GateForm) if asked and asked.key == key else None  # else killed before it parked
    if asked and answer:
        verdict = judge(cutover, name, asked, answer)
        if verdict.counts:
            by, reason = answer.name, answer.reason
            return record_approval(
                ledger, name, asked.preview, by=by, reason=reason, question=asked.question, proof=verdict.proof
            )
        why_not = verdict.why_not
    if asked:
        preview = _check_again(cutover, name) if has_expired(rule, asked) else asked.preview
    question = Asked(run=run, key=key + 1, preview=preview, why_not=why_not)
    write_question(question)
    return ask(GateForm, question_of(cutover, name, question, why_not))


def _check_again(cutover: Cutover, name: str) -> Preview:
    return stage_of_gate(name).check(cutover, fresh=True)
