"""The nursery, as the night sees it: a process that has done all imports, and forks a life for each line of JSON."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parent.parent.parent


class Nursery:
    """`with Nursery() as nursery:` lives are forked from one process that has done all imports."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "lab.nights.life"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                bufsize=1,
                cwd=ROOT,
                start_new_session=True,
                env={
                    **os.environ,
                    "PREFECT_HOME": str(self._log.parent),  # the worker's disk
                    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",  # whoever asks for a server is an error
                },
            )
        assert self.hear() == "ready"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)  # the life, too, which may stand still
        self._process.wait()

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"the nursery has died; see {self._log}")
        return line


Second = Callable[[], Nursery]
"""Gives the nursery for lives beside the cutover's own: a rollback, a second start. Started when it is first needed."""
