from __future__ import annotations

import contextlib
import smtplib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from mail_world import Sink, eventually

from lab.dns.route53 import AwsServer
from lab.faults import Faults
from lab.mail.gateway import LOOK_EVERY, Gateway
from lab.mail.security_group import SecurityGroups
from lab.places import Places
from mailmove.smtp.port_check import check_port


class Rule:
    open = True

    def __call__(self) -> bool:
        return self.open


@pytest.fixture
def places() -> Places:
    return Places()


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def rule() -> Rule:
    return Rule()


@pytest.fixture
def inside(places: Places) -> Iterator[Sink]:
    with Sink(places.host(23), places.smtp_port, proxied=True) as sink:
        yield sink


@pytest.fixture
def gateway(places: Places, inside: Sink, rule: Rule, faults: Faults) -> Iterator[Gateway]:
    with Gateway((places.old_server, places.smtp_port), (inside.address, inside.port), rule, faults) as running:
        yield running


def looks(places: Places) -> str:
    return check_port(places.old_server, places.smtp_port, timeout=3).state


def test_refuses_while_closed_and_heals(gateway: Gateway, places: Places, rule: Rule) -> None:
    assert looks(places) == "open"
    for _ in range(3):
        rule.open = False
        closed_at = time.monotonic()
        eventually(lambda: not gateway.listening)
        assert time.monotonic() - closed_at < 2, "promised 0.2 s; a busy machine is given more"
        assert looks(places) == "refused"
        rule.open = True
        eventually(lambda: looks(places) == "open")


def test_the_true_client_address_goes_ahead(gateway: Gateway, places: Places, inside: Sink) -> None:
    with smtplib.SMTP(places.old_server, places.smtp_port, source_address=(places.sender(7), 0), timeout=5) as smtp:
        smtp.sendmail("a@x.example", ["b@northwind.example"], b"Subject: hi\r\n\r\nhello\r\n")
    ((client, recipient, content),) = inside.taken
    assert (client, recipient) == (places.sender(7), "b@northwind.example")
    assert content == b"Subject: hi\r\n\r\nhello\r\n"


def conversation(places: Places) -> socket.socket:
    connection = socket.create_connection((places.old_server, places.smtp_port), timeout=5)
    assert connection.recv(200).startswith(b"220")
    return connection


def test_a_conversation_is_finished(gateway: Gateway, places: Places, rule: Rule) -> None:
    with conversation(places) as connection:
        rule.open = False
        eventually(lambda: not gateway.listening)
        connection.sendall(b"NOOP\r\n")
        assert connection.recv(200).startswith(b"250")
        connection.sendall(b"QUIT\r\n")
        assert connection.recv(200).startswith(b"221")


def test_a_rude_router_cuts(gateway: Gateway, places: Places, rule: Rule, faults: Faults) -> None:
    faults.set("gateway.cut", times=1)
    with conversation(places) as connection:
        rule.open = False
        eventually(lambda: not gateway.listening)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(200) == b""


def test_a_stuck_router_stays_open(gateway: Gateway, places: Places, rule: Rule, faults: Faults) -> None:
    faults.set("gateway.stuck")
    rule.open = False
    for _ in range(5):
        assert looks(places) == "open"
        time.sleep(LOOK_EVERY / 2)
    faults.clear("gateway.stuck")
    eventually(lambda: looks(places) == "refused")


def test_leaves_no_thread_and_no_socket(places: Places, inside: Sink, rule: Rule, faults: Faults) -> None:
    before = threading.active_count()
    with Gateway((places.old_server, places.smtp_port), (inside.address, inside.port), rule, faults):
        connection = conversation(places)
    connection.close()
    assert threading.active_count() == before
    assert looks(places) == "refused"


def test_obeys_the_security_group(places: Places, inside: Sink, faults: Faults) -> None:
    with AwsServer("127.0.0.1", faults) as aws:
        group = SecurityGroups(aws, smtp_port=places.smtp_port)
        outside = (places.old_server, places.smtp_port)
        with Gateway(outside, (inside.address, inside.port), lambda: group.is_open(places.smtp_port), faults):
            assert looks(places) == "open"
            rules = [
                permission
                for permission in group.client().describe_security_groups(GroupIds=[group.group_id])["SecurityGroups"][
                    0
                ]["IpPermissions"]
                if permission["FromPort"] == places.smtp_port
            ]
            group.client().revoke_security_group_ingress(GroupId=group.group_id, IpPermissions=rules)
            eventually(lambda: looks(places) == "refused")
            group.client().authorize_security_group_ingress(GroupId=group.group_id, IpPermissions=rules)
            eventually(lambda: looks(places) == "open")


def test_silence_needs_no_connection_of_ours(places: Places, inside: Sink, rule: Rule, faults: Faults) -> None:
    """CI, 30 November: a sender took the one place in the queue first, and the gateway waited 30 s for it."""
    rule.open = False
    address = (places.old_server, places.smtp_port)
    outcomes: list[str] = []
    over = threading.Event()

    def knock() -> None:
        while not over.is_set():
            try:
                socket.create_connection(address, timeout=0.3).close()
                outcomes.append("in")
            except OSError as error:
                outcomes.append(type(error).__name__)

    wanted = ["refuse"]
    clients = [threading.Thread(target=knock) for _ in range(8)]
    with Gateway(address, (inside.address, inside.port), rule, faults, closed=lambda: wanted[0]) as gateway:
        for client in clients:
            client.start()
        for wanted[0] in ("drop", "refuse") * 3:
            seen = "TimeoutError" if wanted[0] == "drop" else "ConnectionRefusedError"
            eventually(lambda seen=seen: outcomes[-8:] == [seen] * 8)
        over.set()
        for client in clients:
            client.join()
        assert gateway.failure is None
    assert "in" not in outcomes
