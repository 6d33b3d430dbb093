"""The lab's old server as a whole: Autodiscover, its certificate, its web server's manners, nothing left behind."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from exchange_world import Server
from lxml import etree

from lab.authority import Authority
from lab.company import make_company
from lab.exchange.old_exchange import OldExchange
from lab.faults import Faults
from lab.places import Places

POX = (
    '<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>'
    "<EMailAddress>{address}</EMailAddress><AcceptableResponseSchema>"
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema>"
    "</Request></Autodiscover>"
)


def connection(server: Server) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cadata=server.authority.pem)
    return http.client.HTTPSConnection(server.places.old_server, server.places.https_port, timeout=10, context=context)


def basic(server: Server, password: str | None = None) -> dict[str, str]:
    secret = password or server.company.accounts[server.company.admin]
    return {"Authorization": "Basic " + base64.b64encode(f"{server.company.admin}:{secret}".encode()).decode()}


def discover(server: Server, address: str) -> etree._Element:
    wire = connection(server)
    wire.request("POST", "/AutoDiscover/autodiscover.xml", POX.format(address=address).encode(), basic(server))
    answer = wire.getresponse()
    assert answer.status == 200
    return etree.fromstring(answer.read())


def test_autodiscover_tells_of_outlook_anywhere_once_it_works(server: Server) -> None:
    box = server.company.mailboxes[0]
    state = server.exchange.state
    kinds = [one.text for one in discover(server, box.aliases[0]).iterfind(".//{*}Protocol/{*}Type")]
    assert kinds == ["EXCH", "WEB"]
    state.effective_after = 0.4
    settings = {"ExternalHostname": "mail.northwind.example", "ClientAuthenticationMethod": "Basic"}
    state.set_outlook_anywhere({**settings, "IISAuthenticationMethods": ["Basic"], "SSLOffloading": False})
    try:
        assert discover(server, box.address).find(".//{*}AuthPackage") is None
        deadline = time.monotonic() + 10
        while (found := discover(server, box.address)).find(".//{*}AuthPackage") is None:
            assert time.monotonic() < deadline
        expr = next(one for one in found.iterfind(".//{*}Protocol") if one.findtext("{*}Type") == "EXPR")
        assert expr.findtext("{*}Server") == "mail.northwind.example"
        assert expr.findtext("{*}AuthPackage") == "Basic"
        assert found.findtext(".//{*}LegacyDN") == box.legacy_exchange_dn
    finally:
        state.effective_after = 0
        state.set_outlook_anywhere(None)


def test_autodiscover_does_not_know_a_stranger(server: Server) -> None:
    assert discover(server, "stranger@northwind.example").findtext(".//{*}ErrorCode") == "500"


def test_no_password_no_service_and_the_connection_goes_on(server: Server) -> None:
    wire = connection(server)
    for headers in ({}, basic(server, "wrong")):
        wire.request("POST", "/ews/exchange.asmx", b"x" * 100_000, headers)
        answer = wire.getresponse()
        offers = answer.headers.get_all("WWW-Authenticate")
        assert (answer.status, [offer.split()[0] for offer in offers or ()]) == (401, ["NTLM", "Basic"])
        answer.read()
    wire.request("GET", "/EWS/Exchange.asmx", headers=basic(server))
    assert wire.getresponse().status == 200
    wire.close()


def test_an_unknown_path_is_404_and_a_chunked_body_is_read(server: Server) -> None:
    wire = connection(server)
    wire.request(
        "POST", "/nothing", iter([b"one", b"two"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"}
    )
    answer = wire.getresponse()
    assert answer.status == 404
    answer.read()
    wire.request("GET", "/nothing")
    assert wire.getresponse().status == 404


def test_clients_that_go_away_leave_no_traceback(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    def rude(turn: int) -> None:
        with socket.create_connection((server.places.old_server, server.places.https_port), timeout=10) as raw:
            if turn % 2:
                raw.sendall(b"GET / HTTP/1.1\r\n\r\n")  # no TLS at all
            else:
                context = ssl.create_default_context(cadata=server.authority.pem)
                with context.wrap_socket(raw, server_hostname=server.places.old_server) as tls:
                    tls.sendall(b"POST /ews/ HTTP/1.1\r\nContent-Length: 99999\r\n\r\nhalf")

    with ThreadPoolExecutor(8) as crowd:
        list(crowd.map(rude, range(24)))
    wire = connection(server)
    wire.request("GET", "/ews/", headers=basic(server))
    assert wire.getresponse().status == 200
    assert "Traceback" not in capfd.readouterr().err


def test_it_leaves_no_thread_and_no_socket() -> None:
    places, company = Places(), make_company(messages=5, users=2, shared=0, public_folders=0)
    before = set(threading.enumerate())
    for _ in range(2):  # the second start binds the very same addresses
        with OldExchange(places, Authority(), company, Faults()):
            idle = [
                socket.create_connection((places.old_server, places.https_port)),
                socket.create_connection((places.old_server_inside, places.smtp_port)),
            ]
        for one in idle:
            one.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((places.old_server_inside, places.smtp_port))
        assert set(threading.enumerate()) <= before


def test_an_expired_certificate_is_shown_when_asked_for() -> None:
    places, authority, faults = Places(), Authority(), Faults()
    faults.set("exchange.expired_certificate", times=1)
    company = make_company(messages=1, users=1, shared=0, public_folders=0)
    with OldExchange(places, authority, company, faults):
        context = ssl.create_default_context(cadata=authority.pem)
        with (
            socket.create_connection((places.old_server, places.https_port)) as raw,
            pytest.raises(ssl.SSLCertVerificationError, match="expired"),
        ):
            context.wrap_socket(raw, server_hostname=places.old_server)


def test_two_towns_do_not_share_mailboxes() -> None:
    company = make_company(messages=5, users=1, shared=0, public_folders=0)
    address = company.mailboxes[0].address
    with (
        OldExchange(Places(), Authority(), company, Faults()) as one,
        OldExchange(Places(), Authority(), company, Faults()) as two,
    ):
        one.store.put(address, b"Subject: x\r\n\r\n")
        assert len(one.store.snapshot(address)) == len(two.store.snapshot(address)) + 1
