"""The board as a browser draws it: on a phone, by keyboard alone, by day and by night, and not for strangers."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import uvicorn
from pictures import picture
from playwright.sync_api import Error, Page
from windows import Window

from deployments.board.server import board_app
from tasks.reporting.status import CutoverStatus

NOW = datetime.now(UTC)
TOKEN = "correct-horse-battery-staple"
LONG = "a-word-that-nobody-has-ever-broken-" * 6
PHONE, DESK = 360, 1280


def status(customer: str, state: str = "Suspended", **more: Any) -> CutoverStatus:
    asked_in = UUID(int=8) if "parked" in more else None
    facts = {"customer": customer, "cutover": UUID(int=7), "asked_in": asked_in, "state": state, "done": []}
    return CutoverStatus.model_validate(facts | more)


STATUSES = [
    status("fabrikam", parked="gate: switch_mail", needs=True, on="anna@msp.example or ben@msp.example",
          question="fabrikam: Point the mail at Microsoft 365?", since=NOW - timedelta(minutes=12),
          done=["lower_ttl", "enable_outlook_anywhere"]),
    status("wide-world-importers", parked="trouble: probe_after_switch", needs=True, on="a person", question=LONG,
          wrong=f"Exchange said {LONG}", since=NOW - timedelta(minutes=3)),
    status("tailspin", "Failed", wrong="The disk of the worker is full.", since=NOW - timedelta(minutes=40)),
    status("northwind", parked="wait: propagation", question="5 of 8 resolvers have it", since=NOW,
          on="public resolvers", forecast=NOW + timedelta(minutes=25)),
    status("contoso", "Scheduled", forecast=NOW + timedelta(hours=3)),
    status("adatum", "Completed", since=NOW - timedelta(hours=6)),
]  # fmt: skip


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The board on a real socket, as `mailmove board --serve` serves it."""
    app = board_app(TOKEN, lambda: STATUSES, ui="http://ui.example")
    server = uvicorn.Server(uvicorn.Config(app, port=0, access_log=False, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 60
    while not server.started:
        assert thread.is_alive() and time.monotonic() < end
        time.sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join(20)


def board(window: Window, address: str, width: int = PHONE, **more: Any) -> Page:
    page = window(width, 740, http_credentials={"username": "anna", "password": TOKEN}, **more)
    answer = page.goto(f"{address}?refresh=0")
    assert answer is not None and answer.status == 200
    return page


def test_a_stranger_sees_nothing(window: Window, address: str) -> None:
    for headers in ({}, {"Authorization": f"Bearer {TOKEN[:-1]}"}):
        page, answers = window(PHONE, 740, extra_http_headers=headers), list[int]()
        page.on("response", lambda answer: answers.append(answer.status))  # noqa: B023  # each page has its own
        for path in ("", "board.json"):
            with contextlib.suppress(Error):  # Chromium asks for the password, and there is nobody to ask
                page.goto(f"{address}{path}")
            sent = page.context.request.get(f"{address}{path}")
            assert sent.status == 401 and "fabrikam" not in sent.text() and TOKEN not in sent.text()
        assert set(answers) == {401}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_nothing_is_wider_than_the_window(window: Window, address: str, width: int, theme: str) -> None:
    page = board(window, address, width, color_scheme=theme)
    picture(page, f"board-{'phone' if width == PHONE else 'desk'}-{theme}")
    assert page.locator("article").count() == len(STATUSES)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    beyond = page.evaluate(
        """width => [...document.querySelectorAll('body *:not(.skip)')].filter(one => {
            const box = one.getBoundingClientRect()
            return box.right > width + 0.5 || box.left < -0.5 || one.scrollWidth > one.clientWidth + 1
                && getComputedStyle(one).display !== 'inline'
        }).map(one => one.outerHTML.slice(0, 80))""",
        width,
    )
    assert beyond == []
    assert page.locator("article").first.get_attribute("data-customer") == "fabrikam", "tonight's needs come first"


def test_larger_letters_break_nothing(window: Window, address: str) -> None:
    """Who reads at 02:00 without glasses has set them to twice their size."""
    page = board(window, address)
    page.evaluate("document.documentElement.style.setProperty('font-size', '200%')")
    assert page.evaluate("getComputedStyle(document.body).fontSize") == "32px"
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_every_link_is_reached_by_keyboard_and_seen_when_it_is(window: Window, address: str) -> None:
    page = board(window, address)
    links = page.evaluate("[...document.querySelectorAll('a, button, summary, input')].map(one => one.outerHTML)")
    assert len(links) == len(STATUSES) + sum(row.asked_in is not None for row in STATUSES) + 3
    for expected in links:
        page.keyboard.press("Tab")
        layout = page.evaluate(
            """() => {
                const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect()
                return {html: one.outerHTML, line: style.outlineStyle, wide: parseFloat(style.outlineWidth),
                        ink: style.outlineColor, high: box.height, text: one.textContent,
                        shown: box.top >= 0 && box.left >= 0
                            && box.bottom < innerHeight + 1 && box.right < innerWidth + 1}
            }"""
        )
        assert layout["html"] == expected, "in the order in which they stand"
        assert layout["shown"], f"{layout['text']} is out of sight"
        assert layout["line"] == "solid" and layout["wide"] >= 2
        assert layout["high"] >= 24, f"a thumb misses {layout['text']}"  # WCAG 2.2, 2.5.8
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement === document.body"), "no trap"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "board", "past the header with one key"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_word_stands_out_from_what_is_behind_it(window: Window, address: str, theme: str) -> None:
    """Contrast of the colours that are really drawn: 4.5 or more (WCAG 2.2, 1.4.3)."""
    page = board(window, address, color_scheme=theme)
    drawn = page.evaluate(
        """() => {
            const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
            for (let node; node = walker.nextNode();) {
                const words = node.textContent.trim(), one = node.parentElement
                if (!words || one.closest('.skip, progress')) continue
                const clear = at => at && getComputedStyle(at).backgroundColor.endsWith(', 0)')
                let ground = one
                while (clear(ground)) ground = ground.parentElement
                found.push([words.slice(0, 40), getComputedStyle(one).color,
                            getComputedStyle(ground || document.documentElement).backgroundColor])
            }
            return found
        }"""
    )
    assert len(drawn) > 40
    faint = [(words, ink, ground) for words, ink, ground in drawn if contrast(ink, ground) < 4.5]
    assert faint == []
    assert len({ground for _, _, ground in drawn}) == 2, "page and cards"
    assert (
        contrast("rgb(119, 119, 119)", "rgb(255, 255, 255)")
        < 4.5
        < contrast("rgb(118, 118, 118)", "rgb(255, 255, 255)")
    )


def contrast(ink: str, ground: str) -> float:
    """WCAG's ratio of two colours as a browser writes them."""
    dark, light = sorted((luminance(ink), luminance(ground)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    assert colour.startswith("rgb("), f"{colour} lets something shine through"
    parts = [int(part) / 255 for part in colour[4:-1].split(",")]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
