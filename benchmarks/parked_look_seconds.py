"""Measures one pass of the watch over 1,000 parked cutovers, all of them due at once, beside one request for each.

The cutovers are copies of a real one (`benchmarks/parked.py`) at their wait for the old TTL; nothing else runs. The
time of the next poll has come for every one of them, and none is done, so each is polled and none is resumed: the most
expensive pass that asks nobody but the Prefect server. The flow is the real one, in a process of its own; its time
is from the call to its end, the engine's own included, and the peak memory is that of the whole process. The rival
reads run, parent, cutover and last look of each, one after the other, and writes nothing; it does a sample, and its
time is multiplied. The bar is ten seconds and 300 MiB for 1,000.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from benchmarks.bench import Result, Size, grown, in_fresh_process
from benchmarks.parked import edit_results, parked
from deployments.server.box import using


def run(tiny: bool) -> Result:
    sample = 2 if tiny else 20
    sizes = [_compared(count, sample) for count in ((2, 6) if tiny else (100, 300, 1000))]
    size = (
        f"{sizes[-1].n:,} parked cutovers with ledgers of real length, all due at once (bar: 10 s, 300 MiB); "
        f"the rival asked for {sample}, and its time is multiplied"
    )
    return grown("parked_look_seconds", size, sizes, "the plain API, one after the other", "s")


def _compared(count: int, sample: int) -> Size:
    with parked(count) as box:
        edit_results(box.home, {"next_poll": datetime.now(UTC).isoformat()})
        box.start_server()
        with using(box):
            mine = in_fresh_process("benchmarks.parked_look_seconds:look", count=count)
            rival = in_fresh_process("benchmarks.parked_look_seconds:loop", count=count, sample=min(sample, count))
    return Size(count, mine.value, rival.value, mine.peak_mb)


def look(count: int) -> float:
    """Seconds of one pass over everything."""
    from flows.watch import watch
    from tasks.parking.resume import parked_runs

    started = time.perf_counter()
    woken = watch(stay_seconds=0)
    took = time.perf_counter() - started
    asleep = [parked for parked in parked_runs() if parked.root.state and parked.root.state.is_paused()]
    if woken or len(asleep) != count:
        raise RuntimeError(f"{woken} were resumed, and {len(asleep)} of {count} are parked")
    return took


def loop(count: int, sample: int) -> float:
    """Seconds for all at the pace of the sample."""
    from prefect.client.orchestration import get_client

    from tasks.parking.poll import last_result
    from tasks.parking.resume import parked_runs

    runs = [parked.run.id for parked in parked_runs()[:sample]]
    with get_client(sync_client=True) as client:
        started = time.perf_counter()
        for run in runs:
            parent = client.read_flow_run(run).parent_task_run_id
            root = client.read_task_run(parent).flow_run_id if parent else None
            if root is None or client.read_flow_run(root).state is None or last_result(run) is None:
                raise RuntimeError(f"{run} is not parked")
        return (time.perf_counter() - started) / len(runs) * count
