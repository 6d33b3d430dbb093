"""One run a customer: what a cutover, a rollback, a command and the watch do about the claim of it."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from prefect.client.orchestration import get_client

from mailmove.errors import Blocked
from tasks.engine.current import engine
from tasks.engine.prefect_claims import claim_for, claim_of, claims, words_of
from tasks.engine.run_ends import is_over, refused
from tasks.parking.resume import Parked

CRASHED = "Crashed"
"""State in which Prefect leaves a run whose process has died."""


def claim_for_rollback(customer: str, cutover: UUID, to_begin: Collection[UUID] = ()) -> None:
    """Take the customer from the cutover that is to be rolled back, from one that is still to begin and is ended by
    this, or from a rollback that was cut short.

    Where any other run has the customer, this rollback ends as Refused.
    """
    holder = engine().claimed_by(customer)
    instead_of = holder if holder and (holder in to_begin or _is_cut_short(holder)) else cutover
    engine().claim(customer, instead_of=instead_of)


def having_cutover(customer: str) -> UUID | None:
    """The cutover that has the customer, is not over and has begun; None: there is none."""
    run = engine().claimed_by(customer)
    record = engine().read_run(run) if run else None
    return run if record and record.began and record.flow == "cutover" else None


def _is_cut_short(run: UUID) -> bool:
    """A rollback that has no process any more, and which only a restart would bring back."""
    record = engine().read_run(run)
    return record is not None and record.flow == "rollback" and record.state == CRASHED


def reserve(customer: str, run: UUID) -> None:
    """Claim a customer for a run that was just made and is to start now or later. Blocked: another one has it.

    Then this run is ended as Refused, whether it has started meanwhile or not.
    """
    with get_client(sync_client=True) as client:
        known = claim_for(client, customer, run)
        if known is None:
            return
        words = words_of(client, customer, known)
        state = client.read_flow_run(run).state
        if state is None or not state.is_final():
            client.set_flow_run_state(run, refused(words), force=True)
    raise Blocked("mailmove", wanted=f"a start of {customer}", seen=words.rstrip("."), todo="This one was not started.")


def adopt(parked: list[Parked]) -> list[str]:
    """Claim the customers of parked runs that have no claim: an older version started them, or a person deleted it.

    In one request where all have theirs. Returns lines for the log.
    """
    with get_client(sync_client=True) as client:
        known = claims(client)
        lines = []
        for customer, root in {question.customer: question.root for question in parked}.items():
            if customer in known or is_over(client, root.id):
                continue
            if claim_for(client, customer, root.id) is None:
                lines.append(f"{root.name}: has its customer from here on; no other run may start")
        return lines


def claim_of_customer(customer: str) -> UUID | None:
    """The run that claimed the customer last, whether it is over or not."""
    with get_client(sync_client=True) as client:
        known = claim_of(client, customer)
    return known.run if known else None
