"""How to go back after the night, and until when it is worth while."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from mailmove.changes import RecordSetSubject
from mailmove.report.night import Night, Step
from mailmove.report.words import lasting


def undoable(night: Night) -> list[Step]:
    """The steps that changed something, last first: the order in which a rollback goes."""
    return [step for step in reversed(night.steps) if step.changes and not step.undone]


def until_when(night: Night) -> list[str]:
    """What bounds the way back; Mailmove itself sets no date."""
    if night.undone:
        return ["It was put back. What a way back could not or must not remove is named at each step below."]
    lines = [
        "At any moment, as long as the old server runs with its mailboxes and the Prefect server keeps the ledger of "
        "this night. Mailmove sets no date; switching the old server off ends it."
    ]
    if night.switched:
        since = night.switched.astimezone(ZoneInfo(night.time_zone))
        lines.append(
            f"Mail that has arrived at Microsoft 365 since {since:%Y-%m-%d %H:%M} stays in the mailboxes "
            "there after the way back; with --bring-back it is delivered to the old server too."
        )
        if ttl := _mx_ttl(night):
            lines.append(
                f"The MX record may be held by resolvers for {lasting(ttl)}: so long a way back takes to be noticed."
            )
    mailboxes = night.step("license_mailboxes")
    if mailboxes and mailboxes.changes:
        lines.append(
            "The way back also takes back the licences that were given. Microsoft switches a mailbox without a licence "
            "off after 30 days: copy what you need from there before."
        )
    return lines


def _mx_ttl(night: Night) -> int | None:
    """Of the MX sets as the night left them, the longest."""
    ttls: dict[str, int] = {}
    for step in night.steps:
        for change in step.changes:
            subject = change.subject
            if isinstance(subject, RecordSetSubject) and subject.type == "MX" and isinstance(change.after, dict):
                ttls[subject.name] = int(change.after["ttl"])
    return max(ttls.values(), default=None)
