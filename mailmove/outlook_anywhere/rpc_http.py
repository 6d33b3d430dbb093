"""Client of the RPC proxy at /rpc/rpcproxy.dll: authentication, and virtual connections to the RPC servers.

HTTP side: Basic (RFC 7617) and NTLM (MS-NTHT, by pyspnego). RPC side: MS-RPCH version 2. Nothing is retried.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import struct
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from ssl import SSLSocket
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import spnego
from pydantic import SecretStr
from spnego.exceptions import SpnegoError

from mailmove.outlook_anywhere import rpc_pdu
from mailmove.outlook_anywhere.steps import Trouble
from mailmove.outlook_anywhere.tls import Dial

PATH = "/rpc/rpcproxy.dll"
Scheme = Literal["Basic", "NTLM"]
R = TypeVar("R")


@dataclass(frozen=True)
class RpcReply:
    """An HTTP response of the proxy."""

    status: int
    reason: str
    schemes: tuple[str, ...] = ()  # from WWW-Authenticate, as spelt there: "Basic", "NTLM", "Negotiate"
    body: bytes = b""
    location: str = ""

    @property
    def status_line(self) -> str:
        return f"HTTP {self.status} {self.reason}".strip()


class ChannelRefused(Exception):  # an answer of the proxy, not a fault of ours
    """The proxy answered with an HTTP status in place of a channel."""

    def __init__(self, answer: RpcReply, channel: str) -> None:
        self.answer, self.channel = answer, channel
        super().__init__(answer, channel)


@dataclass(frozen=True)
class Account:
    username: str
    password: SecretStr

    def basic(self) -> str:
        """The value of an Authorization header; a secret."""
        token = f"{self.username}:{self.password.get_secret_value()}".encode()
        return f"Basic {base64.b64encode(token).decode()}"

    def ntlm(self, host: str) -> Any:
        """A new pyspnego context for one sign-in."""
        return spnego.client(
            self.username,
            self.password.get_secret_value(),
            hostname=host,
            service="HTTP",
            protocol="ntlm",
            options=spnego.NegotiateOptions.use_ntlm,
        )


def methods(dial: Dial, target: str) -> RpcReply:
    """The proxy's answer without credentials, which lists the authentication schemes. The certificate is not checked,
    because nothing secret is sent."""
    with dial.unverified() as connection:
        _send(connection, "RPC_IN_DATA", dial.host, target, 0, None, b"")
        return _read(dial, connection, "RPC_IN_DATA")


def echo(dial: Dial, target: str, account: Account, scheme: Scheme, *, old: bool) -> RpcReply:
    """The proxy's answer to an RTS echo; the certificate is checked before the password is sent."""
    with dial.trusted(old=old) as connection:
        try:
            _signed_in(dial, connection, "RPC_IN_DATA", target, 4, account, scheme, b"\0" * 4)
        except ChannelRefused as turned:  # in the middle of NTLM
            return turned.answer
        return _read(dial, connection, "RPC_IN_DATA")


@dataclass
class Virtual:
    """An open virtual connection. `call` sends a PDU and returns the next that is not the proxy's own (RTS)."""

    into: SSLSocket
    response: HTTPResponse
    security: Any = field(default=None, repr=False)  # pyspnego's context, once the bind has signed in
    _calls: int = 1

    def call(self, pdu: bytes) -> bytes:
        self.into.sendall(pdu)
        return self.receive()

    def receive(self) -> bytes:
        while (answer := _read_pdu(self.response)) and answer[2] == rpc_pdu.RTS:
            continue
        return answer

    def request(self, operation: int, stub: bytes) -> bytes:
        """Call an operation, sealed (MS-RPCE 2.2.2.12); returns the response's stub. Trouble: a fault, or none."""
        self._calls += 1
        pad = -len(stub) % 16
        body = struct.pack("<IHH", len(stub), 0, operation) + stub + b"\0" * pad
        length = 16 + len(body) + rpc_pdu.TRAILER + 16
        head = struct.pack("<BBBB4sHHI", 5, 0, rpc_pdu.REQUEST, 3, b"\x10\0\0\0", length, 16, self._calls)
        sealed, signature = _seal(self.security, head + body[:8], body[8:], rpc_pdu.sec_trailer(pad))
        answer = self.call(head + body[:8] + sealed + rpc_pdu.sec_trailer(pad) + signature)
        if answer[2:3] == bytes([rpc_pdu.FAULT]):
            todo = "Look at the account's rights, and at the event log of the server."
            raise Trouble(f"the RPC server answers with a fault: {rpc_pdu.fault_of(answer)}", todo)
        if answer[2:3] != bytes([rpc_pdu.RESPONSE]):
            raise Trouble(_odd(answer), "Something between here and the RPC server changes what is sent; look there.")
        return _unseal(self.security, answer)


@contextlib.contextmanager
def virtual(dial: Dial, target: str, account: Account, scheme: Scheme, *, old: bool) -> Iterator[Virtual]:
    """Open a virtual connection to `target` ("SERVER:6001"). ChannelRefused. Trouble: it is no RPC proxy."""
    cookie = uuid.uuid4().bytes_le
    with dial.trusted(old=old) as out, dial.trusted(old=old) as into:
        _signed_in(dial, out, "RPC_OUT_DATA", target, 76, account, scheme, rpc_pdu.conn_a1(cookie))
        _signed_in(dial, into, "RPC_IN_DATA", target, rpc_pdu.ENDLESS, account, scheme, rpc_pdu.conn_b1(cookie))
        with _answering(dial, out, "RPC_OUT_DATA") as response:
            if response.status != 200:
                raise ChannelRefused(_answer(response), "OUT")
            first = _read_pdu(response)
            if not rpc_pdu.is_a3(first):
                raise Trouble(f"CONN/A3 was expected, {_odd(first)}", _BETWEEN)
            try:
                second = _read_pdu(response)
            except TimeoutError:
                second = b""
            if not rpc_pdu.is_c2(second):
                _raise_refusal_of(into)
                raise Trouble(f"CONN/C2 was expected, {_odd(second)}", _BETWEEN)
            yield Virtual(into, response)


_BETWEEN = "Restart IIS; look at a reverse proxy or firewall in between, which must not touch RPC over HTTP."


def _raise_refusal_of(into: SSLSocket) -> None:
    """Raise ChannelRefused if the IN channel was refused; else return, and the caller reports the missing CONN/C2."""
    into.settimeout(0.3)
    with contextlib.suppress(OSError, HTTPException), HTTPResponse(into, method="RPC_IN_DATA") as response:
        response.begin()
        if response.status != 200:
            raise ChannelRefused(_answer(response), "IN")


def _odd(answer: bytes) -> str:
    if not answer:
        return "the channel was closed instead"
    kinds = {rpc_pdu.FAULT: f"a fault: {rpc_pdu.fault_of(answer)}", rpc_pdu.BIND_NAK: "a refusal (BIND_NAK)"}
    return f"{kinds.get(answer[2], f'a PDU of type {answer[2]}')} came instead"


def _signed_in(
    dial: Dial,
    connection: SSLSocket,
    verb: str,
    target: str,
    length: int,
    account: Account,
    scheme: Scheme,
    body: bytes,
) -> None:
    """Send a request with credentials; NTLM needs one more exchange on the same connection."""
    if scheme == "Basic":
        _send(connection, verb, dial.host, target, length, account.basic(), body)
        return
    context = account.ntlm(dial.host)
    hello = base64.b64encode(_spnego(context.step) or b"").decode()
    _send(connection, verb, dial.host, target, 0, f"NTLM {hello}", b"")
    with _answering(dial, connection, verb) as response:
        offers = [offer.partition(" ") for offer in response.headers.get_all("WWW-Authenticate") or []]
        challenge = next((text for name, _, text in offers if name.upper() == "NTLM" and text), "")
        if response.status != 401 or not challenge:
            raise ChannelRefused(_answer(response), verb)
        response.read()
        if response.will_close:
            todo = "A proxy in between breaks NTLM, which needs one lasting connection. Use Basic."
            raise Trouble("the connection is closed between the steps of NTLM", todo)
    try:
        token = base64.b64decode(challenge, validate=True)
    except ValueError:
        raise Trouble(
            "the NTLM challenge is not base64", "Something in between rewrites headers; look there."
        ) from None
    proof = base64.b64encode(_spnego(lambda: context.step(token)) or b"").decode()
    _send(connection, verb, dial.host, target, length, f"NTLM {proof}", body)


def _spnego(act: Callable[[], R]) -> R:
    try:
        return act()
    except (SpnegoError, ValueError, struct.error, LookupError, ArithmeticError, TypeError, AttributeError) as error:
        what = f"the NTLM exchange fails: {type(error).__name__}"
        raise Trouble(what, "Use Basic, or look at the server's security policy for NTLM.") from None


def sign_in(connection: Virtual, dial: Dial, account: Account, port: int) -> bytes:
    """Bind with NTLM and packet privacy, as Outlook does; returns the PDU. Afterwards `connection.request` works."""
    context = account.ntlm(dial.host)
    answer = connection.call(rpc_pdu.bind(port, _spnego(context.step) or b""))
    if answer[2:3] == bytes([rpc_pdu.BIND_ACK]) and rpc_pdu.accepts(answer):
        challenge = rpc_pdu.token_of(answer)
        if not challenge:
            raise Trouble("the RPC server lets nobody sign in by NTLM", "Look at the server's security policy.")
        proof = _spnego(lambda: context.step(challenge)) or b""
        connection.into.sendall(rpc_pdu.pdu(rpc_pdu.AUTH3, b"\0" * 4, 1, proof))
        connection.security = context
    return answer


def _seal(context: Any, head: bytes, body: bytes, trailer: bytes) -> tuple[bytes, bytes]:
    kinds = spnego.iov.BufferType
    parts = [(kinds.sign_only, head), (kinds.data, body), (kinds.sign_only, trailer), kinds.header]
    done = _spnego(lambda: context.wrap_iov(parts)).buffers
    return bytes(done[1].data), bytes(done[3].data)


def _unseal(context: Any, answer: bytes) -> bytes:
    signature = rpc_pdu.token_of(answer)
    if len(signature) != 16:
        return answer[24:]
    body, trailer = answer[24 : -16 - rpc_pdu.TRAILER], answer[-16 - rpc_pdu.TRAILER : -16]
    kinds = spnego.iov.BufferType
    parts = [(kinds.sign_only, answer[:24]), (kinds.data, body), (kinds.sign_only, trailer), (kinds.header, signature)]
    return bytes(_spnego(lambda: context.unwrap_iov(parts)).buffers[1].data)


def _send(
    connection: SSLSocket, verb: str, host: str, target: str, length: int, authorization: str | None, body: bytes
) -> None:
    head = [
        f"{verb} {PATH}?{quote(target, safe=':@')} HTTP/1.1",
        f"Host: {host}",
        "Accept: application/rpc",
        "User-Agent: MSRPC",
        f"Content-Length: {length}",
        "Connection: Keep-Alive",
        "Cache-Control: no-cache",
        "Pragma: no-cache",
    ]
    if authorization is not None:
        head.append(f"Authorization: {authorization}")
    connection.sendall("\r\n".join([*head, "", ""]).encode("latin-1", "replace") + body)


def _read(dial: Dial, connection: SSLSocket, verb: str) -> RpcReply:
    with _answering(dial, connection, verb) as response:
        return _answer(response, response.read(rpc_pdu.ECHO_SIZE + 1) if response.status == 200 else b"")


@contextlib.contextmanager
def _answering(dial: Dial, connection: SSLSocket, verb: str) -> Iterator[HTTPResponse]:
    """The response to the request. TimeoutError: it was not complete in time, even if bytes kept coming."""
    late = threading.Event()

    def cut() -> None:
        late.set()
        with contextlib.suppress(OSError):  # it may have been closed just now
            connection.shutdown(socket.SHUT_RDWR)

    response = HTTPResponse(connection, method=verb)
    timer = threading.Timer(dial.deadline.left(), cut)
    timer.start()
    try:
        try:
            response.begin()  # passes over `100 Continue`
            yield response
        except (OSError, HTTPException, Trouble):
            if not late.is_set():
                raise
        if late.is_set():  # what was read ends where the connection was cut: no answer
            raise TimeoutError("the answer came too slowly")
    finally:
        timer.cancel()
        timer.join()
        response.close()


def _answer(response: HTTPResponse, body: bytes = b"") -> RpcReply:
    offers = response.headers.get_all("WWW-Authenticate") or []
    schemes = [part.split()[0] for offer in offers for part in offer.split(",") if part.strip() and "=" not in part]
    schemes += [offer.split()[0] for offer in offers if "=" in offer]
    location = response.headers.get("Location", "")
    return RpcReply(response.status, response.reason, tuple(dict.fromkeys(schemes)), body, location)


def _read_pdu(response: HTTPResponse) -> bytes:
    """The next PDU; empty: the channel was closed. Trouble: it is no PDU, or an incomplete one."""
    head = response.read(16)
    if not head:
        return b""
    if not rpc_pdu.is_pdu(head):
        shown = "half a header" if len(head) < 16 else f"bytes that begin with {head[:8].hex(' ')}"
        raise Trouble(f"what comes through the channel is no RPC: {shown}", _BETWEEN)
    rest = rpc_pdu.length_of(head) - 16
    body = response.read(rest)
    if len(body) < rest:
        raise Trouble(f"a PDU was cut off after {16 + len(body)} of {16 + rest} bytes", _BETWEEN)
    return head + body
