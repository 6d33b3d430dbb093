"""`python -m benchmarks.fresh module:function '{"argument": 1}'` calls it, and tells its value and the peak memory."""

from __future__ import annotations

import importlib
import json
import resource
import sys


def main() -> None:
    where, arguments = sys.argv[1:]
    module, function = where.split(":")
    value = getattr(importlib.import_module(module), function)(**json.loads(arguments))
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10  # ru_maxrss is in bytes there, in KiB elsewhere
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    print(json.dumps({"value": value, "peak_mb": round(peak, 1)}))


if __name__ == "__main__":
    main()
