"""Run Prefect's own engine for a flow run of the pool (`deployments/pools/process.json`), with rare garbage collection.

Half of what a resumed cutover costs is imports, which leave a hundred thousand objects that stay. By default Python's
garbage collector scans them again and again: a fifth of that time. Here it scans when as many new ones have come.
"""

from __future__ import annotations

import gc
import runpy


def collect_garbage_seldom() -> None:
    """Raise the collector's thresholds, for a process with a large lasting heap: engine, server, lab of a test."""
    gc.set_threshold(100_000, 50, 100)


if __name__ == "__main__":
    collect_garbage_seldom()
    runpy.run_module("prefect.engine", run_name="__main__")
