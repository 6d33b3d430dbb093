"""Answers with what a tenant once answered: a folder that `mailmove tenant-check --record` wrote.

Who signs in, and where, is the lab's own; the admin endpoint and Graph answer from the folder alone. What was not
recorded is 501. A recorded redirect leads to the lab's own region.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lab.cloud.errors import ApiError
from lab.cloud.wire import Call, Reply


class Replay:
    def __init__(self, folder: Path) -> None:
        self._answers: dict[str, dict[str, Any]] = {}
        for path in sorted(folder.glob("*.json")):
            content = json.loads(path.read_text(encoding="utf-8"))
            self._answers[content["asked"]] = content

    def answer(self, prefix: str, call: Call, *, at_front: bool, region: str) -> Reply:
        """ApiError 501: nothing of the kind was recorded."""
        recorded = self._answers.get(_key(prefix, call))
        if recorded is None:
            raise ApiError(501, "NotImplemented", f"The record has no answer to {_key(prefix, call)}.")
        if recorded["redirected"] and at_front and prefix.startswith("/adminapi"):
            return Reply(302, "Object moved", {"Location": f"{region}{prefix}{call.path}"})
        return Reply(recorded["status"], recorded["body"])


def _key(prefix: str, call: Call) -> str:
    if not prefix.startswith("/adminapi"):
        return f"{call.method} {call.path.strip('/')}"
    last = call.segments[-1] if call.segments else ""
    if last != "InvokeCommand":
        return last
    command = (call.body or {}).get("CmdletInput") or {}
    return " ".join([str(command.get("CmdletName")), *sorted(command.get("Parameters") or {})])
