"""The old Exchange of a lab town, and clients for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from exchange_world import Server, StartServer

from lab.authority import Authority
from lab.company import make_company
from lab.exchange.old_exchange import OldExchange
from lab.faults import Faults
from lab.places import Places


@pytest.fixture(scope="module")
def start_server() -> Iterator[StartServer]:
    """Start servers of any version; all are stopped at the end of the module."""
    with ExitStack() as running:

        def start(version: str = "8.3.83.6", *, messages: int = 400, **company: int) -> Server:
            places, authority, faults = Places(), Authority(), Faults()
            customer = make_company(messages=messages, **company)
            exchange = running.enter_context(OldExchange(places, authority, customer, faults, version=version))
            return Server(exchange, customer, faults, places, authority)

        yield start


@pytest.fixture(scope="module")
def module_server(start_server: StartServer) -> Server:
    """SBS 2008."""
    return start_server()


@pytest.fixture
def server(module_server: Server) -> Iterator[Server]:
    """SBS 2008 with no fault on."""
    yield module_server
    module_server.faults.clear()
