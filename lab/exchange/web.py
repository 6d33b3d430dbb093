"""The web server of the old Exchange (what IIS is there): routes by path prefix, any verb, one handler per connection.

NTLM signs in a connection, not a request, so what a handler remembers in `account` and `ntlm` lasts as long as the
connection does.
"""

from __future__ import annotations

import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from lab.exchange.ntlm import Acceptor

LARGEST_BODY = 200 * 1024 * 1024
_GONE = (ConnectionError, ssl.SSLError, TimeoutError)  # what a client that went away looks like


class WebHandler(BaseHTTPRequestHandler):
    """One connection. Routes read `body()` and answer with `reply()`, or use `rfile` and `wfile` themselves."""

    protocol_version = "HTTP/1.1"
    server_version = "Microsoft-IIS/7.0"
    sys_version = ""
    timeout = 120  # seconds an idle connection is kept

    wbufsize = 65536  # so that header and body leave together; `reply` flushes
    server: _Server
    account: str | None = None  # who signed in on this connection by NTLM
    ntlm: Acceptor | None = None
    _body: bytes | None = None
    away_seconds = 0.0
    """How long each question and its answer travel, together."""

    def setup(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.server.tls is not None:
            self.request.settimeout(10)
            # Known to the server before the handshake, so that closing the server ends that too.
            self.request = self.server.tls.wrap_socket(self.request, server_side=True, do_handshake_on_connect=False)
            self.server.swap(self.request)
            self.request.do_handshake()
        super().setup()

    def body(self) -> bytes:
        """The body of this request, read once; by Content-Length or chunked."""
        if self._body is None:
            if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
                self._body = self._chunked()
            else:
                length = int(self.headers.get("Content-Length") or 0)
                if length > LARGEST_BODY:
                    self.close_connection = True
                    length = 0
                self._body = self.rfile.read(length)
        return self._body

    def _chunked(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers
            continue
        return b"".join(parts)

    def reply(self, status: int, body: bytes = b"", *headers: tuple[str, str], kind: str = "text/html") -> None:
        """Answer a request, whole; reads what is left of its body first so that the connection can go on."""
        self.body()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if body:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def _serve(self) -> None:
        self._body = None
        if self.away_seconds:
            time.sleep(self.away_seconds)
        path = self.path.lower()
        for prefix, serve in self.server.routes:
            if path.startswith(prefix):
                serve(self)
                self.wfile.flush()
                return
        self.reply(404)

    do_GET = do_POST = do_HEAD = do_OPTIONS = do_PUT = do_DELETE = _serve
    do_RPC_IN_DATA = do_RPC_OUT_DATA = _serve

    def handle(self) -> None:
        try:
            super().handle()
        except _GONE:
            self.close_connection = True

    def finish(self) -> None:
        try:
            super().finish()
        except (*_GONE, ValueError):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log: the terminal shows the rehearsal."""


Serve = Callable[[WebHandler], None]


class _Server(ThreadingHTTPServer):
    """Threads per connection; knows its connections so that closing leaves none behind."""

    request_queue_size = 128
    daemon_threads = True

    def __init__(self, address: tuple[str, int], tls: ssl.SSLContext | None) -> None:
        self.tls = tls
        self.routes: list[tuple[str, Serve]] = []
        self.handlers: dict[threading.Thread, socket.socket] = {}
        self.closing = False
        self.guard = threading.Lock()
        super().__init__(address, WebHandler)

    def server_bind(self) -> None:
        # HTTPServer asks the resolver for its own name here; a lab asks nobody.
        socket.socket.setsockopt(self.socket, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        with self.guard:  # before it runs: one that is just starting must not be forgotten at the end
            self.handlers[thread] = request
        thread.start()

    def swap(self, wrapped: socket.socket) -> None:
        """The connection of this thread is `wrapped` from now on."""
        with self.guard:
            if self.closing:
                raise ConnectionAbortedError("the server is closing")
            self.handlers[threading.current_thread()] = wrapped

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self.guard:
                connection = self.handlers.pop(threading.current_thread())
            with suppress(OSError):
                connection.close()

    def close_connections(self) -> None:
        """End every connection, and wait until its thread has ended."""
        with self.guard:
            self.closing = True
            handlers = dict(self.handlers)
        for connection in handlers.values():
            with suppress(OSError):  # the client was quicker
                # Below TLS: SSLSocket.shutdown would pull the TLS object from under the thread that reads from it.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        for thread in handlers:
            thread.join(5)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore handshakes and requests that the client broke off; show every other error."""
        if not isinstance(sys.exc_info()[1], (*_GONE, OSError)):
            super().handle_error(request, client_address)


class ExchangeWeb:
    """`with ExchangeWeb(address, port, tls) as web: web.route("/ews/", serve)`."""

    def __init__(self, address: str, port: int, ssl_context: ssl.SSLContext | None) -> None:
        self._where = (address, port)
        self._tls = ssl_context
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._routes: list[tuple[str, Serve]] = []

    def route(self, prefix: str, serve: Serve) -> None:
        """Send every request whose path starts with `prefix` (in any case) to `serve`; the longest prefix wins."""
        self._routes.append((prefix.lower(), serve))
        self._routes.sort(key=lambda route: -len(route[0]))

    def show(self, ssl_context: ssl.SSLContext) -> None:
        """Show another certificate to whoever connects, and names a host, from now on.

        Who names none goes on meeting the first one: the lab's addresses are numbers, for which no public authority
        issues. IIS of that time has one certificate for all.
        """
        if self._tls is None:
            self._tls = ssl_context
            return

        def chosen(link: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
            if name is not None:
                link.context = ssl_context

        self._tls.sni_callback = chosen

    def __enter__(self) -> Self:
        self._server = _Server(self._where, self._tls)
        self._server.routes = self._routes
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.25,), name="exchange-web")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None and self._thread is not None
        self._server.shutdown()
        self._thread.join()
        self._server.close_connections()
        self._server.server_close()
