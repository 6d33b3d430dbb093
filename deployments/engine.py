"""Prefect's own engine, for a flow run of the pool (`deployments/pools/process.json`).

Half of what a woken cutover costs is imports, which leave a hundred thousand objects that stay. By default Python's
garbage collector looks over them again and again: a fifth of that time. Here it looks when as many new ones have come.
"""

from __future__ import annotations

import gc
import runpy


def collect_garbage_seldom() -> None:
    """For a process with a large heap that stays: the engine here, the server beside it, the towns of the tests."""
    gc.set_threshold(100_000, 50, 100)


if __name__ == "__main__":
    collect_garbage_seldom()
    runpy.run_module("prefect.engine", run_name="__main__")
