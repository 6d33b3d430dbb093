"""One look at 1,000 parked cutovers, beside what is written first: the ledger of each, read one after the other.

The Prefect server is a real one, on SQLite, in a process of its own. The rival reads a sample of the ledgers, and its
time is told for all of them.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect.states import Paused, Suspended

from benchmarks.bench import Result, in_fresh_process
from deployments.box import Box
from mailmove.evidence import Look, now
from mailmove.plan import Cutover
from mailmove.plan_file import load_plan

_PLAN = Path(__file__).parents[1] / "docs" / "plan.example.yaml"
_LEDGER_LINES = 3
_TRIES = 30


def run(tiny: bool) -> Result:
    count, sample = (12, 4) if tiny else (1000, 40)
    with tempfile.TemporaryDirectory(prefix="mailmove-") as home:
        box = Box(Path(home))
        box.home.mkdir(exist_ok=True)
        try:
            box.start_server()
            customers = _park(box.env["PREFECT_API_URL"], count)
            kept = {name: value for name, value in os.environ.items() if name.startswith("PREFECT_")}
            os.environ.update({name: value for name, value in box.env.items() if name.startswith("PREFECT_")})
            try:
                mine = in_fresh_process("benchmarks.board_1000:whole", count=count)
                rival = in_fresh_process("benchmarks.board_1000:loop", customers=customers[:sample], count=count)
            finally:
                for name in [name for name in os.environ if name.startswith("PREFECT_")]:
                    del os.environ[name]
                os.environ.update(kept)
        finally:
            box.stop()
    return Result(
        "board_1000",
        f"{count:,} parked cutovers; the rival read {sample} ledgers, and its time is multiplied",
        mine.value,
        rival.value,
        "a ledger for each, one after the other",
        rival.value / mine.value,
        "s",
        mine.peak_mb,
    )


def whole(count: int) -> float:
    """Seconds for the board of all."""
    from tasks.status import board

    started = time.perf_counter()
    nights = board()
    took = time.perf_counter() - started
    if len([night for night in nights if night.parked and night.done and night.forecast]) != count:
        raise RuntimeError(f"{len(nights)} of {count} are on the board: {nights[:1]}")
    return took


def loop(customers: list[str], count: int) -> float:
    """Seconds for the ledgers of so many, from a sample."""
    from tasks.ledger import read_entries

    started = time.perf_counter()
    for customer in customers:
        if len(read_entries(customer)) < _LEDGER_LINES:
            raise RuntimeError(f"the ledger of {customer} is not whole")
    return (time.perf_counter() - started) / len(customers) * count


def _park(api: str, count: int) -> list[str]:
    """So many cutovers, each parked at a wait, as the server would hold them; their customers."""
    plan = load_plan(_PLAN)
    with httpx.Client(base_url=api, timeout=600) as client, ThreadPoolExecutor(4) as pool:
        flows = {name: _made(client, "/flows/", {"name": name}) for name in ("cutover", "wait")}
        names = [f"customer-{place}" for place in range(count)]
        list(pool.map(lambda name: _park_one(client, flows, plan.model_copy(update={"customer": name})), names))
    return names


def _park_one(client: httpx.Client, flows: dict[str, UUID], plan: Cutover) -> None:
    given = plan.model_dump(mode="json")
    state = Suspended(pause_key="1").model_dump(mode="json", include={"type", "name", "state_details"})
    root = _made(
        client,
        "/flow_runs/",
        {"flow_id": flows["cutover"], "idempotency_key": plan.customer, "parameters": {"plan": given}, "state": state},
    )
    task = {"flow_run_id": root, "task_key": "wait", "dynamic_key": "0"}
    asked = Paused(reschedule=False, pause_key="1").model_dump(mode="json", include={"type", "name", "state_details"})
    wait = {
        "flow_id": flows["wait"],
        "idempotency_key": plan.customer,
        "parent_task_run_id": _made(client, "/task_runs/", task),
        "tags": ["mailmove-parked", "wait"],
        "parameters": {"cutover": given, "name": "propagation"},
        "state": {**asked, "message": f"{plan.customer} waits: propagation."},
    }
    run = _made(client, "/flow_runs/", wait)
    look = Look(done=False, summary="37 of 45 resolvers have it", forecast=now() + timedelta(hours=1))
    _table(client, f"look-{run}", run, look.model_dump(mode="json"))
    for _ in range(_LEDGER_LINES):
        line = {"cutover": str(root), "kind": "evidence", "stage": "switch_mail", "facts": ["served"], "at": str(now())}
        _table(client, f"ledger-{plan.customer}", root, line)


def _table(client: httpx.Client, key: str, run: UUID, row: dict[str, Any]) -> None:
    _made(client, "/artifacts/", {"key": key, "type": "table", "data": json.dumps([row]), "flow_run_id": run})


def _made(client: httpx.Client, path: str, given: dict[str, Any]) -> UUID:
    body = json.loads(json.dumps(given, default=str))
    for _ in range(_TRIES):  # SQLite has one writer; the others are told to wait
        try:
            answer = client.post(path, json=body)
        except httpx.TransportError:
            continue
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            answer.raise_for_status()
            return UUID(answer.json()["id"])
        time.sleep(1)
    raise RuntimeError(f"the server does not take {path}")
