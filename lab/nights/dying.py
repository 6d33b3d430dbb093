"""Where a process of the night can die: before, during and after each call that leaves it, and at any line.

During: the other side has acted, and its answer has not been read. After: it has been read, and nothing has been done
with it that anybody outside could see. Death is SIGKILL, so that no cleaning up happens.
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import smtplib
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import botocore.httpsession
import dns.message
import dns.query
import dns.update
import httpx
import requests.adapters

PHASES = ("before", "during", "after")
_CHANGES = re.compile(
    r"^(POST|PATCH|PUT|DELETE) (?!.*(/token|\$batch|EWS/Exchange|wsman|powershell))"
    r"|^(New|Set|Remove|Enable|Start|Stop|Add|Import|Disable|Complete)-"
    r"|^aws (?!Describe|Get|List|GET|trial)|^DNS UPDATE|^SMTP DATA|^shell (?!Get|Test|Search|Add-PSSnapin)|^ledger "
)
ACTS = re.compile(rf"(?!ledger |.*(/verify$|getByIds|/search|/token))(?:{_CHANGES.pattern})")
"""Labels of calls that change something outside. The ledger is ours."""
_ROOT = Path(__file__).resolve().parent.parent.parent
_PRODUCT = tuple(f"{_ROOT}/{room}/" for room in ("mailmove", "blocks", "tasks"))


class Reaper:
    """Hears every call that leaves the process, and kills it where it was told to.

    deaths: {"step", "nth", "phase"}: at the nth call within a step of a life; phase "line": at the nth line. Each
    strikes once. sweep: instead, die once at every changing call (or every call), in each of these phases.
    mourned: file of the deaths that have been died.
    """

    def __init__(
        self, mourned: Path, deaths: list[dict[str, Any]], sweep: list[str] | None = None, everything: bool = False
    ) -> None:
        self._mourned, self._deaths, self._sweep, self._everything = mourned, deaths, sweep or [], everything
        self.step, self._count, self._lines, self._after = "", 0, 0, ""
        self._seen: dict[str, int] = {}
        self._hold: dict[str, Any] | None = None
        self._armed, self._own = False, threading.local()
        self.heard: Callable[[str, str], None] = lambda label, fence: None
        """Told of every act outside: its label, and which fence was passed right before it; empty: none."""
        self._dead = set(mourned.read_text().splitlines()) if mourned.exists() else set()

    def hold(self, moment: dict[str, Any] | None) -> None:
        """Stand still, once, at the first call after `nth` calls of `step` that is no act; or of this life (`armed`).

        Never between a fence that was passed and its act: what nobody can call back is no bad luck of the product's.
        """
        self._hold, self._armed = moment, bool(moment and moment.get("armed"))

    def fenced(self, fence: str) -> None:
        """This thread was told that it may act, once."""
        self._own.fence = fence

    def _stand_still(self, label: str) -> None:
        fence = getattr(self._own, "fence", "")
        if ACTS.match(label):
            self.heard(label, fence)
            self._own.fence = ""
        elif self._hold and self._armed and not fence:
            if self._hold["nth"] <= 0:
                self._hold = None
                os.write(1, b"held\n")
                os.kill(os.getpid(), signal.SIGSTOP)
                return
            self._hold["nth"] -= 1

    def enter(self, step: str) -> None:
        self._armed = self._armed or bool(self._hold and self._hold["step"] == step)
        self.step, self._count, self._lines, self._seen = step, 0, 0, {}
        wanted = any(death["phase"] == "line" and death["step"] == step for death in self._deaths)
        sys.settrace(self._trace if wanted else None)

    def around(self, label: str, call: Callable[[], Any]) -> Any:
        """Make a call that leaves the process."""
        self._stand_still(label)
        if self._after:
            self._die(self._after)
        self._count += 1
        self._seen[label] = number = self._seen.get(label, 0) + 1
        names = {phase: self._deadly(label, number, phase) for phase in PHASES}
        if names["before"]:
            self._die(names["before"])
        answer = call()
        if names["during"]:
            self._die(names["during"])
        self._after = names["after"] or ""
        return answer

    def _deadly(self, label: str, number: int, phase: str) -> str | None:
        """The name of the death that waits here."""
        if phase in self._sweep and (self._everything or _CHANGES.match(label)):
            name = json.dumps([self.step, label, number, phase])
            return None if name in self._dead else name
        for death in self._deaths:
            if (death["step"], death["nth"], death["phase"]) == (self.step, self._count, phase):
                name = json.dumps([self.step, str(self._count), phase, label])
                known = json.dumps([self.step, str(self._count), phase])[:-1]
                return None if any(dead.startswith(known) for dead in self._dead) else name
        return None

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(_PRODUCT):
            return None
        if event == "line":
            self._lines += 1
            for death in self._deaths:
                if (death["step"], death["nth"], death["phase"]) == (self.step, self._lines, "line"):
                    known = json.dumps([self.step, str(self._lines), "line"])[:-1]
                    if not any(dead.startswith(known) for dead in self._dead):
                        where = f"{Path(frame.f_code.co_filename).relative_to(_ROOT)}:{frame.f_lineno}"
                        self._die(json.dumps([self.step, str(self._lines), "line", where]))
        return self._trace

    def _die(self, name: str) -> None:
        file = os.open(self._mourned, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, f"{name}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)


def listen(reaper: Reaper) -> None:
    """Put the reaper between this process and the world, for good: at each library's own way out."""

    def heard(real: Callable[..., Any], label: Callable[..., str]) -> Any:
        def call(*args: Any, **more: Any) -> Any:
            return reaper.around(label(*args), lambda: real(*args, **more))

        return call

    httpx.HTTPTransport.handle_request = heard(httpx.HTTPTransport.handle_request, _httpx)  # type: ignore[method-assign]
    adapter = requests.adapters.HTTPAdapter
    adapter.send = heard(adapter.send, _requests)  # type: ignore[method-assign]
    session = botocore.httpsession.URLLib3Session
    session.send = heard(session.send, _aws)  # type: ignore[method-assign]
    dns.query.tcp = heard(dns.query.tcp, _dns)
    dns.query.inbound_xfr = heard(dns.query.inbound_xfr, lambda *_: "DNS transfer")
    smtplib.SMTP.data = heard(smtplib.SMTP.data, lambda *_: "SMTP DATA")  # type: ignore[method-assign]


_NOBODYS = re.compile(r"\.invalid\b|mailmove-check|\b240\.\d|\b100::")
"""What no zone holds: names below `invalid.` (RFC 2606), class E and discard addresses; taking it away is no act."""


def _dns(message: dns.message.Message, *_: Any) -> str:
    if not isinstance(message, dns.update.UpdateMessage) or not message.update:
        return "DNS query"
    deleted = [rrset for rrset in message.update if rrset.deleting is not None]
    tried = len(deleted) == len(message.update) and all(_NOBODYS.search(rrset.to_text()) for rrset in deleted)
    return "DNS trial" if tried else "DNS UPDATE"


def _httpx(_: Any, request: httpx.Request) -> str:
    path = request.url.path
    if "/adminapi/" in path:
        body = json.loads(request.content or b"{}")
        return str(body.get("CmdletInput", {}).get("CmdletName", f"{request.method} adminapi"))
    return f"{request.method} {path}"


_COMMAND = re.compile(rb'<S N="Cmd">([A-Za-z-]+)</S>')


def _requests(_: Any, request: Any, *__: Any) -> str:
    body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
    if "wsman" in request.url or "powershell" in request.url:
        for part in re.findall(rb">([A-Za-z0-9+/=]{80,})<", body):
            if command := _COMMAND.search(base64.b64decode(part + b"=" * (-len(part) % 4))):
                return f"shell {command[1].decode()}"
        return "shell Get envelope"
    return f"{request.method} {request.path_url.partition('?')[0]}"


def _aws(_: Any, request: Any) -> str:
    body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
    if command := re.search(rb"Action=(\w+)", body):
        return f"aws {'Describe' if b'DryRun=true' in body else ''}{command[1].decode()}"
    path = re.sub(r"^https?://[^/]+", "", request.url).partition("?")[0]
    changes = re.findall(r"<Change>.*?</Change>", body.decode(errors="replace"), re.DOTALL)
    if changes and all("<Action>DELETE<" in change and _NOBODYS.search(change) for change in changes):
        return "aws trial of a right"
    return f"aws {request.method} {re.sub(r'C[0-9]+LAB', 'ID', path)}"
