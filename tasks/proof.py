"""Account for every item of every mailbox; deliver again, once each, what the service left behind."""

from __future__ import annotations

from tasks.alike import proofs

NAME = "proof"

check, apply, verify, rollback = proofs(NAME)
