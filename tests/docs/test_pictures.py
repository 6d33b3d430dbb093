"""The picture of a night: every step leads to its place, and it says what ran. The README's gate is a real one."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID
from xml.etree import ElementTree

import pytest
import yaml

from docs.picture import PICTURES, drawings, every_step, night_page, recorded
from mailmove.changes import Change, ChangeKind, RecordSetSubject
from mailmove.evidence import Preview
from mailmove.plan.load import plan_from
from tasks.parking.gate_questions import Asked
from tasks.parking.question_text import question_of
from tasks.runbook import RUNBOOK

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_a_click_on_any_step_leads_to_what_it_does() -> None:
    led = re.findall(r'href="\.\./stages/#([^"]+)"', every_step(recorded()))
    headings = re.findall(r"^## (.*)$", (ROOT / "docs/stages.md").read_text("utf-8"), re.MULTILINE)
    assert led == [heading.replace(". ", "-") for heading in headings]
    assert len(led) == len(RUNBOOK)


def test_pictures_that_the_pages_name_in_html_are_there() -> None:
    """The site has a folder for each page, so the page's own links go up one."""
    named = re.findall(r'(?:src|srcset)="([^"]+)"', night_page(recorded()))
    assert len(named) == 2 and all((ROOT / "docs/night" / path).resolve().is_file() for path in named)
    named = re.findall(r'(?:src|srcset)="([^"]+)"', README)
    assert len(named) == 2 and all((ROOT / path).is_file() for path in named)


def test_the_recording_is_of_a_night_that_ended_well() -> None:
    night = recorded()
    assert night.totals["lost"] == night.totals["duplicated"] == 0
    assert night.report.state == "Completed" and all(step.ended for step in night.report.steps)
    assert f"{night.totals['moved']:,} moved" in night_page(night)


@pytest.mark.parametrize("name", ["rehearsal-wide.svg", "rehearsal-narrow.svg"])
def test_a_drawing_is_small_stays_inside_and_loads_nothing(name: str) -> None:
    drawing = drawings(recorded())[name]
    svg = ElementTree.fromstring(drawing)
    _, _, width, height = map(float, svg.attrib["viewBox"].split())
    for shape in svg.iter("{http://www.w3.org/2000/svg}rect"):
        x, y = float(shape.get("x", 0)), float(shape.get("y", 0))
        assert x >= 0 and x + float(shape.get("width", 0)) <= width + 1
        assert y >= 0 and y + float(shape.get("height", 0)) <= height + 1
    assert not re.search(r"(href|src|url\()", drawing)
    assert "prefers-color-scheme: dark" in drawing
    assert (PICTURES / name).stat().st_size < 60_000


def test_the_gate_in_the_readme_is_what_the_gate_shows() -> None:
    """Of the plan above it, for records as they are there."""
    plan = plan_from(yaml.safe_load(re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)[0]))
    shown = re.findall(r"```text\n(contoso: .*?)```", README, re.DOTALL)[0]
    changes = []
    for kind, before, after in re.findall(r"^- (\w+) contoso\.com\.: `(.*?)` -> `(.*?)`$", shown, re.MULTILINE):
        sets = [{"values": words.removesuffix(" (TTL 60 s)").split(", "), "ttl": 60} for words in (before, after)]
        subject = RecordSetSubject(name="contoso.com.", type=kind)
        changes.append(Change(kind=ChangeKind.RECORD_SET, subject=subject, before=sets[0], after=sets[1]))
    assert len(changes) == 2
    asked = Asked(run=UUID(int=1), key=1, preview=Preview(stage="switch_mail", changes=changes))
    real = question_of(plan, "switch_mail", asked, "").splitlines()
    assert shown.splitlines() == real[: len(shown.splitlines())], "\n".join(real)
