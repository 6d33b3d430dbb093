"""See by real messages which way mail takes after the switch."""

from __future__ import annotations

from tasks.stages.shared import probes

NAME = "probe_after_switch"

check, apply, verify, rollback = probes(NAME)
