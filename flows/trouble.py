"""A stage cannot go on by itself: say why, park, and go on when a person has mended it, or leaves it out."""

from __future__ import annotations

from prefect import flow

from mailmove.leavable import Leavable
from tasks.engine.current import engine
from tasks.execution.rolled_back import ask, end_if_rolled_back
from tasks.ledger.ledger import own_ledger
from tasks.parking.forms import Plan, TroubleForm
from tasks.parking.question_text import question_of_trouble
from tasks.progress.leave_out import answered_by, record_left_out, things_to_leave, why_not
from tasks.runbook import step_named


@flow(flow_run_name="trouble: {name}")
def trouble(cutover: Plan, name: str, why: str, leaves: tuple[Leavable, ...] = ()) -> str:
    """Return who mended it and how, or who left out what. An answer that does not say who and why leaves nothing out.

    leaves: what the error named as things to do without.
    """
    end_if_rolled_back()
    ledger, parking = own_ledger(cutover), engine().parking
    answer, question = parking.last_answer(TroubleForm), f"{engine().own_run()}-{parking.times_parked()}"
    if answer and not answer.leave_out:
        return f"{answer.name or 'somebody'}: {answer.reason or 'try again'}"
    known = answered_by(ledger.entries(), question)
    things = known.things if known else things_to_leave(step_named(name), leaves, ledger.entries())
    not_counted = why_not(answer, things) if answer else ""
    if answer and not not_counted:
        return record_left_out(ledger, name, things, answer, question)
    return ask(TroubleForm, question_of_trouble(cutover, name, why, things, not_counted))
