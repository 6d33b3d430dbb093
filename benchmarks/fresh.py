"""`python -m benchmarks.fresh module:function '{"argument": 1}'` calls it, and prints its value and the peak memory."""

from __future__ import annotations

import importlib
import json
import resource
import sys
from pathlib import Path


def main() -> None:
    where, arguments = sys.argv[1:]
    module, function = where.split(":")
    value = getattr(importlib.import_module(module), function)(**json.loads(arguments))
    peak = _peak_mb()
    print(json.dumps({"value": value, "peak_mb": round(peak, 1)}))


def _peak_mb() -> float:
    """Peak memory of this process in MiB.

    On Linux ru_maxrss counts what the parent held when it forked, so the kernel's own mark is read there.
    """
    status = Path("/proc/self/status")
    if status.exists():
        mark = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
        return int(mark.split()[1]) / 1024
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10  # bytes on macOS, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    main()
