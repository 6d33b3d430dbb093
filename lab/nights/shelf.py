"""What outlives a killed process in a randomised night: one file that stands for Prefect's server.

It holds the artifacts (the ledger among them), the results of finished tasks and sub-flows, and the answers of people.
A line is written by one `write` on a file opened for appending, so that kill -9 leaves it whole or not there.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

Line = dict[str, Any]


class Shelf:
    """`heard(label)` is called before and after a line is written: a place where a process can die."""

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
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self._read)
                fresh = file.read()
            whole = fresh[: fresh.rfind(b"\n") + 1]
            self._read += len(whole)
            self._lines += [json.loads(line) for line in whole.splitlines()]
        return [line for line in self._lines if line["kind"] == kind and key in (None, line["key"])]

    def keep(self, key: str, result: Any) -> None:
        """Remember the result of something that is finished."""
        self.put("result", key, pickle=base64.b64encode(pickle.dumps(result)).decode())

    def kept(self, key: str) -> tuple[Any] | None:
        """The last result under a key, in a tuple; None: it is not finished."""
        found = self.lines("result", key)
        return (pickle.loads(base64.b64decode(found[-1]["pickle"])),) if found else None  # our own file

    def secret_block(self) -> Any:
        """What stands for Prefect's class of secret blocks."""
        shelf = self

        class Secret:
            def __init__(self, value: str) -> None:
                self.value = value

            def get(self) -> Any:
                return json.loads(self.value)

            def save(self, name: str, *, overwrite: bool) -> None:
                shelf.put("secret", name, value=self.value)

            @staticmethod
            def load(name: str) -> Secret:
                found = shelf.lines("secret", name)
                if not found:
                    raise ValueError(name)
                return Secret(found[-1]["value"])

        return Secret

    @contextmanager
    def client(self, **_: Any) -> Iterator[ArtifactShelf]:
        """What `get_client(sync_client=True)` gives to `tasks.ledger.artifact_tables`."""
        yield ArtifactShelf(self)


class ArtifactShelf:
    """As much of Prefect's client as `tasks.ledger.artifact_tables` and `tasks.progress.rollback_stage` use."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def create_artifact(self, artifact: Any) -> None:
        self._shelf.put("artifact", artifact.key, data=artifact.data, run=str(artifact.flow_run_id))

    def read_artifacts(self, *, artifact_filter: Any, sort: Any, limit: int, offset: int = 0) -> list[Any]:
        wrote = artifact_filter.flow_run_id
        runs = {str(one) for one in wrote.any_} if wrote else None
        found = [one for key in artifact_filter.key.any_ for one in self._shelf.lines("artifact", key)]
        found = [one for one in found if runs is None or one["run"] in runs]
        return [_artifact(one) for one in found[::-1][offset : offset + limit]]

    def read_latest_artifacts(self, *, artifact_filter: Any, limit: int) -> list[Any]:
        found = (self._shelf.lines("artifact", key) for key in artifact_filter.key.any_)
        return [_artifact(lines[-1]) for lines in found if lines][:limit]

    def read_flow_run(self, run: Any) -> Any:
        return SimpleNamespace(state=None)  # the night's own processes are dead by then


def _artifact(line: Line) -> Any:
    return SimpleNamespace(key=line["key"], data=line["data"])
