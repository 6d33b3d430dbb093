"""The first evening by the stopwatch: a wheel, an empty folder and the docs, to a finished cutover and its report."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cli.test_init import answers, secrets
from hatchling.builders.wheel import WheelBuilder
from newcomer import Newcomer, is_in_the_docs

from lab.town import DOMAIN, Town

pytestmark = [pytest.mark.timeout(1800)]

MOST_COMMANDS = 10
PLAN_SECONDS = 600.0
"""Most seconds from nothing to a plan that preflight has passed."""
NIGHT_SECONDS = 900.0
"""Seconds after which a cutover of two mailboxes hangs."""


def test_a_command_that_no_page_shows_would_be_noticed() -> None:
    assert is_in_the_docs(["init", "northwind.example", "--answers", "a.yaml"])
    assert not is_in_the_docs(["init", "northwind.example", "--force"])
    assert not is_in_the_docs(["passwords", "contoso"])


@pytest.fixture
def town() -> Iterator[Town]:
    with Town(dns="rfc2136", users=2, shared=0, public_folders=0, messages=30, senders=2, printers=0,
              mail_per_second=1.0) as town:  # fmt: skip
        yield town


@pytest.mark.long
def test_from_an_empty_folder_to_a_report_in_at_most_ten_commands(town: Town, tmp_path: Path) -> None:
    wheel = Path(next(WheelBuilder(str(Path.cwd())).build(directory=str(tmp_path / "dist"), versions=["standard"])))
    home, folder = tmp_path / "home", tmp_path / "empty"
    home.mkdir()
    folder.mkdir()
    given = answers(town, "northwind")
    given["questions"] |= {"opens": "any"}  # a night at any time of the day
    given["plan"] |= {"dns": {"low_ttl": 2, "final_ttl": town.ttl}}
    newcomer, began = Newcomer(home, folder, secrets(town)), time.monotonic()
    try:
        newcomer.install(wheel)
        newcomer.starts_the_box(free_port())
        (folder / "answers.yaml").write_text(yaml.safe_dump(given), "utf-8")
        made = newcomer.types("init", DOMAIN, "--answers", "answers.yaml", "--resolver", town.resolvers[0])
        planned = time.monotonic() - began
        assert (folder / "northwind/plan.yaml").is_file()
        following = made.stdout.rpartition("Next: ")[2].split()
        assert following[:3] == ["mailmove", "start", "northwind/plan.yaml"], made.stdout
        newcomer.types("start", "northwind/plan.yaml")
        night(newcomer)
        newcomer.types("report", "northwind", "--out", "report.html")
        assert "northwind" in (folder / "report.html").read_text("utf-8")
    finally:
        newcomer.leaves()
        print(newcomer.told())
    town.senders.pause()
    town.senders.drain(60)
    account = town.account()
    assert account.adds_up and account.totals["lost"] == 0, account
    assert len(newcomer.typed) <= MOST_COMMANDS, newcomer.told()
    assert planned < PLAN_SECONDS, newcomer.told()


def night(newcomer: Newcomer) -> None:
    """Look at the board, and answer what it says somebody must answer."""
    end = time.monotonic() + NIGHT_SECONDS
    while (line := newcomer.looks_at_the_board())["state"] != "Completed":
        assert time.monotonic() < end and line["state"] not in ("Failed", "Crashed"), line
        if line["needs"]:
            assert line["parked"].startswith("gate: "), line
            newcomer.types("approve", "northwind", "--name", "anna")
        time.sleep(1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
