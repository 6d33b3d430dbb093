"""Account for every item of every mailbox; deliver again, once each, what the service left behind."""

from __future__ import annotations

from tasks.stages.shared import proofs

NAME = "reconcile_items"

check, apply, verify, rollback = proofs(NAME)
