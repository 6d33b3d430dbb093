"""Words for people: what a gate asks, what a preview found."""

from __future__ import annotations

from collections.abc import Callable

from mailmove.doors import CONSEQUENCES
from mailmove.evidence import Change, Look, Preview
from mailmove.plan import Cutover, Gate
from tasks.parking import GateForm

QUESTIONS: dict[str, Callable[[Cutover], str]] = {
    "spend_money": lambda _: "Order this, at this price, in the customer's name?",
    "switch_mail": lambda _: "Point the mail at Microsoft 365?",
    "close_old_door": lambda cutover: f"Close port 25 of the old server? {CONSEQUENCES[cutover.firewall.mode]}",
}


def question_of(cutover: Cutover, name: str, preview: Preview, rule: Gate, answer: GateForm | None) -> str:
    """What a gate shows, as Markdown; its first line is the run's state message."""
    lines = [f"{cutover.customer}: {QUESTIONS[name](cutover)}", ""]
    if answer and not answer.approve:
        lines += [
            f"**{answer.name} said no: {answer.reason or 'no reason given'}.** It stays so until somebody says yes.",
            "",
        ]
    elif answer:
        lines += [f"**{answer.name} has no say here.** The plan names: {', '.join(rule.approvers)}.", ""]
    lines += [f"- {line_of(change)}" for change in preview.changes] or [
        "- nothing to change: it stands as wanted already"
    ]
    lines += [f"- **{found.subject}**: {found.seen}. {found.means} {found.todo}" for found in preview.findings]
    lines += ["", f"Your yes binds to this picture (digest `{preview.digest}`); if it changes, you are asked again."]
    return "\n".join(lines)


def question_of_wait(cutover: Cutover, name: str, seen: Look) -> str:
    """What a wait shows, as Markdown; its first line is the run's state message."""
    when = f" Forecast: {seen.forecast:%Y-%m-%d %H:%M:%S} UTC." if seen.forecast else ""
    lines = [f"{cutover.customer} waits: {name}. {f'{seen.asks} ' if seen.asks else ''}{seen.summary}{when}", ""]
    lines += [f"- {line}" for line in seen.details]
    if seen.picture:
        lines += ["", seen.picture]
    if seen.asks:
        lines += ["", f"**{seen.asks}** It goes on by itself if what it waits for comes after all."]
    else:
        lines += ["", "It goes on by itself. Answer only to skip the wait."]
    return "\n".join(lines)


def line_of(change: Change) -> str:
    """One change on one line."""
    return f"{change.what}: `{_short(change.before)}` -> `{_short(change.after)}`"


def _short(value: object) -> str:
    if value is None:
        return "absent"
    if isinstance(value, dict) and "values" in value:
        return f"{', '.join(value['values'])} (TTL {value['ttl']} s)"
    return str(value)
