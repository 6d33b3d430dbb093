"""What runs natively on Windows is checked by types for Windows; what does not is said, and says so itself."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from lab.dns.resolver import HONEST
from lab.dns.town_dns import TownDns
from lab.faults import Faults
from lab.places import Places
from lab.town_zones import customer_zone
from mailmove.dns.assessment.assess import assess_domain
from mailmove.plan.values import split_address

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = ("deployments/server/", "lab/", "mailmove/items/copy/checkpoint.py")
"""Where Unix is meant: the box and the lab, and the journal of the copy, which only workers write."""


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_rooms_that_run_on_windows_have_its_types(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "mypy", "--platform", "win32", "--cache-dir", str(tmp_path), "--no-error-summary"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    faults = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert [line for line in faults if not line.startswith(ELSEWHERE)] == []
    assert faults, "it is Windows' types that were asked: the box uses process groups"


def test_a_domain_is_assessed_where_the_usual_event_loop_cannot_watch_sockets() -> None:
    """As on Windows, whose usual loop has no `add_reader`."""

    class Usual(asyncio.SelectorEventLoop):
        def add_reader(self, *_: object) -> None:  # type: ignore[override]
            raise NotImplementedError

    class Policy(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self) -> asyncio.AbstractEventLoop:
            return Usual()

    before = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(Policy())
    try:
        places = Places()
        zones = {"northwind.example": customer_zone(places, "northwind.example", 300)}
        with TownDns(places, kind="rfc2136", zones=zones, resolvers=[HONEST], faults=Faults()) as dns:
            resolver = split_address(dns.resolver_addresses[0], 53)
            assert assess_domain("northwind.example", [resolver]).mx == ("10 mail.northwind.example.",)
    finally:
        asyncio.set_event_loop_policy(before)
