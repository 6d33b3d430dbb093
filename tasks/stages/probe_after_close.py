"""See by real messages which way mail takes after port 25 is closed."""

from __future__ import annotations

from tasks.stages.shared import probes

NAME = "probe_after_close"

check, apply, verify, rollback = probes(NAME)
