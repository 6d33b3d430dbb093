"""Clients that carry secrets: where an answer points to another host, nothing is sent there."""

from __future__ import annotations

import json
import traceback
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from blocks.dns.octodns_errors import translated
from blocks.exchange.ews.request_xml import page_of
from blocks.exchange.ews.soap import EwsConnections
from blocks.exchange.powershell.shell import ExchangeShell
from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.signing_in.entra import Entra
from blocks.tls_roots import tls_context
from lab.authority import Authority
from lab.exchange.web import ExchangeWeb, WebHandler
from lab.places import Places
from mailmove.errors import MailmoveError

PASSWORD = "kwarz-7f3a91c2"  # a word to look for


class Two:
    """The server that a block names, and a stranger to whom it points by whatever it answers."""

    def __init__(self) -> None:
        self.places, self.authority = Places(), Authority()
        self.own, self.other = self.places.host(70), self.places.host(71)
        self.got: list[str] = []
        self.status = 307

    def url(self, host: str, path: str = "") -> str:
        return f"https://{host}:{self.places.https_port}/{path}"

    def lead(self, handler: WebHandler) -> None:
        if "openid-configuration" in handler.path:
            ends = ("authorization_endpoint", "token_endpoint", "device_authorization_endpoint", "issuer")
            body = json.dumps({end: self.url(self.other, end) for end in ends}).encode()
            handler.reply(200, body, kind="application/json")
            return
        handler.reply(self.status, b"", ("Location", self.url(self.other, "x")))

    def take(self, handler: WebHandler) -> None:
        self.got.append(f"{handler.command} {handler.path} {handler.headers} {handler.body()!r}")
        handler.reply(401, b"", ("WWW-Authenticate", "NTLM"), ("WWW-Authenticate", 'Basic realm="x"'))


@pytest.fixture
def two() -> Iterator[Two]:
    made = Two()
    port, tls = made.places.https_port, made.authority.server_context(made.own, made.other)
    with ExchangeWeb(made.own, port, tls) as own, ExchangeWeb(made.other, port, tls) as other:
        own.route("/", made.lead)
        other.route("/", made.take)
        yield made


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("kind", ["basic", "ntlm"])
def test_remote_powershell_follows_no_redirect(two: Two, status: int, kind: str) -> None:
    two.status = status
    shell = ExchangeShell(
        two.url(two.own, "powershell"),
        "exchange",
        "mover",
        SecretStr(PASSWORD),
        kind,
        two.authority.pem,
        timeout=20,  # type: ignore[arg-type]
    )
    with pytest.raises(MailmoveError) as refused:
        shell.run("Get-Mailbox")
    assert two.got == [] and PASSWORD not in str(refused.value)


@pytest.mark.parametrize("kind", ["basic", "ntlm"])
def test_ews_follows_no_redirect(two: Two, kind: str) -> None:
    ews = EwsConnections(
        two.url(two.own, "EWS"),
        "mover",
        SecretStr(PASSWORD),
        kind,
        tls_context(two.authority.pem),
        patience=0,  # type: ignore[arg-type]
    )
    with pytest.raises(MailmoveError):
        ews.ask(page_of("IndexedPageItemView", 1, 0), "a folder", lambda answer: answer)
    assert two.got == []


def test_graph_follows_neither_a_redirect_nor_a_link(two: Two) -> None:
    graph = JsonClient("Graph", two.url(two.own), lambda _: PASSWORD, tls_context(two.authority.pem), patience=0)
    for path in ("x", two.url(two.other, "next")):
        with pytest.raises(MailmoveError):
            graph.get(path, wanted="it")
    assert two.got == []


def test_the_sign_in_goes_to_no_host_that_a_page_names(two: Two) -> None:
    entra = Entra(two.url(two.own).rstrip("/"), "tenant", "client", tls_context(two.authority.pem))
    with pytest.raises(MailmoveError) as refused:
        entra.ask(
            "a token",
            lambda: entra.application(lambda: PASSWORD).acquire_token_for_client(["https://graph.example/.default"]),
            "access_token",
        )
    assert two.got == [] and two.other in refused.value.seen


@pytest.mark.parametrize("token", ["kwarz-7f3a91c2", "kw arz/7f+3a=", "kwarz\n7f3a", "kwärz'7f3a"])
def test_a_dns_library_that_quotes_its_settings(token: str) -> None:
    shown = f"{token} | {token!r} | {quote(token, safe='')} | {b64encode(token.encode()).decode()}"
    with pytest.raises(MailmoveError) as refused, translated("octoDNS", "a zone", {"token": [token]}):
        raise RuntimeError(shown)
    assert refused.value.seen.count("***") == 4
    assert refused.value.__suppress_context__
    assert token not in "".join(traceback.format_exception(refused.value)).replace(repr(token), "")
