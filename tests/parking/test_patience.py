"""The end of patience: a parked wait turns into a question for a person, once, and is no failure."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
from parked_world import CutoverRun, new_plan
from prefect import flow, tags

from flows.wait import wait
from lab.dns.resolver import HONEST
from lab.dns.town_dns import TownDns
from lab.dns.zone_data import rrset
from lab.faults import Faults
from lab.places import Places
from mailmove.dns.client.query import ask
from mailmove.evidence import PollResult
from mailmove.plan.cutover import Cutover, Propagation
from mailmove.records import RRsetChange
from tasks.dns.zone_changes import change_of
from tasks.engine.prefect_internals import keyed_by
from tasks.ledger.entry import EntryKind
from tasks.ledger.ledger import Ledger
from tasks.parking.due_polls import asks_anew, poll_all
from tasks.parking.forms import PARKED, WAIT_FLOW
from tasks.parking.poll import keep_result, last_result
from tasks.parking.resume import Parked, resume

pytestmark = pytest.mark.usefixtures("prefect_server")

ZONE = "contoso.com."
OLD = rrset(ZONE, "MX", 600, "10 mail.contoso.com.")
NEW = rrset(ZONE, "MX", 600, "0 contoso-com.j-v1.mx.microsoft.")
PATIENCE = 2.0  # seconds


@flow(persist_result=True, result_serializer="json")
def cutover_until_the_world_has_noticed(plan: Cutover) -> str:
    with tags(PARKED, WAIT_FLOW):
        return "; ".join(keyed_by(wait, "propagation")(plan, "propagation").facts)


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


def polled_by_the_watch(cutover: CutoverRun) -> tuple[Parked, PollResult]:
    parked = cutover.parked()
    [(wait, result)] = asyncio.run(poll_all([(parked, last_result(parked.run.id))]))
    keep_result(wait.run.id, result)
    return wait, result


def test_at_the_end_of_patience_a_person_is_asked_once(plan: Cutover) -> None:
    cutover = CutoverRun(cutover_until_the_world_has_noticed, plan)
    change = change_of(RRsetChange(before=OLD, after=NEW))
    entry = Ledger(plan.customer, cutover.id).record(EntryKind.RECEIPT, "switch_mail", changes=[change])
    assert cutover.go_on() is None
    if (time.time() - entry.at.timestamp()) < PATIENCE:  # on a very busy machine it has ended already
        assert "patience" not in cutover.parked().question
    time.sleep(max(0.0, entry.at.timestamp() + PATIENCE + 0.1 - time.time()))
    wait, result = polled_by_the_watch(cutover)
    if asks_anew(result):
        resume(wait)
        assert cutover.go_on() is None
    assert cutover.state == "Suspended"
    assert "patience ended" in cutover.parked().question and "go on although" in cutover.parked().question
    wait, result = polled_by_the_watch(cutover)
    assert result.asks and not asks_anew(result), "it is parked with this very question"
    resume(wait, {"go_on_anyway": True, "name": "anna", "reason": "the last one is a liar"})
    words = cutover.go_on()
    assert "anna said: the last one is a liar" in words and cutover.state == "Completed"
