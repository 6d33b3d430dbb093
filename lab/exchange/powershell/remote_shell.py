"""Remote PowerShell of the old Exchange: WS-Management (MS-WSMV) over HTTPS, with Basic or NTLM.

`/powershell` is Exchange's own endpoint (2010 and later; configuration Microsoft.Exchange). `/wsman` is the ordinary
WinRM session, where the Exchange snap-in must be added first; on Exchange 2007 there is nothing else.
"""

from __future__ import annotations

import threading
import uuid

from lab.exchange.powershell import wsman
from lab.exchange.powershell.runspace import Runspace
from lab.exchange.state import ExchangeState
from lab.exchange.web import WebHandler
from lab.exchange.web_auth import authenticated
from lab.faults import Faults, declare

declare(
    shell_denied="remote PowerShell signs the administrator in and then says: access is denied",
    shell_busy="remote PowerShell answers HTTP 503",
    shell_hangs="remote PowerShell takes a command and never answers it",
    shell_lost="remote PowerShell forgets the session (as after an IIS reset), once it is asked for a command",
)


class RemoteShell:
    """Serve with `web.route("/powershell", shell.serve)` and `web.route("/wsman", shell.serve)`."""

    def __init__(self, state: ExchangeState, faults: Faults) -> None:
        self._state = state
        self._faults = faults
        self._shells: dict[str, Runspace] = {}
        self._lock = threading.Lock()

    def serve(self, handler: WebHandler) -> None:
        own = handler.path.lower().startswith("/powershell")
        if own and self._state.major < 14:
            handler.reply(404)
            return
        if self._faults.take("shell.busy"):
            handler.reply(503, b"The service is unavailable.")
            return
        account = authenticated(handler, self._state.accounts, ("NTLM", "Basic"), self._state.server)
        if account is None:
            return
        try:
            request = wsman.read(handler.body())
        except wsman.BadEnvelope as error:
            handler.reply(400, str(error).encode())
            return
        try:
            text = self._answer(request, account, own)
        except _WSManFault as refusal:
            handler.reply(500, wsman.fault(request, refusal.code, str(refusal)), kind=wsman.KIND)
        else:
            handler.reply(200, wsman.answer(request, text), kind=wsman.KIND)

    def _answer(self, request: wsman.Request, account: str, own: bool) -> str:
        if account != self._state.admin or self._faults.take("shell.denied"):
            raise _WSManFault(wsman.ACCESS_DENIED, self._state.speech.denied)
        if request.action == "Create":
            return self._create(request, account, own)
        shell = self._shell(request)
        if request.action == "Command":
            return self._command(shell, request)
        if request.action == "Send":
            command = request.attribute("rsp:Send/rsp:Stream", "CommandId")
            shell.feed(request.data("rsp:Send/rsp:Stream"), uuid.UUID(command) if command else None)
            return "<rsp:SendResponse/>"
        if request.action == "Receive":
            return self._receive(shell, request)
        if request.action == "Signal":
            shell.end(uuid.UUID(request.attribute("rsp:Signal", "CommandId")))
            return "<rsp:SignalResponse/>"
        if request.action == "Delete":
            with self._lock:
                self._shells.pop(request.shell_id, None)
            return ""
        if request.action == "Get":
            return "<rsp:Shell><rsp:State>Connected</rsp:State></rsp:Shell>"
        raise _WSManFault(wsman.NO_SUCH_RESOURCE, f"The action {request.full_action} is not supported.")

    def _create(self, request: wsman.Request, account: str, own: bool) -> str:
        configuration = "Microsoft.Exchange" if own else "Microsoft.PowerShell"
        if request.resource != f"{wsman.RESOURCE}/{configuration}":
            raise _WSManFault(
                wsman.NO_SUCH_RESOURCE, f"The WS-Management service has no resource URI {request.resource}."
            )
        shell_id = (request.attribute("rsp:Shell", "ShellId") or str(uuid.uuid4())).upper()
        shell = Runspace(self._state, self._faults, exchange_ready=own)
        shell.feed(request.data("rsp:Shell/pwsh:creationXml"))
        with self._lock:
            self._shells[shell_id] = shell
        return wsman.created(shell_id, request.resource, account)

    def _shell(self, request: wsman.Request) -> Runspace:
        with self._lock:
            if request.action == "Command" and self._faults.take("shell.lost"):
                self._shells.pop(request.shell_id, None)
            shell = self._shells.get(request.shell_id)
        if shell is None:
            raise _WSManFault(
                wsman.NO_SUCH_SHELL,
                "The request for the Windows Remote Shell with ShellId "
                f"{request.shell_id} failed because the shell was not found on the server.",
            )
        return shell

    def _command(self, shell: Runspace, request: wsman.Request) -> str:
        command = (request.attribute("rsp:CommandLine", "CommandId") or str(uuid.uuid4())).upper()
        first = request.data("rsp:CommandLine/rsp:Arguments")
        shell.feed(first, uuid.UUID(command), hang=self._faults.take("shell.hangs"))
        return f"<rsp:CommandResponse><rsp:CommandId>{command}</rsp:CommandId></rsp:CommandResponse>"

    def _receive(self, shell: Runspace, request: wsman.Request) -> str:
        command = request.attribute("rsp:Receive/rsp:DesiredStream", "CommandId")
        chunks, done = shell.take(uuid.UUID(command) if command else None, request.timeout)
        if not chunks and not done:
            raise _WSManFault(
                wsman.TIMED_OUT,
                "The WS-Management service cannot complete the operation within the time specified in "
                "OperationTimeout.",
            )
        return wsman.received(command, chunks, done)


class _WSManFault(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
