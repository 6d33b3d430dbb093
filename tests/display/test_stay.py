"""`mailmove rehearse --stay`: what is printed is what the other commands need, and the plan that it names is a plan."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from rich.console import Console

from deployments.cli.demo import _stay
from lab.town import Town
from mailmove.plan.load import load_plan


def test_it_stays_until_a_part_ends_and_says_how_to_look_round(tmp_path: Path) -> None:
    box = SimpleNamespace(home=tmp_path, ui="http://127.0.0.1:41000", ended_part=lambda: "the Prefect worker ended")
    console = Console(file=io.StringIO(), width=80)
    with Town(users=1, shared=0, public_folders=0, messages=10, mail_per_second=0) as town:
        _stay(cast(Any, SimpleNamespace(town=town)), cast(Any, box), console)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "export MAILMOVE_HOME=" in shown
    assert f"mailmove rollback {tmp_path / 'plan.yaml'}" in shown, "on one line, to be copied"
    assert load_plan(tmp_path / "plan.yaml").customer == town.name
    assert "the Prefect worker ended" in shown
