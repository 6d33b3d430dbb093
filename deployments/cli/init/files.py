"""The folder of a new customer: the plan, its schema, and how far init has come. No secret ever stands in it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ValidationError

from deployments.cli.init.plan_text import SCHEMA_FILE
from mailmove.errors import Blocked
from mailmove.plan.schema import plan_schema

PLAN_FILE, STATE_FILE = "plan.yaml", ".init.json"


class Progress(BaseModel):
    """How far init has come. written: SHA-256 of the plan as init wrote it; '': it has written none."""

    domain: str
    answers: dict[str, str] = {}
    written: str = ""


class Folder:
    """A customer's folder; made when something is first written."""

    def __init__(self, path: Path) -> None:
        self.path, self.plan = path, path / PLAN_FILE

    def progress(self, domain: str) -> Progress:
        """What an earlier init has left. Blocked: it was another domain's."""
        try:
            progress = Progress.model_validate_json((self.path / STATE_FILE).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValidationError, UnicodeError):
            return Progress(domain=domain)
        if progress.domain != domain:
            todo = "Name another folder by --folder."
            raise Blocked(
                str(self.path), wanted=f"the folder of {domain}", seen=f"that of {progress.domain}", todo=todo
            )
        return progress

    def keep(self, progress: Progress) -> None:
        """Write down how far it has come."""
        self._write(self.path / STATE_FILE, progress.model_dump_json(indent=2) + "\n")

    def edited(self, progress: Progress) -> bool:
        """Is there a plan that is not as init wrote it?"""
        return self.plan.exists() and _digest(self.plan.read_bytes()) != progress.written

    def write_plan(self, text: str, progress: Progress) -> Literal["written", "unchanged"]:
        """Write the plan and its schema. The progress is kept first: a plan that is there is one that init knows."""
        unchanged = self.plan.exists() and self.plan.read_bytes() == text.encode()
        progress.written = _digest(text.encode())
        if unchanged:
            self.keep(progress)
            return "unchanged"
        self._write(self.path / SCHEMA_FILE, json.dumps(plan_schema(), indent=2, ensure_ascii=False) + "\n")
        self.keep(progress)
        self._write(self.plan, text)
        return "written"

    def _write(self, path: Path, text: str) -> None:
        """Whole or not at all."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            new = path.with_name(f"{path.name}.new")
            new.write_bytes(text.encode())
            new.replace(path)
        except OSError as error:
            todo = "Name a folder that you may write to by --folder."
            raise Blocked(str(path), wanted="to write it", seen=error.strerror or "an error", todo=todo) from error


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
