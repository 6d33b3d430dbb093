"""Somebody who has a wheel, an empty folder and the docs: types commands, which are counted and timed."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sysconfig
import time
import venv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OF_THE_LAB = {"--resolver", "--port", "--json"}
"""Options with which a test finds its own lab, and reads; a newcomer needs none of them."""


def lines_of_the_docs() -> list[list[str]]:
    """Every `mailmove` command that README and the first evening show, in words."""
    pages = [(ROOT / name).read_text("utf-8") for name in ("README.md", "docs/first-evening.md")]
    fenced = "\n".join(re.findall(r"```sh\n(.*?)```", "\n".join(pages), re.DOTALL))
    lines = (shlex.split(line, comments=True) for line in fenced.splitlines())
    return [words[1:] for words in lines if words[:1] == ["mailmove"]]


def is_in_the_docs(words: list[str]) -> bool:
    """Does a line there show this command with these options?"""
    options = {word for word in words if word.startswith("--")} - OF_THE_LAB
    return any(line[0] == words[0] and options <= set(line) for line in lines_of_the_docs())


@dataclass
class Newcomer:
    """home: their home folder, with nothing in it. folder: where they work. typed: (command, seconds) so far."""

    home: Path
    folder: Path
    secrets: Mapping[str, str]
    typed: list[tuple[str, float]] = field(default_factory=list)
    service: subprocess.Popen[bytes] | None = None

    @property
    def _environment(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not re.match("PYTHON|PREFECT|VIRTUAL|MAILMOVE", name)
        }
        return {**kept, **self.secrets, "HOME": str(self.home)}

    @property
    def _program(self) -> Path:
        return self.home / "venv/bin/mailmove"

    def install(self, wheel: Path) -> None:
        """By pip, the wheel alone; the packages that it needs are lent by the environment of the tests."""
        venv.create(self.home / "venv", with_pip=True)
        lent = sysconfig.get_paths()["purelib"]
        for site in (self.home / "venv").glob("lib/python*/site-packages"):
            (site / "lent.pth").write_text(lent + "\n", "utf-8")
        python = self.home / "venv/bin/python"
        alone = ["--no-deps", "--no-index", "--ignore-installed"]
        self._counted(f"pip install {wheel.name}", [str(python), "-m", "pip", "install", "-q", *alone, str(wheel)])

    def types(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command that ends. It must stand in the docs."""
        assert is_in_the_docs(list(words)), f"no page shows {words}"
        return self._counted(f"mailmove {' '.join(words)}", [str(self._program), *words])

    def starts_the_box(self, port: int) -> None:
        """`mailmove up`, in another terminal, where it stays."""
        assert is_in_the_docs(["up"])
        began = time.monotonic()
        log = (self.home / "up.log").open("wb")
        self.service = subprocess.Popen(
            [str(self._program), "up", "--port", str(port)], cwd=self.folder, env=self._environment,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        while b"Prefect UI" not in (self.home / "up.log").read_bytes():
            assert self.service.poll() is None, (self.home / "up.log").read_text("utf-8", "replace")
            time.sleep(0.2)
        self.typed.append(("mailmove up", time.monotonic() - began))

    def looks_at_the_board(self) -> dict[str, Any]:
        """The one customer's line; a board that stays open is one command, however often it is read."""
        assert is_in_the_docs(["board"])
        if not any(command == "mailmove board" for command, _ in self.typed):
            self.typed.append(("mailmove board", 0.0))
        done = self._run([str(self._program), "board", "--json"])
        assert done.returncode == 0, done.stderr
        (line,) = json.loads(done.stdout)["cutovers"]
        return dict(line)

    def leaves(self) -> None:
        if self.service is not None:
            self.service.send_signal(signal.SIGINT)
            self.service.wait(60)

    def _counted(self, command: str, words: list[str]) -> subprocess.CompletedProcess[str]:
        began = time.monotonic()
        done = self._run(words)
        self.typed.append((command, time.monotonic() - began))
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return done

    def _run(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, cwd=self.folder, env=self._environment, stdin=subprocess.DEVNULL, timeout=900,
                              capture_output=True, text=True, check=False)  # fmt: skip

    def told(self) -> str:
        """The commands and their seconds, for people."""
        return "\n".join(f"{seconds:7.1f} s  {command}" for command, seconds in self.typed)
