"""What a worker's process spends before a flow can begin, beside a flow of plain Prefect."""

from __future__ import annotations

import tempfile
import textwrap
import time
from pathlib import Path

from benchmarks.bench import Result, in_fresh_process

_ROOT = Path(__file__).parents[1]
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
    """Processor seconds of this process, from its start until the flow is there."""
    import prefect.client.orchestration
    import prefect.events
    import prefect.flow_engine  # noqa: F401  # every run needs these three, whatever its flow
    from prefect.flows import load_flow_from_entrypoint

    load_flow_from_entrypoint(entrypoint)
    return time.process_time()


def run(tiny: bool) -> Result:
    """The best of some tries; a ratio of 1 would mean that Mailmove itself costs nothing."""
    tries = 1 if tiny else 5
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare_flow.py"
        bare.write_text(textwrap.dedent(_BARE), encoding="utf-8")
        seconds = {}
        peak = 0.0
        for name, entrypoint in (("rival", f"{bare}:bare"), ("ours", f"{_ROOT}/flows/cutover.py:cutover")):
            measured = [
                in_fresh_process("benchmarks.entrypoint_import:load", entrypoint=entrypoint) for _ in range(tries)
            ]
            seconds[name], peak = min(one.value for one in measured), max(one.peak_mb for one in measured)
    return Result(
        name="entrypoint_import",
        size="cutover flow, fresh process",
        ours=seconds["ours"],
        rival=seconds["rival"],
        rival_name="a flow of plain Prefect",
        ratio=seconds["rival"] / seconds["ours"],
        unit="CPU s",
        peak_mb=peak,
    )
