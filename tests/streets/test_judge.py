"""By which way mail comes, judged from facts alone: what the name of a host, a greeting, a reply and the log tell."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from blocks.exchange.inventory.incoming import IncomingCounter
from mailmove.inventory.connector_findings import of_connectors
from mailmove.inventory.full import FullInventory
from mailmove.inventory.transport import Deliverer, Incoming, ReceiveConnector
from mailmove.smtp.port_check import PortCheck, greeting_name
from mailmove.smtp.takes_mail import RcptCheck
from mailmove.streets.judge import Way, is_inside, street_of
from mailmove.streets.known_hosts import is_dynamic_name, known
from mailmove.streets.server_findings import takes_for
from mailmove.streets.sights import DomainSight, Host, Sights

AT = datetime(2026, 11, 30, tzinfo=UTC)
D = "contoso.com"


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("mx1-eu1.ppe-hosted.com", "filter"),
        ("contoso-com.mail.protection.outlook.com.", "microsoft"),
        ("contoso-com.k-v1.mx.microsoft", "microsoft"),
        ("aspmx.l.google.com", "provider"),
        ("CONTOSO.DynDNS.org", "dynamic"),
        ("mail.contoso.com", None),
        ("notmimecast.com", None),
        ("mimecast.com.evil.example", None),
    ],
)
def test_names_are_known_by_whole_labels(host: str, kind: str | None) -> None:
    entry = known(host)
    assert (entry[0] if entry else None) == kind


def test_names_of_dynamic_addresses() -> None:
    assert is_dynamic_name("p5b0a1c2d.dip0.t-ipconnect.de") and is_dynamic_name("host-1-2.dsl.isp.example")
    assert not is_dynamic_name("mail.contoso.com") and not is_dynamic_name("pool.example")


def by(client: str, messages: int, senders: int, domain: str = D) -> Deliverer:
    return Deliverer(client_ip=client, messages=messages, sender_domains=senders, by_domain={domain: messages}, last=AT)


@pytest.mark.parametrize(
    ("incoming", "way"),
    [
        (None, "unknown"),
        ([], "elsewhere"),
        ([by("203.0.113.4", 30, 9), by("203.0.113.9", 20, 9)], "filter"),
        ([by("203.0.113.4", 4, 1)], "unknown"),
        ([by("198.51.100.7", 1, 1)], "filter"),
        ([by("10.0.0.7", 9, 4), by("9.9.9.9", 1, 1)], "pop"),
        ([by("", 9, 4)], "pop"),
        ([by(f"9.9.{n}.9", 5, 3) for n in range(9)], "unknown"),
        ([by("9.9.9.9", 50, 9, "other.example")], "elsewhere"),
        ([by("9.9.9.9", 50, 9, "")], "filter"),
    ],
)
def test_an_mx_that_nobody_knows_is_judged_by_the_log(incoming: list[Deliverer] | None, way: Way) -> None:
    host = Host(name="mx.other.example", addresses=("198.51.100.4",))
    sights = Sights(server=(Host(name="mail.contoso.com", addresses=("192.0.2.1",)),))
    log = None if incoming is None else Incoming(deliverers=tuple(incoming))
    assert street_of(DomainSight(domain=D, hosts=(host,)), sights, log).way == way


def test_a_log_that_does_not_say_from_whom_is_no_proof_that_nothing_comes() -> None:
    host = Host(name="mx.other.example", addresses=("198.51.100.4",))
    street = street_of(DomainSight(domain=D, hosts=(host,)), Sights(), Incoming(of_unknown=7))
    assert street.way == "unknown"


@pytest.mark.parametrize(("original", "client"), [("203.0.113.9", "203.0.113.9"), (None, None)])
def test_a_hop_of_the_servers_own_tells_who_was_before_it(original: str | None, client: str | None) -> None:
    first = {"Timestamp": AT, "ClientIp": "203.0.113.9", "ClientHostname": "mx.x.example", "Source": "SMTP"}
    hop = {"Timestamp": AT, "ClientIp": "10.0.0.2", "ClientHostname": "EX01", "OriginalClientIp": original}
    people = {"Sender": "eva@x.example", "Recipients": [f"anna@{D}"]}
    counter = IncomingCounter({D}, {"ex01"})
    assert len(list(counter.passing([{**hop, **people}]))) == 1
    incoming = counter.incoming()
    assert [deliverer.client_ip for deliverer in incoming.deliverers] == ([client] if client else [])
    assert incoming.of_unknown == (0 if client else 1)
    assert list(counter.passing([{**first, **people, "Sender": f"ben@{D}"}]))
    assert counter.incoming() == incoming, "mail of the company's own is not from outside"


def test_an_mx_that_greets_as_the_server_is_the_server() -> None:
    checks = tuple(
        PortCheck(address=address, port=25, state="open", greets_as="sbs.contoso.local")
        for address in ("192.0.2.1", "198.51.100.4")
    )
    sights = Sights(server=(Host(name="remote.contoso.com", addresses=("192.0.2.1",)),), ports=checks)
    sight = DomainSight(domain=D, hosts=(Host(name="mail.contoso.com", addresses=("198.51.100.4",)),))
    assert street_of(sight, sights, None).way == "direct"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("220 Mail.contoso.com ESMTP", "mail.contoso.com"),
        ("220-a.b hi", "a.b"),
        ("554 a.b", ""),
        ("", ""),
        ("220 *", ""),
    ],
)
def test_the_name_of_a_greeting(words: str, name: str) -> None:
    assert greeting_name(words) == name


@pytest.mark.parametrize(
    ("ours", "foreign", "verdict"),
    [
        ("250 2.1.5", "554 5.7.1", "own"),
        ("550 5.1.1", "554 5.7.1", "own"),
        ("550 5.1.1", "550 5.1.1", ""),
        ("554 5.7.1", "554 5.7.1", ""),
        ("250", "250", "anything"),
        ("451 4.7.1", "554 5.7.1", ""),
        ("550", "550", ""),
    ],
)
def test_who_takes_a_domain_is_judged_by_codes(ours: str, foreign: str, verdict: str) -> None:
    rcpt = RcptCheck(address="192.0.2.1", replies={f"postmaster@{D}": ours, "postmaster@example.com": foreign})
    assert takes_for(rcpt, D) == verdict


def test_inside_is_where_no_sender_of_the_world_is() -> None:
    assert all(is_inside(client) for client in ("", "127.0.0.1", "::1", "10.1.1.1", "fe80::1%4", "::ffff:192.168.1.1"))
    assert not any(is_inside(client) for client in ("203.0.113.9", "2001:db8::1", "mail.contoso.com"))


@pytest.mark.parametrize(
    ("ranges", "scoped"),
    [
        (("0.0.0.0-255.255.255.255",), False),
        (("0.0.0.0/0", "::/0"), False),
        (("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "0.0.0.0-255.255.255.255"), False),
        (("127.0.0.1",), False),
        (("192.168.1.0/24",), True),
        (("192.168.1.0(255.255.255.0)",), True),
        (("192.168.1.7",), True),
        (("something new",), True),
    ],
)
def test_a_connector_is_scoped_by_what_its_ranges_mean(ranges: tuple[str, ...], scoped: bool) -> None:
    connector = ReceiveConnector(name="R", bindings=("0.0.0.0:25",), remote_ranges=ranges, groups=("AnonymousUsers",))
    inventory = FullInventory(server="S", version="14.3.1.1", mailboxes=[], receive_connectors=[connector])
    assert [finding.code for finding in of_connectors(inventory)] == (["ScopedConnector"] if scoped else [])
