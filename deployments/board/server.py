"""Serve the board: one page and the same as JSON, read-only, to those who know the token.

A browser asks for it by HTTP Basic (any user name, the token as password), a programme sends `Authorization: Bearer`.
It speaks plain HTTP on loopback: put TLS before it where it leaves the machine.
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
REFRESH, FRESH = 20, 5.0
"""Seconds: the page loads itself again; one look at Prefect serves everybody for so long."""

_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Lately:
    """The last look at all customers, taken anew when it is older than FRESH; many who ask at once wait for one."""

    def __init__(self, look: Callable[[], list[CutoverStatus]]) -> None:
        self._look, self._lock = look, threading.Lock()
        self._seen: list[CutoverStatus] = []
        self._at, self._taken = now(), float("-inf")

    def get(self) -> tuple[list[CutoverStatus], datetime, str]:
        """What was seen, when, and why it is not newer ('': it is)."""
        with self._lock:
            if time.monotonic() - self._taken > FRESH:
                try:
                    self._seen, self._at = self._look(), now()
                except Exception as error:  # noqa: BLE001  # the board stays up when Prefect is not
                    return self._seen, self._at, f"Prefect does not answer ({type(error).__name__}): this is old."
                self._taken = time.monotonic()
            return self._seen, self._at, ""


def board_app(token: str, look: Callable[[], list[CutoverStatus]], ui: str = "") -> Starlette:
    """The application. ValueError: the token is too short to be one. ui: base address of the Prefect UI, for links."""
    if len(token) < SHORTEST_TOKEN:
        raise ValueError(f"the board's token needs {SHORTEST_TOKEN} characters or more")
    lately = Lately(look)

    async def show(request: Request) -> Response:
        if not _may_see(request, token):
            return _refused()
        nights, at, amiss = await run_in_threadpool(lately.get)
        refresh = 0 if request.query_params.get("refresh") == "0" else REFRESH
        text = page(nights, at, refresh=refresh, ui=ui, amiss=amiss)
        return HTMLResponse(text, status_code=503 if amiss else 200, headers=_HEADERS)

    async def tell(request: Request) -> Response:
        if not _may_see(request, token):
            return _refused()
        nights, at, amiss = await run_in_threadpool(lately.get)
        told = {"at": at.isoformat(), "amiss": amiss, "nights": [night.model_dump(mode="json") for night in nights]}
        return JSONResponse(told, status_code=503 if amiss else 200, headers=_HEADERS)

    return Starlette(routes=[Route("/", show), Route("/board.json", tell)])


def serve(app: Starlette, host: str, port: int) -> None:
    """Until it is stopped. No line is written about who asks, so no token can get into one."""
    import uvicorn

    uvicorn.run(app, host=host, port=port, access_log=False, log_level="warning", server_header=False)


def _refused() -> Response:
    challenge = {**_HEADERS, "WWW-Authenticate": 'Basic realm="Mailmove board", charset="UTF-8"'}
    return PlainTextResponse("The board needs its token, as the password.\n", status_code=401, headers=challenge)


def _may_see(request: Request, token: str) -> bool:
    """Compared in a time that does not tell how much of it was right."""
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
