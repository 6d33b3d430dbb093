"""States that Microsoft gives things, and what follows from each: one table for an enumeration.

A value that no table has asks a person: nobody here knows whether it ends by itself.
Sources: the pages of Get-MigrationUser and Get-MigrationBatch, the enumeration MigrationUserStatus (jj939831), "Manage
migration batches"; Graph v1.0's schema (delegatedAdminRelationshipStatus, delegatedAdminAccessAssignmentStatus,
delegatedAdminRelationshipRequestStatus); partner-center/developer order-resources and cart-resources.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    """What follows from a state."""

    WAIT = "wait"
    """It goes on by itself."""
    DONE = "done"
    """It is as it should be."""
    START = "start again"
    """It has come to rest before its end; it is started, a bounded number of times, and then a person is asked."""
    ASK = "ask"
    """It does not go on by itself, and starting it again is not ours to decide."""
    GONE = "gone"
    """It is over: there is none any more, and a new one may be made."""


@dataclass(frozen=True)
class State:
    """todo: what a person does about it, where one is asked."""

    step: Step
    todo: str = ""


@dataclass(frozen=True)
class States:
    """What each value of an enumeration means. kind: what has the state, for people."""

    kind: str
    known: Mapping[str, State]

    def of(self, value: str) -> State:
        """By value, in any case. One that is not known asks a person."""
        for name, state in self.known.items():
            if name.casefold() == value.casefold():
                return state
        todo = f"Mailmove does not know this state of {self.kind}: look in Microsoft's admin centre what it means."
        return State(Step.ASK, todo)

    def step(self, value: str) -> Step:
        return self.of(value).step

    def values(self, step: Step) -> tuple[str, ...]:
        """Those from which this follows."""
        return tuple(value for value, state in self.known.items() if state.step is step)


_WAIT, _DONE, _START, _GONE = (State(step) for step in (Step.WAIT, Step.DONE, Step.START, Step.GONE))
_STOPPED = State(Step.ASK, "Somebody stopped it: start it in the Exchange admin centre, or go on without it.")
_CORRUPTED = State(
    Step.ASK,
    "Microsoft cannot read its own record of it: remove it in the Exchange admin centre and have it made again (what "
    "was copied stays), or go on without it.",
)
_REMOVED = State(Step.ASK, "Somebody is removing it: have it made again, or go on without it.")

MIGRATION_USERS = States(
    "a mailbox of the batch",
    {
        "Queued": _WAIT,
        "Starting": _WAIT,
        "Validating": _WAIT,
        "Provisioning": _WAIT,
        "ProvisionUpdating": _WAIT,
        "Syncing": _WAIT,
        "Stopping": _WAIT,
        # Copied once, and kept up to date since.
        "Synced": _DONE,
        "IncrementalSyncing": _DONE,
        "IncrementalSynced": _DONE,
        "Completing": _DONE,
        "CompletionSynced": _DONE,
        "Completed": _DONE,
        "CompletedWithWarnings": _DONE,
        "Failed": _START,
        "IncrementalFailed": _START,
        "CompletionFailed": _START,
        "Stopped": _STOPPED,
        "IncrementalStopped": _STOPPED,
        "Corrupted": _CORRUPTED,
        "Removing": _REMOVED,
    },
)
"""MigrationUserStatus, as a first sync sees it."""

MIGRATION_BATCHES = States(
    "a migration batch",
    {
        "Starting": _WAIT,
        "Validating": _WAIT,
        "Waiting": _WAIT,
        "Syncing": _WAIT,
        "IncrementalSyncing": _WAIT,
        "Completing": _WAIT,
        "Stopping": _WAIT,
        "Synced": _DONE,
        "Completed": _DONE,
        "Created": _START,
        "Failed": _START,
        "SyncedWithErrors": _START,
        "CompletedWithErrors": _START,
        "Stopped": _STOPPED,
        "Corrupted": _CORRUPTED,
        "Removing": _REMOVED,
    },
)
"""MigrationBatchStatus. START: what failed in it is tried anew by starting it."""

_INVITE = "The customer has not approved it, or somebody ended it: invite them again."
RELATIONSHIPS = States(
    "a GDAP relationship",
    {
        "created": _WAIT,
        "approvalPending": _WAIT,
        "approved": _WAIT,
        "activating": _WAIT,
        "active": _DONE,
        "expiring": _DONE,
        "expired": State(Step.GONE, _INVITE),
        "terminating": State(Step.GONE, _INVITE),
        "terminationRequested": State(Step.GONE, _INVITE),
        "terminated": State(Step.GONE, _INVITE),
    },
)
"""delegatedAdminRelationshipStatus. Of `created` the partner must lock it before the customer can approve it."""

ASSIGNMENTS = States(
    "an access assignment",
    {
        "pending": _WAIT,
        "active": _DONE,
        "deleting": _GONE,
        "deleted": _GONE,
        "error": State(
            Step.ASK,
            "Look in Partner Center, Customers, Admin relationships, why the group did not get its roles; remove the "
            "assignment there, and it is made again.",
        ),
    },
)
"""delegatedAdminAccessAssignmentStatus."""

REQUESTS = States(
    "a request about a GDAP relationship",
    {
        "created": _WAIT,
        "pending": _WAIT,
        "succeeded": _DONE,
        "failed": State(Step.ASK, "Look in Partner Center, Customers, Admin relationships, why it failed."),
    },
)
"""delegatedAdminRelationshipRequestStatus."""

ORDERS = States(
    "an order",
    {
        "pending": _WAIT,
        "completed": _DONE,
        "cancelled": _GONE,
        "canceled": _GONE,
        "deleted": _GONE,
        "failed": State(Step.ASK, "Look in Partner Center what was ordered, and order the rest there."),
    },
)
"""Order status of Partner Center. Unverified: no page lists its values; those are seen in its examples."""

CARTS = States("a cart", {"active": _START, "ordered": _DONE, "expired": _GONE})
"""Cart status of Partner Center. START: it has not been checked out."""
