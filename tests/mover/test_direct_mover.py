"""Whole copies between two servers: complete, nothing twice, through kills, lost answers, lags and throttling."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from moving_world import Lives, mover_between

from benchmarks.direct_mover_vs_exchangelib import arrived
from blocks.exchange.exchange_server import ExchangeServer
from blocks.microsoft365.microsoft365 import Microsoft365
from lab.move_town import Served, addresses, both
from mailmove.errors import Refused
from mailmove.items.reconcile.spool import SOURCE, TARGET, Spool
from mailmove.items.reconcile.verdicts import Difference, differences

SBS, EXCHANGE_2010 = "8.3.83.6", "14.3.123.4"


@pytest.mark.long
def test_two_thousand_items_killed_five_times(tmp_path: Path) -> None:
    dice, boxes, items, kills = random.Random(5), 4, 2000, 5
    with both(SBS, boxes, items // boxes) as (old, cloud):
        cloud.fault("graph.lagging_items", 1_000_000)
        killed_at = []
        with Lives(old, cloud, boxes, tmp_path) as lives:
            for turn in range(kills):
                child = lives.begin()
                goal = items * (turn + dice.random()) / (kills + 1)
                deadline = time.monotonic() + 60
                while arrived(tmp_path) < goal and time.monotonic() < deadline:
                    time.sleep(0.005)
                os.kill(child, signal.SIGKILL)
                assert lives.ended() == signal.SIGKILL
                killed_at.append(arrived(tmp_path))
        assert killed_at[-1] < items, "every kill must strike in the middle"
        moved = mover_between(old, cloud, tmp_path).move(addresses(boxes))
        assert [one.left for one in moved] == [[]] * boxes
        assert sum(one.already_present for one in moved) >= killed_at[-1]
        assert sum(one.copied + one.already_present for one in moved) == items
        assert cloud.contents() == old.contents()


@pytest.fixture(scope="module")
def small_old() -> object:
    with Served("old", version=SBS, boxes=2, each=200) as old:
        yield old


def test_it_tells_how_far_it_is(small_old: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailmove.items.copy.mover.REPORT_SECONDS", 0.05)
    told: list[list[tuple[str, int, bool]]] = []
    with Served("cloud", boxes=2) as cloud:
        mover = mover_between(small_old, cloud, tmp_path)
        mover.move(addresses(2), lambda far: told.append([(one.mailbox, one.copied, one.over) for one in far]))
    counts = [sum(copied for _, copied, _ in far) for far in told]
    assert counts == sorted(counts) and len(set(counts)) > 2, "more and more"
    assert not any(over for _, _, over in told[0])
    assert told[-1] == [(address, 200, True) for address in addresses(2)]


@pytest.mark.parametrize(
    "faults",
    [
        {"graph.lost_answer": 3, "graph.lagging_items": 10_000},
        {"graph.truncated": 4},
        {"graph.batch_throttled": 5, "graph.throttled": 3, "graph.unavailable": 2, "graph.claims": 1},
    ],
    ids=lambda faults: "+".join(one.partition(".")[2] for one in faults),
)
def test_faults_of_the_cloud(small_old: Served, tmp_path: Path, faults: dict[str, int]) -> None:
    with Served("cloud", boxes=2) as cloud:
        for name, times in faults.items():
            cloud.fault(name, times)
        mover = mover_between(small_old, cloud, tmp_path)
        moved = mover.move(addresses(2))
        assert sum(one.copied + one.already_present for one in moved) == 400
        assert cloud.contents() == small_old.contents()
        again = mover.move(addresses(2))
        assert [(one.copied, one.already_present) for one in again] == [(0, 200), (0, 200)]
        assert cloud.contents() == small_old.contents()


def test_a_busy_old_server_and_a_lost_journal(small_old: Served, tmp_path: Path) -> None:
    small_old.fault("exchange.ews_busy", 4)
    with Served("cloud", boxes=2) as cloud:
        mover_between(small_old, cloud, tmp_path / "first").move(addresses(2))
        # Another worker, without the first one's disk: it compares, and finds all of it there.
        crowd = cloud.crowd()
        assert 1 <= crowd["most"] <= 4 and crowd["refused"] == 0, "no mailbox takes more than four at once"
        moved = mover_between(small_old, cloud, tmp_path / "second").move(addresses(2))
        assert [(one.copied, one.already_present) for one in moved] == [(0, 200), (0, 200)]
        assert cloud.contents() == small_old.contents()
        # A copy made from MIME is dated by Graph: messages without Message-ID are known by the one that we gave them.
        assert compared(small_old, cloud, addresses(2)[0], tmp_path) == []


def test_streams_go_whole_where_both_sides_have_them(tmp_path: Path) -> None:
    with both(EXCHANGE_2010, 2, 150, imports=True) as (old, cloud):
        cloud.fault("graph.import_expired", 2)
        mover_between(old, cloud, tmp_path).move(addresses(2))
        assert cloud.crowd()["refused"] == 0
        assert cloud.contents() == old.contents()
        for address in addresses(2):
            assert compared(old, cloud, address, tmp_path) == [], "dates and keys survive in a stream"


def test_stragglers_are_copied_once(small_old: Served, tmp_path: Path) -> None:
    with Served("cloud", boxes=2) as cloud:
        address = addresses(2)[0]
        of = ExchangeServer.model_validate(small_old.fields).item_changes()
        pages = [page for folder in of.folders(address) for page in of.changes(address, folder, None)]
        items = [item for page in pages for item in page.items]
        wanted = [item for item in items if item.kind != "message"][:3]
        wanted += [item for item in items if item.message_id][:5]
        for copied, found in ((8, 0), (0, 8)):
            moved = mover_between(small_old, cloud, tmp_path / str(copied)).move_items(address, wanted)
            assert (moved.copied, moved.already_present, moved.left) == (copied, found, [])
        held = cloud.contents()[address]
        assert sum(held.values()) == 8 and set(held) == {f"{item.kind} {item.subject}" for item in wanted}


def test_a_password_that_was_changed_stops_it(small_old: Served, tmp_path: Path) -> None:
    with Served("cloud", boxes=2) as cloud:
        small_old.fault("exchange.password_changed", 50)
        try:
            with pytest.raises(Refused, match="sign-in"):
                mover_between(small_old, cloud, tmp_path).move(addresses(2))
        finally:
            small_old.fault("exchange.password_changed", 0)
        assert not any(cloud.contents().values())


def compared(old: Served, cloud: Served, address: str, folder: Path) -> list[Difference]:
    with Spool(folder / f"{address}.sqlite") as spool:
        spool.update(SOURCE, ExchangeServer.model_validate(old.fields).item_changes(), address)
        spool.update(TARGET, Microsoft365.model_validate(cloud.fields).items.changes(), address)
        return list(differences(spool))
