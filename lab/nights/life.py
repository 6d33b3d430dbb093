"""One life of the process that walks a cutover, and the nursery that forks lives from a process with all imports done.

The flow's own code runs (`flows/cutover.py`, the gates, the waits, `flows/rollback.py`), with every stage's own task
functions, on an engine of the lab's. Real nights on a real server and worker are in `tests/night`; this one takes
seconds.

The nursery (`python -m lab.nights.life`) reads one JSON line for each life, and says what a life does: `step <name>`,
which waits for `go`, then `ended <status>`.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
import traceback
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import flows.cutover
import flows.preflight
import flows.rollback
import tasks.reporting.publish  # noqa: F401  # lives are forked from a process that has imported everything
from lab.nights.dying import Reaper, listen
from lab.nights.run_states import end_with, suspend
from lab.nights.shelf import Shelf
from lab.nights.shelf_engine import Asleep, Fenced, ShelfEngine, line
from lab.town_blocks import blocks_of
from mailmove.clock import Clock, set_clock
from mailmove.errors import MailmoveError
from mailmove.plan.load import plan_from
from tasks.engine.current import set_engine
from tasks.runbook import RUNBOOK

COMPLETED, PARKED, FAILED, FENCED = 0, 75, 70, 76
"""Exit statuses of a life; a killed one has -9. Fenced: its run was another one's."""

_PACE = 10.0
"""By how much pauses between two tries are shortened."""


def live(spec: dict[str, Any]) -> int:
    """Walk until the end, a question or death."""
    logging.disable(logging.CRITICAL)
    shelf = Shelf(Path(spec["shelf"]))
    reaper = Reaper(Path(spec["mourned"]), spec.get("deaths", []), spec.get("sweep"), spec.get("everything", False))
    reaper.hold(spec.get("hold"))
    run, whose = spec["run"], "rollback" if spec.get("of") else "cutover"
    reaper.heard = lambda label, fence: shelf.put(
        "act", run, label=label, fence=fence, state=spec["state"], whose=whose
    )
    engine = ShelfEngine(shelf, reaper, UUID(run), _blocks(spec), spec["state"], spec.get("scope", ""))
    set_engine(engine)
    set_clock(Clock(ahead=timedelta(seconds=spec.get("clock_seconds", 0.0)), pace=_PACE))
    listen(reaper)
    plan = plan_from(spec["plan"])
    try:
        if spec.get("of"):
            engine.run = "back"
            shelf.put("ended", "rollback", text=flows.rollback.rollback.fn(plan, UUID(spec["of"])))
        else:
            shelf.put("ended", "cutover", text=flows.cutover.cutover.fn(plan))
    except Asleep:
        suspend(shelf, run)
        return PARKED
    except Fenced:
        return FENCED
    except MailmoveError as error:
        shelf.put("failed", run, kind_of=type(error).__name__, text=str(error))
        end_with(shelf, run, "Failed")
        return FAILED
    except Exception:  # noqa: BLE001  # a crash of the product is what the night looks for
        shelf.put("crashed", "", text=traceback.format_exc())
        return FAILED
    end_with(shelf, run, "Completed")
    return COMPLETED


def _blocks(spec: dict[str, Any]) -> dict[str, Any]:
    town = SimpleNamespace(name=spec["name"], settings=spec["settings"], dns=SimpleNamespace(kind=spec["kind"]))
    return dict(blocks_of(cast(Any, town)))


def nursery() -> None:
    """Fork a life for each line of JSON; `go` lines left over from a killed life are passed by."""
    for step in RUNBOOK:
        assert step.module is not None, "every stage is imported before the first fork"
    os.write(1, b"ready\n")
    gc.collect()
    gc.freeze()  # so that collecting garbage in a child does not copy what is shared
    while True:
        wanted = line()
        if not wanted.startswith("{"):
            continue
        child = os.fork()
        if not child:
            os.write(1, f"born {os.getpid()}\n".encode())  # by itself: its first step must not overtake this line
            status = FAILED
            try:
                status = live(json.loads(wanted))
            except BaseException:  # noqa: BLE001  # shown by the night
                traceback.print_exc()
            os._exit(status)
        _, status = os.waitpid(child, 0)
        os.write(1, f"ended {os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    sys.modules["lab.nights.life"] = sys.modules["__main__"]
    nursery()
