"""The whole evening by the command line, on a real server and worker: from answers to a preflight that has passed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cli.test_init import answers, secrets

from deployments.server.box import Box
from lab.town import DOMAIN, Town

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def test_a_script_gets_from_a_domain_to_a_passed_preflight(tmp_path: Path) -> None:
    with (
        Town(dns="rfc2136", users=2, shared=0, public_folders=0, messages=10, mail_per_second=0) as town,
        Box(tmp_path / "home") as box,
    ):
        given = tmp_path / "answers.yaml"
        given.write_text(yaml.safe_dump(answers(town, "evening")), "utf-8")
        folder = tmp_path / "evening"
        words = [DOMAIN, "--answers", str(given), "--folder", str(folder), "--resolver", town.resolvers[0]]
        environment = {**os.environ, **box.env, **secrets(town)}

        def mailmove(*line: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "deployments.cli.main", *line]
            return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)

        done = mailmove("init", *words, "--json")
        outcome = json.loads(done.stdout)
        assert outcome["preflight"]["state"] == "passed", done.stderr
        assert (done.returncode, outcome["left"]) == (0, []), done.stderr
        assert outcome["next"] == f"mailmove start {folder / 'plan.yaml'} --at 22:00"
        healthy = mailmove("doctor", str(folder / "plan.yaml"), "--resolver", town.resolvers[0], "--json")
        states = {check["what"]: check["state"] for check in json.loads(healthy.stdout)["checks"]}
        assert (states["server"], states["worker"], states["deployments"], states["clock"]) == ("good",) * 4, healthy
        logs = "".join(path.read_text("utf-8", "replace") for path in box.home.glob("*.log"))
        assert not [word for word in secrets(town).values() if word in logs + done.stdout + done.stderr]
