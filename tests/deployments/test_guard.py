"""What stands before Prefect's server, by itself; `test_closed_box.py` has it before the real one."""

from __future__ import annotations

import base64

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from deployments.server.guard import CHALLENGE, PROOF, Guard, proof
from deployments.server.proxies import spare_loopback

STRING = "mailmove:0123456789abcdef"
BASIC = "Basic " + base64.b64encode(STRING.encode()).decode()


async def heard(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.url.path)


APP = Starlette(
    routes=[Route("/{rest:path}", heard, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])]
)


async def status(method: str, path: str, base: str = "/api", **headers: str) -> int:
    guarded = Guard(APP, STRING, ["mailmove.example.com"], base)
    transport = httpx.ASGITransport(app=guarded)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:4200") as client:
        answer = await client.request(method, path, headers=headers)
        assert answer.headers["x-frame-options"] == "DENY"
        return answer.status_code


@pytest.mark.parametrize(
    ("method", "path", "bare", "signed"),
    [
        ("GET", "/api/health", 200, 200), ("GET", "/api/ready", 200, 200), ("POST", "/api/health", 401, 200),
        ("GET", "/api/health/", 401, 200), ("GET", "/api/x/health", 401, 200),
        ("GET", "/api/variables/name/ready", 401, 200),
        ("GET", "/api", 401, 200), ("GET", "/api/", 401, 200), ("GET", "/api/flows/count", 401, 200),
        ("OPTIONS", "/api/flows/count", 401, 200), ("DELETE", "/", 401, 200), ("POST", "/anything", 401, 200),
        ("GET", "/", 200, 200), ("HEAD", "/assets/x.js", 200, 200),
        ("GET", "/openapi.json", 401, 200), ("GET", "/docs", 401, 200),
    ],
)  # fmt: skip
async def test_without_the_string_and_with_it(method: str, path: str, bare: int, signed: int) -> None:
    assert await status(method, path) == bare
    assert await status(method, path, Authorization=BASIC) == signed
    for wrong in ("Basic", "Basic !", f"Bearer {STRING}", BASIC[:-4], BASIC + "A", f"Basic {STRING}"):
        assert await status(method, path, Authorization=wrong) == bare, wrong


@pytest.mark.parametrize(
    ("host", "origin", "answer"),
    [
        ("127.0.0.1:4200", None, 200), ("localhost", None, 200), ("[::1]:4200", None, 200),
        ("MAILMOVE.example.com", None, 200),
        ("evil.example", None, 421), ("127.0.0.1.evil.example", None, 421),
        ("evil.example:4200", "http://127.0.0.1:4200", 421),
        ("127.0.0.1@evil.example", None, 421), ("[::1", None, 421), ("", None, 421), ("localhost.", None, 421),
        ("127.0.0.1:4200", "http://127.0.0.1:4200", 200), ("127.0.0.1:4200", "http://127.0.0.1:4201", 403),
        ("127.0.0.1:4200", "null", 403), ("127.0.0.1:4200", "http://localhost:4200", 403), ("127.0.0.1:4200", "", 403),
        ("mailmove.example.com", "https://mailmove.example.com", 200), ("localhost:99", "http://localhost:99", 200),
    ],
)  # fmt: skip
async def test_by_which_name_and_from_which_page(host: str, origin: str | None, answer: int) -> None:
    more = {} if origin is None else {"Origin": origin}
    assert await status("POST", "/api/flows/filter", Authorization=BASIC, Host=host, **more) == answer
    assert await status("POST", "/api/flows/filter", Host=host, **more) == 401, "first of all the string"


async def test_the_base_path_of_the_api_may_be_another() -> None:
    assert await status("GET", "/v2/api/flows/count", base="/v2/api") == 401
    assert await status("GET", "/v2/api/health", base="/v2/api") == 200


async def test_a_proof_is_of_this_string_this_port_and_this_question() -> None:
    transport = httpx.ASGITransport(app=Guard(APP, STRING))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:4200") as client:
        shown = (await client.get("/api/health", headers={CHALLENGE: "one"})).headers[PROOF]
    assert shown == proof(STRING, "one", 4200) and STRING not in shown
    assert len({shown, proof(STRING, "two", 4200), proof(STRING, "one", 4201), proof(STRING + "x", "one", 4200)}) == 4


def test_a_string_that_is_too_short_guards_nothing() -> None:
    with pytest.raises(ValueError, match="24 characters"):
        Guard(APP, "admin:pass")


def test_loopback_is_spared_whatever_is_listed() -> None:
    assert spare_loopback({})["no_proxy"] == "127.0.0.1,localhost,::1"
    assert spare_loopback({"NO_PROXY": "corp.example, localhost"})["NO_PROXY"] == "corp.example,localhost,127.0.0.1,::1"
    assert spare_loopback({"NO_PROXY": "*"})["no_proxy"] == "*"
