"""Words for people: what a gate asks, what a preview found."""

from __future__ import annotations

from datetime import timedelta

from mailmove.changes import Change
from mailmove.evidence import PollResult
from mailmove.leavable import Leavable, LeavableKind
from mailmove.plan.cutover import Cutover
from mailmove.plan.gates_and_windows import Gate
from mailmove.plan.windows import closes
from mailmove.report.words import value_words
from mailmove.shown_text import in_code, in_markdown, markdown_page, one_line
from tasks.parking.gate_questions import Asked, expires
from tasks.parking.poll import Awaited
from tasks.runbook import stage_named, stage_of_gate


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
        f"- **{in_markdown(finding.subject)}**: {in_markdown(finding.seen)}. {finding.means} {finding.todo}"
        for finding in preview.findings
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
    return markdown_page("\n".join(lines))


def _low_ttl(cutover: Cutover) -> timedelta:
    return timedelta(seconds=cutover.dns.low_ttl)


def question_of_wait(cutover: Cutover, awaited: Awaited, result: PollResult, *, unsigned: bool = False) -> str:
    """What a wait shows, as Markdown; its first line is the run's state message.

    unsigned: the last answer would have skipped it, and said not who decides that, or not why.
    """
    when = f" Forecast: {result.forecast:%Y-%m-%d %H:%M:%S} UTC." if result.forecast else ""
    asks = f"{result.asks} " if result.asks else ""
    lines = [f"{cutover.customer} waits: {awaited}. {asks}{result.summary.removesuffix('.')}.{when}", ""]
    lines += ["**It was not skipped: both a name and a reason are kept with that.**", ""] if unsigned else []
    lines += [f"- {one_line(line)}" for line in result.details]
    if result.picture:
        lines += ["", result.picture]
    if result.asks:
        lines += ["", f"**{result.asks}** It goes on by itself if what it waits for comes after all."]
    else:
        lines += ["", "It goes on by itself. Answer only to skip the wait (`go_on_anyway`, with name and reason)."]
    return markdown_page("\n".join(lines))


def question_of_trouble(cutover: Cutover, name: str, why: str, things: tuple[Leavable, ...], not_counted: str) -> str:
    """What a stage in trouble shows, as Markdown; its first line is the run's state message.

    things: what may be left out. not_counted: why the last answer did not count.
    """
    lines = [f"{cutover.customer} is held up at {name}. {why}", ""]
    lines += [f"**{not_counted}**", ""] if not_counted else []
    lines += ["Mend it, then answer; the stage is tried again.", ""]
    if any(thing.kind is LeavableKind.ENTRY for thing in things):
        lines += ["Or go by the ledger as it stands (`leave_out`, with your name and the reason), in spite of:", ""]
        lines += [f"- {_thing_words(thing)}" for thing in things]
        lines += ["", "It is kept as your decision, and the report names it."]
    elif things:
        lines += ["Or go on without it (`leave_out`, with your name and the reason). This would be left out:", ""]
        lines += [f"- {_thing_words(thing)}" for thing in things]
        lines += ["", "It is kept as your decision, and the report names it."]
    else:
        lines += [
            f"Nothing of {name} can be left out: without it the cutover would not be safe. "
            f"Where it cannot be mended, roll back: `mailmove rollback` with the plan of {cutover.customer}."
        ]
    return markdown_page("\n".join(lines))


def _thing_words(thing: Leavable) -> str:
    if thing.kind is LeavableKind.STAGE:
        return f"the stage {thing.stage} as a whole: {stage_named(thing.stage).story}"
    return " ".join(str(thing).split())


def line_of(change: Change) -> str:
    """One change on one line."""
    before, after = in_code(value_words(change.before)), in_code(value_words(change.after))
    return f"{change.words}: `{before}` -> `{after}`"
