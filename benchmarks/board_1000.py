"""The board of 1,000 parked cutovers, beside what is written first: the ledger of each, read one after the other.

The Prefect server is a real one, on SQLite, in a process of its own; the cutovers are copies of a real one
(`benchmarks/parked.py`). The rival reads a sample of the ledgers, and its time is told for all of them.
"""

from __future__ import annotations

import time

from benchmarks.bench import Result, Size, grown, in_fresh_process
from benchmarks.parked import customers, parked
from deployments.server.box import using

_LEDGER_LINES = 20
"""Lines of a ledger; a cutover has at least so many when it waits for the old TTL."""


def run(tiny: bool) -> Result:
    sample = 2 if tiny else 20
    sizes = [_compared(count, sample) for count in ((2, 6) if tiny else (100, 300, 1000))]
    size = f"{sizes[-1].n:,} parked cutovers; the rival read {sample} ledgers, and its time is multiplied"
    return grown("board_1000", size, sizes, "a ledger for each, one after the other", "s")


def _compared(count: int, sample: int) -> Size:
    with parked(count) as box:
        box.start_server()
        with using(box):
            mine = in_fresh_process("benchmarks.board_1000:whole", count=count)
            names = customers(count)[:sample]
            rival = in_fresh_process("benchmarks.board_1000:loop", names=names, count=count)
    return Size(count, mine.value, rival.value, mine.peak_mb)


def whole(count: int) -> float:
    """Seconds for the board of all cutovers."""
    from tasks.reporting.status import board

    started = time.perf_counter()
    nights = board()
    took = time.perf_counter() - started
    if len([night for night in nights if night.parked and night.done and night.forecast]) != count:
        raise RuntimeError(f"{len(nights)} of {count} are on the board: {nights[:1]}")
    return took


def loop(names: list[str], count: int) -> float:
    """Seconds for the ledgers of so many, from a sample."""
    from tasks.ledger.ledger import read_entries

    started = time.perf_counter()
    for customer in names:
        if len(read_entries(customer)) < _LEDGER_LINES:
            raise RuntimeError(f"the ledger of {customer} is not whole")
    return (time.perf_counter() - started) / len(names) * count
