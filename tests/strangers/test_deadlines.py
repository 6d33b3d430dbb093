"""Servers that send a byte now and then, without end, or tightly packed: every client of ours ends, in time."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import requests
from pydantic import SecretStr

from blocks.microsoft365.http import JsonClient
from blocks.tls_roots import ContextAdapter, tls_context
from lab.authority import Authority
from mailmove.dns.client.answer import Answer
from mailmove.dns.mail_auth.mta_sts_fetch import https_fetch
from mailmove.errors import MailmoveError
from mailmove.outlook_anywhere.autodiscover import Names, autodiscover_steps
from mailmove.outlook_anywhere.inbound_smtp import inbound_steps
from mailmove.outlook_anywhere.issuer import fetch_issuer
from mailmove.outlook_anywhere.password_rule import PasswordRule
from mailmove.outlook_anywhere.rpc_http import Account
from mailmove.outlook_anywhere.steps import Deadline
from mailmove.smtp.port_check import check_port
from mailmove.smtp.redeliver import redeliver
from mailmove.wire.acts import TooMuch, act, connected
from mailmove.wire.bodies import BadBody, unpacked
from mailmove.wire.http import client, client_of_coroutines
from mailmove.wire.networks import is_public

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
Play = Callable[[Any], None]


def drip(first: bytes, every: float = 0.05) -> Play:
    """Send `first`, then a byte of nothing again and again."""

    def play(link: Any) -> None:
        link.sendall(first)
        while True:
            link.sendall(b"x")
            time.sleep(every)

    return play


def bomb(encoding: str, packed: bytes) -> Play:
    head = f"Content-Encoding: {encoding}\r\nContent-Length: {len(packed)}\r\n\r\n".encode()

    def play(link: Any) -> None:
        link.sendall(OK + head + packed)

    return play


def flood(first: bytes, piece: bytes) -> Play:
    def play(link: Any) -> None:
        link.sendall(first)
        while True:
            link.sendall(piece * 1000)

    return play


@contextlib.contextmanager
def stranger(play: Play, tls: ssl.SSLContext | None = None, reads: bool = True) -> Iterator[int]:
    """A server that reads a little and then does what it likes; its port on loopback."""
    ended = threading.Event()

    def serve(plain: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            link = tls.wrap_socket(plain, server_side=True) if tls else plain
            with link:
                if reads:
                    link.recv(65536)
                play(link)
                link.recv(1)

    def accept() -> None:
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            ended.set()
            thread.join()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


BIG = gzip.compress(bytes(50_000_000))
TWICE = gzip.compress(BIG)
HARM: dict[str, Play] = {
    "a byte now and then in the head": drip(b"HTTP/1.1 200 OK\r\nX: "),
    "a byte now and then in the body": drip(OK + b"\r\n"),
    "a byte now and then, in pieces": drip(OK + b"Transfer-Encoding: chunked\r\n\r\nffffff\r\n"),
    "without end": flood(OK + b"\r\n", b"y" * 1000),
    "packed": bomb("gzip", BIG),
    "packed by another name": bomb("deflate", zlib.compress(bytes(50_000_000))),
    "packed twice": bomb("gzip, gzip", TWICE),
    "packed in a way that nobody asked for": bomb("br", b"\x1b" * 100),
    "packed, and it is not": bomb("gzip", b"hello"),
    "a head without end": flood(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
}


@contextlib.contextmanager
def in_time(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


@pytest.mark.parametrize("harm", HARM)
def test_httpx(harm: str, authority: Authority) -> None:
    tls = ssl.create_default_context(cadata=authority.pem)
    with (
        stranger(HARM[harm], authority.server_context("127.0.0.1")) as port,
        client(tls, seconds=1.0, most=1_000_000) as http,
        in_time(8),
        pytest.raises(httpx.HTTPError),
    ):
        http.get(f"https://127.0.0.1:{port}/")


@pytest.mark.parametrize("harm", HARM)
def test_httpx_of_coroutines(harm: str, authority: Authority) -> None:
    tls = ssl.create_default_context(cadata=authority.pem)

    async def ask(port: int) -> None:
        async with client_of_coroutines(tls, seconds=1.0, most=1_000_000) as http:
            await http.get(f"https://127.0.0.1:{port}/")

    tls_of_server = authority.server_context("127.0.0.1")
    with stranger(HARM[harm], tls_of_server) as port, in_time(8), pytest.raises(httpx.HTTPError):
        asyncio.run(ask(port))


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("harm", HARM)
def test_requests(harm: str, scheme: str, authority: Authority) -> None:
    tls = authority.server_context("127.0.0.1") if scheme == "https" else None
    with stranger(HARM[harm], tls) as port, requests.Session() as session, in_time(8):
        session.mount(f"{scheme}://", ContextAdapter(tls_context(authority.pem), seconds=1.0, most=1_000_000))
        with pytest.raises(requests.RequestException):
            session.get(f"{scheme}://127.0.0.1:{port}/", timeout=5)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "identity", ""])
def test_good_answers_come_through(encoding: str, authority: Authority) -> None:
    body = b'{"value": "' + b"z" * 200_000 + b'"}'
    packed = {"gzip": gzip.compress, "deflate": zlib.compress}.get(encoding, bytes)(body)
    play = bomb(encoding or "identity", packed)
    tls = tls_context(authority.pem)
    with stranger(play, authority.server_context("127.0.0.1")) as port, requests.Session() as session:
        session.mount("https://", ContextAdapter(tls))
        assert session.get(f"https://127.0.0.1:{port}/", timeout=5).content == body
        graph = JsonClient("Graph", f"https://127.0.0.1:{port}", lambda _: "token", tls)
        assert graph.get("x", wanted="it")["value"] == "z" * 200_000
        graph.close()
    assert unpacked([zlib.compress(body)[2:-4]], "deflate", 300_000) == body
    with pytest.raises(BadBody):
        unpacked([packed[:-5]], "gzip", 300_000) if encoding == "gzip" else unpacked([b"x"], "zstd", 3)
    with pytest.raises(TooMuch):
        unpacked([gzip.compress(bytes(10_000_000))], "gzip", 1_000_000)


def test_a_token_that_is_no_header_is_not_shown(authority: Authority) -> None:
    """httpx quotes the header that it cannot send."""
    token = "kwarz-7f3a91c2\n"
    with stranger(bomb("identity", b"{}"), authority.server_context("127.0.0.1")) as port:
        graph = JsonClient(
            "Graph", f"https://127.0.0.1:{port}", lambda _: token, tls_context(authority.pem), patience=0
        )
        with pytest.raises(MailmoveError) as refused:
            graph.get("x", wanted="it")
    assert "kwarz" not in str(refused.value) and refused.value.__suppress_context__


@pytest.mark.parametrize("harm", HARM)
def test_mta_sts(harm: str, authority: Authority) -> None:
    async def lookup(_: str, kind: str) -> Answer:
        values = ("127.0.0.1",) if kind == "A" else ()
        return Answer("x", "x", kind, "NOERROR", values, 5, True, None, 0.0, None, "udp")  # type: ignore[arg-type]

    tls = ssl.create_default_context(cadata=authority.pem)
    with stranger(HARM[harm], authority.server_context("mta-sts.x.example")) as port, in_time(8):
        got = asyncio.run(https_fetch(lookup, port=port, context=tls, timeout=0.5)("x.example"))  # type: ignore[arg-type]
    assert got.error and not got.body


@pytest.mark.parametrize("harm", HARM)
def test_autodiscover(harm: str, authority: Authority) -> None:
    with stranger(HARM[harm], authority.server_context("x.example", "autodiscover.x.example")) as port:
        names = Names(lambda _: ["127.0.0.1"], lambda _: ("x.example", port), port, port, authority.pem)
        with in_time(12):
            step, _ = autodiscover_steps(
                names, "a@x.example", Account("a", SecretStr("b")), lambda: Deadline(1, 1), PasswordRule("x.example")
            )
    assert step.failed


@pytest.mark.parametrize("harm", [name for name in HARM if "packed" not in name])
def test_issuers_certificate(harm: str) -> None:
    with stranger(HARM[harm]) as port, in_time(8), pytest.raises((OSError, ValueError)):
        fetch_issuer(f"http://127.0.0.1:{port}/ca.crt", inner_networks=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/ca.crt",
        "http://localhost/ca.crt",
        "http://[::1]/ca.crt",
        "http://[::ffff:10.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.5/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://127.1/",
        "https://8.8.8.8/",
        "http://8.8.8.8:8080/",
        "http://user@8.8.8.8/",
        "file:///etc/passwd",
        "http://",
    ],
)
def test_nothing_is_fetched_from_inside(url: str) -> None:
    with in_time(4), pytest.raises((OSError, ValueError)):
        fetch_issuer(url)


def test_no_redirect_is_followed_to_an_issuer() -> None:
    asked: list[int] = []

    def inner(link: Any) -> None:
        asked.append(1)
        link.sendall(OK + b"Content-Length: 2\r\n\r\nok")

    with stranger(inner) as inside:
        leads = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{inside}/\r\nContent-Length: 0\r\n\r\n".encode()
        with stranger(lambda link: link.sendall(leads)) as port, pytest.raises(OSError, match="302"):
            fetch_issuer(f"http://127.0.0.1:{port}/", inner_networks=True)
    assert not asked


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111"])
def test_the_internet(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.1.1", "100.64.0.1", "0.0.0.0", "224.0.0.1", "::1",
     "fe80::1%eth0", "fc00::1", "::ffff:192.168.0.1", "64:ff9b::a00:1", "2002:a00:1::", "255.255.255.255", "", "x"],
)  # fmt: skip
def test_inside(address: str) -> None:
    assert not is_public(address)


SMTP_HARM = {
    "banner": drip(b"220 "),
    "banner without end": flood(b"", b"220-hello\r\n"),
    "a line without end": flood(b"220 ", b"z"),
    "then silence": lambda link: link.sendall(b"220 hello\r\n"),
    "EHLO": drip(b"220 hello\r\n250-"),
    "EHLO without end": flood(b"220 hello\r\n", b"250-X\r\n"),
}


@pytest.mark.parametrize("harm", SMTP_HARM)
def test_smtp(harm: str) -> None:
    with stranger(SMTP_HARM[harm], reads=False) as port:
        with in_time(4):
            check_port("127.0.0.1", port, timeout=0.5)
        with in_time(6):
            assert inbound_steps("x", ["127.0.0.1"], port, "a@x", lambda: Deadline(2, 0.7)).status != "ok"
        with in_time(6), pytest.raises(MailmoveError):
            redeliver(
                b"Subject: x\r\n\r\n", sender="", recipient="a@x", mx=("127.0.0.1", port), helo="x", timeout=2, whole=1
            )


def test_an_act_within_another_ends_with_the_earlier() -> None:
    with stranger(drip(b""), reads=False) as port, in_time(3), pytest.raises(TimeoutError), act(0.5), act(60):
        link = connected(("127.0.0.1", port), 30)
        while True:
            link.recv(10)
