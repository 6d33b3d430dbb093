"""Outlook Anywhere of the old Exchange: the RPC proxy at /rpc/rpcproxy.dll (MS-RPCH, version 2).

Answers RTS echoes itself, as IIS does, without asking the RPC server; opens virtual connections (CONN/A, CONN/B) to
the three ports of Exchange; what is behind them is `rpc_server`.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from lab.exchange.powershell.outlook_anywhere_cmdlets import FRESH_2013
from lab.exchange.rpc_server import RpcServer
from lab.exchange.state import ExchangeState
from lab.exchange.web import WebHandler
from lab.exchange.web_auth import authenticated
from lab.faults import Faults, declare

declare(
    rpc_dead_6004="nothing listens behind the RPC proxy on port 6004 (address book): 503 to every connection",
    rpc_no_echo="the RPC proxy answers HTTP 500 to an RTS echo",
)

PORTS = {6001: "information store", 6002: "directory referral", 6004: "address book"}
_SCHEMES = {"Basic": "Basic", "Ntlm": "NTLM", "Negotiate": "Negotiate"}
_ENDLESS = 1073741824  # Content-Length of a channel, MS-RPCH 2.1.2.1.1
_RTS = 20  # PDU type (MS-RPCH)
_ECHO_FLAG = 0x40
_WAIT = 5.0  # seconds for the other channel of a virtual connection


def _pdu(kind: int, body: bytes, call_id: int = 0) -> bytes:
    return struct.pack("<BBBB4sHHI", 5, 0, kind, 3, b"\x10\0\0\0", 16 + len(body), 0, call_id) + body


def _rts(flags: int, *commands: bytes) -> bytes:
    return _pdu(_RTS, struct.pack("<HH", flags, len(commands)) + b"".join(commands))


_TIMEOUT = struct.pack("<II", 2, 120_000)  # ConnectionTimeout, milliseconds
_A3 = _rts(0, _TIMEOUT)
_C2 = _rts(0, struct.pack("<II", 6, 1), struct.pack("<II", 0, 262_144), _TIMEOUT)


@dataclass
class _Virtual:
    """One virtual connection: the OUT channel's handler, and the lock under which it is written."""

    out: WebHandler | None = None
    opened: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, pdu: bytes) -> None:
        assert self.out is not None
        with self.lock:
            self.out.wfile.write(pdu)
            self.out.wfile.flush()


class RpcProxy:
    """Serve with `web.route("/rpc/", proxy.serve)`."""

    def __init__(self, state: ExchangeState, faults: Faults) -> None:
        self._state = state
        self._faults = faults
        self._virtual: dict[bytes, _Virtual] = {}
        self._lock = threading.Lock()

    def serve(self, handler: WebHandler) -> None:
        handler.wfile.flush()  # `100 Continue`, which some clients wait for before they go on
        settings = self._state.working_outlook_anywhere() or (FRESH_2013 if self._state.major >= 15 else None)
        parts = urlsplit(handler.path)
        if not self._state.settings.get("rpc_proxy_feature", True):
            settings = None
        if settings is None or parts.path.lower() != "/rpc/rpcproxy.dll":
            handler.reply(404)
            return
        schemes = [_SCHEMES[name] for name in settings["IISAuthenticationMethods"]]
        if authenticated(handler, self._state.accounts, schemes, self._state.server) is None:
            return
        port = self._port(parts.query)
        if port is None:  # not in the registry value ValidPorts
            handler.reply(401, b"", *(("WWW-Authenticate", scheme) for scheme in schemes))
            return
        length = int(handler.headers.get("Content-Length") or 0)
        if handler.command not in ("RPC_IN_DATA", "RPC_OUT_DATA"):
            handler.reply(200)
        elif length <= 16:  # MS-RPCH 2.1.2.1.5: so short a body asks for an echo
            self._echo(handler)
        elif handler.command == "RPC_OUT_DATA":
            self._out_channel(handler, port)
        else:
            self._in_channel(handler, port)

    def _port(self, target: str) -> int | None:
        """By default ValidPorts names the server by its own name only, with three ports.

        From 2013 on the proxy takes `<mailbox guid>@domain`, too, which is what Autodiscover gives.
        """
        server, _, port = unquote(target).rpartition(":")
        known = server.lower().partition(".")[0] == self._state.server.lower()
        if self._state.major >= 15 and "@" in server:
            with self._state.store.lock:
                known = server.lower() in {mailbox_identity(address) for address in self._state.store.mailboxes}
        return int(port) if known and port.isdigit() and int(port) in PORTS else None

    def _echo(self, handler: WebHandler) -> None:
        if self._faults.take("rpc.no_echo"):
            handler.reply(500)
            return
        handler.reply(200, _rts(_ECHO_FLAG), kind="application/rpc")

    def _out_channel(self, handler: WebHandler, port: int) -> None:
        handler.close_connection = True
        cookie = _cookie(_read_pdu(handler))
        virtual = self._found(cookie)
        if port == 6004 and self._faults.take("rpc.dead_6004"):
            virtual.opened.set()  # and it has no OUT channel: the IN channel is turned away, too
            self._unavailable(handler)
            return
        handler.send_response(200)
        handler.send_header("Content-Type", "application/rpc")
        handler.send_header("Content-Length", str(_ENDLESS))
        handler.end_headers()
        virtual.out = handler
        virtual.send(_A3)
        virtual.opened.set()
        _until_closed(handler)  # by the client, the IN channel or the end of the lab
        with self._lock:
            self._virtual.pop(cookie, None)

    def _in_channel(self, handler: WebHandler, port: int) -> None:
        handler.close_connection = True
        cookie = _cookie(_read_pdu(handler))
        virtual = self._found(cookie)
        if not virtual.opened.wait(_WAIT) or virtual.out is None:
            with self._lock:
                self._virtual.pop(cookie, None)
            self._unavailable(handler)
            return
        try:
            virtual.send(_C2)
            server = RpcServer(self._state, port)
            while pdu := _read_pdu(handler):
                for answer in server.answers(pdu) if pdu[2] != _RTS else ():
                    virtual.send(answer)
        finally:
            with self._lock:
                self._virtual.pop(cookie, None)
            _hang_up(virtual.out)

    def _found(self, cookie: bytes) -> _Virtual:
        with self._lock:
            return self._virtual.setdefault(cookie, _Virtual())

    def _unavailable(self, handler: WebHandler) -> None:
        handler.send_response(503, "RPC Error: 6ba")  # RPC_S_SERVER_UNAVAILABLE
        handler.send_header("Content-Length", "0")
        handler.end_headers()


def _read_pdu(handler: WebHandler) -> bytes:
    """The next PDU of a channel; empty: the client has gone."""
    head: bytes = handler.rfile.read(16)
    if len(head) < 16:
        return b""
    (length,) = struct.unpack_from("<H", head, 8)
    return head + handler.rfile.read(length - 16)


def mailbox_identity(address: str) -> str:
    """How Exchange 2013 and later name a mailbox to Outlook, lower case."""
    return f"{uuid.uuid5(uuid.NAMESPACE_DNS, address.lower())}@{address.rpartition('@')[2].lower()}"


def _cookie(pdu: bytes) -> bytes:
    """The virtual connection's cookie: second command of CONN/A1 and CONN/B1, after Version."""
    return pdu[20 + 8 + 4 :][:16]


def _until_closed(handler: WebHandler) -> None:
    """Wait below TLS: the IN channel writes here meanwhile, and a TLS object is not for two threads at once."""
    end = select.poll()
    end.register(handler.connection, select.POLLIN)
    end.poll(handler.timeout * 1000)


def _hang_up(handler: WebHandler) -> None:
    with suppress(OSError):  # the client was quicker
        socket.socket.shutdown(handler.connection, socket.SHUT_RDWR)  # below TLS, as above
