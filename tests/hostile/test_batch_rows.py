"""Groups and contacts among a batch's users, a group that never fills, and mailboxes that nobody writes to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cutover_walk import Walk, settled, walking
from fake_blocks import a_plan, source, tenant
from memory_engine import MemoryEngine

from lab.directory import Directory, Group, OtherRecipient
from lab.faults import Faults
from lab.hostile import be_hostile
from mailmove.errors import Blocked, NotYet
from mailmove.evidence import PollResult
from mailmove.inventory.full import AddressBook, Contact
from mailmove.inventory.full import Group as SourceGroup
from mailmove.leavable import LeavableKind
from mailmove.tenant_state import MailContact, MigrationBatch, MigrationUser, Recipient
from tasks.engine.current import running_on
from tasks.execution.context import Context
from tasks.items.recipient_arrival import not_arrived, recipient_facts
from tasks.ledger.entry import EntryKind
from tasks.ledger.payloads import LeftOut, ServerClock, SyncRequest, WaitEnded
from tasks.parking.poll import Awaited, poll_once
from tasks.stages import final_sweep, finish_batch

pytestmark = pytest.mark.timeout(600)
STEPS = {"enable_outlook_anywhere", "verify_domain", "start_migration_batch", "first_sync"}
DOMAIN = "northwind.example"
MANAGEMENT, EVERYBODY = f"management@{DOMAIN}", f"everybody@{DOMAIN}"
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    """One cutover as far as its first sync, in a tenant with both switches on, for the tests of this file in order."""
    faults = Faults()
    be_hostile(faults, ("batch_rows", "quiet_sync_time"))
    with walking(STEPS, faults=faults) as walk:
        walk.town.old.store.mailboxes["jose@northwind.example"].items.clear()
        yield walk


def polled(walk: Walk, wait: str, seconds: float = 120) -> PollResult:
    """Until it is done."""
    result, until = walk.poll(wait, None), time.monotonic() + seconds
    while not result.done:
        assert time.monotonic() < until, result
        time.sleep(0.2)
        result = walk.poll(wait, result)
    return result


def test_the_first_sync_ends_and_names_the_group_that_never_fills(walk: Walk) -> None:
    walk.bring_to("first_sync")
    result = polled(walk, "first_sync")
    assert result.summary.startswith("4 of 4 mailboxes copied"), result.summary
    assert "3 of 4 groups and contacts are ready" in walk.poll("first_sync", result).summary
    assert f"group {MANAGEMENT}: ProvisionUpdating" in walk.poll("first_sync", result).details
    assert MANAGEMENT not in result.picture and result.asks is None


def test_quiet_mailboxes_pass_the_last_sync_by_a_round_that_began_after_it(walk: Walk) -> None:
    ledger, cloud = walk.ledger, walk.town.cloud
    noticed = ServerClock(step="propagation", whose="target", at=datetime.now(UTC) + timedelta(seconds=2))
    ledger.record(EntryKind.EVIDENCE, "propagation", payload=noticed)
    time.sleep(2.5)
    walk.until(final_sweep.apply.fn, walk.plan)
    evidence = settled(lambda: walk.do(final_sweep.verify.fn, walk.plan))
    assert all(
        row.last_copied is None or row.last_copied < noticed.at
        for batch in cloud.tenant.batches.values()
        for row in batch.users.values()
        if row.recipient == "Mailbox"
    ), "nothing was copied since"
    [group] = [fact for fact in evidence.facts if fact.startswith("group ")]
    assert group.startswith(f"group {MANAGEMENT}: 1 of 2 members missing: ")
    assert any(fact.startswith("3 of 4 groups and contacts have arrived") for fact in evidence.facts)
    rule = walk.poll("finish_rule", None)
    assert rule.summary.startswith("4 of 4 mailboxes were synced after"), rule


def test_what_never_arrives_is_asked_about_once_and_can_be_mended_or_left(walk: Walk) -> None:
    walk.ledger.record(EntryKind.EVIDENCE, "finish_rule", payload=WaitEnded())
    with pytest.raises(Blocked) as caught:
        finish_batch.apply.fn(walk.plan)
    [thing] = caught.value.leaves
    assert (thing.kind, thing.mailbox) == (LeavableKind.GROUP, MANAGEMENT)
    assert walk.town.cloud.tenant.batches, "nothing was removed"
    missing = thing.reason.rpartition(" ")[2]
    walk.town.cloud.add_member(MANAGEMENT, missing)
    assert not_arrived(Context(walk.plan, finish_batch.NAME)) == []
    walk.town.cloud.tenant.others[MANAGEMENT].members.clear()
    left = LeftOut(things=(thing,), by="anna", reason="two people only")
    walk.ledger.record(EntryKind.EVIDENCE, finish_batch.NAME, payload=left)
    walk.until(finish_batch.apply.fn, walk.plan)
    assert not walk.town.cloud.tenant.batches


# What the tenant may say else, without a town.


def row(kind: Any, name: str, status: str = "Synced", **more: Any) -> MigrationUser:
    return MigrationUser(address=f"{name}@contoso.com", kind=kind, status=status, **more)


def blocks(rows: list[MigrationUser], batch: MigrationBatch, **more: Any) -> dict[str, Any]:
    return {
        **source(**{"inventory.return_value.moving": [], "inventory.return_value.mailboxes": [], **more}),
        **tenant(
            **{
                "migration.users.return_value": rows,
                "migration.batch.return_value": batch,
                "migration.skipped_items.return_value": [],
                "clock.return_value": NOON,
            }
        ),
    }


def test_a_batch_of_groups_alone_is_not_copied() -> None:
    rows = [row("group", "all"), row("contact", "out")]
    with running_on(MemoryEngine(blocks(rows, MigrationBatch(name="b", status="Syncing")))) as memory:
        result = asyncio.run(poll_once(a_plan(), memory.root, Awaited("first_sync"), None))
    assert not result.done and result.summary.startswith("0 of 0 mailboxes")


BOOK = AddressBook(
    groups=[
        SourceGroup(address="all@contoso.com", display_name="All", kind="security",
                    members=("anna@contoso.com", "out@contoso.com")),
    ],
    contacts=[Contact(address="out@contoso.com", display_name="Out", kind="contact", target="out@x.example")],
)  # fmt: skip


@pytest.mark.parametrize(
    ("members", "contacts", "lacks"),
    [
        ({"anna@contoso.com", "out@contoso.com"}, {"out@contoso.com": "out@x.example"}, []),
        ({"anna.berg@contoso.com", "out@x.example"}, {"out@x.example": "out@x.example"}, []),
        ({"anna@contoso.com"}, {"out@contoso.com": "out@x.example"},
         ["group all@contoso.com: 1 of 2 members missing: out@contoso.com"]),
        (None, {"out@contoso.com": "out@x.example"}, ["group all@contoso.com: it is not in the tenant"]),
        ({"anna@contoso.com", "out@contoso.com"}, {}, ["contact out@contoso.com: it is not in the tenant"]),
        ({"anna@contoso.com", "out@contoso.com"}, {"out@contoso.com": "old@x.example"},
         ["contact out@contoso.com: its mail goes to old@x.example, and went to out@x.example"]),
    ],
)  # fmt: skip
def test_who_is_in_a_group_counts_and_not_what_the_batch_calls_it(
    members: set[str] | None, contacts: dict[str, str], lacks: list[str]
) -> None:
    rows = [row("mailbox", "anna"), row("group", "all"), row("contact", "out")]
    parts = blocks(rows, MigrationBatch(name="b", status="Synced"), **{"address_book.return_value": BOOK})
    known = [Recipient(address="anna.berg@contoso.com", kind="UserMailbox",
                       addresses=frozenset({"anna@contoso.com", "anna.berg@contoso.com"}))]  # fmt: skip
    cloud = parts["microsoft365/contoso"].recipients
    cloud.all.return_value = known
    cloud.members.return_value = [None if members is None else frozenset(members)]
    cloud.contacts.return_value = [MailContact(addresses=frozenset({name}), target=at) for name, at in contacts.items()]
    with running_on(MemoryEngine(parts)):
        context = Context(a_plan(), finish_batch.NAME)
        assert list(map(str, not_arrived(context))) == lacks
        assert recipient_facts(context)[1:] == lacks


def test_members_that_cannot_be_read_are_not_nobody() -> None:
    """Not shown is not absent: a group whose members the old server does not show is named, not taken for empty."""
    group = SourceGroup(address="all@contoso.com", display_name="All", kind="distribution")
    book = AddressBook(groups=[group], not_read=[{"what": "members of all@contoso.com", "why": "access denied"}])
    parts = blocks(
        [row("group", "all")], MigrationBatch(name="b", status="Synced"), **{"address_book.return_value": book}
    )
    parts["microsoft365/contoso"].recipients.all.return_value = []
    parts["microsoft365/contoso"].recipients.members.return_value = [frozenset()]
    with running_on(MemoryEngine(parts)):
        [thing] = not_arrived(Context(a_plan(), finish_batch.NAME))
    assert "cannot be read: access denied" in thing.reason


QUIET = {"last_synced": NOON - timedelta(hours=9)}


@pytest.mark.parametrize(
    ("status", "error", "after", "ended", "synced"),
    [
        ("Synced", "", NOON - timedelta(hours=1), NOON + timedelta(hours=1), True),
        ("Synced", "", None, NOON + timedelta(hours=1), False),  # a round was under way when it was asked for
        ("Synced", "", NOON - timedelta(hours=1), NOON - timedelta(hours=1), False),  # none has ended since
        ("Synced", "the server answers 503", NOON - timedelta(hours=1), NOON + timedelta(hours=1), False),
        ("IncrementalSyncing", "", NOON - timedelta(hours=1), NOON + timedelta(hours=1), False),
        ("IncrementalFailed", "", NOON - timedelta(hours=1), NOON + timedelta(hours=1), False),
    ],
)
def test_a_round_counts_only_where_it_began_after_the_switch(
    status: str, error: str, after: datetime | None, ended: datetime, synced: bool
) -> None:
    batch = MigrationBatch(name="b", status="IncrementalSyncing", last_round=ended)
    rows = [row("mailbox", "anna", status, error=error, **QUIET)]
    with running_on(MemoryEngine(blocks(rows, batch))):
        context = Context(a_plan(), final_sweep.NAME)
        since = ServerClock(step="propagation", whose="target", at=NOON)
        context.ledger.record(EntryKind.EVIDENCE, "propagation", payload=since)
        request = SyncRequest(at=NOON + timedelta(minutes=1), after=after)
        context.ledger.record(EntryKind.EVIDENCE, final_sweep.NAME, payload=request)
        if synced:
            final_sweep.verify.fn(context)
        else:
            with pytest.raises(NotYet):
                final_sweep.verify.fn(context)


def test_the_finish_rule_goes_by_a_second_round_where_nobody_asked_for_one() -> None:
    """As after a last sync that was left out by decision."""
    rows = [row("mailbox", "anna", **QUIET)]
    batch = MigrationBatch(name="b", status="Synced", last_round=NOON + timedelta(hours=1))
    with running_on(MemoryEngine(blocks(rows, batch))) as memory:
        ledger = Context(a_plan(), "finish_rule").ledger
        since = ServerClock(step="propagation", whose="target", at=NOON)
        ledger.record(EntryKind.EVIDENCE, "propagation", payload=since)
        first = asyncio.run(poll_once(a_plan(), memory.root, Awaited("finish_rule"), None))
        again = asyncio.run(poll_once(a_plan(), memory.root, Awaited("finish_rule"), first))
        later = batch.model_copy(update={"last_round": NOON + timedelta(hours=25)})
        memory.blocks["microsoft365/contoso"].migration.batch.return_value = later
        second = asyncio.run(poll_once(a_plan(), memory.root, Awaited("finish_rule"), again))
    assert [result.summary[:6] for result in (first, again, second)] == ["0 of 1", "0 of 1", "1 of 1"]


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_a_batch_of_150_rows_of_all_three_kinds_ends(seed: int) -> None:
    faults = Faults()
    be_hostile(faults, ("batch_rows", "quiet_sync_time"))
    with walking(STEPS, faults=faults, seed=seed, users=90, shared=10, messages=300, cycle_seconds=600.0) as walk:
        boxes = [box.address for box in walk.town.old.store.mailboxes.values() if box.kind != "public_folder"]
        groups = [
            Group(f"group{n}@{DOMAIN}", f"Group {n}", members=(*boxes[n : n + 5], f"contact{n}@{DOMAIN}"))
            for n in range(20)
        ]
        others = [OtherRecipient(f"contact{n}@{DOMAIN}", f"Contact {n}", target=f"c{n}@x.example") for n in range(30)]
        walk.town.old.state.directory = Directory(groups=tuple(groups), others=tuple(others))
        walk.bring_to("first_sync")
        result = polled(walk, "first_sync", 400)
        [batch] = walk.town.cloud.tenant.batches.values()
        assert len(batch.users) == 150
        assert result.summary.startswith("100 of 100 mailboxes copied") and result.asks is None
        settled(lambda: _ready(walk, 49), 60)
        last = walk.poll("first_sync", result)
        assert "49 of 50 groups and contacts are ready" in last.summary
        assert [line for line in last.details if line.startswith("group ")] == [
            f"group group19@{DOMAIN}: ProvisionUpdating"
        ]
        [thing] = not_arrived(Context(walk.plan, finish_batch.NAME))
        assert str(thing) == f"group group19@{DOMAIN}: 1 of 6 members missing: contact19@{DOMAIN}"


def _ready(walk: Walk, wanted: int) -> None:
    [batch] = walk.town.cloud.tenant.batches.values()
    ready = [user for user in batch.users.values() if user.recipient != "Mailbox" and user.status == "Synced"]
    if len(ready) < wanted:
        raise NotYet("lab", wanted=f"{wanted} ready", seen=f"{len(ready)}", todo="")
