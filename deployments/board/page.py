"""Render the board as one HTML page: read-only, no script, nothing fetched from elsewhere, fit for a phone.

Whatever comes from a plan, a server or a person is hostile until it is escaped: all of it passes through `_text`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from html import escape
from uuid import UUID

from deployments.display.safe_text import age, plain
from tasks.reporting.status import CutoverStatus
from tasks.runbook import RUNBOOK

COLOURS = {
    "light": {"page": "#f6f7f9", "card": "#ffffff", "text": "#1b1f24", "dim": "#545d68", "line": "#d0d7de",
              "link": "#0b57d0", "needs": "#8a3b00", "wrong": "#b3001b", "good": "#116329"},
    "dark": {"page": "#0f1318", "card": "#1a2028", "text": "#e8ecf1", "dim": "#a5afbb", "line": "#39424e",
             "link": "#8ab4f8", "needs": "#ffb77a", "wrong": "#ff9aa2", "good": "#7ee2a0"},
}  # fmt: skip
"""Colours of each theme. Text on page and on card has a contrast of 4.5 or more (WCAG 2.2 AA); a test computes it."""

_RULES = """
*{box-sizing:border-box}
html{font:100%/1.5 system-ui,sans-serif;background:var(--page);color:var(--text)}
body{margin:0;padding:1rem;max-width:90rem;margin-inline:auto;overflow-wrap:anywhere}
h1{font-size:1.4rem;margin:0}h2{font-size:1.1rem;margin:1.5rem 0 .5rem}h3{font-size:1rem;margin:0}
ol{list-style:none;margin:0;padding:0;display:grid;gap:.75rem;
grid-template-columns:repeat(auto-fill,minmax(min(100%,22rem),1fr))}
article{background:var(--card);border:1px solid var(--line);border-left:.4rem solid var(--line);border-radius:.4rem;
padding:.75rem;min-width:0;height:100%}
.needs{border-left-color:var(--needs)}.failed{border-left-color:var(--wrong)}.over{border-left-color:var(--good)}
p{margin:.4rem 0}dl{display:grid;grid-template-columns:auto 1fr;gap:.1rem .75rem;margin:.5rem 0 0}
dt{color:var(--dim)}dd{margin:0;min-width:0}
.dim{color:var(--dim)}.mark{font-weight:700}.needs .mark{color:var(--needs)}.failed .mark,.wrong{color:var(--wrong)}
a{color:var(--link)}nav a,h3 a,.skip{display:inline-block;padding:.6rem .6rem .6rem 0;min-height:2.75rem}
dd a{display:inline-block;padding:.25rem 0}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
progress{width:100%;accent-color:var(--link)}
.skip{position:absolute;left:-999rem}.skip:focus{position:static}
"""


def _style() -> str:
    def named(theme: str) -> str:
        return ";".join(f"--{name}:{colour}" for name, colour in COLOURS[theme].items())

    dark = f"@media (prefers-color-scheme:dark){{:root{{{named('dark')}}}}}"
    return f":root{{color-scheme:light dark;{named('light')}}}{dark}{_RULES}"


STYLE = _style()
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
"""SHA-256 of the style, in base64, for the Content-Security-Policy: this style and nothing else."""

_GROUPS = ("Needs a person", "Failed", "Going on by itself", "To come", "Over")
_KINDS = ("needs", "failed", "going", "coming", "over")


def page(cutovers: Sequence[CutoverStatus], at: datetime, *, refresh: int, ui: str = "", stale: str = "") -> str:
    """The whole page, as HTML.

    at: when the cutovers were read. refresh: seconds until the page loads itself again; 0: never. ui: base address of
    the Prefect UI, for links. stale: why the cutovers are not newer; '': they are current.
    """
    needs = sum(cutover.needs for cutover in cutovers)
    title = f"{needs} waiting for you" if needs else "Nothing waits for you"
    title = f"{title}, when last seen" if stale and cutovers else "nothing is known" if stale else title
    again = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
    toggle = '<a href="?refresh=0">Stop refreshing</a>' if refresh else '<a href="?">Refresh by itself</a>'
    warning = f'<p class="wrong" role="alert">{_text(stale)}</p>' if stale else ""
    empty = "" if stale else "<p>No cutovers yet.</p>"
    groups = "".join(_group(place, cutovers, at, ui) for place in range(len(_GROUPS)))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"{again}<title>{title} - Mailmove</title><style>{STYLE}</style></head><body>"
        '<a class="skip" href="#board">Skip to the board</a>'
        f'<header><h1>Mailmove: {title}</h1><p class="dim">{len(cutovers)} customers, seen at {_time(at)}</p>'
        f'<nav aria-label="This page"><a href="">Refresh now</a> {toggle}</nav>{warning}</header>'
        f'<main id="board" tabindex="-1">{groups or empty}</main></body></html>'
    )


def _group(place: int, cutovers: Sequence[CutoverStatus], at: datetime, ui: str) -> str:
    mine = [cutover for cutover in cutovers if cutover.rank[0] == place]
    if not mine:
        return ""
    cards = "".join(f"<li>{_card(cutover, at, ui, _KINDS[place])}</li>" for cutover in mine)
    return f"<section><h2>{_GROUPS[place]} ({len(mine)})</h2><ol>{cards}</ol></section>"


def _card(cutover: CutoverStatus, at: datetime, ui: str, kind: str) -> str:
    name = _linked(ui, cutover.cutover, cutover.customer)
    done, steps = len(cutover.done), len(RUNBOOK)
    where = cutover.parked or cutover.state
    facts = [("State", _text(cutover.state if cutover.flow == "cutover" else f"{cutover.flow}: {cutover.state}"))]
    facts += [("At", _linked(ui, cutover.asked_in, where))] if cutover.parked else []
    facts += [("On", _text(cutover.on))] if cutover.on else []
    facts += [("Until", _time(cutover.forecast))] if cutover.forecast else []
    facts += [("Since", f"{_time(cutover.since)} ({age(cutover.since, at)})")] if cutover.since else []
    listed = "".join(f"<dt>{label}</dt><dd>{value}</dd>" for label, value in facts)
    mark = '<span class="mark">Needs a person: </span>' if cutover.needs else ""
    asked = f"<p>{mark}{_text(cutover.question)}</p>" if cutover.question else ""
    wrong = (
        f'<p class="wrong">{_text(cutover.wrong)}</p>' if cutover.wrong and cutover.wrong != cutover.question else ""
    )
    way = f"<p>{_text(cutover.way_on)}</p>" if cutover.way_on else ""
    left = "".join(f'<p class="dim">{_text(words)}</p>' for words in [*cutover.expiring, *cutover.left])
    return (
        f'<article class="{kind}" data-customer="{_text(cutover.customer)}"><h3>{name}</h3>{asked}{wrong}{way}{left}'
        f'<progress max="{steps}" value="{done}" aria-label="Steps done">{done}/{steps}</progress>'
        f'<p class="dim">{done} of {steps} steps</p><dl>{listed}</dl></article>'
    )


def _linked(ui: str, run: UUID | None, words: str) -> str:
    """A link to a run in the Prefect UI, where it is known."""
    if not ui or run is None:
        return _text(words)
    return f'<a href="{escape(ui, quote=True)}/runs/flow-run/{run}">{_text(words)}</a>'


def _text(words: str) -> str:
    return escape(plain(words), quote=True)


def _time(at: datetime | None) -> str:
    return f'<time datetime="{at.isoformat()}">{at:%Y-%m-%d %H:%M} UTC</time>' if at else ""
