"""The board: what it shows first, that hostile words stay words, who may see it, and that anybody can read it."""

from __future__ import annotations

import base64
import io
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from rich.console import Console
from starlette.testclient import TestClient

from deployments.board.page import COLOURS, STYLE, STYLE_HASH, page
from deployments.board.server import SHORTEST_TOKEN, board_app
from deployments.display.render import board_view
from deployments.display.safe_text import plain
from tasks.reporting.status import CutoverStatus

NOW = datetime(2026, 11, 26, 23, tzinfo=UTC)
TOKEN = "correct-horse-battery-staple"
HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>[/][bold]\x1b[2J\u202emoc"


def status(customer: str, state: str = "Suspended", **more: Any) -> CutoverStatus:
    facts = {"customer": customer, "cutover": UUID(int=7), "asked_in": UUID(int=8), "state": state, "done": []}
    return CutoverStatus.model_validate(facts | more)


ALL = [
    status("over", "Completed", since=NOW - timedelta(hours=3)),
    status("coming", "Scheduled", forecast=NOW + timedelta(hours=1)),
    status("later", parked="wait: propagation", question="it spreads", forecast=NOW + timedelta(hours=2)),
    status("soon", parked="wait: quiet", question="it is quiet", forecast=NOW + timedelta(minutes=5)),
    status("broken", "Failed", wrong="the disk is full", since=NOW),
    status("asks", parked="gate: switch_mail", needs=True, on="anna", question="Switch?", since=NOW),
    status("asked-first", parked="trouble: proof", needs=True, on="a person", since=NOW - timedelta(hours=1)),
]
RANKED = ["asked-first", "asks", "broken", "soon", "later", "coming", "over"]


def ranked(statuses: list[CutoverStatus]) -> list[CutoverStatus]:
    return sorted(statuses, key=lambda row: (*row.rank, row.customer))


class Seen(HTMLParser):
    """Every tag with its attributes, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


# --- what is shown -------------------------------------------------------------------------------------------------


def test_what_a_person_must_do_comes_first() -> None:
    shown = Seen(page(ranked(ALL), NOW, refresh=20))
    assert [card["data-customer"] for card in shown.all("article")] == RANKED
    assert "Mailmove: 2 waiting for you" in shown.text
    for words in ("Switch?", "anna", "the disk is full", "2026-11-26 23:05 UTC", "Needs a person (2)", "Failed (1)"):
        assert words in shown.text
    assert "Nothing waits for you" in Seen(page([], NOW, refresh=0)).text


def test_hostile_words_stay_words_on_the_page() -> None:
    fields = dict.fromkeys(("customer", "state", "parked", "question", "on", "wrong", "way_on"), HOSTILE)
    html = page(
        [status(**{**fields, "question": f"{HOSTILE} asks"}, needs=True, left=[HOSTILE])],
        NOW,
        refresh=20,
        stale=HOSTILE,
    )
    honest = Seen(
        page(
            [status("x", parked="x", question="y", on="x", wrong="x", needs=True, way_on="x", left=["x"])],
            NOW,
            refresh=20,
            stale="x",
        )
    )
    shown = Seen(html)
    assert [tag for tag, _ in shown.tags] == [tag for tag, _ in honest.tags], "not one tag more"
    assert [set(attrs) for _, attrs in shown.tags] == [set(attrs) for _, attrs in honest.tags]
    assert "<script>alert(1)</script>" in shown.text
    assert not {"\x1b", "\u202e"} & set(html)


def test_hostile_words_stay_words_in_the_terminal() -> None:
    fields = dict.fromkeys(("customer", "state", "question", "on", "wrong", "way_on"), HOSTILE)
    screen = io.StringIO()
    hostile = status(**fields, left=[HOSTILE])
    Console(file=screen, width=4000, force_terminal=False).print(board_view([hostile], stale="old"))
    assert "[/][bold]" in screen.getvalue(), "no markup"
    assert not {"\x1b", "\u202e"} & set(screen.getvalue())
    ansi = io.StringIO()
    Console(file=ansi, width=4000, force_terminal=True).print(board_view([status(**fields)]))
    assert "\x1b[2J" not in ansi.getvalue()


def test_words_without_end_are_cut() -> None:
    assert plain("a" * 10_000).endswith("a...") and len(plain("a" * 10_000)) == 600
    assert plain("a\n\tb\x00c\u2028d") == "a b c d"


# --- anybody can read it -------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(colour: str, other: str) -> float:
    dark, light = sorted((luminance(colour), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", COLOURS)
@pytest.mark.parametrize("ground", ["page", "card"])
@pytest.mark.parametrize("ink", ["text", "dim", "link", "needs", "wrong", "good"])
def test_every_colour_can_be_read(theme: str, ground: str, ink: str) -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast(COLOURS[theme][ink], COLOURS[theme][ground]) >= 4.5


def test_it_needs_nothing_but_itself_and_works_without_a_mouse() -> None:
    shown = Seen(page(ranked(ALL), NOW, refresh=20, ui="http://ui.example"))
    assert not [tag for tag, _ in shown.tags if tag in ("script", "link", "img", "iframe", "object", "font", "form")]
    assert not re.search(r"url\(|@import|https?:", STYLE)
    assert not [attrs for _, attrs in shown.tags if any(name.startswith("on") or name == "style" for name in attrs)]
    assert shown.all("html")[0]["lang"] == "en"
    assert {"name": "viewport", "content": "width=device-width,initial-scale=1"} in shown.all("meta")
    assert {"http-equiv": "refresh", "content": "20"} in shown.all("meta")
    assert "refresh" not in str(Seen(page(ALL, NOW, refresh=0)).all("meta"))
    links = [attrs["href"] for attrs in shown.all("a")]
    assert links[0] == "#board" and shown.all("main")[0]["id"] == "board", "past the header with one key"
    assert f"http://ui.example/runs/flow-run/{UUID(int=7)}" in links
    assert links.count(f"http://ui.example/runs/flow-run/{UUID(int=8)}") == sum(row.parked is not None for row in ALL)
    assert [tag for tag, _ in shown.tags if tag in ("h1", "h2", "h3")][:3] == ["h1", "h2", "h3"]
    assert all(attrs.get("aria-label") for attrs in shown.all("progress"))
    assert ":focus-visible" in STYLE and "min(100%,22rem)" in STYLE and "overflow-wrap:anywhere" in STYLE


# --- who may see it ------------------------------------------------------------------------------------------------


def basic(token: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'anyone:{token}'.encode()).decode()}"}


def client(
    read: Callable[[], list[CutoverStatus]] = lambda: ranked(ALL), clock: Callable[[], float] = time.monotonic
) -> TestClient:
    return TestClient(board_app(TOKEN, read, clock=clock))


@pytest.mark.parametrize("path", ["/", "/board.json"])
def test_without_the_token_nothing_is_seen(path: str) -> None:
    def never() -> list[CutoverStatus]:
        raise AssertionError("nobody looks for a stranger")

    web = client(never)
    strangers: list[dict[str, str]] = [
        {},
        basic(""),
        basic(TOKEN[:-1]),
        basic(f"{TOKEN}x"),
        {"Authorization": f"Bearer {TOKEN} x"},
        {"Authorization": "Basic !!"},
        {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()},
        {"Authorization": TOKEN},
        {"Cookie": f"token={TOKEN}"},
    ]
    for headers in strangers:
        answer = web.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert "asks" not in answer.text
    assert web.get(f"{path}?token={TOKEN}").status_code == 401, "never in an address, which is logged"


def test_with_the_token_it_can_be_read_and_only_read() -> None:
    web = client()
    answer = web.get("/", headers=basic(TOKEN))
    assert answer.status_code == 200
    assert f"style-src 'sha256-{STYLE_HASH}'" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    board = web.get("/board.json", headers={"Authorization": f"Bearer {TOKEN}"}).json()
    assert [row["customer"] for row in board["cutovers"]] == RANKED
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert web.request(method, "/", headers=basic(TOKEN)).status_code == 405
    assert 'http-equiv="refresh"' not in web.get("/?refresh=0", headers=basic(TOKEN)).text
    assert TOKEN not in answer.text


def test_a_token_that_can_be_guessed_is_refused() -> None:
    for token in ("", "x" * (SHORTEST_TOKEN - 1)):
        with pytest.raises(ValueError, match="20 characters"):
            board_app(token, list)


def test_many_who_ask_at_once_cost_one_reading_and_a_silent_prefect_is_said() -> None:
    readings: list[int] = []
    seconds = [0.0]

    def read() -> list[CutoverStatus]:
        readings.append(1)
        if len(readings) > 1:
            raise ConnectionError("secret words")
        return ALL

    web = client(read, lambda: seconds[0])
    for _ in range(5):
        assert web.get("/", headers=basic(TOKEN)).status_code == 200
    assert len(readings) == 1
    seconds[0] += 60
    old = web.get("/", headers=basic(TOKEN))
    assert (old.status_code, "Prefect does not answer (ConnectionError)" in old.text) == (503, True)
    assert "asks" in old.text, "what was seen last is still shown"
    assert "secret words" not in old.text
    assert "2 waiting for you, when last seen" in old.text


def test_a_board_that_has_seen_nothing_does_not_say_that_all_is_well() -> None:
    def read() -> list[CutoverStatus]:
        raise ConnectionError

    answer = client(read).get("/", headers=basic(TOKEN))
    assert answer.status_code == 503
    assert "nothing is known" in answer.text
    assert not re.search("Nothing waits for you|No cutovers yet", answer.text)


def test_in_the_terminal_each_thing_that_is_said_has_a_line_of_its_own() -> None:
    said = {"question": "it spreads", "wrong": "the disk is full", "way_on": "Make room.", "left": ["proof: left out"]}
    screen = io.StringIO()
    Console(file=screen, width=400, force_terminal=False).print(board_view([status("contoso", "Failed", **said)]))
    lines = screen.getvalue().splitlines()
    words = ["it spreads", "the disk is full", "Make room.", "proof: left out"]
    assert [sum(word in line for word in words) for line in lines if any(word in line for word in words)] == [1] * 4
