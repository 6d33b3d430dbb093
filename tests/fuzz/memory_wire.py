"""The wire between a client of `requests` and a tape, in memory: bytes as on a socket, without socket and TLS.

What is read is parsed by the same `http.client` as ever, so a torn header or a short body fails where it would.
"""

from __future__ import annotations

import io
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from tape import TapeServer
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection


class _Raw(io.RawIOBase):
    """Where a client looks for the socket (requests-ntlm, for the server's certificate)."""

    def __init__(self, wire: _Wire, content: bytes) -> None:
        self._sock, self._content = wire, io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._content.readinto(buffer)


class _Wire:
    """As much of a socket as `http.client` uses."""

    def __init__(self, server: TapeServer) -> None:
        self._server = server
        self._sent = bytearray()

    def sendall(self, data: bytes) -> None:
        self._sent += data

    def settimeout(self, seconds: float | None) -> None:
        """Nothing here takes time."""

    def makefile(self, mode: str) -> io.BufferedReader:
        """The answer to what was sent since the last one."""
        request, self._sent = io.BytesIO(bytes(self._sent)), bytearray()
        return io.BufferedReader(_Raw(self, self._server.reply(request)[0]))

    def close(self) -> None:
        """There is nothing to close."""


class _Connection(HTTPConnection):
    server: TapeServer

    def connect(self) -> None:
        wire: Any = _Wire(self.server)
        self.sock = wire

    @property
    def is_connected(self) -> bool:
        return self.sock is not None


class TapeAdapter(HTTPAdapter):
    """`session.mount("https://", TapeAdapter(server))`."""

    def __init__(self, server: TapeServer) -> None:
        super().__init__()
        self._server = server
        self._pool: HTTPConnectionPool | None = None

    def get_connection_with_tls_context(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> Any:
        if self._pool is None:
            host = self._server.base.partition("://")[2]
            self._pool = HTTPConnectionPool(*host.split(":"), maxsize=1)
            self._pool.ConnectionCls = type("Connection", (_Connection,), {"server": self._server})
        return self._pool

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """There is no TLS."""
