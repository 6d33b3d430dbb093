"""A small old Exchange for the remoting tests: web server, remote shell and RPC proxy, nothing else."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from lab.authority import Authority
from lab.exchange.powershell.remote_shell import RemoteShell
from lab.exchange.rpc_proxy import RpcProxy
from lab.exchange.state import ExchangeState
from lab.exchange.web import ExchangeWeb
from lab.faults import Faults
from lab.mail_store import Mailbox, MailStore
from lab.places import Places
from mailmove.items.item import Arrival

HOST = "mail.contoso.com"
ADMIN, USER, PASSWORD = "admin@contoso.com", "anna@contoso.com", "Passw0rd!"
BASIC_OA = {
    "ExternalHostname": HOST,
    "ClientAuthenticationMethod": "Basic",
    "IISAuthenticationMethods": ["Basic", "Ntlm"],
    "SSLOffloading": False,
}


@dataclass
class Town:
    state: ExchangeState
    faults: Faults
    places: Places
    authority: Authority
    context: ssl.SSLContext
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return self.places.old_server

    @property
    def port(self) -> int:
        return self.places.https_port

    def url(self, path: str) -> str:
        return f"https://{self.address}:{self.port}{path}"


def make_state(version: str) -> ExchangeState:
    boxes = [
        Mailbox(ADMIN, "Administrator", hidden=True),
        Mailbox(USER, "Anna Berg", aliases=("a.berg@contoso.com",), legacy_exchange_dn="/o=Contoso/cn=anna"),
        Mailbox("info@contoso.com", "Information", kind="shared"),
        Mailbox("jobs@contoso.com", "Jobs", kind="public_folder"),
    ]
    state = ExchangeState(MailStore(boxes), {ADMIN: PASSWORD, USER: PASSWORD}, ADMIN, ("contoso.com",), version=version)
    state.store.put(USER, b"Message-ID: <1@x>\r\nSubject: one\r\n\r\nhello")
    for n in (1, 2):
        at = datetime(2026, 11, 23, n, tzinfo=UTC)
        arrival = Arrival(
            at=at, message_id=f"<{n}@x>", sender="z@fabrikam.example", recipients=(USER,), client_ip="192.0.2.7"
        )
        state.arrivals.append(arrival)
    return state


@contextlib.contextmanager
def town(version: str = "14.3.123.4", context: Callable[[Authority], ssl.SSLContext] | None = None) -> Iterator[Town]:
    places, authority, faults = Places(), Authority(), Faults()
    tls = context(authority) if context else authority.server_context(HOST, places.old_server)
    state = make_state(version)
    if state.major < 15:
        state.set_outlook_anywhere(BASIC_OA)
    with ExchangeWeb(places.old_server, places.https_port, tls) as web:
        shell = RemoteShell(state, faults)
        web.route("/powershell", shell.serve)
        web.route("/wsman", shell.serve)
        web.route("/rpc/", RpcProxy(state, faults).serve)
        yield Town(state, faults, places, authority, tls)


@contextlib.contextmanager
def tcp_server(serve: Callable[[socket.socket], None]) -> Iterator[tuple[str, int]]:
    """A server that does with each connection what `serve` says; (address, port)."""
    places = Places()
    with socket.create_server((places.old_server, places.https_port)) as listener:
        listener.settimeout(0.1)
        ended = threading.Event()
        held: list[socket.socket] = []

        def accept() -> None:
            while not ended.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                held.append(connection)
                serve(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield places.old_server, places.https_port
        finally:
            ended.set()
            thread.join()
            for connection in held:
                connection.close()


def secret() -> SecretStr:
    return SecretStr(PASSWORD)
