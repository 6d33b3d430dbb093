"""Prefect's own engine, for a flow run of the pool (`deployments/pools/process.json`).

Half of what a woken cutover costs is imports, which leave a hundred thousand objects that stay. By default Python's
garbage collector looks over them again and again: a fifth of that time. Here it looks when as many new ones have come.
"""

from __future__ import annotations

import gc
import runpy

if __name__ == "__main__":
    gc.set_threshold(100_000, 50, 100)
    runpy.run_module("prefect.engine", run_name="__main__")
