"""Rows of a batch: mailboxes, which are waited for; groups and contacts, which are followed by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailmove.leavable import Leavable, LeavableKind
from mailmove.tenant_state import MigrationUser
from mailmove.tenant_states import MIGRATION_USERS, Step
from tasks.execution.context import Context
from tasks.ledger.names import batch_name


@dataclass(frozen=True)
class BatchRows:
    """others: groups and contacts; what is none of these either is among them, and named."""

    mailboxes: list[MigrationUser]
    others: list[MigrationUser]

    def others_line(self) -> str:
        """How far groups and contacts are, by their status alone; "": there are none."""
        if not self.others:
            return ""
        ready = sum(MIGRATION_USERS.step(row.status) is Step.DONE for row in self.others)
        return f"{ready} of {len(self.others)} groups and contacts are ready"

    def others_details(self) -> list[str]:
        """Those that are not ready, one line each."""
        return [
            f"{row.kind} {row.address}: {row.status}{f', {row.error}' if row.error else ''}"
            for row in self.others
            if MIGRATION_USERS.step(row.status) is not Step.DONE
        ]


def batch_rows(context: Context) -> BatchRows:
    """The rows of the cutover's batch as they are now."""
    return parted(context, context.tenant.migration.users(batch_name(context.plan)))


def parted(context: Context, rows: Sequence[MigrationUser]) -> BatchRows:
    """A row whose kind the service does not show is a mailbox where the old server knows one of its address."""
    unknown = [row for row in rows if row.kind == "unknown"]
    boxes = context.source.inventory().mailboxes if unknown else []
    known = {name.lower() for box in boxes for name in (box.address, *box.aliases)}
    mailboxes = [row for row in rows if row.kind == "mailbox" or (row.kind == "unknown" and row.address in known)]
    return BatchRows(mailboxes, [row for row in rows if row not in mailboxes])


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
