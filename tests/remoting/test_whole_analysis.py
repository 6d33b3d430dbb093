"""The whole analysis at a lab server: Autodiscover in Outlook's order, Outlook Anywhere, EWS rights, inbound mail."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr
from town import BASIC_OA

from lab.authority import Authority
from lab.company import Company, make_company
from lab.exchange.old_exchange import OldExchange
from lab.exchange.web import ExchangeWeb, WebHandler
from lab.faults import Faults
from lab.places import Places
from mailmove.errors import Refused
from mailmove.evidence import Finding
from mailmove.outlook_anywhere import Names, Step, analyze

DOMAIN = "northwind.example"
HOST = f"mail.{DOMAIN}"


@dataclass
class Place:
    exchange: OldExchange
    company: Company
    places: Places
    authority: Authority
    faults: Faults

    @property
    def mailbox(self) -> str:
        return next(b.address for b in self.exchange.store.mailboxes.values() if b.kind == "user" and not b.hidden)

    def names(self, **known: Sequence[str]) -> Names:
        """Where host names lead; `_` in a keyword stands for a dot. srv: host and port."""
        held = {name.replace("_", "."): list(value) for name, value in known.items() if name != "srv"}
        held.setdefault(HOST, [self.places.old_server])
        srv = known.get("srv")
        return Names(
            lambda host: held.get(host, []),
            lambda name: (str(srv[0]), 443) if srv and name == f"_autodiscover._tcp.{DOMAIN}" else None,
            https_port=self.places.https_port,
            http_port=self.places.smtp_port + 1,
            extra_ca=self.authority.pem,
        )

    def analysed(self, names: Names | None = None, **changes: Any) -> Step:
        admin = self.company.admin
        own: dict[str, Any] = {
            "credentials": (admin, SecretStr(self.company.accounts[admin])),
            "mailbox": self.mailbox,
            "extra_ca": self.authority.pem,
            "names": names or self.names(autodiscover_northwind_example=[self.places.old_server]),
            "smtp_port": self.places.smtp_port,
            "fetch": None,
            "rights": list,
        }
        began = time.monotonic()
        result = analyze(HOST, **{**own, **changes})
        assert time.monotonic() - began < 30
        assert self.company.accounts[admin] not in result.model_dump_json()
        return result


@pytest.fixture(scope="module", params=["8.3.83.6", "15.0.847.32"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    places, authority, faults = Places(), Authority(), Faults()
    company = make_company(users=3, shared=1, public_folders=0, messages=5, domain=DOMAIN)
    with (
        OldExchange(places, authority, company, faults, version=request.param) as exchange,
        relay(places.old_server, places.smtp_port, places.old_server_inside),
    ):
        exchange.state.set_outlook_anywhere({**BASIC_OA, "ExternalHostname": HOST})
        yield Place(exchange, company, places, authority, faults)


@contextlib.contextmanager
def relay(outside: str, port: int, inside: str) -> Iterator[None]:
    """What the customer's router does: port 25 of the public address leads to the server."""
    ended = threading.Event()

    def pipe(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def one(client: socket.socket) -> None:
        with client, socket.create_connection((inside, port), timeout=5) as server:
            back = threading.Thread(target=pipe, args=(server, client), daemon=True)
            back.start()
            pipe(client, server)
            back.join(5)

    def accept(listener: socket.socket) -> None:
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server((outside, port)) as listener:
        listener.settimeout(0.05)
        thread = threading.Thread(target=accept, args=(listener,))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def named(result: Step, name: str) -> Step:
    return next(step for step in result.walk() if step.name.startswith(name))


def test_all_is_well(place: Place) -> None:
    result = place.analysed()
    assert not result.failures, result.failures
    assert result.status == "ok", [(s.name, s.seen) for s in result.walk() if s.status == "warning"]
    assert named(result, f"Autodiscover at https://{DOMAIN}").status == "skipped", "the next way did it"
    found = named(result, "Autodiscover at https://autodiscover")
    assert found.status == "ok" and HOST in found.seen
    pinged = named(result, "RPC proxy answers").name
    assert ("@" in pinged) == (place.exchange.state.major >= 15), "a mailbox's guid from 2013 on"
    assert named(result, "Address book name check").status == "ok"
    assert named(result, "No open relay").status == "ok"


def test_by_srv_record_only(place: Place) -> None:
    result = place.analysed(place.names(srv=(HOST,)))
    assert named(result, "Autodiscover").seen == f"by Autodiscover by SRV record of {DOMAIN}"
    assert not result.failures


@contextlib.contextmanager
def redirecting(place: Place, target: str) -> Iterator[Names]:
    """A plain web server at autodiscover.<domain>, which sends everybody elsewhere."""

    def send(handler: WebHandler) -> None:
        assert "Authorization" not in handler.headers, "no password over plain http"
        handler.reply(302, b"", ("Location", target))

    names = place.names(autodiscover_northwind_example=[place.places.host(77)])
    with ExchangeWeb(place.places.host(77), names.http_port, None) as web:
        web.route("/", send)
        yield names


def test_by_redirect_to_https_only(place: Place) -> None:
    with redirecting(place, f"https://{HOST}:{place.places.https_port}/autodiscover/autodiscover.xml") as names:
        result = place.analysed(names)
        assert "redirect" in named(result, "Autodiscover").seen and not result.failures
    with redirecting(place, f"http://{HOST}/autodiscover/autodiscover.xml") as names:
        step = named(place.analysed(names), "Autodiscover by redirect")
        assert step.status == "failed" and "not https" in step.seen


def test_no_way_to_autodiscover(place: Place) -> None:
    result = place.analysed(place.names(), server_name_inside="SBS2008")
    failed = [step.name for step in result.failures]
    assert len(failed) == 4 and all(name.startswith("Autodiscover") for name in failed)
    assert named(result, "Address book name check").status == "ok", "the rest is tried all the same"


def test_autodiscover_is_down(place: Place) -> None:
    place.faults.set("exchange.autodiscover_down")
    try:
        step = named(place.analysed(), "Autodiscover at https://autodiscover")
        assert "503" in step.seen and "couldn't be located" in step.microsoft
    finally:
        place.faults.clear()


def test_autodiscover_does_not_know_the_mailbox(place: Place) -> None:
    step = named(place.analysed(mailbox=f"nobody@{DOMAIN}"), "Autodiscover at https://autodiscover")
    assert "error 500" in step.seen


def test_rights_that_lack_are_named_one_by_one(place: Place) -> None:
    lacks = Finding(subject="Mailbox anna@x", seen="ErrorAccessDenied", means="Not swept.", todo="Grant.", blocks=True)
    result = place.analysed(rights=lambda: [lacks])
    assert [step.name for step in result.failures] == ["Mailbox anna@x"]

    def refused() -> list[Finding]:
        raise Refused("EWS", wanted="a log-on", seen="401", todo="Check the password.")

    assert named(place.analysed(rights=refused), "Rights on every mailbox").status == "failed"


def smtp(*said: str) -> Callable[[socket.socket], None]:
    def serve(link: socket.socket) -> None:
        link.sendall(f"{said[0]}\r\n".encode())
        for answer in said[1:]:
            if not link.recv(1000):
                return
            link.sendall(f"{answer}\r\n".encode())

    return serve


@pytest.mark.parametrize(
    ("said", "step", "words"),
    [
        (("554 go away",), "Mail port", "554 go away"),
        (("220 hello", "500 what", "500 what"), "EHLO", "500"),
        (("220 x", "250 x", "250 ok", "550 no such user", "250 ok", "250 ok", "550 no", "250 ok"), "Own", "550"),
        (("220 x", "250 x", "250 ok", "250 ok", "250 ok", "250 ok", "250 ok", "250 ok"), "No open relay", "open relay"),
    ],
)
def test_inbound_mail_that_fails(said: tuple[str, ...], step: str, words: str) -> None:
    from town import tcp_server

    from mailmove.outlook_anywhere.inbound_smtp import inbound_steps
    from mailmove.outlook_anywhere.steps import Deadline

    calls = iter([smtp(said[0]), smtp(*said)])

    def serve(link: socket.socket) -> None:
        with contextlib.suppress(OSError), link:
            link.settimeout(3)
            next(calls)(link)

    with tcp_server(serve) as (address, port):
        tree = inbound_steps("mail.x", [address], port, "anna@x.example", lambda: Deadline(3, 1))
    bad = tree.failures[0]
    assert bad.name.startswith(step) and words in bad.seen and bad.todo
