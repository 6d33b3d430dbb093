"""Commands that bring a cutover on: the answer to trouble or a wait, and a start again. Imports as in `main`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from deployments.cli.output import NOTHING, WRONG, AsJson, fail, say

going_on = typer.Typer()


@going_on.command()
def answer(
    customer: Annotated[str, typer.Argument(help="Short name of the customer")],
    name: Annotated[str, typer.Option(help="Who answers")] = "",
    reason: Annotated[str, typer.Option(help="What was mended, or why it is left out or not waited for")] = "",
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="Trouble: go on without what the question lists; needs name and reason")
    ] = False,
    go_on: Annotated[
        bool, typer.Option("--go-on", help="A wait: do not wait any longer; needs name and reason")
    ] = False,
    json: AsJson = False,
) -> None:
    """Answer the trouble or the wait at which a customer is parked. Without --leave-out, trouble is tried again."""
    from deployments.cli.open_questions import refuse_if_rolled_back, stays_without
    from deployments.display.safe_text import plain
    from mailmove.errors import MailmoveError
    from tasks.parking.forms import GATE_FLOW, TROUBLE_FLOW
    from tasks.parking.resume import parked_runs, resume

    wished = "--leave-out" if leave_out else "--go-on"
    if (leave_out or go_on) and not (name.strip() and reason.strip()):
        fail(f"{wished} needs --name and --reason: both are kept, and the report names them", WRONG, json=json)
    questions = [parked for parked in parked_runs() if parked.customer == customer and parked.flow != GATE_FLOW]
    if not questions:
        refuse_if_rolled_back(customer, json=json)
        fail(f"{customer} is not parked at trouble or a wait; see `mailmove status`", NOTHING, json=json)
    for question in questions:
        trouble = question.flow == TROUBLE_FLOW
        if leave_out and not trouble:
            fail(f"{question.title} is a wait; --go-on ends it", WRONG, json=json)
        if not trouble and not go_on:
            fail(f"{question.title} goes on by itself; --go-on does not wait any longer", WRONG, json=json)
        stays = stays_without(question) if go_on else ()
        wish: dict[str, Any] = {"leave_out": leave_out} if trouble else {"go_on_anyway": go_on}
        try:
            resume(question, {**wish, "name": name, "reason": reason})
        except MailmoveError as error:
            fail(str(error), json=json)
        done = "left out" if leave_out else "tried again" if trouble else "not waited for any longer"
        content = {"customer": customer, "question": question.title, "answer": done, "by": name, "stays": list(stays)}
        lines = [f"{customer}: {question.title}: {done}", *(f"not put back: {plain(line)}" for line in stays)]
        say(content if json else "\n".join(lines), json)


@going_on.command()
def restart(
    customer: Annotated[str, typer.Argument(help="Short name of the customer")],
    json: AsJson = False,
) -> None:
    """Start a customer's cutover or rollback again where it stood: one that failed, was cancelled or paused."""
    from mailmove.errors import MailmoveError
    from tasks.parking.start_again import start_again

    try:
        started = start_again(customer)
    except MailmoveError as error:
        fail(str(error), NOTHING, json=json)
    content = {"customer": customer, "run": str(started.run), "flow": started.flow, "was": started.was}
    say(content if json else f"{customer}: its {started.flow} was {started.was}; it goes on", json)
