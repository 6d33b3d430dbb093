"""The connectivity analyzer against servers that are well, and against each way in which they are not."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from pydantic import SecretStr
from town import ADMIN, BASIC_OA, HOST, PASSWORD, USER, Town, secret, tcp_server, town

from lab.authority import Authority
from lab.exchange.rpc_proxy import mailbox_identity
from lab.exchange.web import ExchangeWeb, WebHandler
from lab.places import Places
from mailmove.outlook_anywhere import PasswordRule, Step, check_server

Context = Callable[[Authority], ssl.SSLContext]


def check(place: Town, **changed: Any) -> Step:
    own: dict[str, Any] = {
        "addresses": [place.address],
        "port": place.port,
        "credentials": (ADMIN, secret()),
        "extra_ca": place.authority.pem,
        "server_name_inside": "SBS2008",
        "mailbox": USER,
    }
    result = check_server(HOST, **{**own, **changed})
    assert PASSWORD not in result.model_dump_json()
    return result


def failed(result: Step) -> dict[str, Step]:
    """What failed, by name; each says what to do."""
    assert result.status == "failed"
    assert all(step.todo for step in result.failures)
    return {step.name: step for step in result.failures}


def named(result: Step, name: str) -> Step:
    return next(step for step in result.walk() if step.name.startswith(name))


@pytest.mark.parametrize("version", ["8.3.83.6", "14.3.123.4"])
def test_a_good_server_passes_every_step(version: str) -> None:
    with town(version) as place:
        result = check(place)
        assert {step.status for step in result.walk()} == {"ok"}, result
        assert sum(step.name.startswith("RPC server behind") for step in result.walk()) == 6, "by Basic and by NTLM"
        assert "Anna Berg" in named(result, "Address book name check (NTLM)").seen
        assert result.elapsed_ms < 10_000


def test_without_an_account_only_the_endpoints_are_skipped() -> None:
    with town() as place:
        result = check(place, credentials=None)
        assert [step.name for step in result.walk() if step.status == "skipped"] == ["RPC endpoints"]
        assert result.status == "warning" and not result.failures


def test_one_bad_address_of_two_fails_the_whole() -> None:
    with town() as place:
        result = check(place, addresses=[place.address, place.places.host(99)])
        assert [child.status for child in result.children] == ["ok", "failed"]
        assert list(failed(result)) == [f"TCP port {place.port}"]


def test_wrong_name() -> None:
    def context(authority: Authority) -> ssl.SSLContext:
        return authority.server_context("remote.contoso.com", "*.sub.contoso.com")

    with town(context=context) as place:
        result = check(place)
        step = failed(result)["Certificate name"]
        assert "remote.contoso.com" in step.seen and "EXPR" in step.todo
        assert named(result, "Certificate chain").status == "ok"
        assert "bad certificate" in named(result, "RPC endpoints").seen


def test_wildcard_name_is_fine() -> None:
    with town(context=lambda authority: authority.server_context("*.contoso.com")) as place:
        assert check(place).status == "ok"


def test_expired() -> None:
    with town(context=lambda authority: authority.server_context(HOST, expired=True)) as place:
        result = check(place)
        assert list(failed(result)) == ["Certificate dates"]
        assert "expired on" in failed(result)["Certificate dates"].seen


def test_expires_during_the_move() -> None:
    def context(authority: Authority) -> ssl.SSLContext:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ends = dt.datetime.now(dt.UTC) + dt.timedelta(days=3)
        authority._ca.issue_cert(HOST, not_after=ends).configure_cert(server)
        return server

    with town(context=context) as place:
        result = check(place)
        assert named(result, "Certificate dates").status == "warning" == result.status
        later = check(place, now=lambda: dt.datetime.now(dt.UTC) + dt.timedelta(days=4))
        assert "Certificate dates" in failed(later)


def test_untrusted_root() -> None:
    with town() as place:
        step = failed(check(place, extra_ca=None))["Certificate chain"]
        assert "no trusted root" in step.seen and "intermediate" in step.todo


def _own(tmp_path: Path, bits: int) -> Context:
    key = rsa.generate_private_key(65537, bits)
    me = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    today = dt.datetime.now(dt.UTC)
    built = x509.CertificateBuilder(me, me, key.public_key(), x509.random_serial_number())
    built = built.not_valid_before(today - dt.timedelta(1)).not_valid_after(today + dt.timedelta(90))
    built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
    pem = built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    raw = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "own.pem").write_bytes(pem + key.private_bytes(*raw))

    def context(_: Authority) -> ssl.SSLContext:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.set_ciphers("DEFAULT:@SECLEVEL=0")
        server.load_cert_chain(tmp_path / "own.pem")
        return server

    return context


def test_self_signed(tmp_path: Path) -> None:
    with town(context=_own(tmp_path, 2048)) as place:
        result = check(place)
        assert list(failed(result)) == ["Certificate chain"]
        assert "self-signed" in failed(result)["Certificate chain"].seen


def test_weak_key(tmp_path: Path) -> None:
    with town(context=_own(tmp_path, 1024)) as place:
        assert "1024 bits" in failed(check(place))["Certificate key"].seen


def test_nothing_newer_than_tls_1_1() -> None:
    def context(authority: Authority) -> ssl.SSLContext:
        server = authority.server_context(HOST)
        server.set_ciphers("DEFAULT:@SECLEVEL=0")
        server.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        with pytest.warns(DeprecationWarning):
            server.maximum_version = ssl.TLSVersion.TLSv1_1
        return server

    with town(context=context) as place:
        result = check(place)
        assert named(result, "TLS").status == "warning" and "TLSv1.1" in named(result, "TLS").seen
        assert not result.failures and named(result, "RPC endpoints").status == "skipped"
        assert f"--allow-old-tls {HOST}" in named(result, "Password").todo
        assert check(place, rule=PasswordRule(HOST, ask=lambda _: False)).status == "warning"
        result = check(place, rule=PasswordRule(HOST, old_tls=frozenset([HOST])))
        assert not result.failures, "the rest is tried over the old version"
        assert named(result, "RPC server behind SBS2008:6004").status == "ok"


def test_outlook_anywhere_disabled() -> None:
    with town() as place:
        place.state.set_outlook_anywhere(None)
        step = failed(check(place))["HTTP authentication"]
        assert "not enabled" in step.seen and "Enable-OutlookAnywhere" in step.todo


def test_negotiate_only() -> None:
    with town() as place:
        place.state.set_outlook_anywhere({**BASIC_OA, "IISAuthenticationMethods": ["Negotiate"]})
        step = failed(check(place))["HTTP authentication"]
        assert "Basic or NTLM only" in step.seen and "ExternalClientAuthenticationMethod Basic" in step.todo


def test_from_2013_on_a_mailbox_is_named_by_its_guid() -> None:
    with town("15.0.847.32") as place:
        place.state.set_outlook_anywhere(BASIC_OA)
        assert check(place, server_name_inside=mailbox_identity(USER)).status == "ok"
        strange = check(place, server_name_inside="00000000-0000-0000-0000-000000000000@contoso.com")
        assert "401" in next(iter(failed(strange).values())).seen


def test_an_account_that_is_hidden_and_a_mailbox_that_is() -> None:
    with town() as place:
        own = check(place, mailbox=None)
        assert own.status == "ok" and "does not show the account" in named(own, "Address book name check").seen
        step = named(check(place, mailbox=ADMIN), "Address book name check")
        assert step.status == "warning" and "cannot be resolved" in step.microsoft and "Hidden" in step.todo


def test_ntlm_only_is_a_warning() -> None:
    with town() as place:
        place.state.set_outlook_anywhere({**BASIC_OA, "IISAuthenticationMethods": ["Ntlm"]})
        result = check(place)
        assert named(result, "HTTP authentication").status == "warning" and not result.failures


def test_dead_6004() -> None:
    with town() as place:
        place.faults.set("rpc.dead_6004")
        result = check(place)
        assert list(failed(result)) == ["RPC server behind SBS2008:6004 (Basic)"]
        step = failed(result)["RPC server behind SBS2008:6004 (Basic)"]
        assert "503" in step.seen and "0x6ba" in step.todo and "domain controller" in step.todo
        assert "cli_NspiBind" in step.microsoft
        assert named(result, "RPC proxy answers for SBS2008:6004").status == "ok", "the proxy echoes by itself"


def test_a_proxy_that_does_not_echo() -> None:
    with town() as place:
        place.faults.set("rpc.no_echo")
        assert len(failed(check(place))) == 3


def test_wrong_password_and_a_name_that_is_not_in_valid_ports() -> None:
    with town() as place:
        wrong = failed(check(place, credentials=(ADMIN, SecretStr("nonsense"))))
        assert len(wrong) == 1 and all("401" in step.seen for step in wrong.values()), "more might lock the account"
        inside = failed(check(place, server_name_inside="OTHER"))
        assert inside and all("ValidPorts" in step.todo for step in inside.values())


def test_tcp_refused() -> None:
    places = Places()
    result = check_server(HOST, addresses=[places.old_server], port=places.https_port, server_name_inside="S")
    assert "refused" in failed(result)[f"TCP port {places.https_port}"].seen
    assert named(result, "TLS").status == "skipped"


def test_no_address() -> None:
    result = check_server(HOST, addresses=[], server_name_inside="S")
    assert result.status == "failed" and "A record" in result.todo


def test_a_silent_server_costs_only_its_time() -> None:
    with tcp_server(lambda connection: None) as (address, port):
        began = time.monotonic()
        result = check_server(
            HOST, addresses=[address] * 5, port=port, server_name_inside="S", seconds=1.5, seconds_each=0.5
        )
        assert time.monotonic() - began < 4
        assert "silence" in failed(result)["TLS"].seen


def test_an_answer_that_trickles_for_ever_costs_only_its_time() -> None:
    tls = Authority().server_context(HOST)

    def trickle(connection: socket.socket) -> None:
        connection.settimeout(5)
        try:
            with tls.wrap_socket(connection, server_side=True) as secure:
                secure.recv(4096)
                secure.sendall(b"HTTP/1.1 401 No\r\n")
                ends = time.monotonic() + 6
                while time.monotonic() < ends:
                    secure.sendall(b"X-Padding: more\r\nX")
                    time.sleep(0.1)
        except OSError:  # each analysis connects more than once, and hangs up
            return

    with tcp_server(trickle) as (address, port):
        began = time.monotonic()
        result = check_server(HOST, addresses=[address], port=port, server_name_inside="S", seconds=2, seconds_each=1)
        assert time.monotonic() - began < 5
        assert "in time" in failed(result)["HTTP authentication"].seen


@pytest.mark.parametrize("bad", [True, False])
def test_the_password_goes_only_to_a_server_that_proves_its_name(bad: bool) -> None:
    places, authority, heard = Places(), Authority(), list[str]()

    def listen(handler: WebHandler) -> None:
        heard.append(handler.headers.get("Authorization", ""))
        handler.reply(401, b"", ("WWW-Authenticate", 'Basic realm="x"'))

    names = ["other.example"] if bad else [HOST]
    with ExchangeWeb(places.old_server, places.https_port, authority.server_context(*names)) as web:
        web.route("/rpc/", listen)
        check_server(
            HOST,
            addresses=[places.old_server],
            port=places.https_port,
            credentials=(ADMIN, secret()),
            extra_ca=authority.pem,
            server_name_inside="S",
        )
    assert heard and any(heard) is not bad


def test_a_server_without_tls() -> None:
    def plain(connection: socket.socket) -> None:
        connection.settimeout(2)
        connection.recv(1024)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()

    with tcp_server(plain) as (address, port):
        result = check_server(HOST, addresses=[address], port=port, server_name_inside="S")
        assert "does not speak TLS" in failed(result)["TLS"].seen


def test_a_server_that_hangs_up_in_the_handshake() -> None:
    def rude(connection: socket.socket) -> None:
        connection.settimeout(2)
        connection.recv(4096)
        connection.close()

    with tcp_server(rude) as (address, port):
        result = check_server(HOST, addresses=[address], port=port, server_name_inside="S")
        assert "closed the connection" in failed(result)["TLS"].seen
