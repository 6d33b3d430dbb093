"""A gate before an EC2 endpoint: it passes requests on, but refuses some actions, and lets others happen first."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import httpx

_REFUSAL = (
    "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized to perform this "
    "operation.</Message></Error></Errors><RequestID>gate</RequestID></Response>"
)


@dataclass
class Gate:
    """url: where the block asks. refused: actions that are answered as if the right were missing. before: action ->
    what happens once, before the first such request is passed on. actions: all that were asked, in order."""

    url: str
    refused: set[str] = field(default_factory=set)
    before: dict[str, Callable[[], object]] = field(default_factory=dict)
    actions: list[str] = field(default_factory=list)


@contextmanager
def gate(endpoint_url: str) -> Iterator[Gate]:
    """A gate on loopback before the endpoint."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            [action] = parse_qs(body.decode())["Action"]
            opened.actions.append(action)
            if action in opened.refused:
                self._answer(403, _REFUSAL.encode())
                return
            if happens := opened.before.pop(action, None):
                happens()
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            answer = httpx.post(endpoint_url, content=body, headers=headers)
            self._answer(answer.status_code, answer.content)

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        opened = Gate(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield opened
        finally:
            server.shutdown()
            thread.join()
