"""A process that is killed while it holds a slot of a limit: the slot comes back by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deployments.server.box import Box

pytestmark = [
    pytest.mark.night,
    pytest.mark.timeout(400),
    pytest.mark.skipif("SOAK" not in os.environ, reason="it waits for a lease of a minute; set SOAK=1"),
]

_HOLDER = """
import sys, time
from prefect.concurrency.sync import concurrency
from tasks.engine.prefect_slots import LEASE_SECONDS
with concurrency(sys.argv[1], lease_duration=LEASE_SECONDS):
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_slot_of_a_killed_process_comes_back(tmp_path: Path) -> None:
    box, name = Box(tmp_path / "box"), "mailmove.route53"
    try:
        box.start_server()
        box.prefect("gcl", "create", name, "--limit", "1")
        with subprocess.Popen([sys.executable, "-c", _HOLDER, name], env=box.env, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
            os.kill(holder.pid, signal.SIGKILL)
        assert _held(box, name) == 1, "nobody knows yet"
        killed = time.monotonic()
        while _held(box, name):
            assert time.monotonic() < killed + 240
            time.sleep(1)
        print(f"the slot came back {time.monotonic() - killed:.0f} s after kill -9")
    finally:
        box.stop()


def _held(box: Box, name: str) -> int:
    import httpx

    answer = httpx.get(f"{box.ui}/api/v2/concurrency_limits/{name}", headers=box.headers(), timeout=60)
    answer.raise_for_status()
    return int(answer.json()["active_slots"])
