"""Towns that serve the customer's zone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from dns_town import CONTENT, ZONE, Towns

from lab.dns.resolver import Behaviour
from lab.dns.town_dns import TownDns
from lab.faults import Faults
from lab.places import Places
from mailmove.records import RRset


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def town(faults: Faults) -> Iterator[Towns]:
    """`town(kind, resolvers=[...], ...)` starts a town that serves contoso.test."""
    with ExitStack() as stack:

        def start(
            kind: str = "rfc2136", resolvers: tuple[Behaviour, ...] = (), zone: list[RRset] | None = None, **how: Any
        ) -> TownDns:
            zones = {ZONE: CONTENT if zone is None else zone}
            return stack.enter_context(
                TownDns(Places(), kind=kind, zones=zones, resolvers=resolvers, faults=faults, **how)
            )

        yield start
