"""A real Chromium, from its Debian package, in a fresh window for each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from real_parts import require
from windows import Window

_ARGUMENTS = (
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One for the tests of a file. While it lives, asyncio's loop of this thread is Playwright's own."""
    program = require("chromium")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=list(_ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def window(chromium: Browser) -> Iterator[Window]:
    """`window(width, height, ...)` opens one, with no cookie of any other."""
    contexts: list[BrowserContext] = []

    def opened(width: int = 1280, height: int = 800, **more: Any) -> Page:
        contexts.append(chromium.new_context(viewport={"width": width, "height": height}, **more))
        return contexts[-1].new_page()

    yield opened
    for context in contexts:
        context.close()
