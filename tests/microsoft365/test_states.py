"""Every value of each enumeration has a step that somebody chose; a value that is not known asks a person."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import lab
from mailmove.tenant_states import (
    ASSIGNMENTS,
    CARTS,
    MIGRATION_BATCHES,
    MIGRATION_USERS,
    ORDERS,
    RELATIONSHIPS,
    REQUESTS,
    States,
    Step,
)

ENUMS = json.loads((Path(lab.__file__).parent / "contracts" / "graph-v1.0-extract.json").read_text())["enums"]
USERS = (
    "Completed CompletedWithWarnings Completing CompletionFailed CompletionSynced Corrupted Failed IncrementalFailed "
    "IncrementalStopped IncrementalSynced IncrementalSyncing Provisioning ProvisionUpdating Queued Removing Starting "
    "Stopped Stopping Synced Syncing Validating"
)
"""-Status on the page of Get-MigrationUser, and the members of MigrationUserStatus (jj939831)."""
BATCHES = (
    "Completed CompletedWithErrors Completing Corrupted Created Failed IncrementalSyncing Removing Starting Stopped "
    "Syncing Stopping Synced SyncedwithErrors SyncedWithErrors Waiting"
)
"""-Status on the page of Get-MigrationBatch, in both of its spellings."""


def of_graph(name: str) -> list[str]:
    return [value for value in ENUMS[name] if value != "unknownFutureValue"]


@pytest.mark.parametrize(
    ("states", "values"),
    [
        (MIGRATION_USERS, USERS.split()),
        (MIGRATION_BATCHES, BATCHES.split()),
        (RELATIONSHIPS, of_graph("delegatedAdminRelationshipStatus")),
        (ASSIGNMENTS, of_graph("delegatedAdminAccessAssignmentStatus")),
        (REQUESTS, of_graph("delegatedAdminRelationshipRequestStatus")),
        (ORDERS, ["pending", "completed", "cancelled"]),
        (CARTS, ["Active", "Ordered"]),
    ],
)
def test_every_value_has_been_decided(states: States, values: list[str]) -> None:
    known = {name.casefold() for name in states.known}
    assert {value for value in values if value.casefold() not in known} == set(), "decide what follows from these"
    for value in values:
        state = states.of(value)
        assert state.todo or state.step in (Step.WAIT, Step.DONE, Step.START, Step.GONE), value


@pytest.mark.parametrize(
    "states", [MIGRATION_USERS, MIGRATION_BATCHES, RELATIONSHIPS, ASSIGNMENTS, REQUESTS, ORDERS, CARTS]
)
def test_what_nobody_knows_asks_a_person(states: States) -> None:
    for value in ("unknownFutureValue", "AwaitingReview", ""):
        assert states.of(value).step is Step.ASK
        assert states.of(value).todo


def test_values_are_known_in_any_case() -> None:
    assert MIGRATION_BATCHES.step("SyncedwithErrors") is MIGRATION_BATCHES.step("SYNCEDWITHERRORS") is Step.START
