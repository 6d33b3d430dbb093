"""The list of items as people get it: CSV for the whole of it, one self-contained page of HTML to read."""

from __future__ import annotations

import csv
import html
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import StringIO

from mailmove.items.item import Item
from mailmove.items.reconcile.verdicts import LOST, MEANS, Difference, Verdict

COLUMNS = ("mailbox", "verdict", "kind", "folder", "subject", "received", "message id", "size", "reason")
SHOWN = 200
"""Differences in the page and in a table; the CSV has all."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run instead of showing


@dataclass
class Account:
    """One mailbox. at_source, at_target: items seen. lost: the first of those that are not accounted for."""

    mailbox: str
    at_source: int = 0
    at_target: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    lost: list[Item] = field(default_factory=list)

    @property
    def missing(self) -> int:
        return sum(self.verdicts[one] for one in LOST)

    def line(self) -> str:
        """In a sentence; it ends with the number that counts."""
        told = [f"{count} {verdict}" for verdict, count in sorted(self.verdicts.items()) if verdict not in LOST]
        more = f"{', '.join(told)}; " if told else ""
        return f"{self.mailbox}: {self.at_source} items at the old server; {more}{self.missing} missing"


class Book:
    """Takes differences one after the other; holds the CSV's text and the first `SHOWN` rows."""

    def __init__(self, most_lost: int) -> None:
        self._most_lost = most_lost
        self._text = StringIO()
        self._csv = csv.writer(self._text)
        self._csv.writerow(COLUMNS)
        self.accounts: list[Account] = []
        self.rows: list[dict[str, str]] = []
        self.count = 0

    def add(self, mailbox: str, sizes: tuple[int, int], found: Iterable[Difference]) -> Account:
        """New mail is counted and not listed."""
        account = Account(mailbox, *sizes)
        self.accounts.append(account)
        room = self._most_lost - sum(len(one.lost) for one in self.accounts)
        for one in found:
            account.verdicts[one.verdict] += 1
            if one.verdict == "new":
                continue
            row = _cells(mailbox, one)
            self._csv.writerow(_harmless(cell) for cell in row)
            self.count += 1
            if len(self.rows) < SHOWN:
                self.rows.append(dict(zip(COLUMNS, row, strict=True)))
            if one.lost and len(account.lost) < room:
                account.lost.append(one.item)
        return account

    def csv(self) -> bytes:
        """UTF-8 with a mark, as spreadsheets want it."""
        return self._text.getvalue().encode("utf-8-sig", "replace")

    def page(self, title: str) -> bytes:
        """HTML without anything from outside."""
        verdicts = [one for one in MEANS if any(account.verdicts[one] for account in self.accounts)]
        head = "".join(f"<th>{_text(one)}</th>" for one in ("mailbox", "old server", "Microsoft 365", *verdicts))
        sums = "".join(
            f"<tr><td>{_text(one.mailbox)}</td>"
            + "".join(f"<td>{n}</td>" for n in (one.at_source, one.at_target, *(one.verdicts[v] for v in verdicts)))
            + "</tr>"
            for one in self.accounts
        )
        listed = "".join(f"<tr>{''.join(f'<td>{_text(row[one])}</td>' for one in COLUMNS)}</tr>" for row in self.rows)
        rest = f"<p>The first {len(self.rows)} of {self.count}; the CSV beside this page has all.</p>"
        meaning = "".join(f"<dt>{_text(one)}</dt><dd>{_text(MEANS[one])}</dd>" for one in verdicts)
        return (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{_text(title)}</title><style>{_STYLE}</style>'
            f"<h1>{_text(title)}</h1><table><thead><tr>{head}</tr></thead><tbody>{sums}</tbody></table>"
            f"<dl>{meaning}</dl>{rest if self.count > len(self.rows) else ''}"
            f"<table><thead><tr>{''.join(f'<th>{_text(one)}</th>' for one in COLUMNS)}</tr></thead>"
            f"<tbody>{listed}</tbody></table></html>\n"
        ).encode("utf-8", "replace")


_STYLE = (
    "body{font:14px/1.4 sans-serif;margin:2em}table{border-collapse:collapse;margin:1em 0}"
    "td,th{border:1px solid #bbb;padding:.2em .5em;text-align:left;vertical-align:top}dt{font-weight:bold}"
)


def _cells(mailbox: str, one: Difference) -> tuple[str, ...]:
    item = one.item
    received = f"{item.received:%Y-%m-%d %H:%M:%S}" if item.received else ""
    size = "" if item.size is None else str(item.size)
    return (
        mailbox, one.verdict, item.kind, item.folder, item.subject, received, item.message_id or "", size, one.reason
    )  # fmt: skip


def _harmless(cell: str) -> str:
    """A subject is a stranger's word: it must not become a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _text(value: object) -> str:
    return html.escape(str(value))
