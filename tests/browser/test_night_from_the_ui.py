"""The cutover as an administrator walks it in Prefect's own UI: real server, worker and browser, and the lab's town."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.request import Request, urlopen
from uuid import UUID

import pytest
from pictures import picture
from playwright.sync_api import Locator, Page, expect
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect_ui import PATIENCE, PrefectUi
from real_parts import require
from windows import Window

from deployments.server.box import Box, using
from deployments.server.kept_secrets import API_STRING
from lab.town import Town
from tasks.ledger.ledger import Ledger
from tasks.ledger.payloads import Approval, WaitEnded
from tasks.parking.resume import Parked, parked_runs

pytestmark = [
    pytest.mark.night,
    pytest.mark.timeout(900),
    pytest.mark.skipif("SOAK" not in os.environ, reason="five minutes of both cores; `make fleet` runs it"),
]
SLOW = 600
"""Seconds for what a worker does; a quiet machine takes a tenth of it."""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    require("chromium")
    with Box(tmp_path_factory.mktemp("box")) as running, using(running):
        yield running


@pytest.fixture(scope="module")
def town(box: Box) -> Iterator[Town]:
    """Its records live half an hour, so that there is a wait to skip. Its blocks are saved as a person would have."""
    from lab.town_blocks import save_blocks

    with Town(users=1, shared=0, public_folders=0, messages=5, ttl=1800, mail_per_second=0) as running:
        save_blocks(running)
        yield running


@pytest.fixture
def ui(box: Box, town: Town, window: Window) -> PrefectUi:
    """Made after the town: Playwright's loop must not be there when blocks are saved."""
    opened = PrefectUi(window(1120, 720, timezone_id=evening()), box.ui)
    opened.sign_in((box.home / API_STRING).read_text("ascii"))
    return opened


def evening() -> str:
    """A time zone in which it is 18:00 or so: wherever this runs, tonight is still to come."""
    ahead = (18 - datetime.now(UTC).hour + 12) % 24 - 12
    return f"Etc/GMT{-ahead:+d}" if ahead else "UTC"  # POSIX counts the other way round


def test_a_bad_plan_is_refused_with_words_before_anything_starts(ui: PrefectUi, box: Box) -> None:
    ui.open_custom_run("cutover")
    ui.fill("Customer", "Contoso Ltd")
    ui.fill_list("Domains", ["contoso"])
    dns = ui.field("Dns")
    assert ui.choose_block("Provider", "route53", "northwind", dns) == ["northwind"], "what exists, and no more"
    server = ui.field("Server")
    server.get_by_role("tab", name="by name").click()
    server.locator("textarea").fill("contoso")
    ui.page.get_by_role("button", name="Submit").click()
    said = ui.complaints()
    assert "'Contoso Ltd' does not match '^[a-z0-9]+(-[a-z0-9]+)*$'" in said
    assert "'contoso' does not match '^[a-z0-9-]+/[a-z0-9-]+$'" in ui.complaints(server)
    for name in ("smtp_host", "tenant", "gateway", "usage_location"):
        assert f"'{name}' is a required property" in said
    assert "contoso.com" in ui.field("Domains").inner_text() and "dashes" in ui.field("Customer").inner_text()
    ui.field("Customer").scroll_into_view_if_needed()
    picture(ui.page, "ui-refused")
    assert cutovers() == []


def test_it_is_scheduled_for_tonight_with_blocks_from_the_lists(ui: PrefectUi, town: Town, box: Box) -> None:
    ui.open_custom_run("cutover")
    ui.fill_plan(plan := town.plan())
    ui.field("Dns").scroll_into_view_if_needed()
    picture(ui.page, "ui-form")
    here = datetime.now(timezone(timedelta(hours=int(-float(evening()[7:] or 0)))))
    ui.later(here.date(), "11", "PM")
    ui.page.get_by_text("Additional Options").scroll_into_view_if_needed()
    picture(ui.page, "ui-tonight")
    ui.close_calendar()
    ui.submit()
    (run,) = cutovers()
    ui.open_run(run.id, "Parameters")
    expect(ui.page.get_by_text("Scheduled", exact=True).first).to_be_visible(timeout=PATIENCE)
    picture(ui.page, "ui-scheduled")

    assert run.next_scheduled_start_time is not None
    start = run.next_scheduled_start_time.astimezone(here.tzinfo)
    assert (start.date(), start.hour) == (here.date(), 23)
    stored = run.parameters["plan"]
    chosen = block_named(box, plan["dns"]["provider"])
    assert stored["dns"]["provider"] == {"$ref": {"block_document_id": chosen}}
    secrets = [town.settings["aws"]["secret_access_key"], town.settings["exchange"]["password"]]
    assert not [secret for secret in secrets if secret in json.dumps(run.parameters)]

    ui.press(ui.menu("Cancel").get_by_role("button", name="Cancel Flow Run"))
    until(ui.page, lambda: cutovers()[0].state_name == "Cancelled", 60)


def test_a_cutover_is_started_watched_answered_skipped_and_cancelled(ui: PrefectUi, town: Town, box: Box) -> None:
    page, before = ui.page, {run.id for run in cutovers()}
    ui.open_custom_run("cutover")
    ui.fill_plan(town.plan())
    ui.submit()
    (root,) = {run.id for run in cutovers()} - before

    wait = parked_at(page, root, "old_ttl")
    kept = run_of(root).parameters["plan"]
    assert kept["dns"]["provider"] == town.plan()["dns"]["provider"], "from its start on it keeps the name"
    ui.open_run(root, "SubflowRuns")
    expect(page.get_by_text("wait: old_ttl").first).to_be_visible(timeout=PATIENCE)
    picture(page, "ui-watch")
    page.get_by_text("wait: old_ttl").first.click()
    form = ui.menu("Resume")
    expect(form).to_contain_text("old", ignore_case=True)
    ui.field("Go On Anyway", form).get_by_role("switch").click()
    fill_in(ui, form, "nobody has asked for this record all week")
    picture(page, "ui-skip")
    answer(ui, wait.run.id, form, "Go On Anyway", "nobody has asked for this record all week")
    until(page, lambda: run_of(wait.run.id).state_name == "Completed", SLOW)
    ends = [ended for _, ended in Ledger("northwind", root).payloads(WaitEnded, "old_ttl")]
    assert ends == [WaitEnded(skipped=True, by="anna", reason="nobody has asked for this record all week")]

    gate = parked_at(page, root, "switch_mail")
    ui.open_run(gate.run.id)
    form = ui.menu("Resume")
    expect(form).to_contain_text("Point the mail at Microsoft 365?")
    expect(form).to_contain_text("MX northwind.example.")
    picture(page, "ui-gate")
    ui.field("Approve", form).get_by_role("switch").click()
    form.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("'name' is a required property").first).to_be_visible(timeout=PATIENCE)
    assert run_of(gate.run.id).state_name == "Paused"
    fill_in(ui, form, "all phones are ready")
    picture(page, "ui-approve")
    answer(ui, gate.run.id, form, "Approve", "all phones are ready")
    until(page, lambda: run_of(gate.run.id).state_name == "Completed", SLOW)
    ((_, approval),) = Ledger("northwind", root).payloads(Approval)
    assert (approval.by, approval.reason) == ("anna", "all phones are ready")

    # The wait was skipped: a resolver may hold the record for its old TTL, or nobody had asked and all is over soon.
    parked_at(page, root, "propagation", "close_smtp_port")
    ui.open_run(root)
    sure = ui.menu("Cancel")
    expect(sure).to_contain_text("Are you sure")
    picture(page, "ui-cancel")
    ui.press(sure.get_by_role("button", name="Cancel Flow Run"))
    until(page, lambda: run_of(root).state_name == "Cancelled", SLOW)
    until(page, lambda: not [left for left in parked_runs() if left.root.id == root], SLOW)


def fill_in(ui: PrefectUi, form: Locator, reason: str) -> None:
    ui.fill("Name", "anna", form)
    ui.fill("Reason", reason, form)


def answer(ui: PrefectUi, question: UUID, form: Locator, switch: str, reason: str) -> None:
    """Send the form that is filled in. A busy server may answer 503 and close it unheard: then people do it again."""
    for _ in range(5):
        ui.press(form.get_by_role("button", name="Resume"))
        ui.page.wait_for_timeout(2000)
        if run_of(question).state_name != "Paused":
            return
        ui.open_run(question)
        form = ui.menu("Resume")
        ui.field(switch, form).get_by_role("switch").click()
        fill_in(ui, form, reason)
    raise AssertionError("the answer is not heard")


# --- what the server says ------------------------------------------------------------------------------------------


def cutovers() -> list[FlowRun]:
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(limit=200)
        return [run for run in runs if "plan" in run.parameters and run.parent_task_run_id is None]


def run_of(run: UUID) -> FlowRun:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(run)


def block_named(box: Box, reference: str) -> str:
    kind, _, name = reference.partition("/")
    address = f"{box.ui}/api/block_types/slug/{kind}/block_documents/name/{name}"
    with urlopen(Request(address, headers=box.headers())) as answer:
        return str(json.load(answer)["id"])


def parked_at(page: Page, root: UUID, *titles: str) -> Parked:
    """The question of one of these names, once the cutover has come to it."""
    questions: list[Parked] = []

    def parked() -> bool:
        mine = [
            question
            for question in parked_runs()
            if question.root.id == root and question.root.state_name == "Suspended"
        ]
        assert not [question for question in mine if question.flow == "trouble"], mine
        state: Any = run_of(root).state
        assert not state.is_final(), state
        questions[:] = [question for question in mine if question.title in titles]
        return bool(questions)

    page.goto("about:blank")  # the UI draws and asks without end, and the night needs both cores
    until(page, parked, SLOW)
    return questions[0]


def until(page: Page, true: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to it"
        page.wait_for_timeout(300)
