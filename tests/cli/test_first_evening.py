"""The command line itself: version, exit statuses, a version in every --json, and the doctor."""

from __future__ import annotations

import json
import os
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import dns.message
import dns.rcode
import pytest
import typer.main
from click.testing import Result
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings
from typer.testing import CliRunner

from deployments.cli.block.check import CheckedBlock
from deployments.cli.doctor.checks import Check
from deployments.cli.doctor.examine import examine
from deployments.cli.help_in_sections import HelpInSections
from deployments.cli.main import app
from deployments.cli.output import EXITS, IN_THE_WAY, STOPPED, versioned
from lab.dns.resolver import HONEST
from lab.dns.town_dns import TownDns
from lab.faults import Faults
from lab.places import Places
from lab.town_zones import customer_zone
from mailmove.evidence import Finding
from mailmove.plan.load import load_plan
from mailmove.plan.schema import plan_schema

pytestmark = pytest.mark.timeout(240)


def mailmove(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_the_version_is_printed_and_nothing_else() -> None:
    done = mailmove("--version")
    assert (done.exit_code, done.stdout.split()[0]) == (0, "mailmove")


def test_help_and_docs_show_every_exit_status() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "400"}).stdout
    page = Path("docs/reference/json.md").read_text("utf-8")
    for status, meaning in EXITS.items():
        assert f"{status} {meaning}" in " ".join(shown.split())
        assert f"| {status} | {meaning} |" in page


def test_ctrl_c_ends_a_command_in_words() -> None:
    group = typer.Typer(cls=HelpInSections)

    @group.command()
    def wait() -> None:
        raise KeyboardInterrupt

    group.command("another")(lambda: None)
    done = CliRunner().invoke(group, ["wait"])
    assert (done.exit_code, "runs on: `mailmove status`" in done.stderr) == (STOPPED, True)


def test_every_object_of_json_bears_the_version() -> None:
    assert versioned([1], "rows") == {"version": 1, "rows": [1]}
    assert versioned({"a": 1}) == {"version": 1, "a": 1}
    group = typer.main.get_command(app)
    assert {"init", "doctor", "schema", "block"} <= set(group.commands)  # type: ignore[attr-defined]
    for path in Path("deployments/cli").glob("*.py"):
        printed = [line for line in path.read_text("utf-8").splitlines() if "dumps(" in line]
        assert all("versioned(" in line or "plan_schema(" in line for line in printed), path


def test_the_schema_is_printed_and_written(tmp_path: Path) -> None:
    assert json.loads(mailmove("schema").stdout) == json.loads(json.dumps(plan_schema()))
    assert mailmove("schema", "--out", str(tmp_path / "s.json")).exit_code == 0
    assert json.loads((tmp_path / "s.json").read_text("utf-8"))["title"] == "Mailmove plan"
    assert mailmove("schema", "--out", str(tmp_path / "absent" / "s.json")).exit_code == 2


def test_help_of_every_new_command_waits_for_nothing() -> None:
    for words in (["init"], ["doctor"], ["schema"], ["block"], ["block", "add"], ["block", "rotate"]):
        code = f"import sys\nsys.argv = ['mailmove', *{words!r}, '--help']\nfrom deployments.cli.main import app\n"
        code += "try:\n    app()\nexcept SystemExit:\n    pass\nsys.exit('prefect' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), words


# --- the doctor ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def resolver() -> Iterator[str]:
    places = Places()
    zone = customer_zone(places, "northwind.example", 60)
    with TownDns(places, kind="rfc2136", zones={"northwind.example": zone}, resolvers=[HONEST], faults=Faults()) as dns:
        yield dns.resolver_addresses[0]


def seen_of(*resolvers: str, plan: str = "") -> dict[str, tuple[str, str, str]]:
    """What was looked at -> (state, seen, todo)."""
    checks = examine(load_plan(Path(plan)) if plan else None, resolvers)
    return {check.what: (check.state, check.seen, check.todo) for check in checks}


def test_without_a_server_the_doctor_says_how_to_name_one_and_what_it_did_not_look_at(resolver: str) -> None:
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        seen = seen_of(resolver)
        done = mailmove("doctor", "--resolver", resolver, "--json")
    assert seen["server"][0] == "bad" and "no Prefect server is named" in seen["server"][1]
    assert "mailmove up" in seen["server"][2]
    assert [seen[what][0] for what in ("worker", "deployments", "clock", "blocks")] == ["doubtful"] * 4
    assert seen["versions"][0] == "good" and "Prefect 3." in seen["versions"][1]
    shown = json.loads(done.stdout)
    assert (done.exit_code, shown["version"], len(shown["checks"]) > 5) == (IN_THE_WAY, 1, True)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Stranger(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>hello</html>")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def test_a_server_that_is_down_or_no_prefect_server_is_named(resolver: str) -> None:
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{closed_port()}/api"}):
        assert "does not answer" in seen_of(resolver)["server"][1]
    stranger = HTTPServer(("127.0.0.1", 0), _Stranger)
    threading.Thread(target=stranger.serve_forever, daemon=True).start()
    try:
        with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{stranger.server_port}"}):
            assert "not as a Prefect server" in seen_of(resolver)["server"][1]
    finally:
        stranger.shutdown()
        stranger.server_close()


@pytest.mark.usefixtures("prefect_server")
def test_worker_blocks_clock_and_deployments_are_looked_at(resolver: str) -> None:
    Secret(value="x").save("doctored", overwrite=True)
    seen = seen_of(resolver)
    assert (seen["server"][0], seen["clock"][0]) == ("good", "good"), seen
    assert seen["worker"][0] == "bad" and "pool" in seen["worker"][1]
    assert seen["deployments"][0] == "bad" and "cutover/cutover" in seen["deployments"][1]
    assert seen["block secret/doctored"][0] == "good"
    of_a_plan = seen_of(resolver, plan="docs/plan.example.yaml")
    todo = "mailmove block add microsoft365/contoso"
    assert of_a_plan["block microsoft365/contoso"] == ("bad", "no such block", todo)
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="mailmove", type="process"))
        try:
            assert "alive" in seen_of(resolver)["worker"][1]
            client.send_worker_heartbeat("mailmove", "test-worker", heartbeat_interval_seconds=30)
            assert seen_of(resolver)["worker"] == ("good", "alive: test-worker", "")
        finally:
            client.delete_work_pool("mailmove")


def test_a_full_disk_and_a_silent_resolver_are_told(tmp_path: Path) -> None:
    with temporary_settings({PREFECT_HOME: tmp_path / "not" / "made"}, restore_defaults={PREFECT_API_URL}):
        seen = seen_of(f"127.0.0.1:{closed_port()}")
    assert str(tmp_path) in seen["disk"][1] and "GB free" in seen["disk"][1]
    assert (seen["port 53"][0], "no answer" in seen["port 53"][1]) == ("bad", True)
    assert os.environ.get("PREFECT_HOME") != str(tmp_path)


def test_a_network_that_denies_even_the_root_is_told() -> None:
    with denying_resolver() as address:
        state, seen, todo = seen_of(address)["port 53"]
    assert (state, f"{address}: not even the root of the DNS exists" in seen) == ("bad", True) and "port 53" in todo


@contextmanager
def denying_resolver() -> Iterator[str]:
    """Address of a resolver that says NXDOMAIN to every question by UDP."""

    class Denial(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire, asked_at = self.request
            answer = dns.message.make_response(dns.message.from_wire(wire), recursion_available=True)
            answer.set_rcode(dns.rcode.NXDOMAIN)
            asked_at.sendto(answer.to_wire(), self.client_address)

    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Denial) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_what_strangers_say_does_not_steer_the_terminal() -> None:
    escape = "\x1b[2J\x1b[31mall is well\u202e"
    check = Check(what="port 53", state="bad", seen=f"it calls itself {escape}", todo="Look.")
    finding = Finding(subject="Graph", seen=escape, means=escape, todo=escape, blocks=True)
    lines = CheckedBlock(block="microsoft365/contoso", tested=True, findings=[finding]).lines()
    assert not {"\x1b", "\u202e"} & set(f"{check}{''.join(lines)}")
    assert lines[1].startswith("  !! Graph")
