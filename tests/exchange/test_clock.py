"""What time the old server and Microsoft have is read from their answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from blocks.server_clock import clock_at
from blocks.tls_roots import tls_context
from mailmove.errors import Transient


@pytest.fixture
def says() -> Iterator[tuple[str, list[str]]]:
    """(address, what its Date is: the list's last)."""
    dates: list[str] = []

    class Refuses(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(401)
            if dates[-1]:
                self.send_header("Date", dates[-1])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Refuses)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/EWS/Exchange.asmx", dates
    server.shutdown()
    server.server_close()


def test_a_refusal_tells_the_time_too(says: tuple[str, list[str]]) -> None:
    url, dates = says
    dates.append("Fri, 27 Nov 2026 01:59:59 GMT")
    assert clock_at(url, "EWS", tls_context(None)) == datetime(2026, 11, 27, 1, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 31 Feb 2026 01:59:59 GMT"])
def test_an_answer_without_a_time_is_said(says: tuple[str, list[str]], date: str) -> None:
    url, dates = says
    dates.append(date)
    with pytest.raises(Transient, match="HTTP 401 with the Date"):
        clock_at(url, "EWS", tls_context(None))


def test_a_server_that_is_away_is_said() -> None:
    with pytest.raises(Transient, match="EWS: wanted the time by its clock"):
        clock_at("http://127.0.0.1:9/EWS", "EWS", tls_context(None))
