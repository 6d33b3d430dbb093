"""What stands before Prefect's server: nothing of the API without the string, no foreign page, no foreign name.

    request for               without the string   with it, and
    /api/health, /api/ready   200                  200           (GET only; they say nothing but that it runs)
    any other of /api         401                  403 from a page of another origin; 421 under a name that is not ours
    the UI's files            200                  200           (GET only; 421 under a name that is not ours)
    anything else             401                  what Prefect answers

Prefect checks the string, too, and alone for websockets: there it comes in the first message. What it does not do:

- a page of another origin may ask (its CORS allows `*` by default, and websockets know no CORS);
- a name that is not ours may lead to us (DNS rebinding makes any page one of our own origin).

The answer never asks a browser for a password (`WWW-Authenticate`): it would then send it with requests of any page.
The UI has a sign-in of its own, and sends what it was given by script.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Names under which a server on loopback is asked."""
SHORTEST_STRING = 24
"""Characters of the shortest string that is accepted."""
CHALLENGE, PROOF = "mailmove-challenge", "mailmove-proof"
"""Headers of a request of /api/health, and of its answer: that the server knows the string, without sending it."""

_PROBES = ("/health", "/ready")
_READS = ("GET", "HEAD")
_DESCRIPTIONS = ("/docs", "/redoc", "/openapi.json")
_HEADERS = {
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def proof(string: str, challenge: str, port: int) -> str:
    """What a server on `port` that knows `string` answers to `challenge`, as hexadecimal HMAC-SHA-256.

    The port is in it, so that nobody on another port can pass the answer of the real server off as his own.
    """
    return hmac.new(string.encode(), f"mailmove {port} {challenge}".encode(), hashlib.sha256).hexdigest()


class Guard:
    """ASGI middleware around Prefect's whole application.

    string: `user:password`. names: host names under which it may be asked, besides loopback's. base: path of the API.
    ValueError: the string is too short.
    """

    def __init__(self, app: ASGIApp, string: str, names: Iterable[str] = (), base: str = "/api") -> None:
        if len(string) < SHORTEST_STRING:
            raise ValueError(f"the API's string needs {SHORTEST_STRING} characters or more")
        self._app, self._string, self._base = app, string, base.rstrip("/")
        self._basic = base64.b64encode(string.encode())
        self._names = frozenset(name.lower() for name in (*LOOPBACK, *names))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        status = self._refusal(scope, headers)
        if status and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    answer[name] = value
                if challenge := headers.get(CHALLENGE):
                    answer[PROOF] = proof(self._string, challenge, (scope.get("server") or ("", 0))[1] or 0)
            await send(message)

        app = PlainTextResponse(_WORDS[status], status_code=status) if status else self._app
        await app(scope, receive, send_guarded)

    def _refusal(self, scope: Scope, headers: Headers) -> int:
        """HTTP status of the refusal; 0: let it in."""
        path, http = scope["path"], scope["type"] == "http"
        reads = http and scope["method"] in _READS
        below = path.removeprefix(self._base) if path.startswith(f"{self._base}/") else None
        if reads and below in _PROBES:
            return 0
        files = reads and below is None and path != self._base and path not in _DESCRIPTIONS
        if http and not files and not self._knows_the_string(headers):
            return 401
        asked = headers.getlist("host")
        if len(asked) != 1 or _name(asked[0]) not in self._names:
            return 421
        return 0 if all(_netloc(origin) == asked[0].lower() for origin in headers.getlist("origin")) else 403

    def _knows_the_string(self, headers: Headers) -> bool:
        """Whether the request carries the string; compared in constant time."""
        kind, _, given = headers.get("authorization", "").partition(" ")
        return kind.lower() == "basic" and hmac.compare_digest(given.strip().encode(), self._basic)


_WORDS = {
    401: "This API needs its string: HTTP Basic, or PREFECT_API_AUTH_STRING.\n",
    403: "A page of another origin may not ask here.\n",
    421: "This server is not asked under that name. MAILMOVE_ALLOWED_HOSTS lists names besides loopback's.\n",
}


def _name(host: str) -> str:
    """Host name of a Host header, without its port; '': it has none that can be read."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _netloc(origin: str) -> str:
    """`host[:port]` of an Origin header; '': it has none, as the opaque origin `null`."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
