"""Render the report and the runbook as one HTML file each: it loads nothing, and all text is escaped."""

from __future__ import annotations

from datetime import datetime, tzinfo
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mailmove.report import monday, pictures
from mailmove.report.cutover_report import CutoverReport
from mailmove.report.forecast import Runbook
from mailmove.report.rollback_advice import rollback_limits, rollback_steps
from mailmove.report.words import lasting, size_words, value_words
from mailmove.report.zone_diff import zone_diff
from mailmove.shown_text import visible


def report_html(report: CutoverReport) -> str:
    """The report for the customer: what moved, the proof, what is to do, how to roll back; prints well."""
    zone = ZoneInfo(report.time_zone)
    return _page(
        "report.html",
        zone,
        report=report,
        monday=monday,
        rollback_limits=rollback_limits(report),
        rollback_steps=rollback_steps(report),
        open_findings=monday.open_findings(report.findings, report.handover),
        proof=proof_of(report),
        diff=zone_diff(change for step in report.steps for change in step.changes),
        timeline=Markup(pictures.timeline(report, zone)),  # noqa: S704  # our own drawing, which escapes
        landing=Markup(pictures.landing(report.landed, pictures.marks_of(report), zone)),  # noqa: S704
        propagation={name: Markup(pictures.propagation(sweep, zone)) for name, sweep in report.sweeps.items()},  # noqa: S704
        first_copy=Markup(pictures.first_copy(report.progress, zone)) if report.progress else "",  # noqa: S704
    )


def runbook_html(runbook: Runbook) -> str:
    """The runbook for the customer: times, who must be awake, what can be rolled back until when."""
    changes = [change for step in runbook.steps for change in step.changes]
    return _page("runbook.html", ZoneInfo(runbook.time_zone), runbook=runbook, diff=zone_diff(changes))


def proof_of(report: CutoverReport) -> tuple[str, list[tuple[str, str]]]:
    """(stage, [(mailbox, its counts)]) of the last reconciliation; ("", []): there was none."""
    return report.proof_stage, [(line.mailbox, line.words) for line in report.proof]


def _page(template: str, zone: tzinfo, **values: Any) -> str:
    return _environment().get_template(template).render(zone=zone, lasting=lasting, **values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("mailmove.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters.update(value=value_words, size=size_words, moment=_moment, clock=_clock)
    return environment


def _shown(value: Any) -> Any:
    """What a template prints: words of others steer nothing; drawings of ours are left as they are."""
    return visible(value, lines=True) if isinstance(value, str) and not isinstance(value, Markup) else value


def _moment(at: datetime | None, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}" if at else ""


def _clock(at: datetime | None, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%H:%M:%S}" if at else ""
