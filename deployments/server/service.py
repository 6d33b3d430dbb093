"""Run `mailmove up`: a whole Mailmove on one box until it is stopped. `deployments/mailmove.service` starts it."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from deployments.server.api_server import ALLOWED_HOSTS
from deployments.server.box import Box
from deployments.server.kept_secrets import API_STRING

_POLL_SECONDS = 2.0
"""Seconds between two polls of the parts."""


def serve(home: Path, port: int, public_names: Sequence[str] = ()) -> int:
    """Serve until TERM, INT or HUP (exit status 0), or until a part ends by itself (1: systemd starts the box again).

    public_names: host names under which a TLS proxy before it is asked.
    """
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # by nohup
            signal.signal(number, lambda *_: ended.set())
    with Box(home, port=port, settings={ALLOWED_HOSTS: ",".join(public_names)}) as box:
        sys.stderr.write(f"Prefect UI: {box.ui} (to sign in: what stands in {home / API_STRING})\n")
        while not ended.wait(_POLL_SECONDS):
            if words := box.ended_part():
                sys.stderr.write(words + "\n")
                return 1
    return 0
