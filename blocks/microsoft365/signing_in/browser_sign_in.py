"""A person signs in in a browser on this machine: authorization code with PKCE, back to a port of ours on loopback.

The second way, where Conditional Access blocks codes typed elsewhere. Sources: RFC 8252 (sections 7.3 and 8.3), RFC
7636; learn.microsoft.com identity-platform reply-url (localhost: the port is ignored); msal-python.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

from blocks.microsoft365.clouds import MicrosoftCloud
from blocks.microsoft365.signing_in.device_code import WANTED, Signed, keep, sign_in_error
from blocks.microsoft365.signing_in.entra import WHO, Entra
from blocks.tls_roots import tls_context
from mailmove.errors import Blocked, NotYet

PATIENCE = 900.0
"""Seconds for somebody to come back."""
_MOST = 65_536
"""Bytes of an answer that are read; Entra ID's have some thousand."""
_PAGE = (
    "<!doctype html><meta charset=utf-8><title>Mailmove</title><p>Mailmove has what it needs, or says at the terminal "
    "why not. You can close this page."
)


def browser_sign_in_for(
    block: Signed, where: MicrosoftCloud, show: Callable[[str], None], *, port: int = 0, patience: float = PATIENCE
) -> str:
    """`show` is given the link; then the person is waited for. The block keeps what they leave. Who signed in.

    port: on loopback; 0: any that is free. Blocked: the port is taken. NotYet: nobody came. Refused: they said no, or
    Entra ID did. Transient.
    """
    entra = Entra(block.login_url or where.login, block.tenant_id, block.client_id, tls_context(block.extra_ca))
    entra.ask_patiently(WANTED, lambda: {"app": entra.application(None)}, "app")
    app = entra.application(None)
    with _listening(port) as server:
        address = f"http://localhost:{server.server_address[1]}"
        flow = entra.ask(
            WANTED,
            lambda: app.initiate_auth_code_flow(
                [where.graph_scope], redirect_uri=address, prompt="select_account", response_mode="form_post"
            ),
            "auth_uri",
        )
        show(
            f"Open this page in a browser on this machine: {flow['auth_uri']}\n"
            f"From another machine: forward its port to here first (ssh -L {server.server_address[1]}:127.0.0.1:"
            f"{server.server_address[1]}).\nThe application must have http://localhost among its redirect addresses "
            "(Authentication, Mobile and desktop applications)."
        )
        back = server.wait_for(str(flow["state"]), patience)
    if "code" not in back:
        raise sign_in_error(back)
    answer = entra.ask(WANTED, lambda: app.acquire_token_by_auth_code_flow(flow, back), "access_token")
    return keep(block, answer)


def _listening(port: int) -> _Back:
    try:
        return _Back(port)
    except OSError as error:
        todo = "Choose another one: `mailmove sign-in --browser --port`."
        raise Blocked("This machine", wanted=f"port {port} on loopback", seen=str(error.strerror), todo=todo) from None


class _Back(HTTPServer):
    """Where the browser comes back to. Only who brings our `state` is heard; anybody here may knock."""

    timeout = 0.5

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.state, self.back = "", dict[str, str]()

    def wait_for(self, state: str, patience: float) -> dict[str, str]:
        self.state, until = state, time.monotonic() + patience
        while not self.back:
            if time.monotonic() > until:
                raise NotYet(WHO, wanted=WANTED, seen="nobody came back in time", todo="Ask for a new link.")
            self.handle_request()
        return self.back

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that hangs up is no fault of ours, and says nothing."""


class _Handler(BaseHTTPRequestHandler):
    server: _Back
    timeout = 5  # seconds for one request

    def do_GET(self) -> None:
        self._take(urlsplit(self.path).query)

    def do_POST(self) -> None:
        """As we ask for it: the code stands in no address, so in no browser's history (RFC 9700 section 4.3.1)."""
        length = self.headers.get("Content-Length", "")
        size = int(length) if length.isdecimal() and len(length) < 8 else 0
        self._take(self.rfile.read(min(size, _MOST)).decode("utf-8", "replace"))

    def _take(self, form: str) -> None:
        answer = dict(parse_qsl(form))
        ours = bool(self.server.state) and answer.get("state") == self.server.state
        if ours and ("code" in answer or "error" in answer):
            self.server.back = answer
        self.send_response(200 if ours else 404)
        page = _PAGE.encode() if ours else b""
        for name, value in (("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(page))),
                            ("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer")):  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the line holds the code."""
