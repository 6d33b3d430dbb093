"""A box as it stands on a machine with other people: they get nothing but 401, and what runs is not theirs to say."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import connect

from deployments.server.box import ROOT, Box
from deployments.server.kept_secrets import API_STRING, BLOCK_KEY

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    """On a machine whose HTTP_PROXY leads nowhere: nothing of a box goes through it.

    Anybody may enter the folder that its home is in, and the home itself was made for everybody to read.
    """
    with (
        socket.socket() as nobody,
        pytest.MonkeyPatch.context() as machine,
        tempfile.TemporaryDirectory(prefix="closed-box-") as folder,
    ):
        Path(folder).chmod(0o755)
        (Path(folder) / "home").mkdir(mode=0o755)
        nobody.bind(("127.0.0.1", 0))
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            machine.setenv(name, f"http://127.0.0.1:{nobody.getsockname()[1]}")
        named = {"MAILMOVE_ALLOWED_HOSTS": "mailmove.example.com"}
        with Box(Path(folder) / "home", settings=named) as running:
            yield running


@pytest.fixture
def raw(box: Box) -> Iterator[httpx.Client]:
    """Whoever is on the same machine, without the string."""
    with httpx.Client(base_url=box.ui, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture
def own(box: Box) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{box.ui}/api", headers=box.headers(), timeout=60, trust_env=False) as client:
        yield client


def test_every_route_is_401_without_the_string(raw: httpx.Client, own: httpx.Client) -> None:
    from prefect.server.api.server import create_api_app

    routes = [(method, path) for path, kinds in create_api_app().openapi()["paths"].items() for method in kinds]
    assert len(routes) > 150
    open_to_all = {("get", "/health"), ("get", "/ready")}
    for method, path in routes:
        address = "/api" + re.sub(r"\{[^}]*\}", str(uuid.uuid4()), path)
        seen = raw.request(method.upper(), address, json={} if method in ("post", "put", "patch") else None)
        assert seen.status_code == (200 if (method, path) in open_to_all else 401), (method, path, seen.text)
    for other in ("/openapi.json", "/docs", "/redoc", "/api/openapi.json", "/api/docs", "/api", "/api/static/x"):
        assert raw.get(other).status_code == 401, other
    for wrong in ("mailmove:", "mailmove:x", "admin:pass", ":"):
        assert raw.get("/api/flows/count", auth=tuple(wrong.split(":"))).status_code == 401  # type: ignore[arg-type]
    assert raw.get("/api/flows/count", headers={"Authorization": "Basic"}).status_code == 401
    assert "www-authenticate" not in raw.get("/api/admin/version").headers
    assert own.get("/admin/version").status_code == 200, "with the string it answers"


@pytest.mark.parametrize("path", ["events/in", "events/out", "logs/out", "task_runs/subscriptions/scheduled"])
def test_no_websocket_takes_or_gives_anything_without_the_string(box: Box, path: str) -> None:
    address = f"ws://127.0.0.1:{box.port}/api/{path}"
    with pytest.raises(InvalidStatus), connect(address, proxy=None):
        raise AssertionError("without the sub-protocol that signs in")
    for token in (None, "", "wrong"):
        with connect(address, subprotocols=["prefect"], proxy=None) as line:  # type: ignore[list-item]
            line.send(json.dumps({"type": "auth", "token": token}))
            with pytest.raises(WebSocketException):
                line.recv(20)
    with pytest.raises(InvalidStatus), connect(address, origin="http://evil.example", proxy=None):  # type: ignore[arg-type]
        raise AssertionError("a page of another origin")
    string = (box.home / API_STRING).read_text("ascii")
    with connect(address, subprotocols=["prefect"], proxy=None, origin=box.ui) as line:  # type: ignore[list-item,arg-type]
        line.send(json.dumps({"type": "auth", "token": string}))
        assert json.loads(line.recv(20))["type"] == "auth_success"


def test_a_foreign_page_and_a_foreign_name_get_nothing_even_with_the_string(box: Box, own: httpx.Client) -> None:
    for origin in (
        "http://evil.example",
        "null",
        f"http://127.0.0.1:{box.port + 1}",
        f"http://evil.example:{box.port}",
    ):
        seen = own.post("/flow_runs/filter", json={}, headers={"Origin": origin})
        assert (seen.status_code, "access-control-allow-origin" in seen.headers) == (403, False), origin
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        before = httpx.options(f"{box.ui}/api/flow_runs/filter", headers=asked, trust_env=False)
        assert (before.status_code, "access-control-allow-origin" in before.headers) == (401, False)
    for host in ("evil.example", f"evil.example:{box.port}", "127.0.0.1.evil.example", "localhost.evil.example", ""):
        assert own.get("/flows/count", headers={"Host": host}).status_code == 421, host
        assert httpx.get(box.ui, headers={"Host": host}, trust_env=False).status_code == 421, host
    assert own.post("/flow_runs/filter", json={}, headers={"Origin": box.ui}).status_code == 200
    tunnel = {"Host": "localhost:9999", "Origin": "http://localhost:9999"}
    assert own.post("/flow_runs/filter", json={}, headers=tunnel).status_code == 200, "through ssh -L"
    proxied = {"Host": "mailmove.example.com", "Origin": "https://mailmove.example.com"}
    assert own.post("/flow_runs/filter", json={}, headers=proxied).status_code == 200, (
        "through the TLS proxy of the docs"
    )


def test_a_change_needs_the_token_against_csrf(box: Box, own: httpx.Client) -> None:
    signed_in = {"Authorization": own.headers["Authorization"]}
    seen = httpx.post(f"{box.ui}/api/flow_runs/filter", json={}, headers=signed_in, trust_env=False)
    assert (seen.status_code, seen.json()) == (403, {"detail": "Missing CSRF token."})


FAR = {"state": {"type": "SCHEDULED", "state_details": {"scheduled_time": "2099-01-01T00:00:00Z"}}}
RUNS = [
    {"command": "touch {mark}"}, {"env": {"PYTHONPATH": "/tmp/evil"}}, {"env": {"LD_PRELOAD": "/tmp/evil.so"}},
    {"env.PYTHONPATH": "/tmp/evil"}, {"env": {"PATH": "/tmp/evil"}}, {"working_dir": "/tmp"}, {"image": "evil"},
    {"stream_output": False}, {"name": "{{ prefect.blocks.secret.x }}"}, {"labels": {"a": "b"}}, {"privileged": True},
]  # fmt: skip


@pytest.mark.parametrize("variables", RUNS, ids=lambda variables: json.dumps(variables)[:40])
def test_a_run_does_not_say_what_is_run(own: httpx.Client, variables: dict[str, Any]) -> None:
    deployment = own.get("/deployments/name/watch/watch").json()["id"]
    seen = own.post(f"/deployments/{deployment}/create_flow_run", json={"job_variables": variables})
    assert seen.status_code == 422, seen.text
    run = own.post(f"/deployments/{deployment}/create_flow_run", json=FAR).json()["id"]
    assert own.request("PATCH", f"/flow_runs/{run}", json={"job_variables": variables}).status_code == 422


def test_nobody_on_the_machine_reads_a_secret_of_it(box: Box) -> None:
    """As the user `nobody`: files, arguments and environments of all processes, and the API."""
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")  # one that nobody may start
    if os.geteuid() or not shutil.which("setpriv") or not python:
        pytest.skip("needs root, to be nobody")
    secrets = [(box.home / name).read_text("ascii") for name in (API_STRING, BLOCK_KEY)]
    assert len(secrets) == 2 and all(len(secret) > 40 for secret in secrets)
    done = subprocess.run(
        ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", python, "-c", NOBODY],
        input=json.dumps({"home": str(box.home), "api": f"{box.ui}/api"}),
        cwd="/", capture_output=True, text=True, timeout=120, check=False, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    seen = json.loads(done.stdout or "{}")
    assert seen.pop("processes") > 5, done.stderr
    words = seen.pop("words")
    assert seen == {"read": [], "listed": [], "api": 401, "environments": 0}, done.stderr
    assert not [secret for secret in secrets for part in (secret, secret.partition(":")[2] or secret) if part in words]
    for path in (path for path in box.home.rglob("*") if path.is_file()):
        if path.name not in (API_STRING, BLOCK_KEY, "profiles.toml"):  # the database with its runs, logs, results
            content = path.read_bytes()
            assert not [secret for secret in secrets if secret.encode() in content], path


NOBODY = """
import json, os, pathlib, sys, urllib.error, urllib.request
given = json.load(sys.stdin)
home, read, listed, words, environments, processes = pathlib.Path(given["home"]), [], [], "", 0, 0
for name in ("api-string", "block-key", "prefect.db", "prefect.db-wal", "profiles.toml", "lock", "server.log"):
    try:
        (home / name).read_bytes()
        read.append(name)
    except OSError:
        pass
try:
    listed = os.listdir(home)
except OSError:
    pass
for process in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        words += (process / "cmdline").read_bytes().decode(errors="replace")
        processes += 1
        if process.stat().st_uid == os.geteuid() or int(process.name) == os.getpid():
            continue
        (process / "environ").read_bytes()
        environments += 1
    except OSError:
        pass
try:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    api = direct.open(given["api"] + "/block_documents/filter", b"{}").status
except urllib.error.HTTPError as error:
    api = error.code
print(json.dumps({"read": read, "listed": listed, "words": words, "environments": environments, "api": api,
                  "processes": processes}))
"""


def mailmove(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as another terminal of the same user runs it: nothing set but what is said here."""
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    return subprocess.run(
        [sys.executable, "-m", "deployments.cli.main", *words], cwd=ROOT, text=True, timeout=300, check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **proxies, **environment}, capture_output=True,
    )  # fmt: skip


def test_other_commands_find_server_and_string_by_the_home(box: Box, tmp_path: Path) -> None:
    for environment in (
        {"MAILMOVE_HOME": str(box.home), "HOME": str(tmp_path)},
        {"PREFECT_HOME": str(box.home), "HOME": str(tmp_path)},
    ):
        done = mailmove("status", "--json", **environment)
        assert (done.returncode, json.loads(done.stdout)) == (0, {"version": 1, "cutovers": []}), done.stderr
        looked = mailmove("doctor", "--resolver", "127.0.0.1:9", "--json", **environment)
        [server] = [check for check in json.loads(looked.stdout)["checks"] if check["what"] == "server"]
        assert server["state"] == "good" and str(box.port) in server["seen"], looked.stderr
    looked = mailmove("doctor", "--resolver", "127.0.0.1:9", "--json", HOME=str(tmp_path))
    assert looked.returncode == 1 and "no Prefect server is named" in looked.stdout, looked.stderr
    done = mailmove("status", HOME=str(tmp_path))
    assert done.returncode == 2 and "mailmove up" in done.stderr and "Traceback" not in done.stderr, done.stderr


def registered(own: httpx.Client) -> list[tuple[str, ...]]:
    fields = ("id", "name", "version", "entrypoint", "path", "pull_steps")
    deployments = own.post("/deployments/filter", json={}).json()
    return sorted(tuple(str(deployment[field]) for field in fields) for deployment in deployments)


def test_a_second_box_on_the_same_home_or_port_changes_nothing(box: Box, own: httpx.Client, tmp_path: Path) -> None:
    before = registered(own)
    for home, port, words in ((box.home, box.port + 7, "uses it"), (tmp_path / "second", box.port, "Address already")):
        done = mailmove("up", "--home", str(home), "--port", str(port), HOME=str(tmp_path))
        assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert registered(own) == before and len(before) >= 4
    assert not (tmp_path / "second/prefect.db").exists()


def test_a_stranger_on_the_port_of_a_box_that_ended_gets_no_string(tmp_path: Path) -> None:
    """Its home still names the port; whoever has that now is asked for a proof first."""
    from deployments.server.home import prepare_home, write_profile
    from deployments.server.kept_secrets import api_string

    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        home = tmp_path / "home"
        prepare_home(home)
        write_profile(home, f"http://127.0.0.1:{stranger.getsockname()[1]}/api", api_string(home))
        import threading

        def listen() -> None:
            while True:
                try:
                    line, _ = stranger.accept()
                except OSError:
                    return
                with line:
                    heard.append(line.recv(65536))
                    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nMailmove-Proof: 00\r\n\r\ntrue")

        threading.Thread(target=listen, daemon=True).start()
        done = mailmove("status", MAILMOVE_HOME=str(home))
        stranger.shutdown(socket.SHUT_RDWR)
    assert done.returncode == 2 and "is not the box" in done.stderr, done.stderr
    assert heard and not [request for request in heard if b"uthorization" in request]
