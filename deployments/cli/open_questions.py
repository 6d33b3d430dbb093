"""The one question that a command answers, and what became of the answer."""

from __future__ import annotations

import time
from uuid import UUID

from deployments.cli.output import IN_THE_WAY, NOTHING, WRONG, fail
from mailmove.plan.cutover import Cutover
from tasks.engine.current import engine
from tasks.ledger.ledger import Ledger, newest_entries
from tasks.ledger.payloads import Approval
from tasks.ledger.rolled_back import fact_of
from tasks.parking.forms import GATE_FLOW, WAIT_FLOW
from tasks.parking.gate_questions import Asked, Verdict, asked_last
from tasks.parking.resume import Parked, parked_runs
from tasks.progress.rollback_stage import standing_of

_PAUSE = 0.5


def gate_of(customer: str, name: str | None, *, json: bool) -> Parked:
    """The customer's open gate of this name, or the only one; ends the command where there is none, or no only one."""
    gates = [parked for parked in parked_runs() if parked.flow == GATE_FLOW and parked.customer == customer]
    named = [parked for parked in gates if name in (None, parked.name)]
    if not named:
        refuse_if_rolled_back(customer, json=json)
        others = f"; open: {', '.join(parked.name for parked in gates)}" if gates else ""
        fail(f"{customer} is not parked at {name or 'a gate'}{others}; see `mailmove status`", NOTHING, json=json)
    if len(named) > 1:
        names = ", ".join(sorted({parked.name for parked in named}))
        fail(f"{customer} has {len(named)} open gates ({names}): say which by --gate, or in the UI", WRONG, json=json)
    return named[0]


def refuse_if_rolled_back(customer: str, *, json: bool) -> None:
    """Ends the command where the customer's last cutover was rolled back, and no other one is under way."""
    newest = newest_entries([customer]).get(customer)
    fact = fact_of(newest.cutover) if newest else None
    if fact is not None and not engine().open_cutovers(customer):
        fail(f"{customer}: it was {fact.words}. {fact.todo}", IN_THE_WAY, json=json)


def verdict_on(gate: Parked, asked: Asked, name: str, *, yes: bool, seconds: float) -> Verdict:
    """What the gate makes of the answer that it was just given: the ledger's word, or the next question's.

    asked: what was answered. RolledBack: its cutover is being rolled back. `counts` is False also where nothing was
    decided within `seconds`.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (fact := fact_of(gate.root.id)) is not None:
            raise fact.error()
        ledger = Ledger(gate.customer, gate.root.id)
        approvals = [approval for _, approval in ledger.payloads(Approval, gate.name)]
        counted = next((approval for approval in approvals if approval.question == asked.question), None)
        if counted is not None:
            if yes and counted.by == name:
                return Verdict(counts=True, proof=counted.proof)
            return Verdict(why_not=f"another answer was quicker: {counted.by} said yes")
        newer = asked_last(gate.run.id)
        if newer is not None and newer.key > asked.key:
            return Verdict(counts=not yes, why_not=newer.why_not.replace("**", ""))
        time.sleep(_PAUSE)
    state = "the cutover has not come to it"
    return Verdict(why_not=f"the answer was given, and within {seconds:g} s {state}; see `mailmove status`")


def stays_without(question: Parked) -> tuple[str, ...]:
    """What is left as the cutover made it when a rollback goes on without this; (): it is another question."""
    if question.flow != WAIT_FLOW or question.awaited.until != "rolled_back":
        return ()
    parameters = question.run.parameters
    return standing_of(Cutover.model_validate(parameters["cutover"]), UUID(str(parameters["of"])), question.name)
