"""Run `mailmove up`: a whole Mailmove on one box until it is stopped. `deployments/mailmove.service` starts it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from deployments.server.box import Box

_POLL_SECONDS = 2.0
"""Seconds between two polls of the parts."""


def serve(home: Path, port: int) -> int:
    """Serve until TERM or INT (exit status 0), or until a part ends by itself (1: systemd starts the box again)."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with Box(home, port=port, settings={"PREFECT_SERVER_ENCRYPTION_KEY": block_key(home / "block-key")}) as box:
        sys.stderr.write(f"Prefect UI: {box.ui}\nPREFECT_API_URL={box.ui}/api for the mailmove commands\n")
        while not ended.wait(_POLL_SECONDS):
            if words := box.ended_part():
                sys.stderr.write(words + "\n")
                return 1
    return 0


def block_key(path: Path) -> str:
    """Read the key that encrypts the secrets of block documents; made once, readable by its owner only.

    Without it Prefect keeps a key beside what it encrypts, in the same database. Back it up apart from the database.
    """
    from cryptography.fernet import Fernet

    if not path.exists():
        new = path.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key())
            file.flush()
            os.fsync(file.fileno())
        new.rename(path)  # whole or not at all
    return path.read_text("ascii").strip()
