"""The list that people get: all of it as CSV, the first of it as a page, and a stranger's words harmless in both."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from io import StringIO

from mailmove.items.item import Item
from mailmove.items.reconcile.report import COLUMNS, SHOWN, Book
from mailmove.items.reconcile.verdicts import MEANS, Difference


def _lost(subject: str, verdict: str = "lost") -> Difference:
    when = datetime(2026, 11, 26, 2, 3, tzinfo=UTC)
    item = Item(
        id=subject, folder=("Inbox",), kind="message", message_id="<1@x>", subject=subject, received=when, size=9
    )
    return Difference(verdict, item, MEANS[verdict])  # type: ignore[arg-type,index]


def test_all_is_in_the_csv_and_the_beginning_on_the_page() -> None:
    book = Book(most_lost=300)
    book.add("anna@x", (500, 100), (_lost(f"number {n}") for n in range(400)))
    account = book.add("bob@x", (7, 9), [_lost("another"), _lost("fresh", "new"), _lost("moved", "moved")])
    assert (len(book.accounts[0].lost), book.accounts[0].missing) == (300, 400), "what is handed on is bounded"
    assert account.lost == [] and account.missing == 1
    assert account.line() == "bob@x: 7 items at the old server; 1 moved, 1 new; 1 missing"
    rows = list(csv.DictReader(StringIO(book.csv().decode("utf-8-sig"))))
    assert len(rows) == 402 and tuple(rows[0]) == COLUMNS
    assert rows[0]["received"] == "2026-11-26 02:03:00"
    page = book.page("contoso").decode()
    assert page.count("<td>number ") == SHOWN == len(book.rows)
    assert f"The first {SHOWN} of 402" in page
    assert "http" not in page and "src=" not in page, "nothing from outside"


def test_a_subject_runs_nowhere() -> None:
    book = Book(10)
    book.add("anna@x", (1, 1), [_lost("=cmd|'/c calc'!A1"), _lost("<script>alert(1)</script>"), _lost("\ud800 torn")])
    rows = list(csv.reader(StringIO(book.csv().decode("utf-8-sig"))))
    assert rows[1][4] == "'=cmd|'/c calc'!A1"
    page = book.page("<b>").decode()
    assert "<script>" not in page and "&lt;script&gt;" in page and "<b>" not in page
