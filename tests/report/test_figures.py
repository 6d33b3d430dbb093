"""What the pictures are made of: counts that add up, curves that stay small, differences that are net."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from fake_blocks import a_plan
from hypothesis import given, settings
from hypothesis import strategies as st

from mailmove.changes import Change, ChangeKind, HostSubject, RecordSetSubject
from mailmove.inventory.full import FullInventory, Phone, Relay
from mailmove.inventory.server import SourceMailbox
from mailmove.report.arrival_bars import landed
from mailmove.report.forecast_rules import Clock, first_sync
from mailmove.report.handover import Handover, Person, handover_of
from mailmove.report.progress import MOST_POINTS, Progress, bars, watched
from mailmove.report.svg import TimeAxis
from mailmove.report.words import lasting
from mailmove.report.zone_diff import zone_diff
from mailmove.tenant_state import MigrationUser

START = datetime(2026, 11, 27, 20, tzinfo=UTC)

MX, PROOF = (RecordSetSubject(name=name, type=kind) for name, kind in (("contoso.com.", "MX"), ("proof", "TXT")))


def rrset(ttl: int, value: str, name: str = "contoso.com.") -> dict[str, object]:
    return {"name": name, "type": "MX", "ttl": ttl, "values": [value]}


def test_a_difference_is_net_and_leaves_out_what_is_not_dns() -> None:
    changes = [
        Change(kind=ChangeKind.RECORD_SET, subject=MX, before=rrset(3600, "10 old."), after=rrset(60, "10 old.")),
        Change(
            kind=ChangeKind.PORT, subject=HostSubject(host="mail.contoso.com", port=25), before=["0.0.0.0/0"], after=[]
        ),
        Change(kind=ChangeKind.RECORD_SET, subject=PROOF, before=None, after=rrset(60, "x")),
        Change(kind=ChangeKind.RECORD_SET, subject=MX, before=rrset(60, "10 old."), after=rrset(60, "0 new.")),
        Change(kind=ChangeKind.RECORD_SET, subject=PROOF, before=rrset(60, "x"), after=None),
        Change(kind=ChangeKind.RECORD_SET, subject=MX, before=rrset(60, "0 new."), after=rrset(3600, "0 new.")),
    ]
    assert zone_diff(changes) == ["- contoso.com. 3600 MX 10 old.", "+ contoso.com. 3600 MX 0 new."]


times = st.lists(st.integers(0, 7 * 86_400).map(lambda seconds: START + timedelta(seconds=seconds)), max_size=50)


@settings(deadline=None)
@given(old=times, cloud=st.none() | times, span=st.integers(0, 7 * 86_400))
def test_every_arrival_is_counted_once_and_the_bars_are_few(
    old: list[datetime], cloud: list[datetime] | None, span: int
) -> None:
    end = START + timedelta(seconds=span)
    found = landed(START, end, old, cloud)
    assert 1 <= len(found) <= 121
    covered = found[-1].at + timedelta(seconds=found[-1].seconds)
    assert covered > end
    assert sum(one.old or 0 for one in found) == sum(time < covered for time in old)
    if cloud is None:
        assert all(one.cloud is None for one in found)
    else:
        assert sum(one.cloud or 0 for one in found) == sum(time < covered for time in cloud)


def test_progress_stays_small_and_remembers_when_each_was_copied() -> None:
    seen: Progress | None = None
    for minute in range(1000):
        users = [
            MigrationUser(address="a@x", status="Synced" if minute > 10 else "Syncing", synced_items=min(minute, 11)),
            MigrationUser(address="b@x", status="Syncing", synced_items=minute),
        ]
        seen = watched(seen, users, START + timedelta(minutes=minute))
    assert seen is not None
    assert len(seen.curve) <= MOST_POINTS + 1
    assert seen.curve[-1] == (START + timedelta(minutes=999), 11 + 999, 1)
    assert [point[0] for point in seen.curve] == sorted(point[0] for point in seen.curve)
    assert seen.mailboxes["a@x"].done == START + timedelta(minutes=11)
    assert seen.mailboxes["b@x"].done is None
    assert Progress.model_validate_json(seen.model_dump_json()) == seen
    assert bars(seen).splitlines()[1].startswith("b@x"), "the unfinished first"
    assert bars(Progress()) == ""


@settings(deadline=None)
@given(begin=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)), seconds=st.integers(1, 60 * 86_400))
def test_ticks_stand_within_the_axis_in_order_and_are_not_many(begin: datetime, seconds: int) -> None:
    start = begin.replace(tzinfo=UTC)
    axis = TimeAxis(start, start + timedelta(seconds=seconds), 100, 800, UTC)
    found = [tick for tick, _ in axis._ticks()]
    assert found == sorted(set(found))
    assert 1 <= len(found) <= 11
    assert all(axis.start <= tick <= axis.end for tick in found)


def test_lengths_of_time_read_well() -> None:
    said = [lasting(seconds) for seconds in (4, 99, 720, 6_000, 11_100, 187_200)]
    assert said == ["4 s", "99 s", "12 min", "1 h 40 min", "3 h 05 min", "2 d 4 h"]


def test_a_handover_holds_who_moves_their_phones_and_what_sends() -> None:
    def box(address: str, kind: str = "user", *, hidden: bool = False) -> SourceMailbox:
        return SourceMailbox.model_validate(
            {"address": address, "display_name": address, "kind": kind, "hidden": hidden, "size": 10}
        )

    phone = Phone(mailbox="a@x", device_id="ID1", device_type="iPhone", model="iPhone 12", last_sync=START)
    relays = [Relay(client_ip=f"10.0.0.{n}", host="", senders=(), messages=n, last=START) for n in (1, 5)]
    inventory = FullInventory(
        server="SBS",
        version="8.3",
        mailboxes=[box("a@x"), box("b@x", "shared"), box("c@x", hidden=True), box("d@x", "public_folder")],
        phones=[phone],
        relays=relays,
    )
    made = handover_of(inventory)
    assert [one.address for one in made.people] == ["a@x", "b@x"], "what does not move is not promised"
    assert made.people[0].phones == ("iPhone 12 / iPhone (ID1), last seen 2026-11-27",)
    assert [one.messages for one in made.machines] == [5, 1]
    assert made.bytes == 20


def test_a_size_that_nobody_knows_is_not_nothing() -> None:
    def handover(*sizes: int | None) -> Handover:
        people = tuple(Person(address=f"{n}@x", name="x", kind="user", size=size) for n, size in enumerate(sizes))
        return Handover(server="S", people=people, machines=())

    gigabyte = 1024**3
    assert handover(gigabyte, gigabyte).volume == "2 GB"
    assert handover(gigabyte, None).volume == "at least 1 GB (1 of unknown size)"
    assert handover(None, None).volume == "size unknown"
    clock = Clock(plan=a_plan(), previews={}, handover=handover(gigabyte, None), at=START)
    assert first_sync(clock).startswith("2 mailboxes, at least 1.0 GB, the largest at least 1.0 GB (1 of unknown size)")
    assert first_sync(replace(clock, handover=handover(None))).startswith("not known: 1 mailboxes")
