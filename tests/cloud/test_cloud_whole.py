"""The cloud as a part: what it leaves behind, and the picture it gives."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

import pytest

from lab.authority import Authority
from lab.cloud.cloud import Cloud
from lab.places import Places


def _cloud(places: Places) -> Cloud:
    resolver = (places.resolver(0), places.dns_port)
    return Cloud(places, Authority(), resolver=resolver, mx_zone="mx.cloud.example", directory=list)


def test_it_leaves_no_thread_and_no_socket() -> None:
    places = Places()
    before = set(threading.enumerate())
    for _ in range(2):  # the second start needs the ports that the first one had
        with _cloud(places) as cloud:
            assert cloud.base_url == f"https://{places.cloud}:{places.https_port}"
            for port in (places.https_port, places.smtp_port):
                socket.create_connection((places.cloud, port), 5).close()
        assert set(threading.enumerate()) <= before


def test_a_part_that_cannot_start_takes_the_others_down() -> None:
    places = Places()
    before = set(threading.enumerate())
    with socket.socket() as taken:
        taken.bind((places.cloud, places.smtp_port))
        taken.listen()
        with pytest.raises(OSError, match="in use"), _cloud(places):
            raise AssertionError("it started on a port that was taken")
    assert set(threading.enumerate()) <= before
    with _cloud(places):
        for port in (places.https_port, places.smtp_port):
            socket.create_connection((places.cloud, port), 5).close()  # the HTTPS port was given back


def test_the_picture_is_json_and_shows_changes(town: Any) -> None:
    before = town.cloud.picture()
    assert json.loads(json.dumps(before)) == before
    town.ready_domain()
    after = town.cloud.picture()
    assert after["domains"]["northwind.example"] == {"verified": True, "services": ["Email"]}
    assert {**after, "domains": before["domains"]} == before
