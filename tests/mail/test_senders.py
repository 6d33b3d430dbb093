from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mail_world import DOMAIN, Sink, dns_of, eventually, zone

from lab.dns.town_dns import TownDns
from lab.faults import Faults
from lab.mail.senders import Senders, read_journal
from lab.places import Places


@pytest.fixture
def places() -> Places:
    return Places()


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def old(places: Places) -> Iterator[Sink]:
    with Sink(places.old_server, places.smtp_port) as sink:
        yield sink


@pytest.fixture
def cloud(places: Places) -> Iterator[Sink]:
    with Sink(places.cloud, places.smtp_port) as sink:
        yield sink


@pytest.fixture
def dns(places: Places, faults: Faults) -> Iterator[TownDns]:
    with dns_of(places, places.old_server, faults) as town:
        yield town


def senders(places: Places, faults: Faults, **settings: Any) -> Senders:
    plain: dict[str, Any] = {
        "count": 2,
        "printers": 0,
        "rate_per_second": 30.0,
        "mta_retry_seconds": 0.2,
        "give_up_seconds": 60.0,
    }
    resolver = (places.resolver(0), places.dns_port)
    return Senders(places, [resolver], [f"anna@{DOMAIN}", f"zoe@{DOMAIN}"], faults, **{**plain, **settings})


def test_delivers_by_mx_from_its_own_address(places: Places, faults: Faults, dns: TownDns, old: Sink) -> None:
    with senders(places, faults) as sending:
        eventually(lambda: len(old.taken) >= 10)
        assert sending.drain(10)
        records = sending.records()
    assert len(records) == len(old.taken)
    assert {record.outcome for record in records} == {"delivered"}
    assert {record.server for record in records} == {places.old_server}
    assert {client for client, _, _ in old.taken} == {places.sender(0), places.sender(1)}
    assert len({record.message_id for record in records}) == len(records)
    for record in records:
        assert any(f"X-Lab-Serial: {record.serial}\r\n".encode() in content for _, _, content in old.taken)


def test_refused_then_finds_the_new_mx(places: Places, faults: Faults, dns: TownDns, cloud: Sink) -> None:
    """The old door is closed while a resolver still names it; the queue heals itself when the TTL has run out."""
    with senders(places, faults) as sending:
        eventually(lambda: sum(record.attempts >= 2 for record in sending.records()) >= 3)
        tried = [record for record in sending.records() if record.attempts]
        assert tried and all("ConnectionRefused" in record.reply for record in tried)
        dns.edit(DOMAIN, *zone(places.cloud))
        assert sending.drain(20)
        records = sending.records()
    assert {record.server for record in records} == {places.cloud}
    assert max(record.attempts for record in records) >= 3
    assert len(cloud.taken) == len(records)


def test_4xx_is_tried_again_and_5xx_bounces_at_once(places: Places, faults: Faults, dns: TownDns, old: Sink) -> None:
    old.data = "451 4.3.0 later"
    with senders(places, faults) as sending:
        eventually(lambda: sum(record.attempts >= 2 for record in sending.records()) >= 2)
        assert old.taken == []
        old.data, old.rcpt = "250 OK", "550 5.1.1 no such user"
        assert sending.drain(10)
        records = sending.records()
        assert {record.outcome for record in records} == {"bounced"}
        assert all(record.reply == "550 5.1.1 no such user" for record in records)
        old.rcpt = "250 OK"
        sending.resume()
        eventually(lambda: len(old.taken) >= 3)


def test_gives_up(places: Places, faults: Faults, dns: TownDns) -> None:
    with senders(places, faults, give_up_seconds=0.5) as sending:
        eventually(lambda: any(record.outcome == "bounced" for record in sending.records()))
        bounced = [record for record in sending.records() if record.outcome == "bounced"]
    assert bounced and all("gave up" in record.reply for record in bounced)


def test_printers_ignore_the_mx_until_told(places: Places, faults: Faults, dns: TownDns, cloud: Sink) -> None:
    dns.edit(DOMAIN, *zone(places.cloud))
    with Sink(places.old_server_inside, places.smtp_port) as inside, senders(places, faults, printers=1) as sending:
        eventually(lambda: len(inside.taken) >= 3 and len(cloud.taken) >= 3)
        assert {client for client, _, _ in inside.taken} == {places.sender(1)}
        sending.route_printers_by_mx()
        eventually(lambda: any(client == places.sender(1) for client, _, _ in cloud.taken))
        assert sending.drain(10)


def test_a_lost_reply_means_a_second_copy(places: Places, faults: Faults, dns: TownDns, old: Sink) -> None:
    faults.set("sender.forgets", times=1)
    with senders(places, faults) as sending:
        eventually(lambda: len(old.taken) >= 3)
        assert sending.drain(10)
        assert len(old.taken) == len(sending.records()) + 1


def test_the_journal_outlives_the_senders(
    places: Places, faults: Faults, dns: TownDns, old: Sink, tmp_path: Path
) -> None:
    with senders(places, faults, journal=tmp_path / "sent.jsonl") as sending:
        eventually(lambda: len(old.taken) >= 3)
        assert sending.drain(10)
        records = sending.records()
    assert sorted(read_journal(tmp_path / "sent.jsonl"), key=lambda record: record.serial) == records
