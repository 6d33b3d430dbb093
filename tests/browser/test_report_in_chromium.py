"""The report as a browser draws it: on a phone and at a desk, by day and by night, and on paper always by day."""

from __future__ import annotations

import pytest
from sample_report import night
from windows import Window

from mailmove.report.page import report_html

PHONE, DESK = 360, 1280
_CUT_OFF = """() => [...document.querySelectorAll("table, .figures, pre, h1, h2, li")]
  .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map(one => one.textContent.trim().slice(0, 60))"""
_LIGHTNESS = """() => getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).slice(0, 3)
  .reduce((sum, part) => sum + Number(part), 0) / 765"""


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_nothing_is_cut_off(window: Window, width: int) -> None:
    page = window(width)
    page.set_content(report_html(night()))
    assert page.evaluate(_CUT_OFF) == []
    assert page.get_by_text("remove the mail account and add it again").first.is_visible()


def test_by_night_it_is_dark_and_on_paper_it_is_not(window: Window) -> None:
    page = window(color_scheme="dark")
    page.set_content(report_html(night()))
    assert page.evaluate(_LIGHTNESS) < 0.2
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(_LIGHTNESS) == 1
