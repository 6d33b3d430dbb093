"""Serve the board as a page and as JSON, read-only, to those who have the token.

A browser sends the token by HTTP Basic (any user name, the token as password), a programme by `Authorization: Bearer`.
The server speaks plain HTTP on loopback: put a TLS proxy before it where it is reached from other machines.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import threading
import time
from collections.abc import Callable
from datetime import datetime

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from deployments.board.page import STYLE_HASH, page
from mailmove.evidence import now
from tasks.reporting.status import CutoverStatus

SHORTEST_TOKEN = 20
"""Characters of the shortest token that is accepted."""
REFRESH_SECONDS = 20
"""Seconds after which the page loads itself again."""
FRESH_SECONDS = 5.0
"""Maximum age in seconds of a reading of Prefect that is still shown to everybody."""

_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class BoardCache:
    """The last reading of all customers, renewed when it is older than FRESH_SECONDS.

    Requests that come at the same time wait for one reading.
    """

    def __init__(self, read: Callable[[], list[CutoverStatus]], clock: Callable[[], float]) -> None:
        self._read, self._clock, self._lock = read, clock, threading.Lock()
        self._cutovers: list[CutoverStatus] = []
        self._at, self._taken = now(), float("-inf")

    def get(self) -> tuple[list[CutoverStatus], datetime, str]:
        """(cutovers, when they were read, why they are not newer). '' as the reason: they are current."""
        with self._lock:
            if self._clock() - self._taken > FRESH_SECONDS:
                try:
                    self._cutovers, self._at = self._read(), now()
                except Exception as error:  # noqa: BLE001  # the board stays up when Prefect is not
                    return self._cutovers, self._at, f"Prefect does not answer ({type(error).__name__}): this is old."
                self._taken = self._clock()
            return self._cutovers, self._at, ""


def board_app(
    token: str, read: Callable[[], list[CutoverStatus]], ui: str = "", *, clock: Callable[[], float] = time.monotonic
) -> Starlette:
    """Build the application.

    read: gives all cutovers, ranked. ui: base address of the Prefect UI, for links. clock: seconds that only grow.
    ValueError: the token is too short.
    """
    if len(token) < SHORTEST_TOKEN:
        raise ValueError(f"the board's token needs {SHORTEST_TOKEN} characters or more")
    cache = BoardCache(read, clock)

    async def show(request: Request) -> Response:
        if not _may_see(request, token):
            return _refused()
        cutovers, at, stale = await run_in_threadpool(cache.get)
        refresh = 0 if request.query_params.get("refresh") == "0" else REFRESH_SECONDS
        text = page(cutovers, at, refresh=refresh, ui=ui, stale=stale)
        return HTMLResponse(text, status_code=503 if stale else 200, headers=_HEADERS)

    async def show_json(request: Request) -> Response:
        if not _may_see(request, token):
            return _refused()
        cutovers, at, stale = await run_in_threadpool(cache.get)
        rows = [cutover.model_dump(mode="json") for cutover in cutovers]
        content = {"at": at.isoformat(), "stale": stale, "cutovers": rows}
        return JSONResponse(content, status_code=503 if stale else 200, headers=_HEADERS)

    return Starlette(routes=[Route("/", show), Route("/board.json", show_json)])


def serve(app: Starlette, host: str, port: int) -> None:
    """Serve until the process is stopped. There is no access log, so no token can get into one."""
    import uvicorn

    uvicorn.run(app, host=host, port=port, access_log=False, log_level="warning", server_header=False)


def _refused() -> Response:
    challenge = {**_HEADERS, "WWW-Authenticate": 'Basic realm="Mailmove board", charset="UTF-8"'}
    return PlainTextResponse("The board needs its token, as the password.\n", status_code=401, headers=challenge)


def _may_see(request: Request, token: str) -> bool:
    """Whether the request carries the token; compared in constant time."""
    given = _given(request.headers.get("authorization", ""))
    return hmac.compare_digest(given.encode(), token.encode())


def _given(header: str) -> str:
    kind, _, rest = header.partition(" ")
    if kind.lower() == "bearer":
        return rest.strip()
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
