"""The wait for propagation: its picture, its patience and what comes after, purging, and signs of interference."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from dns_town import ZONE, Towns
from memory_engine import MemoryEngine
from pydantic import ValidationError

from lab.dns.authoritative import AuthoritativeServer
from lab.dns.resolver import HONEST, Behaviour
from lab.dns.town_dns import TownDns
from lab.dns.zone_data import ZoneData, rrset
from lab.faults import Faults
from mailmove.changes import Change, ChangeKind, RecordSetSubject
from mailmove.dns.client.answer import Answer
from mailmove.dns.client.interference import (
    answered_from_nowhere,
    interference,
    shared_identity,
    split_horizon,
    strange_identity,
)
from mailmove.dns.client.query import ask
from mailmove.dns.propagation.measure import PropagationSweep, forecast, judge
from mailmove.dns.propagation.purge_caches import operators_of, purge
from mailmove.dns.propagation.resolver_view import ServerView
from mailmove.dns.propagation.text_chart import picture
from mailmove.evidence import PollResult
from mailmove.plan.cutover import Cutover, Propagation
from mailmove.plan.public_resolvers import Operator, public_addresses, shipped
from mailmove.plan.quorum import Policy
from mailmove.records import RRset
from tasks.engine.current import engine, running_on
from tasks.execution.context import Context
from tasks.ledger.entry import Entry, EntryKind
from tasks.parking.due_polls import asks_anew
from tasks.parking.poll import Awaited
from tasks.parking.question_text import question_of_wait
from tasks.waits import old_ttl, propagation

OLD = rrset(ZONE, "MX", 300, "10 mail.contoso.test.")
NEW = rrset(ZONE, "MX", 300, "0 contoso-test.j-v1.mx.microsoft.")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def cutover(town: TownDns | None = None, **rules: Any) -> Cutover:
    where = {"resolvers": town.resolver_addresses, "dns_port": town.places.dns_port} if town else {}
    plan = {
        "customer": "contoso",
        "domains": ["contoso.test"],
        "source": {"server": "a/b", "outlook_anywhere_host": "mail.contoso.test", "smtp_host": "mail.contoso.test"},
        "dns": {"provider": "a/b"},
        "target": {"tenant": "a/b", "usage_location": "GB"},
        "firewall": {"gateway": "a/b"},
        "propagation": {**where, **rules},
    }
    return Cutover.model_validate(plan)


def context(plan: Cutover, at: datetime, before: Any = OLD, after: Any = NEW, step: str = "propagation") -> Context:
    """A poll's context: the ledger says that the MX was changed then, and served everywhere."""
    stage, root = {"propagation": "switch_mail", "old_ttl": "lower_ttl"}[step], uuid4()
    changed = Entry(cutover=root, kind=EntryKind.RECEIPT, stage=stage, at=at, changes=[change_of(before, after)])
    served = Entry(cutover=root, kind=EntryKind.EVIDENCE, stage=stage, at=at)
    for entry in (changed, served):
        engine().store.write_table(
            f"ledger-{plan.customer}", [entry.model_dump(mode="json")], description="", flow_run=root
        )
    return Context(plan, step, root=root, read_only=True)


def change_of(before: RRset, after: RRset) -> Change:
    subject = RecordSetSubject(name=f"{ZONE}", type="MX")
    values = {"before": before.model_dump(mode="json"), "after": after.model_dump(mode="json")}
    return Change(kind=ChangeKind.RECORD_SET, subject=subject, **values)


@pytest.fixture(autouse=True)
def in_memory() -> Iterator[None]:
    with running_on(MemoryEngine()):
        yield


def resolvers(town: TownDns) -> list[tuple[str, int]]:
    return cutover(town).propagation.servers


def warm(town: TownDns) -> None:
    """Every resolver caches the old set; then the zone is switched, at both name servers."""
    for resolver in resolvers(town):
        assert _held(resolver) == OLD.values
    town.edit(ZONE, NEW)
    deadline = time.monotonic() + 10
    while any(_held((address, town.places.dns_port)) != NEW.values for address in town.places.name_servers):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _held(server: tuple[str, int]) -> tuple[str, ...]:
    return asyncio.run(ask(server, ZONE, "MX", recursive=True)).values


def polled(context: Context, previous: PollResult | None = None) -> PollResult:
    if previous:
        previous = PollResult.model_validate_json(previous.model_dump_json(exclude={"picture"}))
    return asyncio.run(propagation.poll(context, previous))


def test_a_poll_has_a_picture_and_a_forecast(town: Towns) -> None:
    place = town(resolvers=(HONEST, HONEST), zone=[OLD])
    warm(place)
    seen = polled(context(cutover(place), datetime.now(UTC)))
    assert not seen.done and seen.asks is None
    assert seen.forecast is not None and seen.forecast > datetime.now(UTC) + timedelta(seconds=280)
    rows = [line for line in seen.picture.splitlines() if line.startswith("127.")]
    assert ["zone" in row for row in rows] == [True, True, False, False]
    assert all("█" not in row and "new at" in row for row in rows[:2])
    assert all("▒▒▒" in row and "clear at" in row for row in rows[2:])


def test_patience_ends_in_a_question_and_polling_goes_on(town: Towns) -> None:
    place = town(resolvers=(HONEST,), zone=[OLD])
    warm(place)
    plan = cutover(place, patience_minutes=30)
    early = polled(context(plan, datetime.now(UTC)))
    assert early.asks is None and not asks_anew(early)
    late = context(plan, datetime.now(UTC) - timedelta(minutes=31))
    first = polled(late, early)
    second = polled(late, first)
    assert not first.done and first.asks and "30 minutes" in first.asks
    assert first.asks == second.asks, "the same words: a person is asked once"
    assert first.asks in question_of_wait(plan, Awaited("propagation"), first).splitlines()[0]
    assert "not skipped: both a name and a reason" in question_of_wait(plan, Awaited("x"), first, unsigned=True)
    assert asks_anew(first)
    assert not asks_anew(second.model_copy(update={"parked_with": first.asks})), "it is parked with this very question"


def test_patience_may_end_in_going_on_but_never_before_every_authority_serves_it(town: Towns, faults: Faults) -> None:
    place = town(resolvers=(HONEST,), zone=[OLD])
    warm(place)
    plan = cutover(place, patience_minutes=1, after_patience="go-on")
    late = context(plan, datetime.now(UTC) - timedelta(minutes=2))
    gone_on = polled(late)
    assert gone_on.done and "the plan says to go on" in gone_on.summary
    faults.set("dns.timeout")
    faults.set("resolver.timeout")
    blind = polled(late)
    assert not blind.done and blind.asks, "an error of the world is no silence either"


def test_the_old_ttl_counts_only_where_it_was_shortened() -> None:
    at = datetime.now(UTC)
    high, low, floor = (OLD.model_copy(update={"ttl": ttl}) for ttl in (3600, 60, 300))
    seen = asyncio.run(old_ttl.poll(context(cutover(), at, high, low, "old_ttl"), None))
    assert seen.forecast == at + timedelta(seconds=3600) and not seen.done and seen.details == []
    raised = asyncio.run(old_ttl.poll(context(cutover(), at, high, floor, "old_ttl"), None))
    assert raised.forecast == seen.forecast
    assert "no less than 300 s" in raised.details[0], "asked for 60"
    declined = asyncio.run(old_ttl.poll(context(cutover(), at, high, high, "old_ttl"), None))
    assert declined.done and "no less than 3600 s" in declined.details[0]


# Policies


def views(*sees: str) -> list[ServerView]:
    addresses = ["1.1.1.1:53", "1.0.0.1:53", "8.8.8.8:53", "192.0.2.53:53"]
    return [
        ServerView.model_validate(
            {"server": server, "sees": one, "at": NOON, "clear_at": NOON + timedelta(seconds=10 * number + 10)}
        )
        for number, (server, one) in enumerate(zip(addresses, sees, strict=False))
    ]


def seen_by(resolvers: list[ServerView]) -> PropagationSweep:
    boss = ServerView(server="192.0.2.9:53", sees="new", at=NOON)
    return PropagationSweep(at=NOON, authorities=[boss], resolvers=resolvers, served_since=NOON)


def test_policies_count_differently() -> None:
    seen = seen_by(views("new", "new", "new", "old"))
    assert not judge(seen, Policy(kind="all"))
    assert judge(seen, Policy(share=0.75)) and not judge(seen, Policy(share=0.76))
    # By operator: Cloudflare (two addresses), Google and one of our own weigh a third each.
    assert judge(seen, Policy(kind="weights", share=0.66)) and not judge(seen, Policy(kind="weights", share=0.7))
    ours = Policy(kind="weights", share=0.6, weights={"192.0.2.53": 3})
    assert not judge(seen, ours)
    assert forecast(seen, ours) == NOON + timedelta(seconds=40)
    assert judge(seen, Policy(kind="weights", share=1.0, weights={"192.0.2.53": 0}))


def test_who_never_answers_is_left_out_unless_most_do_not() -> None:
    silent = {"sees": "failing", "error": "timeout", "clear_at": None, "silent": 3}
    resolvers = views("new", "new", "old", "old")
    resolvers[2:] = [one.model_copy(update=silent) for one in resolvers[2:]]
    assert judge(seen_by(resolvers), 1.0), "two of four are out of reach from here"
    resolvers[1] = resolvers[1].model_copy(update=silent)
    assert not judge(seen_by(resolvers), 1.0), "one of four is no picture of the world"
    assert "left out" in str(resolvers[2])


@pytest.mark.parametrize(
    ("rules", "where"),
    [
        ({"policy": "all", "share": 0.9}, "share"),
        ({"policy": "weights", "weights": {"Nobody": 1}}, "weights"),
        ({"policy": "weights", "weights": {"Google": -1}}, "weights"),
        ({"weights": {"Google": 2}}, "weights"),
        ({"policy": "most"}, "policy"),
        ({"after_patience": "hope"}, "after_patience"),
        ({"own_resolvers": ["resolver.contoso.test"]}, "own_resolvers"),
    ],
)
def test_a_policy_without_sense_is_refused_by_its_field(rules: dict[str, Any], where: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Propagation.model_validate(rules)
    assert [error["loc"][0] for error in refused.value.errors()] == [where]


def test_the_default_is_the_shipped_list_and_our_own_are_added() -> None:
    rules = Propagation(own_resolvers=["192.0.2.53", "1.1.1.1"])
    assert rules.resolvers == public_addresses()
    assert rules.servers == [(one, 53) for one in [*public_addresses(), "192.0.2.53"]]
    assert Propagation.model_validate(rules.model_dump(mode="json")) == rules


def test_the_shipped_list_is_dated_and_says_nothing_twice() -> None:
    assert datetime.fromisoformat(shipped().dated)
    addresses = public_addresses()
    assert len(addresses) == len(set(addresses)) >= 20
    assert len({one.region for one in shipped().operators}) >= 3
    assert all(one.doh is None or one.doh.startswith("https://") for one in shipped().operators)


# Purging


@contextmanager
def purge_api(status: int = 200) -> Iterator[tuple[str, list[dict[str, list[str]]]]]:
    """Cloudflare's form: POST with everything in the query string; GET is forbidden."""
    asked: list[dict[str, list[str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(parse_qs(urlsplit(self.path).query))
            body = json.dumps({"msg": "purge request queued."}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api/v1/purge", asked
        server.shutdown()


def test_caches_that_can_be_purged_are() -> None:
    with purge_api() as (url, asked), purge_api(500) as (broken, _):
        operators = [
            Operator(operator="A", region="world", addresses=("192.0.2.1",), purge_api=url),
            Operator(operator="B", region="world", addresses=("192.0.2.2",), purge_api=broken, purge_page="https://b/"),
            Operator(operator="C", region="world", addresses=("192.0.2.3",), purge_page="https://c.example/"),
            Operator(operator="D", region="world", addresses=("192.0.2.4",)),
            Operator(operator="E", region="world", addresses=("192.0.2.5",), purge_api="http://127.0.0.1:1/"),
        ]
        said = asyncio.run(purge(NEW, operators))
    assert asked == [{"domain": ["contoso.test"], "type": ["MX"]}]
    assert [line.split(":")[0] for line in said] == ["A", "B", "C", "E"]
    assert "status 500" in said[1] and "https://b/" in said[1] and "https://c.example/" in said[2]


def test_of_each_operator_asked_only_once() -> None:
    assert [one.operator for one in operators_of(["1.1.1.1", "1.0.0.1", "127.0.0.1", "8.8.8.8"])] == [
        "Cloudflare",
        "Google",
    ]


# Interference


def answer(server: str, *values: str, **facts: Any) -> Answer:
    return Answer(server=server, name=ZONE, type="MX", values=values, **{"rcode": "NOERROR", **facts})


async def test_somebody_who_answers_where_nobody_can_be(town: Towns) -> None:
    place = town(resolvers=(HONEST, Behaviour()), zone=[OLD])
    [first, second] = resolvers(place)
    found = await interference([first], ZONE, nowhere=second, whoami=None, timeout=1)
    assert [one.subject for one in found] == ["port 53 is intercepted"]
    assert await interference([first], ZONE, nowhere=("127.0.0.1", 1), whoami=None, timeout=0.5) == []


async def test_resolvers_that_reach_the_world_from_one_address_are_one(town: Towns) -> None:
    whoami = rrset(f"whoami.{ZONE}", "TXT", 60, '"192.0.2.77"')
    place = town(resolvers=(HONEST, HONEST), zone=[OLD, whoami])
    found = await interference(resolvers(place), ZONE, nowhere=None, whoami=whoami.name, timeout=1)
    assert [one.subject for one in found] == ["several resolvers are one"] and "192.0.2.77" in found[0].seen


def test_signs_are_read_for_what_they_are() -> None:
    assert answered_from_nowhere(answer("192.0.2.1:53", rcode=None, error="timeout")) is None
    assert answered_from_nowhere(answer("192.0.2.1:53", rcode="REFUSED", error="REFUSED")) is not None
    assert strange_identity(answer("1.1.1.1:53", '"LHR"')) is None
    assert strange_identity(answer("1.1.1.1:53", '"dnsmasq-2.90"')) is not None
    assert strange_identity(answer("9.9.9.10:53", '"res100.lhr.rrdns.pch.net"')) is None
    assert strange_identity(answer("8.8.8.8:53", '"anything"')) is None, "we do not know its form"
    assert shared_identity({"1.1.1.1:53": "a.isp.example", "1.0.0.1:53": "a.isp.example"}, "the name") is None
    assert shared_identity({"1.1.1.1:53": "a.isp.example", "8.8.8.8:53": "a.isp.example"}, "the name") is not None


def test_a_split_horizon_is_told_from_a_cache() -> None:
    world = [answer("192.0.2.9:53", "10 mail.contoso.test.", authoritative=True)]
    inside = answer("10.0.0.1:53", "10 exchange.contoso.local.")
    assert split_horizon(inside, world) is not None
    assert split_horizon(inside, world, settled=False) is None, "it may be what was there before the change"
    own = answer("10.0.0.1:53", "10 exchange.contoso.local.", authoritative=True)
    assert split_horizon(own, world, settled=False) is not None
    assert split_horizon(answer("10.0.0.1:53", "10 mail.contoso.test."), world) is None
    assert split_horizon(answer("10.0.0.1:53", rcode=None, error="timeout"), world) is None


def test_an_inside_zone_is_named_in_the_wait(town: Towns) -> None:
    place = town(resolvers=(HONEST,), zone=[OLD])
    warm(place)
    secret = rrset(ZONE, "MX", 300, "10 exchange.contoso.test.")
    data = ZoneData({ZONE: [secret]})
    with AuthoritativeServer(place.places.host(99), place.places.dns_port, data, {}, Faults()) as inside:
        own = [f"{inside.address}:{inside.port}"]
        switched = context(cutover(place, own_resolvers=own), datetime.now(UTC))
        seen = polled(switched)
        again = polled(switched, seen)
    for each in (seen, again):
        assert any("split horizon" in line and own[0] in line for line in each.details)


def test_a_picture_of_nobody_is_empty() -> None:
    assert picture([], [], NOON) == ""
