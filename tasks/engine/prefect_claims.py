"""Which run has a customer: a Prefect variable for each customer, whose name the database keeps unique.

What is atomic in Prefect's API, on SQLite and PostgreSQL, from 3.8 on (prefect/server/models/variables.py):

- Creating a variable: of two creators of a name one gets 201, the other one 409 (a unique constraint).
- Deleting a variable by its id: whoever deletes an old claim never deletes the newer one that took its place.

Deployment concurrency limits, global limits and leases let go after a time without a process; a parked cutover has no
process for days. An idempotency key makes two equal requests one run; the UI and a schedule send none.

A claim is believed as long as its run is not over. So it needs no renewal, and a kill -9 at any line leaves either no
claim, or one with the id of a run whose end everybody can see.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import VariableCreate
from prefect.client.schemas.objects import Variable
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from mailmove.clock import now
from mailmove.errors import Blocked
from tasks.engine.port import Claim
from tasks.engine.prefect_internals import all_variables, delete_variable, page_in_ui, replace_variable
from tasks.engine.run_ends import is_over

PREFIX = "mailmove-run-of-"
"""Beginning of the names of such variables; the customer follows."""

_TRIES = 20
"""Times that a claim is tried, while others make and delete theirs."""


def claim_for(client: SyncPrefectClient, customer: str, run: UUID, *, instead_of: UUID | None = None) -> Claim | None:
    """Claim a customer for a root run. None: it has it now. Else the claim of another run, which is not over.

    instead_of: a run whose claim goes to `run` although it is not over: the cutover that is to be rolled back.
    """
    value: dict[str, Any] = {"run": str(run), "since": now().isoformat()}
    for _ in range(_TRIES):
        with suppress(ObjectAlreadyExists):  # whose it is, is read then: ours, if a request was sent twice
            client.create_variable(VariableCreate(name=PREFIX + customer, value=value, tags=["mailmove"]))
        known = claim_of(client, customer)
        if known is None:
            continue  # it was given up meanwhile
        if known.run == run:
            return None
        if instead_of is not None and known.run == instead_of:
            replace_variable(client, known.id, value)  # in place: nobody else finds the customer free in between
        elif is_over(client, known.run):
            delete_variable(client, known.id)
        else:
            return known
    raise Blocked(
        "Prefect", wanted=f"one run for {customer}", seen="claims that come and go", todo="Start it again in a minute."
    )


def claim_of(client: SyncPrefectClient, customer: str) -> Claim | None:
    """The customer's claim, whether its run is over or not; None: there is none."""
    variable = client.read_variable_by_name(PREFIX + customer)
    return _claim(variable) if variable else None


def claims(client: SyncPrefectClient) -> dict[str, Claim]:
    """Customer -> its claim, for all customers."""
    ours = [variable for variable in all_variables(client) if variable.name.startswith(PREFIX)]
    return {variable.name.removeprefix(PREFIX): _claim(variable) for variable in ours}


def words_of(client: SyncPrefectClient, customer: str, known: Claim) -> str:
    """Who has a customer, since when, and how to see it."""
    page = page_in_ui(known.run)
    where = f"`mailmove status`{f', or {page}' if page else ''}"
    if known.run.int == 0:
        todo = f"Look at the variable {PREFIX}{customer} in Prefect; delete it if nothing runs for {customer}."
        return str(
            Blocked("Mailmove", wanted=f"{customer} for this run", seen="a claim that cannot be read", todo=todo)
        )
    try:
        run = client.read_flow_run(known.run)
    except ObjectNotFound:
        name, state = "a run", "deleted just now"
    else:
        name, state = run.name, run.state_name or "without a state"
    return str(
        Blocked(
            "Mailmove",
            wanted=f"{customer} for this run",
            seen=f"{name} ({known.run}) has it since {known.since:%Y-%m-%d %H:%M:%S} UTC, and is not over ({state})",
            todo=f"Nothing was done. See {where}. Wait until it is over, or cancel it or roll it back.",
        )
    )


def _claim(variable: Variable) -> Claim:
    """A value that nobody can read is the claim of the run 0, which is never over: a person decides."""
    value = variable.value if isinstance(variable.value, Mapping) else {}
    try:
        return Claim(UUID(str(value["run"])), datetime.fromisoformat(str(value["since"])), variable.id)
    except (LookupError, ValueError):
        return Claim(UUID(int=0), datetime.fromtimestamp(0, UTC), variable.id)
