"""The report and the runbook as one HTML file each: nothing is fetched, every word from outside is escaped."""

from __future__ import annotations

from datetime import datetime, tzinfo
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mailmove.report import monday, pictures
from mailmove.report.forecast import Runbook
from mailmove.report.night import Night
from mailmove.report.way_back import undoable, until_when
from mailmove.report.words import lasting, size_words, value_words
from mailmove.report.zone_diff import zone_diff


def report_html(night: Night) -> str:
    """The night for the customer: what moved, the proof, what is to do, the way back; prints well."""
    zone = ZoneInfo(night.time_zone)
    return _page(
        "report.html",
        zone,
        night=night,
        monday=monday,
        until_when=until_when(night),
        undoable=undoable(night),
        open_findings=monday.open_findings(night.findings, night.handover),
        proof=proof_of(night),
        diff=zone_diff(change for step in night.steps for change in step.changes),
        timeline=Markup(pictures.timeline(night, zone)),  # noqa: S704  # our own drawing, which escapes
        landing=Markup(pictures.landing(night.landed, pictures.marks_of(night), zone)),  # noqa: S704
        propagation={name: Markup(pictures.propagation(seen, zone)) for name, seen in night.sweeps.items()},  # noqa: S704
        first_copy=Markup(pictures.first_copy(night.progress, zone)) if night.progress else "",  # noqa: S704
    )


def runbook_html(runbook: Runbook) -> str:
    """The night before it comes: when, who must be awake, what can be undone until when."""
    changes = [change for step in runbook.steps for change in step.changes]
    return _page("runbook.html", ZoneInfo(runbook.time_zone), runbook=runbook, diff=zone_diff(changes))


def proof_of(night: Night) -> tuple[str, list[tuple[str, str]]]:
    """(which count it is, what it says of each mailbox): the last one that was written down."""
    for name in ("reconcile_again", "reconcile_items"):
        step = night.step(name)
        if step and step.facts:
            facts = [fact for fact in step.facts if not any(one in fact for one in night.left_behind)]
            return name, [(who, said) for who, _, said in (fact.partition(": ") for fact in facts)]
    return "", []


def _page(template: str, zone: tzinfo, **told: Any) -> str:
    return _environment().get_template(template).render(zone=zone, lasting=lasting, **told)


@cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("mailmove.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(value=value_words, size=size_words, moment=_moment, clock=_clock)
    return found


def _moment(at: datetime | None, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}" if at else ""


def _clock(at: datetime | None, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%H:%M:%S}" if at else ""
