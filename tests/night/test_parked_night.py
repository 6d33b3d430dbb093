"""The whole night on a real server and worker, with both killed while the cutover is parked."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from planted import files_of, nothing_in_clear, secrets_of, seen_in
from pydantic import SecretStr
from watching_a_cutover import until
from web_hook import WebHook
from wire_tap import tapped

from deployments.server.box import Box, using

pytestmark = [pytest.mark.night, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    beats = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}  # the fastest that Prefect knows
    with Box(tmp_path_factory.mktemp("box"), settings=beats) as running, using(running):
        yield running


def test_a_parked_cutover_survives_kill_and_restart_acts_once_and_gives_no_secret_away(
    box: Box, tmp_path: Path
) -> None:
    from lab.rehearsal import Rehearsal
    from lab.town import Town
    from lab.town_blocks import blocks_of
    from tasks.accounts.first_password_store import passwords_to_hand_over
    from tasks.ledger.entry import EntryKind
    from tasks.ledger.ledger import Ledger
    from tasks.reporting.status import statuses

    secrets: dict[str, str] = {}

    with (
        Town(users=2, shared=1, public_folders=1, messages=40, ttl=8, approve_after=None, mail_per_second=2) as town,
        tapped() as heard,
        nothing_in_clear(box.home, tmp_path, secrets=secrets),
    ):
        for ref, block in blocks_of(town).items():
            secrets |= secrets_of(ref, block)
        night = Rehearsal(town)
        cutover = night.start()
        until(lambda: statuses(1)[0].parked == "wait: verify onboard_customer", night, 180)
        until(lambda: not _processes_of(str(cutover)), night, 30)  # a parked cutover costs no process

        _kill(box.parts["worker"])
        _kill(box.parts["server"])
        box.start_server()
        box.start_worker()
        town.cloud.customer_approves()

        until(lambda: statuses(1)[0].ended, night, 700)
        assert night.troubles == []
        assert statuses(1)[0].state == "Completed"

        acts = Counter(
            entry.stage for entry in Ledger("northwind", cutover).entries() if entry.kind is EntryKind.INTENT
        )
        twice = {stage: count for stage, count in acts.items() if count > 1}
        # Two acts each: something is asked for at Microsoft; then what it wants is published, or what it gave is used.
        assert twice == {"onboard_customer": 2, "verify_domain": 2, "publish_dkim": 2}
        calls = Counter(call for call in heard if call.split("-")[0] in ("New", "Remove") or call.endswith("/domains"))
        once = ("New-MigrationEndpoint", "New-MigrationBatch", "Remove-MigrationBatch", "Remove-MigrationEndpoint")
        assert {name: calls[name] for name in (*once, "New-DkimSigningConfig")} == dict.fromkeys(
            (*once, "New-DkimSigningConfig"), 1
        ), heard
        assert [count for call, count in calls.items() if call.endswith("/domains")] == [1], heard
        account = night.account()
        assert account.adds_up, "\n".join(account.summary())
        until(lambda: not _processes_of(str(cutover)), night, 30)
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            ends = {run.name: run.state_name for run in client.read_flow_runs(limit=100) if run.parent_task_run_id}
        assert set(ends.values()) == {"Completed"}, ends  # no wait or gate is left behind

        first = {who: password.get_secret_value() for who, password in passwords_to_hand_over("northwind").items()}
        assert len(first) == 2, "two users"
        secrets |= first
        assert len(secrets) >= 8, sorted(secrets)
        _mailmove(box, "report", "northwind", "--out", str(tmp_path / "report.html"))
        (tmp_path / "report.json").write_text(_mailmove(box, "report", "northwind", "--json"))
        assert seen_in(files_of(tmp_path), {"a name": "northwind.example"}), "what is there, is found"
        held = json.loads(_mailmove(box, "compare", "northwind", "--sample", "20", "--json"))
        assert len(held["items"]) == 20
        assert {one["verdict"] for one in held["items"]} == {"same"}, held


@pytest.mark.skipif("SOAK" not in os.environ, reason="three heartbeats of half a minute; `make soak` runs it")
def test_a_cutover_that_was_killed_with_its_worker_is_found_by_its_silence(box: Box) -> None:
    from lab.rehearsal import Rehearsal
    from lab.town import Town
    from tasks.reporting.status import statuses

    with Town(users=1, shared=0, public_folders=0, messages=10, ttl=6, mail_per_second=0) as town:
        night = Rehearsal(town)
        cutover = night.start()
        # A power cut in the middle of a stage: worker and flow die in one moment, so that nobody reports it.
        until(lambda: "verify_domain" in statuses(1)[0].done and bool(_pids_of(str(cutover))), night, 400)
        os.killpg(box.parts["worker"].pid, signal.SIGKILL)
        for pid in _pids_of(str(cutover)):
            os.kill(pid, signal.SIGKILL)
        box.parts["worker"].wait(10)
        assert statuses(1)[0].state == "Running"
        box.start_worker()
        until(lambda: _crashes(cutover) == ["It and its worker have fallen silent."], night, 400)

        until(lambda: statuses(1)[0].ended, night, 700)
        assert statuses(1)[0].state == "Completed"
        assert len(_crashes(cutover)) == 1


@pytest.mark.long
def test_a_cutover_that_has_switched_the_mail_is_rolled_back_by_command(box: Box, tmp_path: Path) -> None:
    from lab.rehearsal import Rehearsal
    from lab.town import Town
    from tasks.parking.forms import GATE_FLOW
    from tasks.parking.resume import parked_runs, resume
    from tasks.reporting.status import statuses

    small: dict[str, Any] = {"users": 1, "shared": 1, "public_folders": 0, "messages": 20, "mail_per_second": 0}
    with Town(ttl=6, dns="rfc2136", **small) as town, WebHook() as pager:
        _automation_calls(pager)
        first = town.picture()
        night = Rehearsal(town, hands_on=True)
        night.start()
        until(lambda: statuses(1)[0].parked == "gate: switch_mail", night, 200)
        until(lambda: bool(pager.heard), night, 90)
        assert pager.heard == [{"event": "mailmove.waiting", "customer": "northwind"}]
        for question in parked_runs():
            if question.flow == GATE_FLOW:
                resume(question, {"approve": True, "name": "anna", "reason": "test"})
        until(lambda: statuses(1)[0].parked == "gate: close_smtp_port", night, 240)
        switched = town.picture()
        assert switched["zones"] != first["zones"]

        plan = tmp_path / "plan.yaml"
        plan.write_text(json.dumps(town.plan()), encoding="utf-8")  # YAML is a superset of JSON
        told = _mailmove(box, "rollback", str(plan), "--json")
        assert "Cancelled" in {status.state for status in statuses(5)}

        last = town.picture()
        assert last["zones"] == first["zones"]
        assert last["firewall"] == first["firewall"]
        assert last["exchange"] == first["exchange"]
        assert last["cloud"]["batches"] == first["cloud"]["batches"]
        shown = json.loads(told)["shown"]
        assert "## Remains" in shown
        made = set(last["cloud"]["users"]) - set(first["cloud"]["users"])
        assert made and all(address in shown for address in made)  # what must remain is named


def _automation_calls(pager: WebHook) -> None:
    """As an administrator makes it in the UI: an event of ours, and Prefect's own action."""
    from prefect.automations import Automation
    from prefect.blocks.webhook import Webhook
    from prefect.events.actions import CallWebhook
    from prefect.events.schemas.automations import EventTrigger, Posture

    hook = Webhook(url=SecretStr(pager.url)).save("pager")  # type: ignore[arg-type]
    told = '{"event": "{{ event.event }}", "customer": "{{ event.payload.customer }}"}'
    Automation(
        name="pager",
        trigger=EventTrigger(expect={"mailmove.waiting"}, posture=Posture.Reactive, threshold=1, within=timedelta(0)),
        actions=[CallWebhook(block_document_id=hook, payload=told)],
    ).create()


def _mailmove(box: Box, *words: str) -> str:
    """What the command says; it must end well."""
    command = [sys.executable, "-m", "deployments.cli.main", *words]
    done = subprocess.run(command, env=box.env, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _crashes(cutover: UUID) -> list[str | None]:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return [state.message for state in client.read_flow_run_states(cutover) if state.is_crashed()]


def _kill(process: object) -> None:
    """kill -9, as a power cut would; only that one process."""
    assert isinstance(process, subprocess.Popen)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)


def _processes_of(flow_run: str) -> list[str]:
    """Command lines of the live processes that run this flow run."""
    found = []
    for pid in _pids_of(flow_run):
        with contextlib.suppress(OSError):
            found.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def _pids_of(flow_run: str) -> list[int]:
    """Live processes that run this flow run, by what Prefect puts into their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone, or not ours
            if flow_run.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found
