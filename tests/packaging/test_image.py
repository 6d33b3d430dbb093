"""The container image: what its Dockerfile names is there, its locks are ours, and its health check can say no."""

from __future__ import annotations

import fnmatch
import http.server
import re
import shlex
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deployments.server.healthy import trouble_at

ROOT = Path(__file__).resolve().parents[2]
SCALE = ROOT / "deployments" / "scale"
DOCKERFILE = (SCALE / "Dockerfile").read_text("utf-8").replace("\\\n", " ")


def pins(path: Path) -> dict[str, set[str]]:
    """Name -> the versions that the lock allows (several, where they depend on the platform)."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(
        r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", path.read_text("utf-8"), re.MULTILINE
    ):
        found.setdefault(name.lower(), set()).add(version)
    return found


def instructions(word: str) -> list[str]:
    return re.findall(rf"^{word} (.*)$", DOCKERFILE, re.MULTILINE)


def let_in() -> list[str]:
    return [line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")]


def test_only_what_the_wheel_is_made_of_goes_into_the_build() -> None:
    assert (ROOT / ".dockerignore").read_text("utf-8").splitlines()[1] == "*"
    assert all((ROOT / name).exists() for name in let_in())
    for name in (".git", ".venv", "tests", "docs", ".ci/run", "requirements.lock"):
        assert not any(fnmatch.fnmatch(name, pattern) for pattern in let_in()), name


def test_what_is_copied_by_name_is_there_and_is_let_in() -> None:
    for words in map(shlex.split, instructions("COPY")):
        for name in [word for word in words[:-1] if not word.startswith(("--", "/")) and word != "."]:
            assert (ROOT / name).is_file()
            assert any(name.startswith(f"{entry}/") or name == entry for entry in let_in()), name


def test_it_runs_as_nobody_special_and_is_asked_whether_it_is_well() -> None:
    assert instructions("USER") and instructions("USER")[-1] not in ("root", "0")
    assert "deployments.server.healthy" in instructions("HEALTHCHECK")[-1]
    assert "--with-healthcheck" in instructions("CMD")[-1], "or nobody answers the check"
    assert not re.search(r"(KEY|PASSWORD|TOKEN|SECRET)=", DOCKERFILE)
    assert all("--require-hashes" in run or "--no-index" in run for run in instructions("RUN") if "pip install" in run)


@pytest.mark.parametrize("lock", ["requirements.lock", "build.lock"])
def test_its_locks_hold_hashes_only_and_what_was_tested(lock: str) -> None:
    text, tested = (SCALE / lock).read_text("utf-8"), pins(ROOT / "requirements.lock")
    assert "://" not in text and text.count("--hash=sha256:") >= len(pins(SCALE / lock)) > 3
    differ = {
        name: versions for name, versions in pins(SCALE / lock).items() if not versions <= tested.get(name, versions)
    }
    assert differ == {}


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("deployments/scale/requirements.lock", ("scale", "docker", "kubernetes")),
        ("requirements.lock", ("scale", "build")),
        ("requirements-dev.lock", ("lab", "scale", "build", "dev")),
    ],
)
def test_a_lock_has_all_that_the_project_asks_for_in_the_range_that_it_asks_for(
    lock: str, extras: tuple[str, ...]
) -> None:
    """So that a dependency that was added or held back does not wait for somebody who builds the image."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    locked = pins(ROOT / lock)
    for wanted in map(Requirement, asked):
        versions = locked.get(canonicalize_name(wanted.name), set())
        if wanted.name != "mailmove":  # its own extras
            assert versions and all(map(wanted.specifier.contains, versions)), f"{lock} has {versions} for {wanted}"


def test_no_development_package_is_in_its_lock() -> None:
    names = set(pins(SCALE / "requirements.lock"))
    assert not names & {"impacket", "pytest", "mypy", "moto", "flask", "aiosmtpd", "hypothesis", "playwright", "ruff"}
    assert {"prefect", "prefect-redis", "prefect-docker", "prefect-kubernetes", "asyncpg"} <= names


def test_compose_builds_what_it_runs_and_workers_may_write_their_volumes() -> None:
    compose = yaml.safe_load((SCALE / "compose.yaml").read_text("utf-8"))
    ours = {name: service for name, service in compose["services"].items() if service["image"] == "mailmove"}
    built = [service["build"] for service in ours.values() if "build" in service]
    assert built and all((SCALE / build["context"] / build["dockerfile"]).is_file() for build in built)
    volumes = set(re.findall(r'"(/[^"]+)"', instructions("VOLUME")[-1]))
    for name, service in ours.items():
        mounted = {volume.split(":")[1] for volume in service.get("volumes", [])}
        assert mounted <= volumes, f"{name}: a volume whose folder is root's"
        checked = service.get("healthcheck", {})
        worker = "worker" in service["command"]
        assert checked.get("disable") or worker or "MAILMOVE_HEALTH_URL" in service.get("environment", {}), name


# --- the health check ------------------------------------------------------------------------------------------------


@pytest.fixture
def answering() -> Iterator[tuple[str, list[int]]]:
    """An address, and the status that it answers with."""
    status = [200]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status[0])
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/health", status
    server.shutdown()
    server.server_close()


def test_the_health_check_says_yes_and_no(answering: tuple[str, list[int]], monkeypatch: pytest.MonkeyPatch) -> None:
    address, status = answering
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # of the container's own, no proxy knows
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert trouble_at(address) is None
    status[0] = 503
    assert "503" in str(trouble_at(address))
    assert trouble_at("http://127.0.0.1:9/health")
    assert trouble_at("nonsense")


def test_the_health_check_is_cheap_and_its_status_is_the_answer(answering: tuple[str, list[int]]) -> None:
    address, status = answering
    words = [sys.executable, "-X", "importtime", "-m", "deployments.server.healthy"]
    for code, expected in ((200, 0), (503, 1)):
        status[0] = code
        done = subprocess.run(
            words,
            env={"MAILMOVE_HEALTH_URL": address, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == expected
        assert not re.search(r"\b(prefect|pydantic|typer)\b", done.stderr)
