"""On a real box: of starts by commands, UI and schedule one goes on; what a killed worker had taken is taken again."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from fake_blocks import a_plan, with_saved_blocks
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import StateCreate
from prefect.client.schemas.objects import FlowRun, StateType

from deployments.server.box import Box, using
from mailmove.plan.cutover import Cutover
from tasks.engine.run_ends import REFUSED

pytestmark = [pytest.mark.night, pytest.mark.long, pytest.mark.timeout(1800)]


def new_plan() -> Cutover:
    """Of a customer of its own."""
    return a_plan().model_copy(update={"customer": f"c-{uuid4().hex[:12]}"})


def command(box: Box, plan: Path, at: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "deployments.cli.main", "start", str(plan), "--at", at]
    return subprocess.Popen(words, env=box.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def started_in_the_ui(plan: Cutover) -> UUID:
    """What its Quick run sends. The scheduler makes runs in the same way, and marks them."""
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("cutover/cutover").id
        return client.create_flow_run_from_deployment(deployment, parameters={"plan": plan.model_dump(mode="json")}).id


def ended(run: UUID, patience: float) -> FlowRun:
    deadline = time.monotonic() + patience
    with get_client(sync_client=True) as client:
        while not ((read := client.read_flow_run(run)).state and read.state.is_final()):
            assert time.monotonic() < deadline, read.state
            time.sleep(1)
    return read


def test_commands_ui_schedule_and_a_worker_that_was_killed(tmp_path: Path) -> None:
    plan = new_plan().model_copy(update={"customer": f"contoso-{uuid4().hex[:6]}"})
    file = tmp_path / "plan.yaml"
    with Box(tmp_path / "box") as box, using(box):
        plan = with_saved_blocks(plan)
        file.write_text(plan.model_dump_json(), encoding="utf-8")
        commands = [command(box, file, f"{date.today() + timedelta(days=30)}T22:00") for _ in range(4)]
        answers = [(*process.communicate(timeout=900), process.returncode) for process in commands]
        assert sorted(status for _, _, status in answers) == [0, 1, 1, 1], answers
        with get_client(sync_client=True) as client:
            runs = [run for run in client.read_flow_runs() if run.parameters.get("plan")]
            (winner,) = [run for run in runs if run.state_name == "Scheduled"]
            assert {run.state_name for run in runs if run.id != winner.id} <= {REFUSED}
            stuck = client.create_flow_run_from_deployment(
                client.read_deployment_by_name("cutover/cutover").id,
                parameters={"plan": plan.model_dump(mode="json")},
                state=StateCreate(type=StateType.PENDING, name="Submitting"),
            ).id
        by_hand, by_schedule = started_in_the_ui(plan), started_in_the_ui(plan)
        for run in (by_hand, by_schedule):
            read = ended(run, 600)
            assert read.state_name == REFUSED
            assert str(winner.id) in str(read.state and read.state.message)
        assert ended(stuck, 900).state_name == REFUSED, "the watch had it taken again"
