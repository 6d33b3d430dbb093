"""Who gets the account's password from `check-server`: strangers that write down all that they are sent."""

from __future__ import annotations

import base64
import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from lab.authority import Authority
from lab.exchange.web import ExchangeWeb, WebHandler
from lab.places import Places
from mailmove.outlook_anywhere import Names, Step, analyze
from mailmove.outlook_anywhere.password_rule import PasswordRule

DOMAIN, HOST, USER, PASSWORD = "contoso.example", "mail.contoso.example", "mover@contoso.example", "kwarz-7f3a91c2"
TOKEN = base64.b64encode(f"{USER}:{PASSWORD}".encode())
PATH = "/autodiscover/autodiscover.xml"
SETTINGS = b"""<Autodiscover><Response xmlns="x"><Account><Protocol><Type>EXCH</Type><Server>SBS</Server></Protocol>
<Protocol><Type>EXPR</Type><Server>mail.contoso.example</Server></Protocol></Account></Response></Autodiscover>"""


@dataclass
class Stranger:
    """A web server that answers everybody in the same way and keeps what it was sent: header and body."""

    host: str
    address: str
    answers: tuple[int, bytes, tuple[tuple[str, str], ...]]
    signed_in: tuple[int, bytes, tuple[tuple[str, str], ...]] | None = None
    got: list[bytes] = field(default_factory=list)

    def serve(self, handler: WebHandler) -> None:
        self.got.append(str(handler.headers).encode() + handler.body())
        signed = self.signed_in is not None and "Authorization" in handler.headers
        status, body, headers = self.signed_in if signed and self.signed_in else self.answers
        handler.reply(status, body, *headers, kind="text/xml")

    @property
    def was_told(self) -> bool:
        return any(TOKEN in each or PASSWORD.encode() in each or b"Authorization" in each for each in self.got)


ASKS = (401, b"", (("WWW-Authenticate", 'Basic realm="x"'), ("WWW-Authenticate", "NTLM")))
KNOWS = (200, SETTINGS, ())


@dataclass
class World:
    places: Places
    authority: Authority
    srv: tuple[str, int] | None = None
    strangers: dict[str, Stranger] = field(default_factory=dict)
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def put(
        self, host: str, answers: Any, signed_in: Any = None, *, plain: bool = False, old: bool = False
    ) -> Stranger:
        number = 80 + len(self.strangers)
        made = self.strangers[host] = Stranger(host, self.places.host(number), answers, signed_in)
        port = self.places.https_port + (1 if plain else 0)
        tls = None if plain else self.authority.server_context(host)
        if tls is not None and old:
            tls.minimum_version = ssl.TLSVersion.TLSv1
            tls.maximum_version = ssl.TLSVersion.TLSv1_1
            tls.set_ciphers("DEFAULT:@SECLEVEL=0")
        web = self.stack.enter_context(ExchangeWeb(made.address, port, tls))
        web.route("/", made.serve)
        return made

    def url(self, host: str) -> str:
        return f"https://{host}:{self.places.https_port}{PATH}"

    def analysed(self, **more: Any) -> Step:
        names = Names(
            lambda host: [self.strangers[host].address] if host in self.strangers else [],
            lambda _: self.srv,
            https_port=self.places.https_port,
            http_port=self.places.https_port + 1,
            extra_ca=self.authority.pem,
        )
        given: dict[str, Any] = {"credentials": (USER, SecretStr(PASSWORD)), "extra_ca": self.authority.pem}
        result = analyze(HOST, names=names, smtp_port=1, **{**given, **more})
        assert PASSWORD not in result.model_dump_json()
        return next(step for step in result.walk() if step.name == "Autodiscover")


@pytest.fixture
def world() -> Iterator[World]:
    made = World(Places(), Authority())
    with made.stack:
        yield made


def test_the_web_site_of_the_company_is_asked_without_a_password(world: World) -> None:
    site = world.put(DOMAIN, (200, b"<html>Welcome</html>", ()))
    world.analysed()
    assert site.got and not site.was_told


def test_not_even_where_it_asks_for_one(world: World) -> None:
    site = world.put(DOMAIN, ASKS, KNOWS)
    result = world.analysed()
    assert site.got and not site.was_told
    step = next(step for step in result.walk() if step.name == f"Autodiscover at https://{DOMAIN}")
    assert f"--send-password-to {DOMAIN}" in step.todo


@pytest.mark.parametrize("leads", ["http", "srv", "https", "xml", "307"])
def test_a_stranger_to_whom_an_answer_leads_gets_none(world: World, leads: str) -> None:
    evil = world.put("owa.contoso-example.evil", ASKS, KNOWS)
    target = world.url(evil.host)
    if leads == "http":
        world.put(f"autodiscover.{DOMAIN}", (302, b"", (("Location", target),)), plain=True)
    elif leads == "srv":
        world.srv = (evil.host, 443)
    elif leads == "xml":
        body = f"<Autodiscover><Response xmlns='x'><RedirectUrl>{target}</RedirectUrl></Response></Autodiscover>"
        world.put(f"autodiscover.{DOMAIN}", ASKS, (200, body.encode(), ()))
    else:
        status = 307 if leads == "307" else 302
        world.put(f"autodiscover.{DOMAIN}", ASKS, (status, b"", (("Location", target),)))
    result = world.analysed()
    assert evil.got and not evil.was_told
    assert result.status == "failed"
    assert any(f"--send-password-to {evil.host}" in step.todo for step in result.walk())


def test_it_goes_there_when_a_person_says_so(world: World) -> None:
    host = world.put("mail.hoster.example", ASKS, KNOWS)
    world.srv = (host.host, 443)
    asked: list[str] = []

    def no(question: str) -> bool:
        asked.append(question)
        return False

    world.analysed(ask=no)
    assert not host.was_told and len(asked) == 1 and host.host in asked[0] and "SRV" in asked[0]
    assert world.analysed(ask=lambda _: True).status == "ok" and host.was_told
    host.got.clear()
    assert world.analysed(send_to=["MAIL.hoster.example."]).status == "ok" and host.was_told


def test_a_name_below_the_domain_gets_it(world: World) -> None:
    own = world.put(f"autodiscover.{DOMAIN}", ASKS, KNOWS)
    assert world.analysed().status == "ok"
    assert TOKEN not in own.got[0] and TOKEN in own.got[1], "without one first"


def test_not_over_old_tls_unless_allowed(world: World) -> None:
    own = world.put(f"autodiscover.{DOMAIN}", ASKS, KNOWS, old=True)
    result = world.analysed()
    assert own.got and not own.was_told
    assert any(f"--allow-old-tls {own.host}" in step.todo for step in result.walk())
    assert world.analysed(old_tls=[own.host]).status == "ok" and own.was_told


def test_not_to_a_server_that_offers_only_ntlm_nor_to_one_that_proves_nothing(world: World) -> None:
    own = world.put(f"autodiscover.{DOMAIN}", (401, b"", (("WWW-Authenticate", "NTLM"),)))
    world.analysed()
    assert own.got and not own.was_told
    liar = world.put(f"www.{DOMAIN}", ASKS, KNOWS)
    world.srv = (liar.host, 443)
    world.authority = Authority()  # whom to trust from here on
    world.analysed()
    assert not own.was_told and not liar.got


@pytest.mark.parametrize(
    ("host", "known"),
    [
        (HOST, True),
        (f"{HOST}.", True),
        ("MAIL.Contoso.Example", True),
        (f"a.b.{DOMAIN}", True),
        (DOMAIN, False),
        ("contoso.example.evil", False),
        ("evilcontoso.example", False),
        ("mail.contoso.example.evil", False),
        ("", False),
        (".", False),
        ("example", False),
    ],
)
def test_names(host: str, known: bool) -> None:
    assert (PasswordRule(HOST, DOMAIN).why_not(host, "TLSv1.3") == ("", "")) is known


def test_a_domain_of_one_label_owns_no_names() -> None:
    assert PasswordRule("mail.local", "example").why_not("evil.example", "TLSv1.3")[0]
    assert PasswordRule("mail.local", "").why_not("evil.example", "TLSv1.3")[0]
