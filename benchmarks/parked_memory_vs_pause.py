"""Memory for each customer that waits: our parked cutovers, beside plain Prefect's `pause_flow_run` in a live process.

Ours is charged with all that there is: the whole Prefect server, and the watch's process at its peak, divided by the
customers. The rival is charged with the process of each waiting flow only (PSS: shared libraries by their share), a
flow of two lines that imports nothing but Prefect; the server that it needs as well is left out. The parked cutovers
are copies of a real one (`benchmarks/parked.py`); the paused flows are real processes, a few of them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import textwrap
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean

from benchmarks.bench import Result, Size, grown, in_fresh_process, memory_mb
from benchmarks.parked import count_runs, database_mb, edit_results, parked
from deployments.server.box import Box, end_group, using

_PAUSED = """
    from prefect import flow, pause_flow_run

    @flow
    def waiting() -> None:
        pause_flow_run(timeout=3600)

    waiting()
"""
_PATIENCE = 180.0


def run(tiny: bool) -> Result:
    processes = 1 if tiny else 3
    compared = [_compared(count, processes) for count in ((2, 6) if tiny else (100, 300, 1000))]
    sizes, servers, databases = zip(*compared, strict=True)
    last, first = sizes[-1], sizes[0]
    each = (servers[-1] - servers[0]) / (last.n - first.n) * 1024
    size = (
        f"{last.n:,} parked cutovers; the server holds {servers[-1]:.0f} MiB ({servers[0]:.0f} with {first.n}: "
        f"{each:.0f} KiB each), the watch {last.peak_mb:.0f} MiB; database {databases[-1]:.0f} MiB "
        f"({databases[-1] / last.n:.2f} each, without events); the rival: {processes} processes"
    )
    return grown("parked_memory_vs_pause", size, sizes, "pause_flow_run in a live process", "MiB each")


def _compared(count: int, processes: int) -> tuple[Size, float, float]:
    """(the comparison, MiB of the server, MiB of its database)."""
    with parked(count) as box:
        edit_results(box.home, {"next_poll": datetime.now(UTC).isoformat()})
        stored = database_mb(box.home)
        box.start_server()
        with using(box):
            watch = in_fresh_process("benchmarks.parked_look_seconds:look", count=count)
        server = memory_mb(box.parts["server"].pid)
        rival = _paused(box, processes)
    return Size(count, (server + watch.peak_mb) / count, rival, watch.peak_mb), server, stored


def _paused(box: Box, processes: int) -> float:
    """MiB that each process of a paused flow holds."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        file = Path(folder) / "paused_flow.py"
        file.write_text(textwrap.dedent(_PAUSED), encoding="utf-8")
        started = [_started(running, file, box) for _ in range(processes)]
        end = time.monotonic() + _PATIENCE
        while count_runs(box, "waiting", "PAUSED") < processes:
            if time.monotonic() > end or any(process.poll() is not None for process in started):
                raise RuntimeError(f"the flows do not pause: {[process.poll() for process in started]}")
            time.sleep(0.5)
        time.sleep(2)  # what pausing itself took is given back
        return mean(memory_mb(process.pid) for process in started)


def _started(running: ExitStack, file: Path, box: Box) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(  # noqa: S603  # our own words
        [sys.executable, str(file)], env=box.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    running.callback(end_group, process)
    return process
