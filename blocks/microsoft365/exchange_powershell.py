"""The same cmdlets by PowerShell: `pwsh` with Microsoft's ExchangeOnlineManagement module, where it is installed.

For a tenant in which the undocumented REST endpoint does not do: this is the way that Microsoft documents. One `pwsh`
runs as long as the block is open and takes one request after the other. It gets tokens and passwords by its stdin, so
that they are on no command line, in no environment and in no file. Sources: Connect-ExchangeOnline (-AccessToken since
module 3.1.0, -ExchangeEnvironmentName); about_Pwsh.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import queue
import subprocess
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from pydantic import SecretStr

from blocks.microsoft365.answers import Answer, Json
from blocks.microsoft365.cmdlet_errors import WHO, cmdlet_error
from blocks.microsoft365.exchange_admin import ExchangeAdmin
from blocks.microsoft365.fields import part_or, rows, texts_or
from blocks.microsoft365.identities import plain
from blocks.retry_budget import pause
from mailmove.errors import Blocked, MailmoveError, Refused, Transient

logger = logging.getLogger(__name__)

SCRIPT = Path(__file__).with_name("exchange_shell.ps1")
ENVIRONMENTS = {"global": "O365Default", "gcc-high": "O365USGovGCCHigh", "dod": "O365USGovDoD", "china": "O365China"}
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "TEMP", "SystemRoot", "USERPROFILE", "PSModulePath", "LANG")
_MARK = "mailmove "
ERRORS = "surrogateescape"
"""What becomes of bytes that are no UTF-8: the thread that reads goes on, and whoever waits for the line refuses it."""
_UNREACHED = {"HttpRequestException", "TaskCanceledException", "WebException", "SocketException"}


class ExchangePowerShell(ExchangeAdmin):
    """Promises what `ExchangeAdmin` does. connect: gives the parameters of Connect-ExchangeOnline beside
    the token, once.

    patience: seconds that one cmdlet may take; Microsoft's module gives up after 16 minutes itself.
    """

    def __init__(
        self, program: str, token: Callable[[], str], connect: Callable[[], Mapping[str, str]], patience: float = 960.0
    ) -> None:
        self._program, self._token, self._patience = program, token, patience
        self._connect = functools.cache(connect)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._shown = ""  # the token with which it is connected

    @property
    def sleep(self) -> Callable[[float], None]:
        return pause

    def run(self, cmdlet: str, parameters: Mapping[str, Any] | None = None, *, wanted: str) -> list[Json]:
        given = {name: _argument(value) for name, value in (parameters or {}).items()}
        reads = cmdlet.startswith(("Get-", "Test-"))
        if not reads:
            given["Confirm"] = False
        answer = self._ask({"cmdlet": cmdlet, "parameters": given}, wanted, again=reads)
        for warning in texts_or(answer, "warnings"):
            logger.info("%s: %s", cmdlet, warning)
        # A cmdlet that gives $null gives nothing.
        value = answer.get("value")
        kept = {"value": [row for row in value if row is not None] if isinstance(value, list) else value}
        return [plain(row) for row in rows(Answer(kept, WHO, wanted), "value")]

    def read_many(
        self, cmdlet: str, parameters: Sequence[Mapping[str, Any]], *, wanted: str
    ) -> list[list[Json] | MailmoveError]:
        """One after the other: here a request costs no round trip."""
        results: list[list[Json] | MailmoveError] = []
        for given in parameters:
            try:
                results.append(self.run(cmdlet, given, wanted=wanted))
            except MailmoveError as error:
                results.append(error)
        return results

    def known_cmdlets(self) -> frozenset[str] | None:
        """Unverified: that the module keeps them in a module called tmpEXO_...; None: none is found there."""
        answer = self._ask({"list": True}, "the cmdlets that we may run", again=True)
        return frozenset(texts_or(answer, "value")) or None

    def why_no_credential(self) -> str:
        return ""

    def credential(self, user: str, password: SecretStr, public_key: str | None) -> Any:
        """PowerShell makes its own PSCredential; no key is needed."""
        return {"@type": "credential", "user": user, "password": password.get_secret_value()}

    def _ask(self, request: Json, wanted: str, *, again: bool) -> Json:
        with self._lock:
            try:
                return self._answered(request, wanted)
            except _Ended as error:
                if not again:
                    # It may have been done: the caller looks first.
                    raise Transient(WHO, wanted=wanted, seen=str(error), todo="Look whether it was done.") from None
            try:
                return self._answered(request, wanted)
            except _Ended as error:
                raise Transient(WHO, wanted=wanted, seen=str(error), todo="Ask again.") from None

    def _answered(self, request: Json, wanted: str) -> Json:
        token = self._token()
        if self._process is None or self._process.poll() is not None:
            self._process = self._start()
        if token != self._shown:
            answer = self._exchange({"connect": {**self._connect(), "AccessToken": token}}, self._patience)
            if error := part_or(answer, "error"):
                raise _not_connected(error)
            self._shown = token
        answer = self._exchange(request, self._patience)
        if error := part_or(answer, "error"):
            raise cmdlet_error(str(error.get("message") or ""), 400, wanted, str(error.get("kind") or ""))
        return Answer(answer, WHO, wanted)

    def _start(self) -> subprocess.Popen[str]:
        kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        command = [self._program, "-NoLogo", "-NoProfile", "-NonInteractive", "-File", str(SCRIPT)]
        try:
            process = subprocess.Popen(  # noqa: S603  # the program that the block names, without a shell
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # it may quote what it was given
                env={**kept, "POWERSHELL_TELEMETRY_OPTOUT": "1", "NO_COLOR": "1"},
                text=True,
                encoding="utf-8",
                errors=ERRORS,
            )
        except OSError as error:
            raise Blocked(
                "PowerShell",
                wanted=f"{self._program} on this worker",
                seen=error.strerror or type(error).__name__,
                todo="Install PowerShell 7 and ExchangeOnlineManagement there, or set `exchange_by` to rest.",
            ) from None
        self._shown, self._lines = "", queue.SimpleQueue()
        threading.Thread(target=_read, args=(process.stdout, self._lines), daemon=True).start()
        weakref.finalize(self, _end, process)
        return process

    def _exchange(self, request: Json, patience: float) -> Json:
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._lines.get(timeout=patience)
            answer = None if line is None else json.loads(line.encode())
        except OSError:
            answer = None
        except queue.Empty:
            raise self._ended("no answer in time") from None
        except (ValueError, RecursionError):
            raise self._ended("a line that is no JSON") from None
        if not isinstance(answer, dict):
            raise self._ended("pwsh has ended")
        return answer

    def _ended(self, why: str) -> _Ended:
        """Have done with this process: what it still says would be taken for the answer to something else."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        return _Ended(why)


class _Ended(Exception):
    """pwsh gave no answer; never leaves this file."""


def _argument(value: Any) -> Any:
    """A parameter as JSON that PowerShell binds: times in UTC, spans as `d.hh:mm:ss`."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        return f"{seconds // 86400}.{seconds % 86400 // 3600:02}:{seconds % 3600 // 60:02}:{seconds % 60:02}"
    if isinstance(value, dict):
        return {key: _argument(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_argument(entry) for entry in value]
    return value


def _not_connected(error: Json) -> Blocked:
    """Import-Module fails with `Modules_ModuleNotFound` or `Modules_ModuleWithVersionNotFound`, in every language
    (PowerShell/PowerShell, Modules.resx and ImportModuleCommand.cs)."""
    words, code = str(error.get("message") or ""), str(error.get("id") or "").partition(",")[0] or None
    wanted = "a session with Exchange Online"
    if code in {"Modules_ModuleNotFound", "Modules_ModuleWithVersionNotFound"}:
        return Blocked(
            "PowerShell",
            wanted=wanted,
            seen=words,
            todo="Install-Module ExchangeOnlineManagement -MinimumVersion 3.1.0 on this worker.",
            code=code,
        )
    todo = "Check the application's rights in Exchange Online."
    return Refused("PowerShell", wanted=wanted, seen=words, todo=todo, code=code)


def _read(stdout: IO[str] | None, lines: queue.SimpleQueue[str | None]) -> None:
    """Answers, as they come; whatever else the module prints is not one. None: it has ended."""
    for line in stdout or ():
        if line.startswith(_MARK):
            lines.put(line.removeprefix(_MARK))
    lines.put(None)


def _end(process: subprocess.Popen[str]) -> None:
    with suppress(OSError):
        if process.stdin is not None:
            process.stdin.close()  # the script ends with its input
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
