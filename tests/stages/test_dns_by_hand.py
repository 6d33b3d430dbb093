"""A registrar without an API, and a provider that raises low TTLs: the cutover goes on by itself all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from cutover_walk import settled, walking
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow

from blocks.dns.manual import Manual
from blocks.dns.octodns import OctoDns
from flows.cutover import _until_done
from flows.rollback import rollback
from lab.dns.zone_data import rrset
from lab.town import CUSTOMER, DOMAIN, Town
from lab.town_blocks import save_blocks
from mailmove.errors import ByHand, NotYet, TtlRaised
from mailmove.plan.cutover import Cutover
from mailmove.plan.load import plan_from
from tasks.engine.current import engine
from tasks.ledger.entry import EntryKind
from tasks.ledger.ledger import Ledger, own_ledger
from tasks.parking.due_polls import due, known_results, poll_all
from tasks.parking.poll import keep_result
from tasks.parking.resume import parked_runs, resume
from tasks.progress.interruptions import interruptions
from tasks.progress.rollback_stage import roll_back_stage
from tasks.runbook import stage_named
from tasks.stages import lower_ttl, restore_ttl

pytestmark = pytest.mark.timeout(240)
QUIET: dict[str, Any] = {"users": 1, "shared": 0, "public_folders": 0, "messages": 4, "mail_per_second": 0.0, "ttl": 20}
ZONE = f"{DOMAIN}."
MX = rrset(ZONE, "MX", 20, f"10 mail.{DOMAIN}.")
LOW = rrset(ZONE, "MX", 2, f"10 mail.{DOMAIN}.")
TYPE = f"replace MX {ZONE}: 10 mail.{DOMAIN}. -> 10 mail.{DOMAIN}. (TTL 20 -> 2)"
TYPE_BACK = f"replace MX {ZONE}: 10 mail.{DOMAIN}. -> 10 mail.{DOMAIN}. (TTL 2 -> 20)"


@pytest.fixture
def by_hand(nothing_parked: None) -> Iterator[tuple[Town, Cutover]]:
    """A town whose zone only a person can edit."""
    with Town(dns="rfc2136", **QUIET) as town:
        save_blocks(town)
        manual = Manual(resolvers=town.resolvers, dns_port=town.places.dns_port)
        manual.save(CUSTOMER, overwrite=True)
        plan = town.plan()
        yield town, plan_from({**plan, "dns": {**plan["dns"], "provider": f"manual/{CUSTOMER}"}})


@flow(persist_result=True, result_serializer="json")
def shorten(plan: Cutover) -> str:
    stage = stage_named("lower_ttl")
    _until_done(plan, stage, interruptions(own_ledger(plan).entries())[stage.name])
    return "shortened"


def polled() -> list[str]:
    """What the watch does: one poll of each parked wait; whoever is due is resumed. What each poll saw."""
    summaries = []
    parked = parked_runs()
    waits = due(parked, datetime(2100, 1, 1, tzinfo=UTC), 1.0, known_results(parked, {}))
    for waiting, result in asyncio.run(poll_all(waits.now)):
        keep_result(waiting.run.id, result)
        summaries.append(result.summary)
        if result.done:
            resume(waiting)
    return summaries


def begin(a_flow: Any, **parameters: Any) -> State[Any]:
    """Start it as a deployment: nothing else can be suspended. The state that the run is left in."""
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(client.create_flow(a_flow), name="test")
        run = client.create_flow_run_from_deployment(deployment, parameters=parameters)
    return go_on(a_flow, run.id)


def go_on(a_flow: Any, run: Any) -> State[Any]:
    """What a worker does with a scheduled run, in a new process."""
    with get_client(sync_client=True) as client:
        fresh = client.read_flow_run(run)
        parameters = a_flow.validate_parameters(fresh.parameters)
        try:
            return cast(State[Any], run_flow(a_flow, flow_run=fresh, parameters=parameters, return_type="state"))
        except Pause:  # here the process would end
            state = client.read_flow_run(run).state
            assert state is not None
            return state


def question() -> tuple[str, str]:
    """(name, whole text) of the one parked wait."""
    (one,) = parked_runs()
    with get_client(sync_client=True) as client:
        keyset = one.run.state.state_details.run_input_keyset  # type: ignore[union-attr]
        assert keyset
        return one.title, client.read_flow_run_input(one.run.id, keyset["description"])


def test_records_are_shown_typed_and_noticed_and_so_is_the_rollback(by_hand: tuple[Town, Cutover]) -> None:
    town, plan = by_hand
    before = town.dns.picture()

    first = begin(shorten, plan=plan.model_dump(mode="json"))
    root = first.state_details.flow_run_id
    assert first.is_paused() and root
    name, text = question()
    assert name == "verify lower_ttl" and f"- to be typed: {TYPE}" in text
    (row,) = engine().store.read_latest([f"to-type-{CUSTOMER}-lower-ttl"])[f"to-type-{CUSTOMER}-lower-ttl"]
    assert row == {"do": "replace", "name": ZONE, "type": "MX", "TTL": "20 -> 2"} | {
        "now": f"10 mail.{DOMAIN}.",
        "type this": f"10 mail.{DOMAIN}.",
    }
    kinds = [entry.kind for entry in Ledger(plan.customer, root).entries()]
    assert kinds == [EntryKind.INTENT, EntryKind.RECEIPT]
    assert "serves it with TTL 20 instead of 2" in polled()[0]
    assert parked_runs(), "nobody has typed anything: it waits"

    town.dns.edit(DOMAIN, LOW)
    settled(lambda: _resumed())
    assert go_on(shorten, root).result() == "shortened"
    ledger = Ledger(plan.customer, root)
    evidence = ledger.evidence("lower_ttl")
    assert evidence and "2 authoritative servers serve" in evidence.facts[0]
    assert len(ledger.receipt("lower_ttl").changes) == 1

    back = begin(rollback, plan=plan.model_dump(mode="json"), of=str(root))
    assert back.is_paused()
    name, text = question()
    assert name == "roll back lower_ttl" and f"- to be typed: {TYPE_BACK}" in text
    town.dns.edit(DOMAIN, MX)
    settled(lambda: _resumed())
    undone = go_on(rollback, back.state_details.flow_run_id)
    assert undone.is_completed(), undone
    assert "lower_ttl: MX northwind.example.: `10 mail.northwind.example. (TTL 2 s)`" in undone.result()
    assert town.dns.picture() == before
    assert Ledger(plan.customer, root).receipt("lower_ttl").changes == []


def _resumed() -> None:
    polled()
    if parked_runs():
        raise NotYet("watch", wanted="the wait resumed", seen="still parked", todo="Look again.")


def test_a_form_that_raises_the_ttl_is_taken_as_it_is() -> None:
    with walking(dns="rfc2136", **QUIET) as run:
        town = run.town
        plan = run.plan.model_copy(update={"dns": run.plan.dns.model_copy(update={"provider": f"manual/{CUSTOMER}"})})
        run.memory.blocks[f"manual/{CUSTOMER}"] = Manual(resolvers=town.resolvers, dns_port=town.places.dns_port)
        run.do(lower_ttl.apply.fn, plan)
        with pytest.raises(ByHand) as caught:
            run.do(lower_ttl.verify.fn, plan)
        assert caught.value.records == [TYPE]
        town.dns.edit(DOMAIN, LOW.model_copy(update={"ttl": 5}))
        evidence = settled(lambda: run.do(lower_ttl.verify.fn, plan))
        assert "(asked for 2 s)" in evidence.facts[0] and " 5 MX " in evidence.facts[0]


def test_a_ttl_floor_is_named_and_planned_for() -> None:
    with walking(dns="rfc2136", ttl_floor=5, **QUIET) as run:
        town, plan = run.town, run.plan
        before = town.dns.picture()
        strict = plan.model_copy(update={"dns": plan.dns.model_copy(update={"low_ttl_limit": 3})})
        with pytest.raises(TtlRaised, match="made it 5"):
            run.do(lower_ttl.apply.fn, strict)
        assert town.dns.picture() == before

        receipt = settled(lambda: run.do(lower_ttl.apply.fn, plan))
        (change,) = receipt.changes
        assert change.before["ttl"] == 20 and change.after["ttl"] == 5
        evidence = settled(lambda: run.do(lower_ttl.verify.fn, plan))
        assert "asked for 2 s; the provider's lowest is 5 s" in evidence.facts
        preview = run.do(restore_ttl.check.fn, plan)
        assert any("lowest is 5 s" in found.seen and not found.blocks for found in preview.findings)
        assert preview.changes[0].after["ttl"] == 20

        assert run.do(roll_back_stage, plan, "lower_ttl", run.root).changes
        assert town.dns.picture() == before


def test_a_saved_octodns_block_comes_back_with_its_secrets_and_shows_none(prefect_server: None) -> None:
    block = OctoDns(provider_class="octodns_powerdns.PowerDnsProvider", settings={"api_key": "very-secret-key"})
    block.save("kept", overwrite=True)
    loaded = OctoDns.load("kept")
    assert loaded.settings.get_secret_value() == {"api_key": "very-secret-key"}
    with get_client(sync_client=True) as client:
        document = client.read_block_document_by_name("kept", "octodns", include_secrets=False)
    assert "very-secret-key" not in f"{loaded!r}{document.data}"
