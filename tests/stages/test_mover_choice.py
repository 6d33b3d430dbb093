"""`mover: auto`: decided once in a cutover, whatever the world is like later; both ways closed stop it with reasons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from engine_taps import Killed, killed_after_writing, killed_before_writing
from fake_blocks import SOURCE, TENANT, a_plan, source, tenant
from memory_engine import MemoryEngine

from blocks.exchange.exchange_server import ExchangeServer
from mailmove.errors import Blocked, Refused
from mailmove.evidence import Finding
from mailmove.inventory.server import Inventory, SourceMailbox
from mailmove.tenant_state import Licence
from tasks.engine.current import running_on
from tasks.execution.context import Context
from tasks.items.mover_choice import check_mover, decide_mover, is_direct, settled_plan
from tasks.ledger.entry import EntryKind
from tasks.ledger.ledger import Ledger
from tasks.stages import copy_mailboxes

PLAN = a_plan()
CLOSED = Refused("Microsoft Graph", wanted="to sign in", seen="no consent", todo="Ask for it.")
SKU = PLAN.target.licence


def company(people: int) -> Inventory:
    boxes = [SourceMailbox(address=f"u{n}@contoso.com", display_name=f"U{n}", kind="user") for n in range(people)]
    return Inventory(server="OLD", version="8.3.83.6", mailboxes=boxes)


@pytest.fixture
def memory() -> Iterator[MemoryEngine]:
    """A company of 200, and a tenant with rights and licences. The plan's resolvers know no old server: not seen."""
    old = source(ExchangeServer, **{"inventory.return_value": company(200), "outlook_anywhere.return_value": None})
    cloud = tenant(**{
        "recipients.synchronised.return_value": False,
        "items.copy_findings.return_value": [],
        "users.licences.return_value": [Licence(sku=SKU, sku_id="1", owned=200, used=0)],
    })  # fmt: skip
    plan = PLAN.propagation
    plan.resolvers[:] = ["127.0.0.1:9"]
    with running_on(MemoryEngine({**old, **cloud})) as memory:
        yield memory


def decided(memory: MemoryEngine) -> list[Any]:
    return [entry for entry in Ledger("contoso", memory.root).entries() if entry.kind is EntryKind.DECISION]


def test_preflight_shows_what_will_be_chosen_and_its_checks_go_by_it(memory: MemoryEngine) -> None:
    preview = check_mover.fn(PLAN)
    [finding] = preview.findings
    assert not finding.blocks and finding.seen.startswith("direct; ") and "200 mailboxes" in finding.seen
    assert "not seen: which TLS the old server speaks" in finding.seen
    assert settled_plan(PLAN, preview).target.mover == "direct"
    assert decided(memory) == [], "a check writes nothing"
    native = a_plan(target={"mover": "native"})
    assert check_mover.fn(native).findings == []
    assert settled_plan(native, preview) is native


def test_it_is_decided_once_and_every_later_process_reads_the_same(memory: MemoryEngine) -> None:
    assert not is_direct(Context(PLAN, "first_sync", read_only=True)), "an older cutover has decided nothing: a batch"
    with pytest.raises(Killed), killed_before_writing("decision", "mover"):
        decide_mover.fn(PLAN)
    assert decided(memory) == []
    with pytest.raises(Killed), killed_after_writing("decision", "mover"):
        decide_mover.fn(PLAN)
    memory.blocks[SOURCE].inventory.return_value = company(3)  # which would be Microsoft's
    assert decide_mover.fn(PLAN) == "direct"
    [entry] = decided(memory)
    assert entry.facts[0] == "mailboxes are copied by a copy of our own"
    assert is_direct(Context(PLAN, "first_sync", read_only=True))
    assert copy_mailboxes.check.fn(PLAN) is not None
    assert not is_direct(Context(a_plan(target={"mover": "native"}), "first_sync")), "what the plan says goes first"


def test_where_neither_can_be_done_both_reasons_stop_it(memory: MemoryEngine) -> None:
    lacking = Finding(subject="Mail.ReadWrite", seen="not there", means="-", todo="-")
    memory.blocks[SOURCE].inventory.return_value = company(2001)
    memory.blocks[TENANT].items.copy_findings.return_value = [lacking]
    [blocker] = check_mover.fn(PLAN).blockers
    assert "2001 mailboxes" in blocker.seen and "Mail.ReadWrite" in blocker.seen
    with pytest.raises(Blocked, match=r"2001 mailboxes.*Mail\.ReadWrite"):
        decide_mover.fn(PLAN)
    assert decided(memory) == []


def test_a_tenant_that_is_closed_so_far_speaks_against_nothing(memory: MemoryEngine) -> None:
    memory.blocks[SOURCE].inventory.return_value = company(3)
    for part in ("recipients.synchronised", "items.copy_findings", "users.licences"):
        room, _, verb = part.partition(".")
        getattr(getattr(memory.blocks[TENANT], room), verb).side_effect = CLOSED
    preview = check_mover.fn(PLAN)
    assert preview.blockers == []
    assert preview.observed == {"mover": "native"}
