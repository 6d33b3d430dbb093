from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from mail_world import Sink

from lab.places import Places
from mailmove.errors import Blocked, Transient
from mailmove.smtp.port_check import check_port
from mailmove.smtp.redeliver import MaybeTaken, redeliver

CONTENT = "Message-ID: <1@x>\r\nSubject: Grüße\r\n\r\n.one dot\r\n敬具\r\n".encode()


@pytest.fixture
def places() -> Places:
    return Places()


@pytest.fixture
def cloud(places: Places) -> Iterator[Sink]:
    with Sink(places.cloud, places.smtp_port) as sink:
        yield sink


def send(sink: Sink, content: bytes = CONTENT, sender: str = "a@x.example") -> str:
    return redeliver(
        content,
        sender=sender,
        recipient="anna@northwind.example",
        mx=(sink.address, sink.port),
        helo="mail.northwind.example",
        timeout=5,
    )


def test_arrives_byte_for_byte(cloud: Sink) -> None:
    assert send(cloud) == "250 OK"
    send(cloud, CONTENT.replace(b"\r\n", b"\n"), sender="")
    assert [content for _, _, content in cloud.taken] == [CONTENT, CONTENT]


@pytest.mark.parametrize(
    ("rcpt", "data", "kind"),
    [
        ("450 4.7.1 later", "250 OK", Transient),
        ("250 OK", "452 4.3.1 full", Transient),
        ("550 5.1.1 nobody", "250 OK", Blocked),
        ("250 OK", "554 5.6.0 no", Blocked),
    ],
)
def test_says_why_not(cloud: Sink, rcpt: str, data: str, kind: type[Exception]) -> None:
    cloud.rcpt, cloud.data = rcpt, data
    with pytest.raises((Transient, Blocked)) as caught:
        send(cloud)
    assert type(caught.value) is kind
    assert caught.value.seen in (rcpt, data)


def test_nobody_there(places: Places) -> None:
    with pytest.raises(Transient, match="It is tried again later"):
        send(Sink(places.cloud, places.smtp_port))


def serve_once(places: Places, *lines: bytes) -> tuple[socket.socket, threading.Thread]:
    """A server that answers one connection line for line, then closes it."""
    listener = socket.create_server((places.cloud, places.smtp_port))

    def answer() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as commands:
            for line in lines:
                connection.sendall(line)
                if line.startswith(b"354"):
                    while commands.readline() not in (b".\r\n", b""):
                        continue
                elif line != lines[-1]:
                    commands.readline()

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    return listener, thread


def test_an_unknown_fate_is_said_to_be_unknown(places: Places) -> None:
    listener, thread = serve_once(places, b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n")
    with listener, pytest.raises(MaybeTaken, match="It may have been taken"):
        send(Sink(places.cloud, places.smtp_port))
    thread.join(5)


@pytest.mark.parametrize(
    ("greeting", "state", "closed"),
    [
        (b"220 mail.example ESMTP\r\n", "open", False),
        (b"421 4.3.2 closing\r\n", "deferring", False),
        (b"554 5.3.2 moved\r\n", "rejecting", False),
        (b"", "deferring", False),
    ],
)
def test_looks_at_a_port(places: Places, greeting: bytes, state: str, closed: bool) -> None:
    listener, thread = serve_once(places, greeting)
    with listener:
        look = check_port(places.cloud, places.smtp_port, timeout=5)
    thread.join(5)
    assert (look.state, look.closed) == (state, closed)
    assert look.words == greeting.decode().strip() or not greeting


def test_a_mute_server_is_open_and_a_full_one_silent(places: Places) -> None:
    with socket.create_server((places.cloud, places.smtp_port), backlog=0):
        assert check_port(places.cloud, places.smtp_port, timeout=0.3).state == "open"
        fillers = []
        for _ in range(2):  # the accept queue is full then: the kernel drops further SYNs, as a firewall's DROP does
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((places.cloud, places.smtp_port))
            fillers.append(filler)
        look = check_port(places.cloud, places.smtp_port, timeout=0.3)
        for filler in fillers:
            filler.close()
    assert (look.state, look.closed) == ("silent", True)


def test_a_name_that_does_not_exist_is_no_closed_port() -> None:
    with pytest.raises((Blocked, Transient), match="name look-up"):
        check_port("no-such-host.invalid", 25, timeout=5)
