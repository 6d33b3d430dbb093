"""What opens a browser window for a test: `window(width, height, ...)`; the rest is Playwright's `new_context`."""

from collections.abc import Callable

from playwright.sync_api import Page

Window = Callable[..., Page]
