"""Reconciliation against the lab's two servers, on an engine in memory: what is moved, once, and what never is."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from aiosmtpd.controller import Controller
from engine_taps import Killed, killed_at_fence, killed_before_writing
from fake_blocks import SOURCE, TENANT, a_plan
from memory_engine import MemoryEngine
from prefect.settings import PREFECT_HOME, PREFECT_SERVER_EPHEMERAL_ENABLED, temporary_settings
from two_servers import TwoServers
from wire_tap import tapped

from blocks.microsoft365.microsoft365 import Microsoft365
from lab.cloud.tenant import CloudDomain
from lab.dns.resolver import HONEST
from lab.dns.town_dns import TownDns
from lab.dns.zone_data import rrset
from lab.item_parts import EventParts, event_mime
from mailmove.clock import Clock, clock_set, now
from mailmove.errors import Blocked, NotYet, Transient
from mailmove.tenant_state import MigrationBatch, MigrationUser
from tasks.engine.current import running_on
from tasks.execution.context import Context
from tasks.items.reconcile import reconcile
from tasks.items.redeliver import SETTLE, SHOWS, TRIES
from tasks.ledger.entry import EntryKind
from tasks.ledger.ledger import Ledger
from tasks.ledger.payloads import Delivery, SyncRequest

DOMAIN = "northwind.example"
MINUTE = timedelta(minutes=1)
LONG_AGO = Clock(ahead=-SETTLE - MINUTE)
"""What is done by this clock is settled by the true one."""


def worker(home: Path) -> dict[Any, Any]:
    """Its disk; who asks where results are kept is not to start a server of Prefect's for that."""
    return {PREFECT_HOME: home, PREFECT_SERVER_EPHEMERAL_ENABLED: False}


class Relay:
    """The MX: hands on to the cloud what it is given.

    too_big: refused; later: not now; loses_answers: taken, and nobody is told.
    """

    def __init__(self, cloud: tuple[str, int]) -> None:
        self._cloud, self.too_big, self.later, self.loses_answers = cloud, b"", b"", False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.too_big and self.too_big in envelope.original_content:
            return "552 5.3.4 too big"
        if self.later and self.later in envelope.original_content:
            return "451 4.7.1 later"
        answer = await asyncio.to_thread(self._hand_on, envelope)
        if self.loses_answers:
            server.transport.abort()
        return answer

    def _hand_on(self, envelope: Any) -> str:
        with smtplib.SMTP(*self._cloud, timeout=10) as smtp:
            try:
                smtp.sendmail(envelope.mail_from, envelope.rcpt_tos, envelope.original_content)
            except smtplib.SMTPRecipientsRefused as error:
                [(code, words)] = error.recipients.values()
                return f"{code} {words.decode()}"
        return "250 OK"


class Accounts:
    """`accounts()` counts once, as a new process does; SMTP sessions are counted."""

    def __init__(self, servers: TwoServers, memory: MemoryEngine, relay: Relay, heard: list[str], home: Path) -> None:
        self.servers, self.memory, self.relay, self._heard, self.home = servers, memory, relay, heard, home
        places = servers.places
        self.plan = a_plan(
            source={"smtp_host": f"mail.{DOMAIN}"},
            sweep={"smtp_port": places.smtp_port},
            propagation={"resolvers": [places.resolver(0)], "dns_port": places.dns_port},
        ).model_copy(update={"customer": "northwind", "domains": [DOMAIN]})

    def __call__(self, stage: str = "reconcile_items") -> list[str]:
        return reconcile(Context(self.plan, stage)).facts

    @property
    def sessions(self) -> int:
        return self._heard.count("SMTP")

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.plan.customer, self.memory.root)

    def tolerates(self, items: int) -> None:
        sweep = self.plan.sweep.model_copy(update={"tolerated_missing": items})
        self.plan = self.plan.model_copy(update={"sweep": sweep})

    def put(self, message_id: str, received: datetime | None = None) -> None:
        mime = f"Message-ID: {message_id}\r\nSubject: {message_id[1:-1]}\r\n\r\nA page.\r\n".encode()
        self.servers.old.put(self.servers.address, mime, received=received)

    def copies(self, message_id: str) -> int:
        return sum(one.message_id == message_id for one in self.servers.cloud.snapshot(self.servers.address))

    def take_out(self, message_id: str) -> None:
        """As if a filter had taken it out of the cloud's mailbox."""
        box = self.servers.cloud.mailboxes[self.servers.address]
        [arrived] = [item for item in box.items.values() if item.message_id == message_id]
        del box.items[arrived.id]


@pytest.fixture
def accounts(servers: TwoServers, tmp_path: Path) -> Iterator[Accounts]:
    """Where Microsoft imports no whole item, so that messages come by SMTP."""
    servers.without_import()
    yield from _accounts(servers, tmp_path)


@pytest.fixture
def importing(servers: TwoServers, tmp_path: Path) -> Iterator[Accounts]:
    yield from _accounts(servers, tmp_path)


def _accounts(servers: TwoServers, tmp_path: Path) -> Iterator[Accounts]:
    servers.tenant.domains[DOMAIN] = CloudDomain(DOMAIN, verified=True, services=["Email"])
    places, blocks = servers.places, {SOURCE: servers.source, TENANT: servers.target}
    known = servers.target.domains.get(DOMAIN)
    assert known is not None
    [mx] = [record.values[0].split()[-1] for record in known.service_records if record.type == "MX"]
    relay, address = Relay(servers.mx), places.host(77)
    zone = mx.rstrip(".").partition(".")[2]
    with ExitStack() as stack:
        stack.enter_context(
            TownDns(places, kind="rfc2136", zones={zone: [rrset(mx, "A", 1, address)]}, resolvers=[HONEST],
                    faults=servers.faults)
        )  # fmt: skip
        controller = Controller(relay, hostname=address, port=places.smtp_port, ready_timeout=30)
        controller.start()
        stack.callback(controller.stop)
        stack.enter_context(temporary_settings(worker(tmp_path / "worker")))
        memory = stack.enter_context(running_on(MemoryEngine(blocks)))
        yield Accounts(servers, memory, relay, stack.enter_context(tapped()), tmp_path / "worker")


def test_what_was_left_behind_comes_over_once(accounts: Accounts) -> None:
    assert accounts()[0].endswith(" 0 missing")
    accounts.put("<late@x>")
    parts = EventParts("late@northwind.example", "A late meeting", now(), now() + timedelta(hours=1), False)
    accounts.servers.old.put(accounts.servers.address, event_mime(parts), folder="Calendar", kind="event")
    with pytest.raises(NotYet, match="1 copied just now, 1 delivered"):
        accounts()
    for stage in ("reconcile_items", "reconcile_again"):
        assert accounts(stage)[0].endswith(" 0 missing")
    assert (accounts.copies("<late@x>"), accounts.sessions) == (1, 1)
    held = [one.subject for one in accounts.servers.cloud.snapshot(accounts.servers.address)]
    assert held.count("A late meeting") == 1


def test_where_whole_items_are_imported_no_filter_is_asked_to_take_a_message(importing: Accounts) -> None:
    importing.put("<late@x>")
    with pytest.raises(NotYet, match="1 copied just now, 0 delivered"):
        importing()
    for stage in ("reconcile_items", "reconcile_again"):
        assert importing(stage)[0].endswith(" 0 missing")
    assert (importing.copies("<late@x>"), importing.sessions) == (1, 0)


def test_one_count_reads_the_ledger_once(accounts: Accounts) -> None:
    accounts.put("<late@x>")
    with pytest.raises(NotYet):
        accounts()
    assert accounts.memory.store.reads["ledger-northwind"] == 1


def test_a_message_id_that_reads_like_an_answer_is_a_name_like_any_other(accounts: Accounts) -> None:
    message_id = "<not taken: 550@x>"
    accounts.put(message_id)
    with clock_set(LONG_AGO), pytest.raises(NotYet, match="1 delivered"):
        accounts()
    [(_, delivery)] = accounts.ledger.payloads(Delivery)
    assert (delivery.message_id, delivery.taken) == (message_id, True)
    accounts.take_out(message_id)
    with pytest.raises(NotYet):
        accounts("reconcile_again")
    assert accounts.sessions == 1, "it was taken: it is waited for, and not sent again"


def test_a_fenced_process_moves_nothing(accounts: Accounts) -> None:
    accounts.put("<late@x>")
    accounts.memory.fenced = True
    with pytest.raises(InterruptedError):
        accounts()
    assert (accounts.copies("<late@x>"), accounts.sessions) == (0, 0)


@pytest.mark.parametrize("received", [-MINUTE, timedelta(days=100)])
def test_a_sync_is_asked_for_first_and_a_request_without_its_time_asks_again(
    accounts: Accounts, received: timedelta
) -> None:
    """A date in the future, as of seeded events in a cruel night, is no arrival: it asked for a sync at every look."""
    accounts.put("<late@x>", received=now() + received)  # clocks are read in whole seconds: newer ones ask once more
    users = [MigrationUser(address=accounts.servers.address, status="IncrementalSyncing")]
    batch = MigrationBatch(name="b", status="IncrementalSyncing")
    cloud = Mock(spec=Microsoft365, wraps=accounts.servers.target)
    cloud.clock, cloud.migration = now, Mock(users=lambda _: users, batch=lambda _: batch)
    accounts.memory.blocks[TENANT] = cloud
    refused = SyncRequest(missing={accounts.servers.address: 1}, refused="Microsoft did not take it")
    accounts.ledger.record(EntryKind.EVIDENCE, "reconcile_items", payload=refused)
    for seen in ("just asked for", f"not yet: {accounts.servers.address}"):
        with pytest.raises(NotYet, match=seen):
            accounts()
    cloud.migration.sync_now.assert_called_once_with("mailmove-northwind")
    users[0] = users[0].model_copy(update={"last_synced": now() + timedelta(minutes=1)})
    with pytest.raises(NotYet, match="1 delivered"):
        accounts()


def test_the_list_is_kept_as_table_csv_and_page(accounts: Accounts) -> None:
    held = accounts.servers.cloud.snapshot(accounts.servers.address)
    first = next(one for one in held if one.subject.endswith("-0000210"))
    accounts()
    for word in ("deleted", "recoverable", "purged"):
        gone = accounts.servers.cloud.delete(accounts.servers.address, first.id)
        first = gone or first
        assert f"1 {word}; 0 missing" in accounts()[0]
    assert accounts.sessions == 0, "what its user has deleted is not brought back"
    rows = accounts.memory.store.read_latest(["items-northwind"])["items-northwind"]
    assert [(row["verdict"], row["subject"]) for row in rows] == [("all in all", ""), ("purged", first.subject)]
    [csv] = accounts.home.rglob("reconcile_items.csv")
    assert csv.parent.parts[-3:] == ("mailmove-items", "northwind", str(accounts.memory.root))
    assert first.subject in csv.read_text("utf-8-sig")
    assert first.subject in csv.with_suffix(".html").read_text("utf-8")


def test_a_server_that_takes_nothing_now_is_tried_again(accounts: Accounts) -> None:
    accounts.put("<refused@x>")
    accounts.servers.faults.set("cloud.smtp_tempfail", times=1)
    with pytest.raises(Transient, match="451"):
        accounts()
    with pytest.raises(NotYet):
        accounts("reconcile_again")
    assert accounts()[0].endswith(" 0 missing")
    assert (accounts.copies("<refused@x>"), accounts.sessions) == (1, 2)
    assert [delivery.taken for _, delivery in accounts.ledger.payloads(Delivery)] == [False, True]


def test_killed_before_it_was_sent(accounts: Accounts) -> None:
    accounts.put("<unsent@x>")
    with clock_set(LONG_AGO):
        with killed_at_fence(), pytest.raises(Killed):
            accounts()
        for _ in range(2):
            with pytest.raises(NotYet):
                accounts()
    assert accounts.sessions == 0, "its fate is not known yet"
    with pytest.raises(NotYet):
        accounts()
    assert accounts()[0].endswith(" 0 missing")
    assert (accounts.copies("<unsent@x>"), accounts.sessions) == (1, 1)


@pytest.mark.parametrize("end", ["killed", "the answer is lost"])
@pytest.mark.parametrize("shows", [False, True])
def test_sent_and_never_heard_of(accounts: Accounts, end: str, shows: bool, tmp_path: Path) -> None:
    """By a kill after the server took it, or an answer that was lost; and then a filter takes it out.

    shows: by now it should be in the mailbox.
    """
    accounts.put("<taken@x>")
    with clock_set(Clock(ahead=-SHOWS - MINUTE) if shows else LONG_AGO):
        if end == "killed":
            with killed_before_writing("evidence", "delivery"), pytest.raises(Killed):
                accounts()
        else:
            accounts.relay.loses_answers = True
            with pytest.raises(NotYet):
                accounts()
    assert accounts.ledger.payloads(Delivery) == [], "whether it was taken is not known"
    assert accounts()[0].endswith(" 0 missing")
    accounts.take_out("<taken@x>")
    with temporary_settings(worker(tmp_path / "another worker")):  # it never saw it at the target
        gone = r"Exchange Online took it .*message trace says (?i:delivered).* not in the mailbox"
        with pytest.raises(Blocked, match=gone) if shows else pytest.raises(NotYet):
            accounts()
    assert accounts.sessions == 1, "the trace has shown it: a second one would be a double"


def test_what_cannot_be_moved_is_named_or_tolerated(accounts: Accounts) -> None:
    accounts.put("<big@x>")
    accounts.put("<fine@x>")
    accounts.relay.too_big = b"<big@x>"
    with pytest.raises(NotYet, match="1 delivered"):
        accounts()
    assert accounts.copies("<fine@x>") == 1, "one that is refused keeps no other back"
    with pytest.raises(Blocked, match=r"'big@x' in 'Inbox' of user000@.*: Exchange Online refused it: 552") as asked:
        accounts()
    [thing] = asked.value.leaves
    assert (thing.kind, thing.mailbox, thing.subject) == ("item", accounts.servers.address, "big@x")
    accounts.tolerates(1)
    assert accounts()[-1].startswith("stays behind, as the plan tolerates: user000@northwind.example: message 'big@x'")


def of_one_id(subject: str, day: int) -> bytes:
    """Two quota warnings bear one Message-ID (imapsync 24)."""
    date = f"Date: Thu, {day:02d} Nov 2026 05:06:00 +0000"
    return f"Message-ID: <quota@x>\r\nSubject: {subject}\r\n{date}\r\n\r\nA page.\r\n".encode()


QUOTA = {"80 %": of_one_id("80 %", 4), "95 %": of_one_id("95 %", 5), "99 %": of_one_id("99 %", 6)}


@pytest.mark.parametrize("there", [[], ["80 %"], ["95 %"], ["80 %", "99 %"]])
def test_of_several_messages_of_one_id_those_that_are_missing_are_delivered(
    accounts: Accounts, there: list[str]
) -> None:
    address, cloud = accounts.servers.address, accounts.servers.cloud
    for subject, mime in QUOTA.items():
        item = accounts.servers.old.put(address, mime)
        if subject in there:
            cloud.put(address, mime, received=item.received)
    with pytest.raises(NotYet, match=f"{3 - len(there)} delivered"):
        accounts()
    assert accounts()[0].endswith(" 0 missing")
    held = [item.subject for item in cloud.snapshot(address) if item.message_id == "<quota@x>"]
    assert (sorted(held), accounts.sessions) == (["80 %", "95 %", "99 %"], 3 - len(there))


def test_that_one_was_taken_says_nothing_of_another_of_its_id(accounts: Accounts, tmp_path: Path) -> None:
    address, cloud = accounts.servers.address, accounts.servers.cloud
    accounts.servers.old.put(address, QUOTA["80 %"])
    with pytest.raises(NotYet):
        accounts()
    accounts.servers.old.put(address, QUOTA["95 %"])
    with pytest.raises(NotYet, match="1 delivered"):
        accounts()
    assert accounts()[0].endswith(" 0 missing")
    held = [item.subject for item in cloud.snapshot(address) if item.message_id == "<quota@x>"]
    assert (sorted(held), accounts.sessions) == (["80 %", "95 %"], 2)


def test_a_message_that_is_never_taken_keeps_no_other_back(accounts: Accounts) -> None:
    """A filter that answers 451 to one message, each time; and the first of them stands first."""
    accounts.put("<always-later@x>")
    accounts.put("<fine@x>")
    accounts.relay.later = b"<always-later@x>"
    for _ in range(TRIES - 1):
        with pytest.raises(Transient, match="451"):
            accounts()
    assert accounts.copies("<fine@x>") == 1
    with pytest.raises(Blocked, match=f"Exchange Online did not take it, {TRIES} times: 451"):
        accounts()
