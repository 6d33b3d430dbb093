"""Hostile words through every door: a terminal, Markdown, HTML, a drawing, CSV, a log, an error."""

from __future__ import annotations

import ast
import csv
import io
import json
import logging
import re
import unicodedata
from html import unescape
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from deployments.cli import output
from deployments.display.render import _branch
from deployments.display.safe_text import plain
from mailmove.changes import Change, ChangeKind, HostSubject
from mailmove.errors import Blocked
from mailmove.items.folder_path import shown
from mailmove.items.reconcile.report import Book, Unread
from mailmove.outlook_anywhere import Step
from mailmove.report.page import _environment
from mailmove.report.svg import as_image, fit
from mailmove.shown_text import csv_cell, in_code, in_markdown, markdown_as_read, markdown_page, one_line, visible
from tasks.engine.log_door import PlainRecord
from tasks.parking.question_text import line_of

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = {
    "escape sequences": "a\x1b[2J\x1b]0;title\x07b\x1b]8;;http://evil.example\x07click\x1b]8;;\x07",
    "C1": "a\x9b2Jb\x9d0;title\x9c",
    "bidi": "invoice\u202efdp.exe \u2066x\u2069 \u200fy",
    "no width": "pay\u200bpal \ufeff\u2060\u00ad\u200d\u180e\u115f\u3164 \U000e0041",
    "pile": "a" + "\u0301" * 200,
    "line ends": "a\r\nb\rc\u2028d\u2029e\x0bf\x0cg\x85h",
    "link": "[sign in](https://evil.example/x) and https://evil.example/y and www.evil.example",
    "link by name": "[sign in][1]\n\n[1]: https://evil.example 'x'\n[sign in]: <https://evil.example>",
    "link behind a backslash": r"[sign in\](javascript:alert(1)) [x\\](javascript:x) [y\][1] ![z\](javascript:x)",
    "angle link": "<https://evil.example> <mailto:a@evil.example> <javascript:alert(1)>",
    "picture": "![x](https://evil.example/p.png) ![x](data:image/svg+xml;base64,PHN2Zz4=) ![x][1]",
    "html": '<img src=x onerror=alert(1)><script>alert(1)</script><a href="javascript:x">y</a></td></table>',
    "entity": "&lt;img src=x&gt; &#60;script&#62;",
    "ticks": "`[x](https://evil.example)` ``` \n```\n[x](https://evil.example)\n```",
    "ticks that are none": r"\`<img src=x onerror=alert(1)>\` \``<script>``",
    "table": "a | b\n--- | ---\nc | d\n",
    "heading": "\n\n# approve this at once\n\n- **done**\n\n---\n",
    "formula": "=HYPERLINK(\"http://evil.example\")",
    "formula behind a space": "\t =cmd|' /C calc'!A0",
    "formula, wide": "＝1+1",
    "formula by minus": "-2+3+cmd|' /C calc'!A0",
    "markup": "[bold red]x[/] [link=https://evil.example]y[/link] [/]",
    "surrogate": "a\ud800b",
}  # fmt: skip


def steers(text: str, *, lines: bool = False) -> list[str]:
    allowed = "\n" if lines else ""
    bad = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return [hex(ord(each)) for each in text if unicodedata.category(each) in bad and each not in allowed]


def active(page: str) -> list[str]:
    """Tags that a page of Markdown turns into something to click, to load or to run; and bare addresses."""
    html = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(page)
    html = re.sub(r'<img src="data:image/svg\+xml;base64,T1VSUw==" alt="ours" />', "", html)
    tags = re.findall(r"<(?:a|img|script|iframe|h[1-6]|table|td)\b[^>]*>", html)
    without_code = re.sub(r"<code[^>]*>.*?</code>", "", html, flags=re.DOTALL)
    return tags + re.findall(r"https?://\S+|\bwww\.\S+", without_code)


@pytest.mark.parametrize("name", HOSTILE)
def test_plain(name: str) -> None:
    for door in (plain, one_line, in_markdown, in_code, visible):
        assert not steers(door(HOSTILE[name]))
    assert len(one_line(HOSTILE["pile"])) < 10
    assert "`" not in in_code(HOSTILE[name])


@pytest.mark.parametrize("name", HOSTILE)
def test_words_in_a_page_of_markdown(name: str) -> None:
    page = markdown_page(f"Ours: {in_markdown(HOSTILE[name])}.\n\n- `{in_code(HOSTILE[name])}`")
    assert active(page) == [] and not steers(page, lines=True)


@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in ("heading", "table")])
def test_words_that_came_into_a_page_by_no_door(name: str) -> None:
    """Of one line: who makes a list of them makes one line of each. More is `in_markdown`'s."""
    page = markdown_page(f"# Ours\n\n- seen: {one_line(HOSTILE[name])}\n\n![ours](data:image/svg+xml;base64,T1VSUw==)")
    assert [tag for tag in active(page) if tag != "<h1>"] == [], page
    assert "![ours](data:image/svg+xml;base64,T1VSUw==)" in page, "our own picture stays"


@pytest.mark.parametrize("words", ["<probe.1@mail.x> a_b *c* [d](e) `f` \\ #1!", "a &amp; b \\<c>", "x" * 3])
def test_words_in_a_page_are_read_as_they_were(words: str) -> None:
    """In the UI, and in a terminal, where they are copied from."""
    page = markdown_page(f"Ours: {in_markdown(words)}.")
    html = MarkdownIt("commonmark", {"html": True}).render(page)
    assert unescape(re.sub(r"<[^>]*>", "", html)).strip() == f"Ours: {words}.".replace("&amp;", "&")
    assert markdown_as_read(page) == f"Ours: {words}."


def test_code_is_read_as_it_stands() -> None:
    page = "- `a \\_ &lt;b` \\_ &lt;c>\n```\n&lt;d \\_\n```\n&lt;e"
    assert markdown_as_read(page) == "- `a \\_ &lt;b` _ <c>\n```\n&lt;d \\_\n```\n<e"


def test_a_page_of_ours_is_left_as_it_is() -> None:
    ours = "\n".join(
        ["# contoso: the cutover", "", "- **stands in the way:** no rights", "- MX: `a` -> `b < c [d](e)`", "",
         as_image("<svg/>", "The zone [x]"), "", "```diff", "- a <b> https://x.example", "+ [c](d)", "```", "Umlaut: ä"]
    )  # fmt: skip
    assert markdown_page(ours) == ours


def test_a_change_at_a_gate() -> None:
    for words in HOSTILE.values():
        change = Change(kind=ChangeKind.OUTLOOK_ANYWHERE, subject=HostSubject(host="mail.x"), before=words, after=None)
        line = line_of(change)
        assert "\n" not in line and active(markdown_page(f"- {line}")) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_terminal(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    output.say(f"found: {HOSTILE[name]}", False)
    output.echo(HOSTILE[name], err=True)
    out = capsys.readouterr()
    assert not steers(out.out + out.err, lines=True)
    output.say({"subject": HOSTILE[name]}, True)
    shown_json = capsys.readouterr().out
    assert not steers(shown_json, lines=True) and json.loads(shown_json)["subject"] == HOSTILE[name]
    terminal = io.StringIO()
    hostile = HOSTILE[name].replace("\ud800", "")
    step = Step(name=hostile, status="failed", seen=hostile, todo=hostile)
    Console(file=terminal, width=300, force_terminal=False, legacy_windows=False).print(_branch(step))
    assert not steers(terminal.getvalue(), lines=True)


@pytest.mark.parametrize("name", HOSTILE)
def test_html_and_drawings(name: str) -> None:
    made = _environment().from_string("<p>{{ words }}</p>").render(words=HOSTILE[name])
    for page in (made, f"<p>{fit(HOSTILE[name])}</p>"):
        assert not steers(page, lines=True)
        assert re.findall(r"<[^>]*>", page) == ["<p>", "</p>"]


@pytest.mark.parametrize("name", HOSTILE)
def test_csv_and_page_of_items(name: str) -> None:
    book = Book(10)
    hostile = HOSTILE[name]
    book.add("anna@x", (1, 1), [], unread=[(Unread(side="source", path=(hostile,), why=hostile), hostile)])
    rows = list(csv.reader(io.StringIO(book.csv().decode("utf-8-sig"))))
    assert len(rows) == 2 and len(rows[1]) == len(rows[0])
    for cell in [*rows[1], csv_cell(hostile)]:
        assert not steers(cell) and not cell.lstrip().startswith(("=", "+", "-", "@", "＝"))
    assert not steers(book.page("x").decode(), lines=True)
    assert not any(steers(cell) for row in book.rows for cell in row.values())
    assert shown((hostile,))


@pytest.mark.parametrize("name", HOSTILE)
def test_errors_and_logs(name: str) -> None:
    error = Blocked("mail.x", wanted="a banner", seen=HOSTILE[name], todo="Look.")
    assert not steers(str(error), lines=True)
    record = PlainRecord("x", logging.INFO, "f", 1, "seen %s", (HOSTILE[name],), None)
    assert not steers(logging.Formatter("%(message)s").format(record), lines=True)


def test_nobody_prints_past_the_door() -> None:
    """In the command line everything goes by `output.echo`, or is drawn by `deployments/display`."""
    for path in (ROOT / "deployments").rglob("*.py"):
        name = str(path.relative_to(ROOT))
        if name in ("deployments/cli/output.py",):
            continue
        called = {
            ast.unparse(node.func)
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Call)
        }
        assert not called & {"typer.echo", "typer.secho", "click.echo", "typer.style"}, name
