"""Wait without a process: poll; if it is not so yet, park as a question that anyone may answer.

What is forecast for the next few seconds is waited out: to end and to start again takes longer, and costs more.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

from prefect import flow

from mailmove.clock import clock, now
from mailmove.errors import MailmoveError
from mailmove.evidence import Evidence, PollResult
from mailmove.plan.cutover import Cutover
from tasks.engine.current import engine
from tasks.execution.rolled_back import ask, end_if_rolled_back
from tasks.parking.forms import Plan, WaitForm, unsigned
from tasks.parking.poll import (
    Awaited,
    Until,
    carry_out_remedy,
    keep_result,
    last_result,
    poll_once,
    try_again,
    unable_to_try,
)
from tasks.parking.question_text import question_of_wait
from tasks.progress.rollback_stage import roll_back_stage, standing_of
from tasks.progress.verify_or_park import verify_or_park
from tasks.progress.wait_ends import wait_completed, wait_skipped

WAITED_OUT = timedelta(seconds=10)
"""Most time that a wait's process waits itself, each time that it is resumed; what takes longer parks."""


@flow(flow_run_name="wait: {step} {until}")
def wait(cutover: Plan, step: str, until: Until = "condition", of: UUID | None = None) -> Evidence:
    """Return when what it waits for has come, or when a person says to go on anyway.

    of: the cutover that is rolled back; None: the one that this wait belongs to.
    """
    if of is None:
        end_if_rolled_back()
    awaited, root, run = Awaited(step, until), of or engine().root_run(), engine().own_run()
    answer = engine().parking.last_answer(WaitForm)
    skip = answer if answer and answer.go_on_anyway else None
    if skip and not unsigned(skip):
        return wait_skipped(cutover, root, awaited, by=skip.name, reason=skip.reason)
    previous = last_result(run)
    if until == "condition":
        result = _poll(cutover, root, awaited, previous)
    else:
        result = try_again(awaited, _try(cutover, root, awaited, previous), previous)
    if result.done and until != "condition":
        return Evidence(stage=str(awaited), facts=[result.summary])
    result = result.model_copy(update={"parked_with": None if result.done else result.asks})
    keep_result(run, result, previous)  # the report draws what was polled last
    if result.done:
        return wait_completed(cutover, root, awaited, result)
    return ask(WaitForm, question_of_wait(cutover, awaited, result, unsigned=skip is not None))


def _try(cutover: Cutover, root: UUID, awaited: Awaited, previous: PollResult | None) -> PollResult:
    """Once more `verify`, or `rollback`; what it says."""
    if awaited.until == "verified":
        result: PollResult = engine().run_task(verify_or_park, cutover, awaited.step, False, fresh=True)
        return result
    try:
        undone = roll_back_stage(cutover, awaited.step, root)
    except MailmoveError as error:
        result = unable_to_try(error, previous, cutover)
        stays = [f"if you go on without it: {line}" for line in standing_of(cutover, root, awaited.step)]
        return result.model_copy(update={"details": [*result.details, *stays]})
    return PollResult(done=True, summary="; ".join(f"{change.words} is back" for change in undone.changes))


def _poll(cutover: Cutover, root: UUID, awaited: Awaited, previous: PollResult | None) -> PollResult:
    """What is seen now, or in a moment, if it is due by then; a remedy that is due is carried out once."""
    end = now() + WAITED_OUT
    result = asyncio.run(poll_once(cutover, root, awaited, previous))
    if result.remedy:
        try:
            result = asyncio.run(carry_out_remedy(cutover, root, awaited, result))
        except MailmoveError as error:
            return result.model_copy(update={"summary": f"{result.summary}; {error}", "next_poll": end})
        result = asyncio.run(poll_once(cutover, root, awaited, result))
    while not result.done and result.forecast and now() < result.forecast < end:
        clock().sleep((result.forecast - now()).total_seconds())
        result = asyncio.run(poll_once(cutover, root, awaited, result))
    return result
