"""Measures the processor time of a worker's process before a flow can begin, beside a flow of plain Prefect."""

from __future__ import annotations

import tempfile
import textwrap
import time
from importlib.util import find_spec
from pathlib import Path

from benchmarks.bench import Result, Size, grown, in_fresh_process

_ROOT = Path(__file__).parents[1]
_OURS = ("flows", "tasks", "blocks", "mailmove")
_SMALLER = ("tasks.parking.resume", "mailmove.plan.cutover")
"""A flow that needs only this much of ours, to show how it grows with the number of modules."""
_BARE = """
    from prefect import flow, task
    from pydantic import BaseModel

    class Plan(BaseModel):
        customer: str

    @task
    def step(plan: Plan) -> str:
        return plan.customer

    @flow
    def bare(plan: Plan) -> str:
        return step(plan)
"""


def load(entrypoint: str) -> float:
    """Processor seconds of this process, from its start until the flow is loaded."""
    import prefect.client.orchestration
    import prefect.events
    import prefect.flow_engine  # noqa: F401  # every run needs these three, whatever its flow
    from prefect.flows import load_flow_from_entrypoint

    load_flow_from_entrypoint(entrypoint)
    return time.process_time()


def modules(entrypoint: str) -> float:
    """How many modules of ours it loads."""
    import sys

    from prefect.flows import load_flow_from_entrypoint

    load_flow_from_entrypoint(entrypoint)
    return len([name for name in sys.modules if name.split(".")[0] in _OURS])


def run(tiny: bool) -> Result:
    """The best of some tries; a ratio of 1 would mean that Mailmove itself costs nothing."""
    tries = 1 if tiny else 9
    for name in _SMALLER:  # Prefect loads a flow whose imports fail all the same, without them
        assert find_spec(name), f"there is no module {name}"
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare_flow.py"
        bare.write_text(textwrap.dedent(_BARE), encoding="utf-8")
        entrypoints = [f"{_with_import(Path(folder), name)}:bare" for name in (() if tiny else _SMALLER)]
        entrypoints.append(f"{_ROOT}/flows/cutover.py:cutover")
        sizes = [_compared(ours, bare, tries) for ours in entrypoints]
    smaller = " or ".join(_SMALLER)
    size = f"cutover flow with {sizes[-1].n} modules of ours, fresh process; smaller: a flow with {smaller}"
    return grown("entrypoint_import", size, sizes, "a flow of plain Prefect", "CPU s")


def _with_import(folder: Path, name: str) -> Path:
    """The bare flow, in a file that imports one of our modules."""
    file = folder / f"with_{name.replace('.', '_')}.py"
    file.write_text(f"import {name}\n{textwrap.dedent(_BARE)}", encoding="utf-8")
    return file


def _compared(ours: str, bare: Path, tries: int) -> Size:
    rival, mine = [], []
    for _ in range(tries):  # in turn, so that a quick or a busy moment of the machine strikes both
        rival.append(in_fresh_process("benchmarks.entrypoint_import:load", entrypoint=f"{bare}:bare"))
        mine.append(in_fresh_process("benchmarks.entrypoint_import:load", entrypoint=ours))
    count = in_fresh_process("benchmarks.entrypoint_import:modules", entrypoint=ours).value
    quickest = [min(measurement.value for measurement in measured) for measured in (mine, rival)]
    return Size(int(count), *quickest, max(measurement.peak_mb for measurement in mine))
