"""The end of patience: a parked wait turns into a question for a person, once, and is no failure."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
from parked_world import Night, new_plan
from prefect import flow, tags
from tasks.parking.park import PARKED, WAIT_FLOW, known_as

from flows.wait import wait
from lab.dns.resolver import HONEST
from lab.dns.town_dns import TownDns
from lab.dns.zone_data import rrset
from lab.faults import Faults
from lab.places import Places
from mailmove.dns.client.query import ask
from mailmove.evidence import Look
from mailmove.plan.cutover import Cutover, Propagation
from mailmove.records import RRsetChange
from tasks.dns.zone_changes import change_of
from tasks.ledger.ledger import Ledger
from tasks.parking.due_polls import asks_anew, look_at_all
from tasks.parking.poll import last_look, show_look
from tasks.parking.resume import Parked, wake

pytestmark = pytest.mark.usefixtures("prefect_server")

ZONE = "contoso.com."
OLD = rrset(ZONE, "MX", 600, "10 mail.contoso.com.")
NEW = rrset(ZONE, "MX", 600, "0 contoso-com.j-v1.mx.microsoft.")
PATIENCE = 2.0  # seconds


@flow(persist_result=True, result_serializer="json")
def night_until_the_world_has_noticed(plan: Cutover) -> str:
    with tags(PARKED, WAIT_FLOW):
        return "; ".join(known_as(wait, "propagation")(plan, "propagation").facts)


@pytest.fixture
def plan() -> Iterator[Cutover]:
    """A switched zone, and a resolver that will hold the old set for ten minutes."""
    with TownDns(Places(), kind="rfc2136", zones={ZONE: [OLD]}, resolvers=(HONEST,), faults=Faults()) as town:
        rules = Propagation(
            resolvers=town.resolver_addresses, dns_port=town.places.dns_port, patience_minutes=PATIENCE / 60
        )
        resolver = rules.servers[0]
        assert asyncio.run(ask(resolver, ZONE, "MX", recursive=True)).values == OLD.values
        town.edit(ZONE, NEW)
        yield new_plan().model_copy(update={"propagation": rules})


def looked_by_the_watch(night: Night) -> tuple[Parked, Look]:
    parked = night.parked()
    [(one, seen)] = asyncio.run(look_at_all([(parked, last_look(parked.run.id))]))
    show_look(one.run.id, seen)
    return one, seen


def test_at_the_end_of_patience_a_person_is_asked_once(plan: Cutover) -> None:
    night = Night(night_until_the_world_has_noticed, plan)
    change = change_of(RRsetChange(before=OLD, after=NEW))
    entry = Ledger(plan.customer, night.id).record("receipt", "switch_mail", changes=[change])
    assert night.go_on() is None
    if (time.time() - entry.at.timestamp()) < PATIENCE:  # on a very busy machine it has ended already
        assert "patience" not in night.parked().question
    time.sleep(max(0.0, entry.at.timestamp() + PATIENCE + 0.1 - time.time()))
    one, seen = looked_by_the_watch(night)
    if asks_anew(one, seen):
        wake(one)
        assert night.go_on() is None
    assert night.state == "Suspended"
    assert "patience ended" in night.parked().question and "go on although" in night.parked().question
    one, seen = looked_by_the_watch(night)
    assert seen.asks and not asks_anew(one, seen), "it is parked with this very question"
    wake(one, {"go_on_anyway": True, "name": "anna", "reason": "the last one is a liar"})
    said = night.go_on()
    assert "anna said: the last one is a liar" in said and night.state == "Completed"
