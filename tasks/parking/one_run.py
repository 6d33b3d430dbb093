"""One run a customer: what a cutover, a rollback, a command and the watch do about the claim of it."""

from __future__ import annotations

from uuid import UUID

from prefect.client.orchestration import get_client

from mailmove.errors import Blocked
from mailmove.plan.cutover import Cutover
from tasks.engine.current import engine
from tasks.engine.prefect_claims import claim_for, claim_of, claims, words_of
from tasks.engine.run_ends import is_over, refused
from tasks.ledger.ledger import newest_entries
from tasks.parking.resume import Parked


def claim_for_rollback(plan: Cutover, of: UUID | None) -> UUID | None:
    """Take the customer from the cutover that is to be rolled back; returns that cutover, None: there is none.

    Default: the one that has the customer and has begun; else the one that wrote last. Where any other run has the
    customer, this rollback ends as Refused.
    """
    chosen = of or _begun(plan.customer)
    if chosen is None:
        newest = newest_entries([plan.customer]).get(plan.customer)
        chosen = newest.cutover if newest else None
    engine().claim(plan.customer, instead_of=chosen)
    return chosen


def _begun(customer: str) -> UUID | None:
    run = engine().claimed_by(customer)
    record = engine().read_run(run) if run else None
    return run if record and record.began and record.flow == "cutover" else None


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
