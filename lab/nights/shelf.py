"""What outlives a killed process in a randomised night: one file that stands for Prefect's server.

It holds the tables (the ledger among them), the results of finished tasks and sub-flows, and the answers of people.
A line is written by one `write` on a file opened for appending, so that kill -9 leaves it whole or not there.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
from pathlib import Path
from typing import Any

Line = dict[str, Any]


class Shelf:
    """Lines of JSON, each with a kind and a key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: list[Line] = []
        self._read = 0

    def put(self, kind: str, key: str, **more: Any) -> None:
        line = json.dumps({"kind": kind, "key": key, **more}) + "\n"
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)

    def lines(self, kind: str, key: str | None = None) -> list[Line]:
        """Oldest first."""
        return [line for line in self.everything() if line["kind"] == kind and key in (None, line["key"])]

    def everything(self) -> list[Line]:
        """All lines of all kinds, oldest first."""
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self._read)
                fresh = file.read()
            whole = fresh[: fresh.rfind(b"\n") + 1]
            self._read += len(whole)
            self._lines += [json.loads(line) for line in whole.splitlines()]
        return self._lines

    def keep(self, key: str, result: Any) -> None:
        """Remember the result of something that is finished."""
        self.put("result", key, pickle=base64.b64encode(pickle.dumps(result)).decode())

    def kept(self, key: str) -> tuple[Any] | None:
        """The last result under a key, in a tuple; None: it is not finished."""
        results = self.lines("result", key)
        return (pickle.loads(base64.b64decode(results[-1]["pickle"])),) if results else None  # our own file
