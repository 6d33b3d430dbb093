"""The end of a rehearsal: where every message is, what was changed, how to undo it, and at last the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from deployments.display.change_groups import group_lines
from deployments.display.rehearsal_view import WIDTH
from deployments.display.safe_text import plain
from mailmove.changes import Change
from mailmove.report.words import lasting
from tasks.parking.question_text import line_of

if TYPE_CHECKING:
    from lab.mail.accountant import Account

_WORDS = {
    "moved": "were there before, and are in Microsoft 365",
    "arrived new": "came while it ran, and went straight to Microsoft 365",
    "swept": "came to the old server while it ran, and were fetched from there",
    "bounced": "went back to their senders",
    "stays at the old server": "stay at the old server: a cutover batch does not carry",
    "a probe": "probes of Mailmove's own",
    "lost": "lost",
    "duplicated": "there twice",
    "still queued": "still at their senders",
    "nobody sent it": "of unknown origin",
}
_ALWAYS = ("lost", "duplicated")
_BAD = ("lost", "duplicated", "still queued", "nobody sent it")
_MOST_BAD = 10
_STAGE = 26
"""Columns of a stage's name, with its margin."""


@dataclass(frozen=True)
class Ending:
    """All that the end of a rehearsal shows. changes: stage -> what it changed. report: where it was written."""

    account: Account
    changes: Mapping[str, Sequence[Change]]
    good: bool
    seconds: float
    troubles: Sequence[str] = field(default_factory=list)
    report: str = ""
    all_changes: bool = False
    stays: bool = False


def account_view(ending: Ending) -> RenderableType:
    """For a terminal of 80 columns; the verdict is the last line."""
    return Group(
        Text("Every message, counted by the lab and not by Mailmove", "bold"),
        _counts(ending.account),
        Text(),
        Text("What was changed; the ledger holds what stood there before", "bold"),
        _changes(ending),
        Text(),
        *_ways_on(ending),
        *(Text.assemble(("Held up: ", "bold red"), plain(trouble)) for trouble in ending.troubles),
        Text(),
        _verdict(ending),
    )


def _grid() -> Table:
    table = Table.grid(padding=(0, 1))
    table.width = WIDTH
    return table


def _counts(account: Account) -> Table:
    table = _grid()
    table.add_column(justify="right", width=8)
    table.add_column(overflow="fold")
    for category, count in account.totals.items():
        if not count and category not in _ALWAYS:
            continue
        bad = bool(count) and category in _BAD
        style = "bold red" if bad else "green" if category in _ALWAYS else ""
        table.add_row(Text(f"{count:,}", style), Text(_words(account, category), style))
        if bad:
            for entry in account.of(category)[:_MOST_BAD]:
                table.add_row("", Text(plain(str(entry)), "red"))
    return table


def _words(account: Account, category: str) -> str:
    """What became of them; and of which mailboxes, where that says why."""
    words = _WORDS.get(category, category)
    if category in ("bounced", "stays at the old server"):
        mailboxes = Counter(entry.mailbox for entry in account.of(category))
        names = [plain(name) for name, _ in mailboxes.most_common(3)]
        more = f" and {len(mailboxes) - 3} more" if len(mailboxes) > 3 else ""
        return f"{words}: {', '.join(names)}{more}" if names else words
    return words


def _changes(ending: Ending) -> Table:
    table = _grid()
    table.add_column(width=_STAGE, min_width=_STAGE, no_wrap=True)
    table.add_column(
        max_width=WIDTH - _STAGE - 1,
        overflow="fold" if ending.all_changes else "ellipsis",
        no_wrap=not ending.all_changes,
    )
    for stage, line in _lines(ending):
        table.add_row(f"  {stage}", Text(line))
    return table


def _lines(ending: Ending) -> Iterator[tuple[str, str]]:
    for stage, changes in ending.changes.items():
        lines = map(line_of, changes) if ending.all_changes else _packed(group_lines(changes))
        for place, line in enumerate(lines):
            yield ("" if place else stage), plain(line)


def _packed(lines: Iterable[str]) -> Iterator[str]:
    """Several of them on one line, as far as they fit."""
    whole = ""
    for line in lines:
        if whole and len(whole) + 2 + len(line) > WIDTH - _STAGE - 1:
            yield whole
            whole = line
        else:
            whole = f"{whole}; {line}" if whole else line
    if whole:
        yield whole


def _ways_on(ending: Ending) -> Iterator[Text]:
    table = []
    if not ending.all_changes:
        table.append(("Each change", "mailmove rehearse --changes"))
    if ending.stays:
        table.append(("Undo", "mailmove rollback, as said below"))
    else:
        table.append(("Undo", "mailmove rollback PLAN; to try it: mailmove rehearse --stay"))
    if ending.report:
        table.append(("Report", ending.report))
    table.append(("Next", "mailmove preflight --domain YOUR-DOMAIN (it changes nothing)"))
    for name, words in table:
        yield Text.assemble((f"{name:12}", "bold"), words)


def _verdict(ending: Ending) -> Text:
    lost = ending.account.totals["lost"]
    if ending.good:
        every = len(ending.account.entries)
        return Text(f"It adds up: {every:,} messages, {lost} lost, after {lasting(ending.seconds)}.", "bold green")
    return Text(f"It does not add up: {lost} lost, after {lasting(ending.seconds)}.", "bold red")
