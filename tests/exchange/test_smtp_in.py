"""Port 25 of the lab's old Exchange, and its tracking log."""

from __future__ import annotations

import smtplib
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from exchange_world import Server

from mailmove.clock import now

LETTER = "From: <a@contoso.example>\r\nSubject: {n}\r\nMessage-ID: <{n}@contoso.example>\r\n\r\nGrüße\r\n"


@pytest.fixture(autouse=True)
def quiet(server: Server) -> None:
    server.exchange.state.arrivals.clear()


def person(server: Server) -> str:
    return server.company.mailboxes[0].address


def send(server: Server, name: str, to: list[str], source: str = "") -> None:
    address = (server.places.old_server_inside, server.places.smtp_port)
    with smtplib.SMTP(*address, source_address=(source, 0) if source else None, timeout=30) as wire:
        wire.sendmail("a@contoso.example", to, LETTER.format(n=name).encode(), mail_options=["BODY=8BITMIME"])


def test_mail_is_filed_tracked_and_read_back_through_the_block(server: Server) -> None:
    before = now() - timedelta(seconds=1)
    box, other = server.company.mailboxes[0], server.company.mailboxes[1]
    send(server, "one", [box.aliases[0], other.address], source=server.places.sender(1))
    [arrival] = server.block().arrivals(before)
    assert (arrival.message_id, arrival.sender) == ("<one@contoso.example>", "a@contoso.example")
    assert arrival.client_ip == server.places.sender(1)
    assert set(arrival.recipients) == {box.aliases[0], other.address}
    for one in (box, other):
        [item] = [i for i in server.exchange.store.snapshot(one.address) if i.message_id == "<one@contoso.example>"]
        assert item.folder == "Inbox"
        assert "Grüße".encode() in item.mime
        assert item.mime.startswith(b"Received: from ")


def test_unknown_recipients_and_relaying_are_turned_down(server: Server) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        send(server, "two", ["nobody@northwind.example", "someone@elsewhere.example"])
    codes = {name: (code, text[:5]) for name, (code, text) in caught.value.recipients.items()}
    assert codes == {"nobody@northwind.example": (550, b"5.1.1"), "someone@elsewhere.example": (550, b"5.7.1")}
    assert server.exchange.state.arrivals == []


def test_public_folders_take_mail_and_a_message_without_id_gets_one(server: Server) -> None:
    folder = next(box.address for box in server.company.mailboxes if box.kind == "public_folder")
    with smtplib.SMTP(server.places.old_server_inside, server.places.smtp_port, timeout=30) as wire:
        wire.sendmail("scan@printer", [folder], b"Subject: scan\r\n\r\n.\r\n")
    [arrival] = server.exchange.state.arrivals
    assert arrival.message_id.startswith("<")
    assert arrival.message_id in {item.message_id for item in server.exchange.store.snapshot(folder)}


def test_a_temporary_failure_is_451_once(server: Server) -> None:
    server.faults.set("exchange.smtp_tempfail", times=1)
    with pytest.raises(smtplib.SMTPSenderRefused) as caught:
        send(server, "three", [person(server)])
    assert caught.value.smtp_code == 451
    send(server, "three", [person(server)])
    assert [arrival.message_id for arrival in server.exchange.state.arrivals] == ["<three@contoso.example>"]


def test_unicode_addresses_are_offered(server: Server) -> None:
    with smtplib.SMTP(server.places.old_server_inside, server.places.smtp_port, timeout=30) as wire:
        wire.ehlo()
        assert wire.has_extn("smtputf8")
        assert wire.has_extn("8bitmime")
        wire.sendmail("jürgen@contoso.example", [person(server)], b"Message-ID: <u@x>\r\n\r\n", ["SMTPUTF8"])
    assert server.exchange.state.arrivals[-1].sender == "jürgen@contoso.example"


def test_behind_the_gateway_the_true_client_is_known(server: Server) -> None:
    with socket.create_connection((server.places.host(23), server.places.smtp_port), timeout=30) as wire:
        wire.sendall(b"PROXY TCP4 203.0.113.7 192.0.2.1 40000 25\r\n")
        answers = wire.makefile("rb")
        assert answers.readline().startswith(b"220 ")
        for line, code in (
            ("HELO outside", b"250"),
            ("MAIL FROM:<a@contoso.example>", b"250"),
            (f"RCPT TO:<{person(server)}>", b"250"),
            ("DATA", b"354"),
            ("Message-ID: <p@x>\r\n\r\nhello\r\n.", b"250"),
        ):
            wire.sendall(line.encode() + b"\r\n")
            assert answers.readline().startswith(code)
    assert server.exchange.state.arrivals[-1].client_ip == "203.0.113.7"


def test_forty_senders_at_once(server: Server) -> None:
    with ThreadPoolExecutor(40) as crowd:
        list(crowd.map(lambda n: send(server, f"crowd{n}", [person(server)]), range(40)))
    assert len({arrival.message_id for arrival in server.exchange.state.arrivals}) == 40
