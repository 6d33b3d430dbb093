"""ExchangeShell: plain dicts out, and each kind of trouble as the error that says what to do next."""

from __future__ import annotations

import pickle
import socket
import ssl
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import SecretStr
from town import ADMIN, PASSWORD, USER, Town, secret, tcp_server, town

from blocks.exchange.powershell.shell import ExchangeShell
from lab.authority import Authority
from lab.places import Places
from mailmove.errors import Blocked, MailmoveError, Refused, SignInRefused, Transient


def shell(place: Town, **changed: Any) -> ExchangeShell:
    own: dict[str, Any] = {
        "url": place.url("/powershell"),
        "kind": "exchange",
        "username": ADMIN,
        "password": secret(),
        "authentication": "basic",
        "extra_ca": place.authority.pem,
    }
    return ExchangeShell(**{**own, **changed})


def failure(
    kind: type[MailmoveError], server: ExchangeShell, cmdlet: str = "Get-Mailbox", **given: Any
) -> MailmoveError:
    with server, pytest.raises(MailmoveError) as caught:
        server.run(cmdlet, **given)
    assert type(caught.value) is kind, caught.value
    assert PASSWORD not in str(caught.value) and caught.value.todo
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    return caught.value


@pytest.mark.parametrize("authentication", ["basic", "ntlm"])
def test_objects_become_plain_dicts(authentication: str) -> None:
    with town() as place, shell(place, authentication=authentication) as server:
        (row,) = server.run("Get-Mailbox", Identity=USER)
        assert row["EmailAddresses"] == [f"SMTP:{USER}", "smtp:a.berg@contoso.com"]
        assert row["HiddenFromAddressListsEnabled"] is False
        assert row["WhenCreated"] == datetime(2009, 3, 2, 9, tzinfo=UTC)
        (count,) = server.run("Get-MailboxStatistics", Identity=USER)
        assert count["ItemCount"] == 1 and count["LegacyDN"] == "/o=Contoso/cn=anna"
        assert server.run("Get-OutlookAnywhere")[0]["IISAuthenticationMethods"] == ["Basic", "Ntlm"]
        assert [row["Name"] for row in server.run("Get-MailPublicFolder")] == ["Jobs"]
        assert server.run("Get-DistributionGroup") == []
        assert server.run("Get-ExchangeServer")[0]["AdminDisplayVersion"] == "Version 14.3 (Build 123.4)"


def test_moments_travel_both_ways() -> None:
    with town() as place, shell(place) as server:
        elsewhere = datetime(2026, 11, 23, 1, 30, tzinfo=UTC).astimezone(timezone(timedelta(hours=5, minutes=30)))
        (row,) = server.run("Get-MessageTrackingLog", Start=elsewhere, EventId="RECEIVE", ResultSize="Unlimited")
        assert row["Timestamp"] == datetime(2026, 11, 23, 2, tzinfo=UTC)
        assert row["Recipients"] == [USER] and row["ClientIp"] == "192.0.2.7"


@pytest.mark.parametrize("version", ["8.3.83.6", "14.3.123.4", "15.0.847.32"])
def test_an_ordinary_winrm_session_gets_the_snap_in_of_its_version(version: str) -> None:
    with town(version) as place, shell(place, url=place.url("/wsman"), kind="winrm") as server:
        assert len(server.run("Get-Mailbox")) == 3
        assert len(server.run("Get-Mailbox")) == 3


def test_environment_does_not_decide_whom_to_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with town() as place, shell(place) as server:
        assert server.run("Get-ExchangeServer")


@pytest.mark.parametrize("authentication", ["basic", "ntlm"])
def test_a_password_of_any_alphabet_signs_in(authentication: str) -> None:
    with town() as place:
        place.state.accounts[ADMIN] = "Żółw パス ñ"
        with shell(place, password=SecretStr("Żółw パス ñ"), authentication=authentication) as server:
            assert server.run("Get-ExchangeServer")


def test_wrong_password_is_refused() -> None:
    with town() as place:
        for authentication in ("basic", "ntlm"):
            error = failure(SignInRefused, shell(place, password=SecretStr("wrong"), authentication=authentication))
            assert "does not accept" in error.seen and "wrong" not in str(error)


def test_an_account_without_the_right_is_refused() -> None:
    with town() as place:
        assert "Access is denied" in failure(Refused, shell(place, username=USER)).seen


def test_cmdlet_errors_are_blocked_in_the_servers_own_words() -> None:
    with town() as place, shell(place) as server:
        for cmdlet, given, words in (
            ("Get-Mailboxx", {}, "is not recognized as the name of a cmdlet"),
            ("Get-Mailbox", {"Colour": "red"}, "matches parameter name 'Colour'"),
            ("Get-Mailbox", {"Identity": "nobody"}, "'nobody' couldn't be found"),
            ("Enable-OutlookAnywhere", {"ExternalHostname": "x.y"}, "missing mandatory parameters"),
        ):
            with pytest.raises(Blocked, match=words) as caught:
                server.run(cmdlet, **given)
            assert type(caught.value) is Blocked
        assert server.run("Get-Mailbox"), "the session lives on"


def test_an_address_without_remote_powershell_is_blocked() -> None:
    with town("8.3.83.6") as place:
        error = failure(Blocked, shell(place))
        assert "404" in error.seen and "winrm" in error.todo


def test_an_untrusted_certificate_is_blocked() -> None:
    with town() as place:
        assert "CERTIFICATE_VERIFY_FAILED" in failure(Blocked, shell(place, extra_ca=None)).seen


def test_a_certificate_for_another_name_is_blocked() -> None:
    def other(authority: Authority) -> ssl.SSLContext:
        return authority.server_context("other.example")

    with town(context=other) as place:
        assert "mismatch" in failure(Blocked, shell(place)).seen


def test_basic_without_tls_is_blocked_before_anything_is_sent() -> None:
    with town() as place:
        url = place.url("/powershell").replace("https", "http")
        assert "in the clear" in failure(Blocked, shell(place, url=url)).seen


def test_a_busy_web_server_is_transient_and_passes() -> None:
    with town() as place, shell(place) as server:
        place.faults.set("shell.busy", times=1)
        with pytest.raises(Transient, match="503"):
            server.run("Get-Mailbox")
        assert server.run("Get-Mailbox")


def test_a_lost_session_is_transient_and_a_new_one_is_made() -> None:
    with town() as place, shell(place) as server:
        assert server.run("Get-Mailbox")
        place.faults.set("shell.lost", times=1)
        with pytest.raises(Transient, match="not found on the server"):
            server.run("Get-Mailbox")
        assert server.run("Get-Mailbox")


def test_a_cmdlet_that_never_ends_is_transient_within_its_time() -> None:
    with town() as place:
        place.faults.set("shell.hangs", times=1)
        began = time.monotonic()
        error = failure(Transient, shell(place, timeout=1.5))
        assert "no end after 1.5 s" in error.seen
        assert time.monotonic() - began < 15


def test_a_refused_port_is_transient() -> None:
    places = Places()
    with town() as place:
        gone = shell(place, url=f"https://{places.old_server}:{places.https_port}/powershell")
        assert "refused" in failure(Transient, gone).seen.lower()


def test_a_server_that_hangs_up_in_the_handshake_is_transient() -> None:
    with tcp_server(lambda connection: connection.close()) as (address, port), town() as place:
        failure(Transient, shell(place, url=f"https://{address}:{port}/powershell"))


def test_a_port_without_tls_is_blocked() -> None:
    def plain(connection: socket.socket) -> None:
        connection.settimeout(2)
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()

    with tcp_server(plain) as (address, port), town() as place:
        assert "TLS 1.2" in failure(Blocked, shell(place, url=f"https://{address}:{port}/powershell")).todo


@pytest.mark.parametrize("url", ["mail.contoso.com/powershell", "https://mail.contoso.com:x/powershell", "https:///p"])
def test_an_address_that_is_none_is_blocked(url: str) -> None:
    with town() as place:
        assert "https://host" in failure(Blocked, shell(place, url=url)).todo
