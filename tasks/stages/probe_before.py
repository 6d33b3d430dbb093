"""See by real messages which way mail takes before the mail is switched."""

from __future__ import annotations

from tasks.stages.shared import probes

NAME = "probe_before"

check, apply, verify, rollback = probes(NAME)
