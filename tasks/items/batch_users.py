"""Mailboxes of a batch that have come to rest in a state from which they do not go on by themselves."""

from __future__ import annotations

from collections.abc import Sequence

from mailmove.leavable import Leavable, LeavableKind
from mailmove.tenant_state import MigrationUser
from mailmove.tenant_states import MIGRATION_USERS, Step


def at_rest(users: Sequence[MigrationUser]) -> list[MigrationUser]:
    """Those about which a person must be asked: stopped, corrupted, being removed, or in a state that nobody knows."""
    return [user for user in users if user.status and MIGRATION_USERS.step(user.status) is Step.ASK]


def proposals(users: Sequence[MigrationUser]) -> list[str]:
    """What to do about each, one line a mailbox."""
    return [f"{user.address} is {user.status}: {MIGRATION_USERS.of(user.status).todo}" for user in at_rest(users)]


def thing(user: MigrationUser) -> Leavable:
    """Its mailbox, as a thing that a cutover can do without."""
    reason = user.error or user.status or "not in the batch"
    return Leavable(kind=LeavableKind.MAILBOX, mailbox=user.address, reason=reason)
