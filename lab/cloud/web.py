"""One HTTPS server that plays all of Microsoft's hosts, told apart by the first part of the path."""

from __future__ import annotations

import asyncio
import html
import json
import socket
import ssl
import threading
import time
from functools import partial
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lab.cloud import wire_faults
from lab.cloud.errors import ApiError, graph_body, partner_body
from lab.cloud.exchange_admin import ExchangeAdmin
from lab.cloud.graph.api import Graph
from lab.cloud.graph.partner import approve
from lab.cloud.login import Login
from lab.cloud.partner_center import PartnerCenter
from lab.cloud.replay import Replay
from lab.cloud.tenant import Tenant
from lab.cloud.wire import Call, Reply


class CloudWeb:
    """`with CloudWeb(...):` serves on (host, port)."""

    region = ""
    """Origin of a second listener, which the admin endpoint may hand its callers to: another port of the same host."""

    replay: Replay | None = None
    """In place of the admin endpoint and Graph: what a tenant once answered."""

    away_seconds = 0.0
    """How long each question and its answer travel, together."""

    def __init__(
        self,
        tenant: Tenant,
        login: Login,
        graph: Graph,
        admin: ExchangeAdmin,
        partner: PartnerCenter,
        tls: ssl.SSLContext,
        host: str,
        port: int,
    ) -> None:
        self.tenant, self.login, self.graph, self.admin, self.partner = tenant, login, graph, admin, partner
        self.base = f"https://{host}:{port}"
        self._host, self._port = host, port
        self.asked: list[str] = []
        """Every request since it was emptied: "GET /v1.0/domains", "POST New-MigrationBatch"."""
        config = uvicorn.Config(
            self._enter, interface="asgi3", log_level="critical", access_log=False, proxy_headers=False,
            lifespan="off", timeout_graceful_shutdown=1,
        )  # fmt: skip
        config.load()
        config.ssl = tls  # uvicorn itself takes files only
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="cloud web")

    def __enter__(self) -> Self:
        self._sockets = [_listener(self._host, self._port), _listener(self._host, 0)]
        self.region = f"https://{self._host}:{self._sockets[1].getsockname()[1]}"
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the cloud's web server did not start")
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        for listening in self._sockets:
            listening.close()

    def _run(self) -> None:
        self._server.run(sockets=self._sockets)

    async def _enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        # uvicorn's `send` is a method of what holds the connection: the only way to cut it.
        scope["lab.connection"] = getattr(getattr(send, "__self__", None), "transport", None)
        response = await self._serve(Request(scope, receive, send))
        await response(scope, receive, send)

    async def _serve(self, request: Request) -> Response:
        content = await request.body()
        if self.away_seconds:
            await asyncio.sleep(self.away_seconds)
        fault = wire_faults.strike(self.graph.faults)
        if fault == "reset_before":
            return _Cut(request, Response())
        # Handlers knock at other servers and look names up, so they must not hold the loop.
        response = await run_in_threadpool(self._answer, request, content, fault)
        if fault in ("reset_after", "reset_within"):
            return _Cut(request, response, within=fault == "reset_within")
        return response

    def _answer(self, request: Request, content: bytes, fault: str) -> Response:
        path = request.scope["raw_path"].decode().partition("?")[0]
        origin = self.base if request.scope["server"][1] == self._port else self.region
        prefix, play, form = self._part(path, origin)
        if self.replay is not None and prefix.startswith(("/adminapi", "/v1.0")):
            at_front = origin == self.base
            play = partial(self.replay.answer, prefix, at_front=at_front, region=self.region)
        call = Call(
            method=request.method,
            path=path.removeprefix(prefix),
            query=dict(request.query_params),
            headers={name.lower(): value for name, value in request.headers.items()},
            base=origin + prefix,
        )
        if self.graph.faults.take("wire.small_pages"):
            call.most_rows = 1
        try:
            call.body = _parse(call.headers.get("content-type", ""), content)
            self.asked.append(_name(prefix, call))
            reply = wire_faults.before(fault, call, self.login) or wire_faults.after(fault, call, play(call))
        except ApiError as error:
            body = form(error)  # which may change its headers
            reply = Reply(error.status, body, error.headers)
        cut = prefix == "/v1.0" and reply.status < 300 and self.graph.faults.take("graph.truncated")
        cut = cut or fault == "truncated"
        return _render(reply, cut=cut)

    def _part(self, path: str, origin: str) -> tuple[str, Any, Any]:
        """(prefix, handler, error form) of the service that a path belongs to. origin: which listener was asked."""
        if path.startswith("/v1.0/"):
            return "/v1.0", self.graph.serve, graph_body
        for version in ("beta", "v1.0"):
            if path.startswith(f"/adminapi/{version}/"):
                admin = partial(self.admin.serve, at_front=origin == self.base, region=self.region)
                return f"/adminapi/{version}", admin, self.admin.error_body
        if path.startswith("/partnercenter/v1/"):
            return "/partnercenter/v1", self.partner.serve, partner_body
        if path.startswith("/prices/"):
            return "/prices", self.partner.price_sheet, partner_body
        if path.startswith("/importing/"):
            return "/importing", self.graph.importing.take, graph_body
        if path.startswith("/approve/"):
            return "/approve", self._approve, graph_body
        return "", self._login, _oauth_body

    def _login(self, call: Call) -> Reply:
        tenant, *rest = call.segments or [""]
        if [tenant, *rest] == ["getuserrealm.srf"]:
            return Reply(200, self.login.realm(call.query.get("login", "")))
        if rest == ["v2.0", ".well-known", "openid-configuration"]:
            return Reply(200, self.login.configuration(self.base, tenant))
        if rest == ["oauth2", "v2.0", "token"] and call.method == "POST":
            return Reply(200, self.login.token(self.base, tenant, call.body or {}))
        if rest == ["oauth2", "v2.0", "devicecode"] and call.method == "POST":
            return Reply(200, self.login.device_code(self.base, tenant, call.body or {}))
        raise ApiError(404, "not_found", f"Nothing is played at {call.path}.")

    def _approve(self, call: Call) -> Reply:
        """The admin portal's page for a GDAP relationship: GET shows it, POST approves it.

        The real one: https://admin.microsoft.com/AdminPortal/Home#/partners/invitation/granularAdminRelationships/{id}
        """
        key = call.segments[0] if call.segments else ""
        gdap = self.tenant.relationships.get(key)
        if gdap is None:
            raise ApiError(404, "NotFound", "There is no such invitation.")
        if call.method == "POST":
            try:
                approve(self.tenant, key)
            except ValueError as error:
                raise ApiError(409, "Conflict", str(error)) from None
        name = html.escape(gdap.display_name)
        button = '<form method="post"><button>Approve all</button></form>' if gdap.status == "approvalPending" else ""
        page = f"<!doctype html><title>Partner invitation</title><h1>{name}</h1><p>{gdap.status}</p>{button}"
        return Reply(200, page, {"Content-Type": "text/html; charset=utf-8"})


def _listener(host: str, port: int) -> socket.socket:
    # asyncio turns Nagle off only where the protocol is said; without it every answer takes 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    return listening


class _Cut(Response):
    """The connection is reset instead of the answer, or in the middle of it."""

    def __init__(self, request: Request, whole: Response, *, within: bool = False) -> None:
        super().__init__()
        self._connection, self._whole, self._within = request.scope["lab.connection"], whole, within

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._within:
            await send({"type": "http.response.start", "status": self._whole.status_code,
                        "headers": self._whole.raw_headers})  # fmt: skip
            half = bytes(self._whole.body)[: len(self._whole.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
        self._connection.abort()


def _name(prefix: str, call: Call) -> str:
    """Name of a request, for the log of calls."""
    body = call.body.get("CmdletInput") if isinstance(call.body, dict) else None
    return f"POST {body.get('CmdletName')}" if isinstance(body, dict) else f"{call.method} {prefix}{call.path}"


def _oauth_body(error: ApiError) -> dict[str, Any]:
    return {"error": error.code, "error_description": error.message, "error_codes": []}


def _parse(kind: str, content: bytes) -> Any:
    if not content:
        return None
    if kind.startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(content.decode()))
    if kind.startswith("text/plain"):
        return content.decode("latin-1")
    try:
        return json.loads(content)
    except ValueError:
        raise ApiError(400, "BadRequest", "Unable to read JSON request payload.") from None


def _render(reply: Reply, *, cut: bool) -> Response:
    if reply.body is None or isinstance(reply.body, (str, bytes)):
        headers = {"Content-Type": "text/plain", **reply.headers}
        table = isinstance(reply.body, str) and headers["Content-Type"].startswith("text/csv")
        text = reply.body[: len(reply.body) // 2] if cut and table and reply.body else reply.body
        return Response(text, reply.status, headers)
    content = json.dumps(reply.body).encode()
    if cut:
        content = content[: len(content) // 2]
    return Response(content, reply.status, {"Content-Type": "application/json; charset=utf-8", **reply.headers})
