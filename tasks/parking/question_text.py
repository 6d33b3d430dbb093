"""Words for people: what a gate asks, what a preview found."""

from __future__ import annotations

from datetime import timedelta

from mailmove.changes import Change
from mailmove.evidence import PollResult
from mailmove.plan.cutover import Cutover
from mailmove.plan.gates_and_windows import Gate
from mailmove.plan.windows import closes
from mailmove.report.words import value_words
from tasks.parking.gate_questions import Asked, expires
from tasks.parking.poll import Awaited
from tasks.runbook import stage_of_gate


def question_of(cutover: Cutover, name: str, asked: Asked, why_not: str) -> str:
    """What a gate shows, as Markdown; its first line is the run's state message. why_not: of the last answer."""
    rule: Gate = getattr(cutover.gates, name)
    preview = asked.preview
    lines = [f"{cutover.customer}: {stage_of_gate(name).question(cutover)}", ""]
    lines += [why_not, ""] if why_not else []
    lines += [f"- {line_of(change)}" for change in preview.changes] or [
        "- nothing to change: it stands as wanted already"
    ]
    lines += [
        f"- **{finding.subject}**: {finding.seen}. {finding.means} {finding.todo}" for finding in preview.findings
    ]
    lines += ["", f"Your yes binds to this picture (digest `{preview.digest}`); if it changes, you are asked again."]
    if (until := expires(rule, asked.at)) is not None:
        lines += [f"Without an answer it is asked anew, from a fresh look, at {until:%Y-%m-%d %H:%M} UTC."]
    if name == "switch_mail" and (shuts := closes(cutover.windows, asked.at, _low_ttl(cutover))):
        lines += [f"The window closes at {shuts:%Y-%m-%d %H:%M} UTC; after that it waits for the next one."]
    if rule.approver_blocks:
        lines += [
            f"The plan asks for a code of {' or '.join(rule.approver_blocks)}. On the machine that has the key: "
            f"`mailmove approve {cutover.customer} --name NAME`, or with `--print-code` for this form "
            f"(question `{asked.question}`)."
        ]
    return "\n".join(lines)


def _low_ttl(cutover: Cutover) -> timedelta:
    return timedelta(seconds=cutover.dns.low_ttl)


def question_of_wait(cutover: Cutover, awaited: Awaited, result: PollResult) -> str:
    """What a wait shows, as Markdown; its first line is the run's state message."""
    when = f" Forecast: {result.forecast:%Y-%m-%d %H:%M:%S} UTC." if result.forecast else ""
    asks = f"{result.asks} " if result.asks else ""
    lines = [f"{cutover.customer} waits: {awaited}. {asks}{result.summary.removesuffix('.')}.{when}", ""]
    lines += [f"- {line}" for line in result.details]
    if result.picture:
        lines += ["", result.picture]
    if result.asks:
        lines += ["", f"**{result.asks}** It goes on by itself if what it waits for comes after all."]
    else:
        lines += ["", "It goes on by itself. Answer only to skip the wait."]
    return "\n".join(lines)


def line_of(change: Change) -> str:
    """One change on one line."""
    return f"{change.words}: `{value_words(change.before)}` -> `{value_words(change.after)}`"
