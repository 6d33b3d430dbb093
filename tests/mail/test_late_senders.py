"""Who still delivers to the old server, named with what to do about each."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import cast
from unittest.mock import Mock

import pytest

from mailmove.clock import now
from mailmove.evidence import Evidence, Look
from mailmove.items.item import Arrival
from mailmove.smtp.late_senders import gone_quiet, late_senders
from tasks.ledger.ledger import Ledger
from tasks.traffic import quiet_period as quietness
from tasks.traffic import server_clocks as clocks
from tasks.waits import quiet

THEN = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
DOMAINS = ["contoso.com"]


def arrival(client: str, sender: str, minute: int = 0, name: str = "", to: str = "anna@contoso.com") -> Arrival:
    at = THEN + timedelta(minutes=minute)
    return Arrival(at=at, message_id="<1@x>", sender=sender, recipients=(to,), client_ip=client, client_name=name)


def test_each_is_told_what_it_is_and_what_to_do() -> None:
    found = late_senders(
        [
            arrival("192.168.1.20", "scanner@contoso.com", 5, "MFP-2OG"),
            arrival("192.168.1.20", "scanner@contoso.com", 9),
            arrival("10.0.0.9", "someone@partner.example"),
            arrival("9.9.9.9", "shop@contoso.com"),
            arrival("8.8.4.4", "someone@partner.example", 1),
            arrival("8.8.4.4", "", 2),
            arrival("8.8.4.4", "x@partner.example", 3),
            arrival("10.0.0.5", "HealthMailbox1a2b@contoso.com"),
            arrival("10.0.0.5", "inboundproxy@inboundproxy.com", to="HealthMailbox1a2b@contoso.com"),
        ]
    )
    lines = {one.client_ip: one.line(DOMAINS) for one in found}
    assert list(lines) == ["8.8.4.4", "192.168.1.20", "10.0.0.9", "9.9.9.9"], "busiest first; probes are nobody's mail"
    assert "192.168.1.20 (MFP-2OG) still delivers to the old server: 2 messages" in lines["192.168.1.20"]
    assert "the last at 02:09:00 UTC. A printer, scanner or application" in lines["192.168.1.20"]
    assert "A mail gateway or filter" in lines["10.0.0.9"]
    assert "in the company's name" in lines["9.9.9.9"]
    assert "holds on to the old MX" in lines["8.8.4.4"] and "the empty sender" in lines["8.8.4.4"]


def _look(monkeypatch: pytest.MonkeyPatch, noticed_ago: timedelta, *last_ago: float) -> Look:
    return _look_with(monkeypatch, Notes(now() - noticed_ago), *last_ago)


class Notes:
    """A ledger that holds when the world had noticed, by the worker's clock, and what is added."""

    def __init__(self, noticed: datetime) -> None:
        self.kept = {"propagation": Evidence(stage="propagation", facts=[], at=noticed)}

    def evidence(self, stage: str) -> Evidence | None:
        return self.kept.get(stage)

    def record(self, kind: str, stage: str, *, facts: list[str]) -> None:
        self.kept[stage] = Evidence(stage=stage, facts=facts)


def _look_with(monkeypatch: pytest.MonkeyPatch, ledger: Notes, *last_ago: float) -> Look:
    """last_ago: minutes since each message reached the old server, which has the true time."""
    true = datetime.now(UTC)
    one = arrival("10.0.0.9", "a@b.example")
    arrivals = [one.model_copy(update={"at": true - timedelta(minutes=ago)}) for ago in last_ago]
    server = Mock(arrivals=lambda since: [one for one in arrivals if one.at >= since], clock=lambda: datetime.now(UTC))
    monkeypatch.setattr(quietness, "source_server", lambda _: server)
    cutover = Mock(domains=DOMAINS, sweep=Mock(quiet_minutes=15, patience_hours=4))
    return asyncio.run(quiet.look_on(cutover, cast(Ledger, ledger), None))


@pytest.mark.parametrize("wrong", [60, 3, -3, -60])
def test_a_worker_whose_clock_is_wrong_waits_as_long(monkeypatch: pytest.MonkeyPatch, wrong: int) -> None:
    def turned(minutes: float) -> None:
        there = timedelta(minutes=minutes)
        for module in (quietness, clocks):
            monkeypatch.setattr(module, "now", lambda: datetime.now(UTC) + there)

    for at_first, later in ((wrong, wrong), (wrong, 0), (0, wrong)):
        ledger = Notes(datetime.now(UTC) + timedelta(minutes=at_first - 20))  # noticed 20 minutes ago
        turned(at_first)
        seen = _look_with(monkeypatch, ledger, 2)
        assert not seen.done and len(seen.details) == 1, "a message two minutes ago is seen, and waited for"
        here = datetime.now(UTC) + timedelta(minutes=at_first)
        assert timedelta(minutes=12) < cast(datetime, seen.forecast) - here < timedelta(minutes=14)
        turned(later)
        assert not _look_with(monkeypatch, ledger, 14).done
        assert _look_with(monkeypatch, ledger, 16).done


@pytest.mark.parametrize("wrong", [60, -60])
def test_a_moment_by_a_wrong_clock_is_never_in_the_future_there(monkeypatch: pytest.MonkeyPatch, wrong: int) -> None:
    ledger = Notes(datetime.now(UTC) + timedelta(minutes=wrong))  # and the clock has been set right since
    assert not _look_with(monkeypatch, ledger, 3).done
    monkeypatch.setattr(clocks, "by_its_clock", Mock(side_effect=AssertionError("reckoned once")))
    assert not _look_with(monkeypatch, ledger, 2).done


def test_it_ends_when_it_has_been_quiet_and_a_person_is_asked_when_it_never_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _look(monkeypatch, timedelta(minutes=20)).done
    assert not _look(monkeypatch, timedelta(minutes=5)).done
    seen = _look(monkeypatch, timedelta(hours=3), 90, 3)
    assert (seen.done, seen.asks) == (False, None)
    assert seen.next_look == seen.forecast and len(seen.details) == 1
    late = _look(monkeypatch, timedelta(hours=5), 200, 3)
    assert not late.done and late.asks == _look(monkeypatch, timedelta(hours=6), 1).asks
    assert "go on all the same?" in str(late.asks)
    assert _look(monkeypatch, timedelta(hours=5), 200, 16).done, "no question is asked when it is quiet after all"


def test_a_machine_of_the_house_that_is_not_heard_of_since_is_named() -> None:
    switch = THEN + timedelta(minutes=30)
    found = gone_quiet(
        [
            arrival("192.168.1.20", "scanner@contoso.com", 5, "MFP-2OG"),
            arrival("192.168.1.21", "alarm@contoso.com", 5),
            arrival("192.168.1.21", "alarm@contoso.com", 31),  # who is heard of since is named by the wait
            arrival("10.0.0.9", "someone@partner.example", 5),  # a filter before the server
            arrival("9.9.9.9", "shop@contoso.com", 5),
        ],
        switch,
        DOMAINS,
    )
    assert [(one.client_ip, len(one.arrivals)) for one in found] == [("192.168.1.20", 1)]
