"""The report and the runbook as pages: nothing is fetched, nothing from outside becomes markup, everybody is named."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sample_report as sample
from lxml import etree, html
from sample_report import HARM, at, night, progress, sweep

from mailmove.changes import Change, ChangeKind
from mailmove.evidence import Finding, Preview
from mailmove.plan.cutover import Cutover
from mailmove.plan.load import plan_from
from mailmove.report import forecast_rules as rules
from mailmove.report import monday, pictures
from mailmove.report.cutover_report import CutoverReport
from mailmove.report.forecast import Outline, Runbook, runbook_of
from mailmove.report.page import report_html, runbook_html
from mailmove.report.rollback_advice import rollback_limits

PLAIN = "no harm"


def plan(**other: Any) -> Cutover:
    return plan_from(
        {
            "customer": "contoso",
            "domains": ["contoso.com"],
            "source": {"server": "a/b", "outlook_anywhere_host": "mail.contoso.com", "smtp_host": "mail.contoso.com"},
            "dns": {"provider": "a/b", "low_ttl": 60},
            "target": {"tenant": "a/b", "usage_location": "GB"},
            "firewall": {"gateway": "a/b"},
            **other,
        }
    )


OUTLINES = [
    Outline("lower_ttl", "shorten the TTL", "stage", rule=rules.lowered_ttl, undo="The old TTL."),
    Outline("first_sync", "until all is copied", "wait", rule=rules.first_sync),
    Outline("old_ttl", "until the old TTL has run out", "wait", rule=rules.old_ttl),
    Outline("window", "until a window is open", "wait", rule=rules.window),
    Outline("switch_mail", "point the mail", "stage", "switch_mail", undo="As it was."),
    Outline("propagation", "until the world has noticed", "wait", rule=rules.propagation),
    Outline("quiet", "until it is quiet", "wait", rule=rules.quiet),
    Outline("close_smtp_port", "close the port", "stage", "close_smtp_port"),
]


def runbook(words: str = HARM, *, blocks: bool = False, **sections: Any) -> Runbook:
    finding = Finding(subject=words, seen=words, means=words, todo=words, blocks=blocks)
    lowered = Change(kind=ChangeKind.RECORD_SET, subject=sample.MX, before=sample._MX, after={**sample._MX, "ttl": 60})
    previews = [Preview(stage="inventory", findings=[finding]), Preview(stage="lower_ttl", changes=[lowered])]
    return runbook_of(
        plan(**sections), previews, OUTLINES, handover=night().handover, starts=sample.BEGAN, written=sample.BEGAN
    )


def page_of(text: str) -> Any:
    return html.document_fromstring(text)


def report_of(words: str) -> CutoverReport:
    return CutoverReport.model_validate_json(night().model_dump_json().replace(_in_json(HARM), _in_json(words)))


def _in_json(words: str) -> str:
    return CutoverReport.model_construct(customer=words).model_dump_json(include={"customer"})[
        len('{"customer":"') : -2
    ]


@pytest.mark.parametrize("make", [lambda words: report_html(report_of(words)), lambda w: runbook_html(runbook(w))])
def test_words_from_outside_never_become_markup(make: Any) -> None:
    harmless, harmful = make(PLAIN), make(HARM)
    tags = [Counter(str(element.tag) for element in page_of(text).iter()) for text in (harmless, harmful)]
    assert tags[0] == tags[1], "the same elements, whatever the words are"
    assert tags[1]["script"] == 0
    assert page_of(harmful).text_content().count("alert(1)") == page_of(harmless).text_content().count(PLAIN) > 2
    assert not page_of(harmful).xpath("//@onerror | //@onclick | //@onload")


@pytest.mark.parametrize("text", [report_html(night()), runbook_html(runbook())])
def test_a_page_needs_nothing_but_itself(text: str) -> None:
    page = page_of(text)
    assert not page.xpath("//@src | //link | //script | //iframe | //object | //@href")
    assert not re.search(r"url\(|@import", text)
    assert "default-src 'none'" in page.xpath("//meta[@http-equiv]/@content")[0], "the browser is told so too"
    assert "@media print" in text


def test_the_report_names_everybody_every_phone_every_machine_and_every_exception() -> None:
    said, told = page_of(report_html(night())).text_content(), night()
    assert told.handover is not None
    for person in told.handover.people:
        assert said.count(person.address) >= (3 if person.kind == "user" else 2), (
            "what moved, the proof, and what to do"
        )
        assert f"{person.items} items found again" in said
        for phone in person.phones:
            assert f"Phone {phone}: remove the mail account" in said
    for machine in told.handover.machines:
        assert machine.address in said
    assert "larger than 150 MB" in said
    assert "1 item stayed behind" in said
    assert told.tidy[0] in said
    for step in told.steps:
        assert f"{step.name}: {step.story}" in said
    assert "23:34old port 25 closed" in said, "the figure and its label stand in one box"
    assert "22:38" in said, "London is on UTC in November; the mail was switched 128 minutes after 20:30"


def test_only_what_asks_for_something_is_open_and_nothing_stands_there_twice() -> None:
    told = night()
    assert [one.subject for one in monday.open_findings(told.findings, told.handover)] == ["user2@contoso.com"]


def test_a_night_that_goes_on_or_was_put_back_is_never_called_finished() -> None:
    steps = night().steps
    under_way = [step.model_copy(update={"ended": None}) if step.name == "restore_ttl" else step for step in steps]
    assert "The move is not finished" in report_html(night(steps=under_way, state="Suspended"))
    put_back = [step.model_copy(update={"undone": step.name == "switch_mail"}) for step in steps]
    text = report_html(night(steps=put_back))
    assert "It was put back" in text and "The move is finished" not in text
    early = [step.model_copy(update={"ended": None, "began": None, "facts": []}) for step in steps]
    text = report_html(
        night(
            steps=early, unmoved_items=[], landed=[], sweeps={}, progress=None, handover=None, proof_stage="", proof=[]
        )
    )
    assert "No count has been finished" in text and "not yet" in text
    assert "Every item of every mailbox" not in text


def test_the_way_back_tells_how_long_it_takes_to_be_noticed() -> None:
    lines = " ".join(rollback_limits(night()))
    assert "60 min" in lines and "30 days" in lines and "2026-11-27 22:38" in lines


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("resolvers", [30, 300])
def test_every_picture_is_sound_svg(ended: bool, resolvers: int) -> None:
    told, zone = night(customer=HARM), ZoneInfo("Europe/London")
    drawn = [
        pictures.timeline(told, zone),
        pictures.propagation(sweep(resolvers, ended=ended), zone),
        pictures.landing(told.landed, [(at(128), HARM)], zone),
        pictures.first_copy(told.progress, zone) if told.progress else "",
    ]
    for one in drawn:
        root = etree.fromstring(one.encode())  # an artifact shows it as an image: it must be XML
        width, height = (float(root.get(side, "0")) for side in ("width", "height"))
        for box in root.iter("{*}rect"):
            assert 0 <= float(box.get("x", "-1")) <= width and 0 <= float(box.get("y", "-1")) <= height
    assert ("forecast: all clear" in drawn[1]) is not ended
    assert ("more are not drawn" in drawn[1]) is (resolvers == 300)


def test_nothing_to_see_is_no_picture() -> None:
    empty = night(steps=[], landed=[])
    zone = ZoneInfo("UTC")
    assert pictures.timeline(empty, zone) == pictures.landing([], [], zone) == ""
    assert pictures.first_copy(progress([]), zone) == ""


def test_a_forecast_adds_up_what_is_known_and_nothing_else() -> None:
    seen = {step.name: step for step in runbook(sweep={"quiet_minutes": 15}).steps}
    start = sample.BEGAN
    assert seen["first_sync"].not_before == seen["old_ttl"].not_before == start
    assert "nine of ten" in seen["first_sync"].takes, "Microsoft's own figures, by the largest mailbox"
    assert seen["window"].not_before == start + timedelta(hours=1), "the old TTL was 3600 s"
    assert seen["propagation"].not_before == seen["switch_mail"].not_before == start + timedelta(hours=1)
    assert seen["quiet"].not_before == start + timedelta(hours=1, seconds=60)
    assert seen["close_smtp_port"].not_before == start + timedelta(hours=1, minutes=16)


def test_windows_and_gates_say_when_and_who() -> None:
    window = {"opens": "23:30", "closes": "05:00", "timezone": "Europe/Berlin"}
    sections: dict[str, Any] = {
        "windows": [window],
        "gates": {"switch_mail": {"approvers": ["anna@msp.example"]}, "close_smtp_port": {"required": False}},
    }
    made = runbook(**sections)
    switch = next(step for step in made.steps if step.name == "switch_mail")
    assert switch.not_before == datetime(2026, 11, 27, 22, 30, tzinfo=UTC)
    assert [step.name for step in made.steps if step.awake] == ["switch_mail"]
    said = page_of(runbook_html(made)).text_content()
    assert "anna@msp.example" in said and "2026-11-27 23:30" in said and "times are Europe/Berlin" in said
    assert "Nothing stands in the way." in said
    assert "stands in the way" in page_of(runbook_html(runbook(blocks=True))).text_content()
    assert "Nothing stands in the way." not in runbook_html(runbook(blocks=True))
