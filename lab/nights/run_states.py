"""The states of the night's runs, by Prefect's rules: what each button makes of which state, and who owns a run.

The nights have no Prefect server; the shelf stands for it. What is modelled, each from Prefect 3.8's source:

- Its UI sets states by force (server/ui-v2, `set_state` with `force: true`: `MinimalFlowPolicy`): *Retry* makes any run
  `AwaitingRetry`, *Cancel* any run `Cancelling`, whatever it was; a worker then starts it, or ends its process.
- *Resume* (server/api/flow_runs.py, `resume_flow_run`) starts nothing but a Paused or Suspended run.
- A process that ends sets its final state by the rules, and those let it overwrite a final state by another one
  (core_policy.py, `HandleFlowTerminalStateTransitions`: only Crashed, Paused and Cancelling are refused): Failed over
  Cancelled. Whoever parks suspends its root run only where that is Running.
- Every state has an id. A process knows the one that it was given when it began; is there another one on the server,
  then the run is not its own any more.
- A name is claimed by one run at a time (server/models/variables.py: unique): here by the order of the shelf's lines.
"""

from __future__ import annotations

from uuid import uuid4

from lab.nights.bad_luck import Button
from lab.nights.shelf import Shelf

FINAL = ("Completed", "Failed", "Crashed", "Cancelled", "Refused")
_OVER = ("Completed", "Failed", "Cancelled", "Refused", "deleted")
"""States in which a run has its customer no more; one that crashed is started again."""
STARTED_BY_A_WORKER = ("AwaitingRetry", "Resuming")
DELETED = "deleted"


def set_state(shelf: Shelf, run: str, name: str) -> str:
    """By force; returns the state's id."""
    state = str(uuid4())
    shelf.put("state", run, id=state, name=name)
    return state


def state_of(shelf: Shelf, run: str) -> tuple[str, str]:
    """(id, name) of the state that a run is in now."""
    lines = shelf.lines("state", run)
    return (lines[-1]["id"], lines[-1]["name"]) if lines else ("", "Scheduled")


def end_with(shelf: Shelf, run: str, name: str) -> None:
    """What the engine of a process proposes at its end: the server takes it unless the run is deleted."""
    if state_of(shelf, run)[1] != DELETED:
        set_state(shelf, run, name)


def suspend(shelf: Shelf, run: str) -> None:
    """From Running only; whoever made it Running."""
    if state_of(shelf, run)[1] == "Running":
        set_state(shelf, run, "Suspended")


def press(shelf: Shelf, run: str, button: Button) -> bool:
    """Press it on the cutover's run; True: a worker starts a process for it now.

    answer: of the question; its cutover is resumed if that is Suspended. restart, watch: as if neither looked at
    anything but the state.
    """
    name = state_of(shelf, run)[1]
    if name == DELETED:
        return False
    if button == "delete":
        set_state(shelf, run, DELETED)
    elif button == "cancel":
        set_state(shelf, run, "Cancelled")  # nobody has a process to end, or it is ended: the watch calls it Cancelled
    elif button == "retry" or (button == "restart" and name in FINAL) or (button == "watch" and name == "Crashed"):
        set_state(shelf, run, "AwaitingRetry")
    elif name == "Suspended":
        set_state(shelf, run, "Resuming")
    return state_of(shelf, run)[1] in STARTED_BY_A_WORKER


def claimed(shelf: Shelf, customer: str, run: str, instead_of: str) -> bool:
    """Whether a run has the customer now that it has asked for it. instead_of: a run that gives way."""
    shelf.put("claim", customer, run=run, instead_of=instead_of)
    return claimant(shelf, customer) == run


def claimant(shelf: Shelf, customer: str) -> str | None:
    """The run that has a customer, and is not over; None: nobody. Whoever reads sees the same."""
    has_it: str | None = None
    states: dict[str, str] = {}
    for line in shelf.everything():
        if line["kind"] == "state":
            states[line["key"]] = line["name"]
        elif line["kind"] == "claim" and line["key"] == customer:
            free = has_it is None or states.get(has_it) in _OVER or has_it == line["instead_of"]
            has_it = line["run"] if free else has_it
    return None if has_it and states.get(has_it) in _OVER else has_it
