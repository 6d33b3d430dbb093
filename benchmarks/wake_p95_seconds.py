"""From "the condition is true" to "the next stage runs", 20 times a minute, with 1,000 parked on one box.

Server, worker and watch are real, with the settings of `make up`; the cutovers are copies of a real one
(`benchmarks/parked.py`) at their wait for the old TTL. For some of them the ledger, and the wait's last result, are put
back in time while the server is stopped, so that their TTLs run out one after the other, three seconds apart; what
happens then is nobody's doing but the product's. Each is timed from the second that its TTL runs out to the start of
`probe_before.apply`, the next stage, as the server has it. The cutovers then go on, send their probes in the lab, and
park at the gate: that work, and the lab's, is on the same cores. The rival is the bar of 30 s.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx

from benchmarks.bench import Result, Size, grown, memory_mb
from benchmarks.parked import TTL, count_runs, customers, database_mb, edit_rows, parked
from deployments.server.box import Box

BAR = 30.0
APART = 3.0
"""Seconds between two TTLs that run out: 20 a minute."""
_NEXT = "probe_before.apply"
_STARTS = 100.0
"""Seconds before the first TTL runs out. The first watch is scheduled within a minute, as ever after."""
_PATIENCE = 900.0


def run(tiny: bool) -> Result:
    plans = ((3, 1), (6, 2)) if tiny else ((100, 20), (300, 20), (1000, 40))
    sizes, summary = [], ""
    for count, wakes in plans:
        seconds, server, database = _woken(count, wakes)
        sizes.append(Size(count, _p95(seconds), BAR, server))
        summary = (
            f"{count:,} parked, {wakes} resumed, {60 / APART:.0f} a minute, {os.cpu_count()} cores; "
            f"median {median(seconds):.1f} s, longest {max(seconds):.1f} s; server {server:.0f} MiB, "
            f"database {database:.0f} MiB (its events of the last minutes included)"
        )
    return grown("wake_p95_seconds", summary, sizes, "the bar", "s, p95")


def _p95(seconds: list[float]) -> float:
    return quantiles(seconds, n=20, method="inclusive")[-1] if len(seconds) > 1 else seconds[0]


def _woken(count: int, wakes: int) -> tuple[list[float], float, float]:
    """(seconds of each resume, MiB of the server, MiB of the database)."""
    with parked(count, to_be_woken=True) as box:
        first = datetime.now(UTC) + timedelta(seconds=_STARTS)
        clear = {name: first + timedelta(seconds=APART * i) for i, name in enumerate(customers(count)[-wakes:])}
        run_out(box.home, clear)
        box.start_server()
        box.start_worker()
        began = _began(box, clear)
        server = memory_mb(box.parts["server"].pid)
        return [(began[name] - clear[name]).total_seconds() for name in clear], server, database_mb(box.home)


def run_out(home: Path, clear: dict[str, datetime]) -> None:
    """Let each customer's old TTL run out at its time, by what the ledger and the last result say."""
    with closing(sqlite3.connect(home / "prefect.db")) as database, database:
        for customer, at in clear.items():
            served, when = (at - timedelta(seconds=TTL)).isoformat(), at.isoformat()
            edit_rows(database, f"ledger-{customer}", partial(_served_at, served))
            waits = (
                "SELECT f.id FROM flow_run f JOIN task_run t ON f.parent_task_run_id = t.id "
                "WHERE f.state_type = 'PAUSED' "
                "AND t.flow_run_id = (SELECT flow_run_id FROM artifact_collection WHERE key = ?)"
            )
            (wait,) = database.execute(waits, [f"ledger-{customer}"]).fetchone()
            edit_rows(
                database, f"poll-{wait}", lambda result, when=when: result | {"forecast": when, "next_poll": when}
            )


def _served_at(at: str, entry: dict[str, Any]) -> dict[str, Any]:
    """A line of the ledger; the one that says that the low TTL is served says that it has been since then."""
    return entry | {"at": at} if (entry["kind"], entry["stage"]) == ("evidence", "lower_ttl") else entry


def _began(box: Box, clear: dict[str, datetime]) -> dict[str, datetime]:
    """When the next stage of each began."""
    end = time.monotonic() + _STARTS + APART * len(clear) + _PATIENCE
    time.sleep(_STARTS + APART * len(clear))
    while True:
        begun = _stages_begun(box)
        if set(begun) >= set(clear):
            return begun
        if time.monotonic() > end or box.ended_part() or _failed(box):
            raise RuntimeError(
                f"{len(begun)} of {len(clear)} have gone on, {_failed(box)} have failed; {box.ended_part()}"
            )
        time.sleep(5)


def _failed(box: Box) -> int:
    """Cutovers that have failed; one that has crashed is restarted by the watch."""
    return count_runs(box, "cutover", "FAILED")


def _stages_begun(box: Box) -> dict[str, datetime]:
    with httpx.Client(base_url=f"{box.ui}/api", headers=box.headers(), timeout=120) as client:
        chosen = {"task_runs": {"name": {"like_": _NEXT}}, "limit": 200}
        begun = {
            task_run["flow_run_id"]: task_run["start_time"]
            for task_run in client.post("/task_runs/filter", json=chosen).json()
        }
        runs = client.post("/flow_runs/filter", json={"flow_runs": {"id": {"any_": list(begun)}}}).json()
    return {
        run["parameters"]["plan"]["customer"]: datetime.fromisoformat(begun[run["id"]])
        for run in runs
        if begun[run["id"]]
    }
