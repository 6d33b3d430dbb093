"""The command line's words and exit status; what needs a server is in tests/night."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from deployments.cli.main import app
from deployments.cli.output import NOTHING, WRONG
from lab.dns.resolver import HONEST
from lab.dns.town_dns import TownDns
from lab.faults import Faults
from lab.places import Places
from lab.town_zones import customer_zone
from mailmove.plan.local_time import start_time

runner = CliRunner()


def test_a_bad_plan_is_refused_with_every_fault(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("customer: NOT VALID\ndomains: []\nsourse: {}\n", encoding="utf-8")
    for command in ("preflight", "start", "rollback"):
        done = runner.invoke(app, [command, str(plan)])
        assert done.exit_code == WRONG
        for path in ("customer", "domains", "sourse", "source", "dns", "target", "firewall"):
            assert f"\n  {path}: " in done.stderr


def test_the_example_plan_is_sound() -> None:
    from mailmove.plan.load import load_plan

    assert load_plan(Path("docs/plan.example.yaml")).customer == "contoso"


def test_words_that_do_not_fit_end_with_2(tmp_path: Path) -> None:
    assert runner.invoke(app, ["preflight"]).exit_code == WRONG
    assert runner.invoke(app, ["preflight", str(tmp_path / "absent.yaml")]).exit_code == WRONG
    assert runner.invoke(app, ["start", "docs/plan.example.yaml", "--at", "soon"]).exit_code == WRONG
    assert runner.invoke(app, ["preflight", "--domain", "a.example", "--resolver", "nonsense"]).exit_code == WRONG


@pytest.mark.usefixtures("prefect_server")
def test_nothing_to_approve_is_its_own_status() -> None:
    done = runner.invoke(app, ["approve", "nobody", "--name", "anna", "--json"])
    assert (done.exit_code, "not parked" in json.loads(done.stderr)["error"]) == (NOTHING, True)
    assert "nobody" not in [
        row["customer"] for row in json.loads(runner.invoke(app, ["status", "--json"]).stdout)["cutovers"]
    ]


def test_status_of_no_customers_is_an_empty_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.reporting.status.statuses", list)
    assert json.loads(runner.invoke(app, ["status", "--json"]).stdout) == {"version": 1, "cutovers": []}


def test_a_domain_is_assessed_without_plan_or_server() -> None:
    places, faults = Places(), Faults()
    zone = customer_zone(places, "northwind.example", 300)
    with TownDns(places, kind="rfc2136", zones={"northwind.example": zone}, resolvers=[HONEST], faults=faults) as dns:
        words = ["preflight", "--domain", "northwind.example", "--resolver", dns.resolver_addresses[0]]
        done = runner.invoke(app, [*words, "--json"])
    assessment = json.loads(done.stdout)
    assert 285 <= assessment["mx_ttl"] <= 300  # the lab's authorities are not on port 53: what the resolver holds
    assert assessment["mx"] == ["10 mail.northwind.example."]
    assert assessment["seconds"] < 11


def test_a_rehearsal_without_the_lab_says_how_to_get_it(tmp_path: Path) -> None:
    """As after `uvx mailmove rehearse`, without the extra: one of the lab's packages cannot be imported."""
    code = "import sys; sys.modules['moto'] = None; sys.argv = ['mailmove', 'rehearse']\n"
    code += "from deployments.cli.main import app; app()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == WRONG
    assert 'uvx "mailmove[lab]" rehearse' in done.stdout and "Traceback" not in done.stderr


def test_help_does_not_import_prefect() -> None:
    code = "import sys; from deployments.cli.main import app; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(hour=st.integers(0, 23), minute=st.integers(0, 59), now=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)))
def test_a_time_of_day_is_the_next_one(hour: int, minute: int, now: datetime) -> None:
    local = now.astimezone()
    start = start_time(f"{hour:02}:{minute:02}", local)
    assert start > local
    assert (start.hour, start.minute) == (hour, minute)
    assert (start - local).total_seconds() <= 24 * 3600


@pytest.mark.parametrize("words", ["", " ", "after lunch", "2020-01-01T22:00", "2026-11-30"])
@pytest.mark.parametrize("command", [["start"], ["preflight", "--out", "never.html"]])
def test_a_start_that_is_none_starts_nothing(command: list[str], words: str) -> None:
    done = runner.invoke(app, [*command, "docs/plan.example.yaml", "--at", words])
    assert (done.exit_code, done.stdout) == (WRONG, ""), done.output
    assert "write" in done.stderr and "Traceback" not in done.stderr


def test_a_server_that_is_not_there_is_named_with_what_to_do() -> None:
    done = runner.invoke(app, ["check-server", "mail.nowhere.invalid", "--json"])
    assert done.exit_code == 1
    analysis = json.loads(done.stdout)
    assert analysis["status"] == "failed"
    assert "no address" in done.stdout


def test_every_right_is_explained() -> None:
    rights = json.loads(runner.invoke(app, ["explain-permissions", "--json"]).stdout)["rights"]
    assert any(right["name"] == "Exchange.ManageAsApp" for right in rights)
    assert all(right["why"] and right["proved"] for right in rights)


def test_rights_are_explained_for_one_plan_and_for_all() -> None:
    whole = json.loads(runner.invoke(app, ["explain-permissions", "--json"]).stdout)["rights"]
    one_plan = runner.invoke(app, ["explain-permissions", "docs/plan.example.yaml", "--json"])
    rights = json.loads(one_plan.stdout)["rights"]
    assert {right["system"] for right in whole} - {right["system"] for right in rights} == {
        "Name server with dynamic updates"
    }
    assert all(right["why"] and right["proved"] for right in rights)
    assert "Domain.ReadWrite.All: add and verify" in runner.invoke(app, ["explain-permissions"]).stdout
