"""Progress of the first copy, mailbox by mailbox, over time; small enough to be passed from poll to poll."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, Field

from mailmove.tenant_state import MigrationUser
from mailmove.tenant_states import MIGRATION_USERS, Step

COPIED = MIGRATION_USERS.values(Step.DONE)
"""Statuses of a migration user that has been copied once, as Get-MigrationUser spells them."""

MOST_POINTS = 120
"""Maximum points of the curve; above it, every second point is dropped."""

_WIDTH = 24
_MOST_ROWS = 40


class Copied(BaseModel):
    """Progress of one mailbox."""

    status: str
    items: int = Field(description="Copied so far")
    skipped: int = 0
    since: datetime = Field(description="First seen in the batch")
    done: datetime | None = Field(default=None, description="First seen copied once")
    error: str = ""


class Progress(BaseModel):
    """Progress of all mailboxes. curve: (time, items copied in all, mailboxes copied once), oldest first."""

    mailboxes: dict[str, Copied] = {}
    curve: list[tuple[datetime, int, int]] = []

    @property
    def items(self) -> int:
        return sum(box.items for box in self.mailboxes.values())


def watched(previous: Progress | None, users: Sequence[MigrationUser], at: datetime) -> Progress:
    """The progress with one more poll."""
    known = previous.mailboxes if previous else {}
    boxes = {user.address: _copied(user, known.get(user.address), at) for user in users}
    curve = [*(previous.curve if previous else []), (at, sum(box.items for box in boxes.values()), _count(boxes))]
    if len(curve) > MOST_POINTS:
        curve = [*curve[:-1:2], curve[-1]]
    return Progress(mailboxes=boxes, curve=curve)


def bars(progress: Progress) -> str:
    """A Markdown code block with a bar for each mailbox, the unfinished first. "" if there are none."""
    if not progress.mailboxes:
        return ""
    rows = sorted(progress.mailboxes.items(), key=lambda row: (row[1].done is not None, row[0]))
    margin = max(len(address) for address, _ in rows[:_MOST_ROWS])
    most = max(1, *(box.items for box in progress.mailboxes.values()))
    lines = [f"{address:{margin}}  {_bar(box, most)}  {box.items:>7,} {box.status}" for address, box in rows]
    more = [f"... and {len(lines) - _MOST_ROWS} more"] if len(lines) > _MOST_ROWS else []
    return "\n".join(
        ["```", *lines[:_MOST_ROWS], *more, "█ copied once   ▒ under way, beside the largest so far", "```"]
    )


def _bar(box: Copied, most: int) -> str:
    if box.done:
        return "█" * _WIDTH
    return f"{'▒' * min(_WIDTH - 1, round(box.items / most * _WIDTH)):{_WIDTH}}"


def _copied(user: MigrationUser, known: Copied | None, at: datetime) -> Copied:
    done = known.done if known else None
    if done is None and user.status in COPIED:
        done = at
    return Copied(
        status=user.status,
        items=user.synced_items,
        skipped=user.skipped_items,
        since=known.since if known else at,
        done=done,
        error=user.error,
    )


def _count(boxes: dict[str, Copied]) -> int:
    return sum(1 for box in boxes.values() if box.done)
