"""Wait without a process: look; if it is not so yet, park as a question that anyone may answer.

What is forecast for the next few seconds is waited out: to end and to start again takes longer, and costs more.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from uuid import UUID

from prefect import flow

from mailmove.errors import MailmoveError
from mailmove.evidence import Evidence, Look, now
from mailmove.plan.cutover import Cutover
from tasks.ledger.ledger import Ledger, this_cutover
from tasks.parking.park import Plan, WaitForm, last_answer, own_run_id, park
from tasks.parking.poll import SETTLES, SKIPPED, UNDOES, last_look, look_once, not_yet, show_look, try_again
from tasks.parking.question_text import question_of_wait
from tasks.progress.rollback_stage import undo_stage
from tasks.progress.verify_or_park import settles

WAITED_OUT = timedelta(seconds=10)
"""So long in all, each time that a wait is come to."""


@flow(flow_run_name="wait: {name}")
def wait(cutover: Plan, name: str, of: UUID | None = None) -> Evidence:
    """Return when what `name` stands for has come, or when a person says to go on anyway.

    of: the cutover that is being undone; None: the one that this wait belongs to.
    """
    root = of or this_cutover()
    answer = last_answer(WaitForm)
    if answer and answer.go_on_anyway:
        said = f"{SKIPPED}: {answer.name or 'somebody'} said: {answer.reason or 'no reason'}"
        return _witness(cutover, root, name, [said])
    known = last_look(own_run_id())
    if name.startswith(SETTLES):
        seen = settles.with_options(refresh_cache=True)(cutover, name.removeprefix(SETTLES), patient=False)
        if seen.done:
            return Evidence(stage=name, facts=[seen.summary])
        seen = try_again(name, seen, known)
    elif name.startswith(UNDOES):
        try:
            undone = undo_stage(cutover, name.removeprefix(UNDOES), root)
            return Evidence(stage=name, facts=[f"{one.what} is back" for one in undone.changes])
        except MailmoveError as error:
            seen = try_again(name, not_yet(error), known)
    else:
        seen = _look(cutover, root, name, known)
        if seen.done:
            show_look(own_run_id(), seen)  # the report draws what was seen last
            return _witness(cutover, root, name, [seen.summary, *seen.details])
    show_look(own_run_id(), seen)
    return park(WaitForm, question_of_wait(cutover, name, seen))


def _look(cutover: Cutover, root: UUID, name: str, known: Look | None) -> Look:
    """What is seen now, or in a moment, if it is due by then."""
    end = now() + WAITED_OUT
    seen = asyncio.run(look_once(cutover, root, name, known))
    while not seen.done and seen.forecast and now() < seen.forecast < end:
        time.sleep(max(0.0, (seen.forecast - now()).total_seconds()))
        seen = asyncio.run(look_once(cutover, root, name, seen))
    return seen


def _witness(cutover: Cutover, root: UUID, name: str, facts: list[str]) -> Evidence:
    entry = Ledger(cutover.customer, root).record("evidence", name, facts=facts)
    return Evidence(stage=name, facts=facts, at=entry.at)
