"""The item report for people: every difference as CSV, and one self-contained page of HTML."""

from __future__ import annotations

import csv
import html
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from io import StringIO

from mailmove.items.folder_path import shown
from mailmove.items.item import Item
from mailmove.items.reconcile.changes import Unread
from mailmove.items.reconcile.verdicts import LOST, MEANS, Difference, Verdict
from mailmove.shown_text import csv_cell, visible

COLUMNS = ("mailbox", "verdict", "kind", "folder", "subject", "received", "message id", "size", "reason")
SHOWN = 200
"""Rows shown in the page and in a table; the CSV has all."""


@dataclass
class Account:
    """Counts of one mailbox. at_source, at_target: items. lost: the first of those that are not accounted for.
    unproved: of those that nobody can say of whether they are there.

    unread: what of it could not be read; where that is the mailbox as a whole, nothing was counted.
    """

    mailbox: str
    at_source: int = 0
    at_target: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    lost: list[Item] = field(default_factory=list)
    unproved: list[Item] = field(default_factory=list)
    unread: tuple[Unread, ...] = ()

    @property
    def compared(self) -> bool:
        """Whether the mailbox was read on both sides, but for single folders."""
        return all(part.path for part in self.unread)

    @property
    def missing(self) -> int:
        return sum(self.verdicts[verdict] for verdict in LOST)

    def counts(self) -> str:
        """The counts as a sentence, which ends with the number of missing items, and with what could not be read."""
        unread = "; ".join(map(str, self.unread))
        if not self.compared:
            return f"not compared: {unread}"
        explained = [f"{count} {verdict}" for verdict, count in sorted(self.verdicts.items()) if verdict not in LOST]
        more = f"{', '.join(explained)}; " if explained else ""
        counted = f"{self.at_source} items at the old server; {more}{self.missing} missing"
        return f"{counted}, without what could not be read: {unread}" if unread else counted

    def line(self) -> str:
        """The same, with the mailbox before it."""
        return f"{self.mailbox}: {self.counts()}"


class Book:
    """Collects the differences of all mailboxes; holds the CSV's text and the first `SHOWN` rows."""

    def __init__(self, most_lost: int) -> None:
        self._most_lost = most_lost
        self._text = StringIO()
        self._csv = csv.writer(self._text)
        self._csv.writerow(COLUMNS)
        self.accounts: list[Account] = []
        self.rows: list[dict[str, str]] = []
        self.count = 0

    def add(
        self,
        mailbox: str,
        sizes: tuple[int, int],
        differences: Iterable[Difference],
        unread: Sequence[tuple[Unread, str]] = (),
    ) -> Account:
        """Add a mailbox's differences. sizes: items at source and target. New mail is counted and not listed.

        unread: what of it could not be read, each with what is to be said of it besides: a row of its own.
        """
        account = Account(mailbox, *sizes, unread=tuple(part for part, _ in unread))
        self.accounts.append(account)
        for part, more in unread:
            reason = f"{part}; {more}" if more else str(part)
            self._list((mailbox, "not read", part.kind, shown(part.path), "", "", "", "", reason))
        room = self._most_lost - sum(len(earlier.lost) for earlier in self.accounts)
        for difference in differences:
            account.verdicts[difference.verdict] += 1
            if difference.verdict == "new":
                continue
            self._list(_cells(mailbox, difference))
            if difference.lost and len(account.lost) < room:
                account.lost.append(difference.item)
            elif difference.verdict == "unproved":
                account.unproved.append(difference.item)
        return account

    def _list(self, row: tuple[str, ...]) -> None:
        self._csv.writerow(csv_cell(cell) for cell in row)
        self.count += 1
        if len(self.rows) < SHOWN:
            self.rows.append(dict(zip(COLUMNS, map(visible, row), strict=True)))

    def csv(self) -> bytes:
        """The CSV in UTF-8 with a byte order mark, which spreadsheets need."""
        return self._text.getvalue().encode("utf-8-sig", "replace")

    def page(self, title: str) -> bytes:
        """The report as one HTML page that loads nothing."""
        verdicts = [verdict for verdict in MEANS if any(account.verdicts[verdict] for account in self.accounts)]
        head = "".join(f"<th>{_text(title)}</th>" for title in ("mailbox", "old server", "Microsoft 365", *verdicts))
        sums = "".join(
            f"<tr><td>{_text(account.mailbox)}</td>"
            + "".join(f"<td>{number}</td>" for number in _numbers(account, verdicts))
            + "</tr>"
            for account in self.accounts
        )
        listed = "".join(
            f"<tr>{''.join(f'<td>{_text(row[column])}</td>' for column in COLUMNS)}</tr>" for row in self.rows
        )
        rest = f"<p>The first {len(self.rows)} of {self.count}; the CSV beside this page has all.</p>"
        meaning = "".join(f"<dt>{_text(verdict)}</dt><dd>{_text(MEANS[verdict])}</dd>" for verdict in verdicts)
        return (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{_text(title)}</title><style>{_STYLE}</style>'
            f"<h1>{_text(title)}</h1><table><thead><tr>{head}</tr></thead><tbody>{sums}</tbody></table>"
            f"<dl>{meaning}</dl>{rest if self.count > len(self.rows) else ''}"
            f"<table><thead><tr>{''.join(f'<th>{_text(column)}</th>' for column in COLUMNS)}</tr></thead>"
            f"<tbody>{listed}</tbody></table></html>\n"
        ).encode("utf-8", "replace")


_STYLE = (
    "body{font:14px/1.4 sans-serif;margin:2em}table{border-collapse:collapse;margin:1em 0}"
    "td,th{border:1px solid #bbb;padding:.2em .5em;text-align:left;vertical-align:top}dt{font-weight:bold}"
)


def _numbers(account: Account, verdicts: Sequence[Verdict]) -> Sequence[int | str]:
    """Of a mailbox that was not compared there are none."""
    if not account.compared:
        return ["not read"] * (2 + len(verdicts))
    return [account.at_source, account.at_target, *(account.verdicts[verdict] for verdict in verdicts)]


def _cells(mailbox: str, difference: Difference) -> tuple[str, ...]:
    item = difference.item
    received = f"{item.received:%Y-%m-%d %H:%M:%S}" if item.received else ""
    size = "" if item.size is None else str(item.size)
    return (
        mailbox, difference.verdict, item.kind, shown(item.folder), item.subject, received, item.message_id or "", size,
        difference.reason,
    )  # fmt: skip


def _text(value: object) -> str:
    return html.escape(visible(str(value)))
