"""Pictures for the docs, taken on request: `MAILMOVE_PICTURES=1 pytest tests/browser`. Else the tree stays clean."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Page

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"
LARGEST = 150_000
"""Bytes: they are read on phones, and kept in Git for ever."""


def picture(page: Page, name: str) -> None:
    """What the window shows, as docs/pictures/<name>.png."""
    if not os.environ.get("MAILMOVE_PICTURES"):
        return
    FOLDER.mkdir(exist_ok=True)
    taken = page.screenshot(animations="disabled", caret="hide")
    assert len(taken) < LARGEST, f"{name} has {len(taken)} bytes"
    (FOLDER / f"{name}.png").write_bytes(taken)
