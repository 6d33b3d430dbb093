"""Answers of the lab, recorded once at the wire and given again, one of them spoiled.

In front of a tape stands a transport of httpx, or a server on loopback for clients that bring their own sockets.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
from answers import Answer

MOST_REQUESTS = 400
"""Requests in one reading; a reader that asks more often does not end."""
_OURS = {"content-length", "transfer-encoding", "content-encoding", "connection", "keep-alive", "server"}
_OPERATION = re.compile(rb"<(?:\w+:)?Body[^>]*>\s*<(?:\w+:)?(\w+)")
_NOTHING = Answer(
    b'{"error":{"code":"ResourceNotFound","message":"not on the tape"}}', 404, (("Content-Type", "application/json"),)
)
Names = tuple[tuple[str, ...], ...]
"""What a request is called, the most exact name first."""


@dataclass(frozen=True)
class Exchange:
    """names: of the request; (): it answers whatever is asked."""

    names: Names
    answer: Answer


def names_of(method: str, target: str, body: bytes) -> Names:
    path, operation = unquote(urlsplit(target).path), operation_of(body)
    exact = hashlib.sha256(body).hexdigest()
    names = (method, target, exact), (method, path, operation)
    return (*names, (method, operation)) if operation else names  # of another path it would be another's answer


def operation_of(body: bytes) -> str:
    """The cmdlet, the operation of SOAP or the action of a form; empty: the path says it."""
    match = _OPERATION.search(body[:4000])
    if match:
        return match[1].decode()
    if body[:1] == b"{":
        with contextlib.suppress(ValueError, AttributeError, KeyError):
            return str(json.loads(body)["CmdletInput"]["CmdletName"])
    if b"Action=" in body[:2000]:
        return body.partition(b"Action=")[2].partition(b"&")[0].decode("latin-1")
    return ""


@dataclass
class Tape:
    """One reading's answers. `spoiled`: place -> the answer given instead. `endless`: somebody asked without end."""

    exchanges: list[Exchange] = field(default_factory=list)
    recording: bool = True
    answers: Sequence[Answer] = ()
    endless: bool = False
    _used: set[int] = field(default_factory=set)
    _asked: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, *answers: Answer) -> Tape:
        """Answers that no lab gave, one after the other, whatever is asked."""
        return cls([Exchange((), answer) for answer in answers], recording=False)

    def record(self, method: str, target: str, body: bytes, answer: Answer) -> None:
        with self._lock:
            self.exchanges.append(Exchange(names_of(method, target, body), answer))

    def play(self, answers: Sequence[Answer]) -> None:
        self.recording, self.answers, self.endless, self._asked = False, answers, False, 0
        self._used.clear()

    def answer(self, method: str, target: str, body: bytes) -> Answer:
        """The next answer that fits best; one that was given before, where none is left."""
        with self._lock:
            self._asked += 1
            if self._asked > MOST_REQUESTS:
                self.endless = True
                return replace(_NOTHING, status=400)
            wanted = names_of(method, target, body)
            for level, name in enumerate(wanted):
                for fresh in (True, False):  # what is asked again is answered as before
                    for place, exchange in enumerate(self.exchanges):
                        fits = not exchange.names or exchange.names[level : level + 1] == (name,)
                        if fits and fresh == (place not in self._used):
                            self._used.add(place)
                            return self.answers[place]
            return _NOTHING


def headers_of(pairs: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in pairs if name.lower() not in _OURS)


class TapeTransport(httpx.BaseTransport):
    """For clients of httpx. `tape` is changed from reading to reading."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.tape = Tape()
        self._real = httpx.HTTPTransport(verify=tls)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body, target = request.read(), str(request.url)
        if self.tape.recording:
            response = self._real.handle_request(request)
            with contextlib.closing(response):
                content = response.read()
            answer = Answer(content, response.status_code, headers_of(response.headers.multi_items()))
            self.tape.record(request.method, target, body, answer)
        else:
            answer = self.tape.answer(request.method, target, body)
        raw = [
            (name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in answer.headers
        ]
        lost = answer.promised is not None and answer.promised > len(answer.body)
        stream = _Lost(answer.body) if lost else httpx.ByteStream(b"" if request.method == "HEAD" else answer.body)
        return httpx.Response(answer.status, headers=raw, stream=stream)


class _Lost(httpx.SyncByteStream):
    """The connection ends in the middle."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield self._body
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")


class TapeServer:
    """`with TapeServer(address, context, upstream) as server:` for everybody else. context None: plain HTTP.

    While the tape records, requests go to `upstream` (scheme://host:port), and what it calls itself is renamed.
    """

    def __init__(self, address: str, context: ssl.SSLContext | None, upstream: str) -> None:
        self.tape = Tape()
        self._context, self._upstream = context, upstream
        self._listener = socket.create_server((address, 0), backlog=64)
        port = self._listener.getsockname()[1]
        self.base = f"{'https' if context else 'http'}://{address}:{port}"
        self._forward = httpx.Client(verify=False, trust_env=False, timeout=60)  # the lab, on loopback
        self._thread = threading.Thread(target=self._serve, name="tape", daemon=True)

    def __enter__(self) -> TapeServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # wakes the thread that waits for a connection
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=5)
        self._forward.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._converse, args=(connection,), name="tape-connection", daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError, ValueError), contextlib.ExitStack() as stack:
            stack.enter_context(connection)
            if self._context:
                connection = stack.enter_context(self._context.wrap_socket(connection, server_side=True))
            reader = stack.enter_context(connection.makefile("rb"))
            while self._once(connection, reader):
                continue

    def _once(self, connection: socket.socket, reader: Any) -> bool:
        answered, goes_on = self.reply(reader, lambda: connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n"))
        connection.sendall(answered)
        return goes_on

    def reply(self, reader: Any, go_on: Callable[[], None] = lambda: None) -> tuple[bytes, bool]:
        """(an answer's bytes to the request that is read, does the connection stay). go_on: it is waited for that."""
        line = reader.readline().decode("latin-1").split()
        if len(line) != 3:
            return b"", False
        method, target, _ = line
        headers: list[tuple[str, str]] = []
        while text := reader.readline().decode("latin-1").strip():
            name, _, value = text.partition(":")
            headers.append((name.strip(), value.strip()))
        given = {name.lower(): value for name, value in headers}
        if given.get("expect", "").lower() == "100-continue":
            go_on()
        body = self._body(reader, given)
        answer = self._answer(method, target, headers, body)
        content = b"" if method == "HEAD" or answer.status in (204, 304) else answer.body
        length = len(content) if answer.promised is None else answer.promised
        head = [f"HTTP/1.1 {answer.status} Answer", *(f"{name}: {value}" for name, value in answer.headers)]
        if answer.status != 204:
            head.append(f"Content-Length: {length}")
        return "\r\n".join([*head, "", ""]).encode("latin-1", "replace") + content, length == len(content)

    @staticmethod
    def _body(reader: Any, given: dict[str, str]) -> bytes:
        if given.get("transfer-encoding", "").lower() == "chunked":
            parts = []
            while size := int(reader.readline(), 16):
                parts.append(reader.read(size))
                reader.readline()
            reader.readline()
            return b"".join(parts)
        return bytes(reader.read(int(given.get("content-length", "0"))))

    def _answer(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
        if not self.tape.recording:
            return self.tape.answer(method, target, body)
        sent = [(name, value) for name, value in headers if name.lower() not in (*_OURS, "host", "accept-encoding")]
        response = self._forward.request(method, f"{self._upstream}{target}", headers=sent, content=body)
        pairs = [(name, value.replace(self._upstream, self.base)) for name, value in response.headers.multi_items()]
        content = response.content.replace(self._upstream.encode(), self.base.encode())
        answer = Answer(content, response.status_code, headers_of(pairs))
        self.tape.record(method, target, body, answer)
        return answer
