"""Advice on a rollback after the cutover: which steps it puts back, and what limits it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from mailmove.changes import RecordSetSubject
from mailmove.report.cutover_report import CutoverReport, Step
from mailmove.report.words import lasting


def rollback_steps(report: CutoverReport) -> list[Step]:
    """Steps that a rollback puts back, in its order: those that changed something, last first."""
    return [step for step in reversed(report.steps) if step.changes and not step.undone]


def rollback_limits(report: CutoverReport) -> list[str]:
    """Lines about what limits a rollback; Mailmove itself sets no date."""
    if report.undone:
        return ["It was put back. What a rollback could not or must not remove is named at each step below."]
    lines = [
        "At any moment, as long as the old server runs with its mailboxes and the Prefect server keeps the ledger of "
        "this cutover. Mailmove sets no date; switching the old server off ends it."
    ]
    if report.switched:
        since = report.switched.astimezone(ZoneInfo(report.time_zone))
        lines.append(
            f"Mail that has arrived at Microsoft 365 since {since:%Y-%m-%d %H:%M} stays in the mailboxes "
            "there after a rollback; with --return-mail it is delivered to the old server too."
        )
        if ttl := _longest_mx_ttl(report):
            lines.append(
                f"Resolvers may keep the MX record for {lasting(ttl)}: so long a rollback takes to be noticed."
            )
    mailboxes = report.step("license_mailboxes")
    if mailboxes and mailboxes.changes:
        lines.append(
            "A rollback also takes back the licences that were given. Microsoft switches a mailbox without a licence "
            "off after 30 days: copy what you need from there before."
        )
    return lines


def _longest_mx_ttl(report: CutoverReport) -> int | None:
    """Seconds; the longest TTL of the MX sets as the cutover left them. None: it changed none."""
    ttls: dict[str, int] = {}  # by zone name
    for step in report.steps:
        for change in step.changes:
            subject = change.subject
            if isinstance(subject, RecordSetSubject) and subject.type == "MX" and change.after:
                ttls[subject.name] = int(change.after["ttl"])
    return max(ttls.values(), default=None)
