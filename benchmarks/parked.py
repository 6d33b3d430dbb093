"""A thousand parked cutovers on a real Prefect server: one that the real flow parked, and copies of its rows.

The first is a night in the lab that server, worker and watch have brought to its wait `old_ttl`, six hours long. Then
the server is stopped, and whatever its database holds of that night is copied under new ids and another customer's
name: runs, states, task runs, artifacts (the ledger, the results of polls), the question's form and logs; and so are
the results on the worker's disk, so that a copy can be resumed. To the server there is no difference: it knows a run by
its rows only, and these differ from the first one's in nothing but ids and the name.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from deployments.server.box import Box, using

TTL = 21_600
"""Seconds, of the MX before the night: the longest that a plan may give back. So long the first one is parked."""

_FIRST = "customer-0000"
_PATIENCE = 900.0
_HOLE = re.compile(rf"([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}|(?<!/){_FIRST}(?!-msp))")
_FAMILY = (
    "WITH tree(id) AS (SELECT ? UNION SELECT f.id FROM flow_run f JOIN task_run t ON f.parent_task_run_id = t.id "
    "JOIN tree ON t.flow_run_id = tree.id) SELECT id FROM tree"
)
_TABLES = {
    "flow_run": "id IN ({runs})",
    "flow_run_state": "flow_run_id IN ({runs})",
    "task_run": "flow_run_id IN ({runs})",
    "task_run_state": "task_run_id IN (SELECT id FROM task_run WHERE flow_run_id IN ({runs}))",
    "artifact": "flow_run_id IN ({runs})",
    "artifact_collection": "flow_run_id IN ({runs})",
    "flow_run_input": "flow_run_id IN ({runs})",
    "log": "flow_run_id IN ({runs})",
}
"""What belongs to a night. Events are left out: Prefect takes them away after a week, and no poll reads them."""


@contextmanager
def parked(count: int, *, to_be_woken: bool = False) -> Iterator[Box]:
    """A box with `count` parked cutovers in its database; its server does not run yet.

    to_be_woken: with the results of each, forty small files, which nobody reads before.
    """
    with tempfile.TemporaryDirectory(prefix="mailmove-") as folder:
        box = Box(Path(folder) / "box")
        shutil.copytree(_many(count, to_be_woken), box.home)
        try:
            yield box
        finally:
            box.stop()


@cache
def _many(count: int, results: bool) -> Path:
    """A home with `count` parked cutovers, never used: copying its files is quicker than copying rows."""
    home = Path(_kept().enter_context(tempfile.TemporaryDirectory(prefix="mailmove-"))) / "box"
    shutil.copytree(_first(), home)
    copy_nights(home, count - 1, results=results)
    return home


@cache
def _kept() -> ExitStack:
    """What stays until `close`, for the next benchmark or the next size."""
    return ExitStack()


def close() -> None:
    """End the lab and take the homes away. The lab's threads keep Python from ending by itself."""
    _kept().close()
    for made in (_many, _first, _kept):
        made.cache_clear()


@cache
def _first() -> Path:
    """The home of a box with one parked night, its server stopped; the lab around it lives until `close`."""
    house = _kept()
    home = Path(house.enter_context(tempfile.TemporaryDirectory(prefix="mailmove-"))) / "box"
    with Box(home) as box, using(box):
        _park_one(house)
    return home


def _park_one(house: ExitStack) -> None:
    from lab.rehearsal import Rehearsal
    from lab.town import Town
    from tasks.engine.current import engine
    from tasks.reporting.status import statuses

    town = house.enter_context(
        Town(name=_FIRST, users=1, shared=0, public_folders=0, messages=4, ttl=TTL, senders=1, printers=0,
             mail_per_second=0, approve_after=1.0)
    )  # fmt: skip
    night = Rehearsal(town)
    night.start()
    end = time.monotonic() + _PATIENCE
    while (cutover := statuses(1)[0]).parked != "wait: old_ttl" or cutover.state != "Suspended":
        night.step()
        if night.troubles or time.monotonic() > end:
            raise RuntimeError(f"it does not come to its wait: {cutover} {night.troubles}")
        time.sleep(0.5)
    # The watch has polled it, and notified; and nothing runs any more that the server's end would cut in two.
    while not engine().store.read_latest([f"notices-{night.cutover}"]) or _busy():
        if time.monotonic() > end:
            raise RuntimeError("no watch has polled it, or it does not end")
        time.sleep(0.2)


def _busy() -> bool:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter

    chosen = FlowRunFilter.model_validate({"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}})
    with get_client(sync_client=True) as client:
        return bool(client.read_flow_runs(flow_run_filter=chosen, limit=1))


def copy_nights(home: Path, count: int, *, results: bool) -> None:
    """Copy the parked cutover `count` times, in the database of a stopped server, and in the results if need be."""
    with closing(sqlite3.connect(home / "prefect.db")) as database, database:
        database.execute("DELETE FROM flow_run WHERE state_type = 'SCHEDULED'")  # watches that were to come
        (first,) = database.execute("SELECT id FROM flow_run WHERE state_name = 'Suspended'").fetchone()
        runs = [run for (run,) in database.execute(_FAMILY, [first])]
        quoted = ",".join(f"'{run}'" for run in runs)
        rows_of: dict[str, list[tuple[Any, ...]]] = {}
        columns: dict[str, list[str]] = {}
        for table, where in _TABLES.items():
            columns[table] = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            chosen = f"SELECT * FROM {table} WHERE {where.format(runs=quoted)}"  # noqa: S608  # our own names
            rows_of[table] = database.execute(chosen).fetchall()
        ids = {row[columns[table].index("id")] for table, rows in rows_of.items() for row in rows}
        # Unique for each flow: every run is given another one. Prefect reads it when a run is made, and never again.
        ids |= {row[columns["flow_run"].index("idempotency_key")] for row in rows_of["flow_run"]}
        shapes = {table: [[_Shape(value) for value in row] for row in rows] for table, rows in rows_of.items()}
        files = [file for run in runs for file in (home / "storage" / run).rglob("*") if file.is_file()]
        kept = [(_Shape(str(file)), _Shape(file.read_text(encoding="utf-8"))) for file in files if results]
        for name in customers(count + 1)[1:]:
            new = {known: str(uuid4()) for known in ids}
            for table, rows in shapes.items():
                marks = ",".join("?" * len(columns[table]))
                copies = [[value.filled(new, name) for value in row] for row in rows]
                database.executemany(f"INSERT INTO {table} VALUES ({marks})", copies)  # noqa: S608  # our own names
            for place, text in kept:
                copy = Path(place.filled(new, name))
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_text(text.filled(new, name), encoding="utf-8")


class _Shape:
    """A value with holes where the first night's ids and its customer's name stand."""

    def __init__(self, value: Any) -> None:
        self._value, self._parts = value, [""]
        if isinstance(value, str):
            # Its blocks stay the first one's, `exchange-server/customer-0000`: there is one lab.
            self._parts = _HOLE.split(value)

    def filled(self, new: dict[str, str], customer: str) -> Any:
        if len(self._parts) == 1:
            return self._value
        parts = list(self._parts)
        parts[1::2] = [customer if hole == _FIRST else new.get(hole, hole) for hole in parts[1::2]]
        return "".join(parts)


def customers(count: int) -> list[str]:
    """Names of `count` customers."""
    return [f"customer-{number:04}" for number in range(count)]


def database_mb(home: Path) -> float:
    """MiB of the database's files."""
    return sum(file.stat().st_size for file in home.glob("prefect.db*")) / (1 << 20)


def edit_results(home: Path, change: dict[str, Any]) -> None:
    """Put these fields into the last poll result of every wait, in the database of a stopped server."""
    with closing(sqlite3.connect(home / "prefect.db")) as database, database:
        edit_rows(database, "poll-%", lambda result: result | change)


def edit_rows(database: sqlite3.Connection, key: str, edited: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change every row of the tables whose key is like this, as Prefect keeps them: JSON within JSON."""
    for table in ("artifact", "artifact_collection"):
        stored = database.execute(f"SELECT id, data FROM {table} WHERE key LIKE ?", [key]).fetchall()  # noqa: S608
        for row_id, data in stored:
            changed = json.dumps(json.dumps([edited(row) for row in json.loads(json.loads(data))]))
            database.execute(f"UPDATE {table} SET data = ? WHERE id = ?", (changed, row_id))  # noqa: S608  # our own names


def count_runs(box: Box, flow: str, state_type: str) -> int:
    """Runs of a flow of that name in a state of that type."""
    chosen = {"flows": {"name": {"any_": [flow]}}, "flow_runs": {"state": {"type": {"any_": [state_type]}}}}
    answer = httpx.post(f"{box.ui}/api/flow_runs/count", headers=box.headers(), json=chosen, timeout=120)
    answer.raise_for_status()
    return int(answer.json())
