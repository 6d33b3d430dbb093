"""A demo that is killed leaves no process, and the next one sweeps its folder; one whose worker dies says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def demo(folder: Path) -> subprocess.Popen[str]:
    """A demo whose temporary directory is `folder`, behind a proxy that leads nowhere."""
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(folder), "HTTP_PROXY": "http://127.0.0.1:9", "PYTHONPATH": str(ROOT)}
    words = ["rehearse", "--users", "1", "--shared", "0", "--public-folders", "0", "--messages", "10"]
    return subprocess.Popen(
        [sys.executable, "-m", "deployments.cli.main", *words], cwd=ROOT, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def until(true: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.3)


def processes_of(folder: Path) -> list[int]:
    """Of those that this user may look into: whoever has the folder in the environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(folder).encode() in entry.read_bytes() and int(entry.parent.name) != os.getpid():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


def worker_of(folder: Path) -> int | None:
    for process in processes_of(folder):
        try:
            if b"worker\0start" in Path(f"/proc/{process}/cmdline").read_bytes():
                return process
        except OSError:
            continue
    return None


def test_killed_hung_up_and_without_its_worker(tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    killed = demo(folder)
    until(lambda: worker_of(folder) is not None, 400)
    killed.kill()
    killed.wait(30)
    until(lambda: not processes_of(folder), 60)
    (left,) = folder.iterdir()
    assert left.name.startswith("mailmove-demo-")

    second = demo(folder)
    until(lambda: worker_of(folder) is not None, 400)
    assert not left.exists(), "swept by the next one"
    worker = worker_of(folder)
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    said, _ = second.communicate(timeout=300)
    assert second.returncode == 1 and "worker ended with status -9" in " ".join(said.split()), said
    assert list(folder.iterdir()) == []

    hung_up = demo(folder)
    until(lambda: any(folder.glob("mailmove-demo-*/server.log")), 200)
    hung_up.send_signal(signal.SIGHUP)
    hung_up.wait(120)
    until(lambda: not processes_of(folder), 60)
    assert list(folder.iterdir()) == [] and hung_up.returncode == 128 + signal.SIGHUP
