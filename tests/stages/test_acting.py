"""`act` and `undo` under kill -9: whatever line it strikes, the next try ends with one effect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from night_walk import FlowRunOpen
from prefect.client.orchestration import get_client
from prefect.exceptions import Abort
from prefect.states import AwaitingRetry, Cancelled, Crashed, Running

from mailmove.changes import Change
from mailmove.errors import Blocked, Drifted, NotYet
from mailmove.evidence import Finding, Preview, Receipt
from mailmove.plan.cutover import Cutover
from mailmove.plan.load import plan_from
from tasks.execution.apply_and_undo import act, approve, undo
from tasks.ledger.ledger import Ledger, this_cutover

STAGE = "paint"
BEFORE = {"door": "brown", "wall": "grey"}
WANTED = {"door": "red", "wall": "white"}
MOST_LINES = 20


class Killed(BaseException):
    """kill -9, as a test can play it: nothing catches it."""


@dataclass
class World:
    """Something to change, and a killer who strikes at the n-th line."""

    things: dict[str, Any] = field(default_factory=lambda: dict(BEFORE))
    effects: list[str] = field(default_factory=list)
    strikes_at: int | None = None
    line: int = 0

    def tick(self) -> None:
        self.line += 1
        if self.line == self.strikes_at:
            raise Killed

    def look(self) -> Preview:
        self.tick()
        changes = [
            Change(what=what, before=self.things[what], after=after)
            for what, after in WANTED.items()
            if self.things[what] != after
        ]
        return Preview(stage=STAGE, changes=changes)

    def do(self, preview: Preview) -> None:
        for change in preview.changes:
            self.tick()
            self.things[change.what] = change.after
            self.effects.append(change.what)
        self.tick()


@pytest.fixture(scope="module")
def run(prefect_server: None) -> Iterator[FlowRunOpen]:
    with FlowRunOpen() as run:
        yield run


@pytest.fixture
def cutover() -> Cutover:
    return new_cutover()


def new_cutover() -> Cutover:
    """A customer of its own, so that its ledger is empty."""
    return plan_from(
        {
            "customer": f"c-{uuid4().hex[:12]}",
            "domains": ["contoso.com"],
            "source": {
                "server": "exchange-server/contoso",
                "outlook_anywhere_host": "mail.contoso.com",
                "smtp_host": "mail.contoso.com",
            },
            "dns": {"provider": "route53/contoso"},
            "target": {"tenant": "microsoft365/contoso", "usage_location": "GB"},
            "firewall": {"gateway": "aws-security-group/contoso"},
        }
    )


def receipts(cutover: Cutover, root: Any) -> dict[str, tuple[Any, Any]]:
    found = Ledger(cutover.customer, root).receipt(STAGE)
    return {change.what: (change.before, change.after) for change in found.changes}


WHOLE = {what: (BEFORE[what], WANTED[what]) for what in WANTED}


def test_a_kill_at_any_line_is_mended_by_calling_again(run: FlowRunOpen, monkeypatch: pytest.MonkeyPatch) -> None:
    root, worlds = run.do(this_cutover), []
    real = Ledger.record

    for strikes_at in range(1, MOST_LINES):
        world, cutover = World(strikes_at=strikes_at), new_cutover()

        def record(self: Ledger, *args: Any, _world: World = world, **more: Any) -> Any:
            _world.tick()
            entry = real(self, *args, **more)
            _world.tick()
            return entry

        monkeypatch.setattr(Ledger, "record", record)
        try:
            run.do(act, cutover, world.look, world.do)
        except Killed:
            worlds.append(world)
        else:
            break  # there was no such line any more
        world.strikes_at = None
        receipt = run.do(act, cutover, world.look, world.do)

        assert world.things == WANTED
        assert sorted(world.effects) == sorted(WANTED), f"one effect each, killed at line {strikes_at}"
        assert receipts(cutover, root) == WHOLE
        assert {change.what: (change.before, change.after) for change in receipt.changes} == WHOLE
    assert len(worlds) == 9, "look, intent (before, after), door, wall, done, look, receipt (before, after)"


def test_a_second_call_does_nothing_and_hides_nothing(run: FlowRunOpen, cutover: Cutover) -> None:
    world = World()
    first = run.do(act, cutover, world.look, world.do)
    again = run.do(act, cutover, world.look, world.do)
    assert (first.changes, len(world.effects)) == (again.changes, 2)
    assert receipts(cutover, run.do(this_cutover)) == WHOLE


def test_the_first_before_outlives_a_change_behind_our_back(run: FlowRunOpen, cutover: Cutover) -> None:
    world = World()
    run.do(act, cutover, world.look, world.do)
    world.things["door"] = "green"
    run.do(act, cutover, world.look, world.do)
    assert world.things == WANTED
    assert receipts(cutover, run.do(this_cutover)) == WHOLE


def test_what_was_not_approved_is_not_done(run: FlowRunOpen, cutover: Cutover) -> None:
    world = World()
    approved = run.do(lambda: approve(cutover, STAGE, world.look(), by="anna", reason=""))
    world.things["door"] = "green"
    with pytest.raises(Drifted, match="approve again"):
        run.do(lambda: act(cutover, world.look, world.do, approved=approved))
    assert (world.things["door"], world.effects) == ("green", [])
    assert receipts(cutover, run.do(this_cutover)) == {}, "nothing was intended either"
    with pytest.raises(Drifted):
        run.do(lambda: act(cutover, world.look, world.do, approved="0" * 16))


@pytest.mark.parametrize("strikes_at", [1, 2])
def test_an_approval_binds_after_a_kill_too(run: FlowRunOpen, cutover: Cutover, strikes_at: int) -> None:
    """Killed before or after the door was painted; then somebody paints what is still open in another colour."""
    world = World()
    approved = run.do(lambda: approve(cutover, STAGE, world.look(), by="anna", reason=""))
    world.line, world.strikes_at = -1, strikes_at  # the look is line 0
    with pytest.raises(Killed):
        run.do(lambda: act(cutover, world.look, world.do, approved=approved))
    world.strikes_at = None
    done = list(world.effects)
    assert done == ["door", "wall"][: strikes_at - 1]
    world.things["wall"] = "blue"
    with pytest.raises(Drifted):
        run.do(lambda: act(cutover, world.look, world.do, approved=approved))
    assert (world.things["wall"], world.effects) == ("blue", done)

    world.things["wall"] = BEFORE["wall"]  # as it was shown: the rest of what was approved is done
    run.do(lambda: act(cutover, world.look, world.do, approved=approved))
    assert world.things == WANTED
    assert receipts(cutover, run.do(this_cutover)) == WHOLE


def test_a_blocker_blocks(run: FlowRunOpen, cutover: Cutover) -> None:
    world = World()

    def look() -> Preview:
        found = Finding(subject="door", seen="wet", means="It would smear.", todo="Let it dry.", blocks=True)
        return world.look().model_copy(update={"findings": [found]})

    with pytest.raises(Blocked, match=r"door: wet\. Let it dry\."):
        run.do(act, cutover, look, world.do)
    assert (world.things, world.effects) == (BEFORE, [])
    assert receipts(cutover, run.do(this_cutover)) == {}


def test_an_act_that_cannot_be_read_back_is_not_yet(run: FlowRunOpen, cutover: Cutover) -> None:
    world = World()
    with pytest.raises(NotYet, match="still open: door, wall"):
        run.do(act, cutover, world.look, lambda _: None)
    run.do(act, cutover, world.look, world.do)
    assert receipts(cutover, run.do(this_cutover)) == WHOLE


def test_undo_is_done_once_and_says_what_it_did(run: FlowRunOpen) -> None:
    world = World(things=dict(WANTED))
    receipt = Receipt(stage=STAGE, changes=[Change(what=w, before=BEFORE[w], after=WANTED[w]) for w in WANTED])

    def standing() -> list[Change]:
        return [change for change in receipt.changes if world.things[change.what] != change.before]

    def put_back() -> None:
        for change in standing():
            world.tick()
            world.things[change.what] = change.before
            world.effects.append(change.what)

    world.strikes_at = 2
    with pytest.raises(Killed):
        run.do(undo, receipt, standing, put_back)
    world.strikes_at = None
    rest = run.do(partial(undo, receipt, standing, put_back, remains=["the smell"]))
    assert [(change.what, change.before, change.after) for change in rest.changes] == [("wall", "white", "grey")]
    assert (rest.remains, world.things, world.effects) == (["the smell"], BEFORE, ["door", "wall"])
    assert run.do(undo, receipt, standing, put_back).changes == []
    assert world.effects == ["door", "wall"]
    world.things = dict(WANTED)
    with pytest.raises(NotYet):
        run.do(undo, receipt, standing, lambda: None)


@pytest.mark.parametrize("state", [Crashed, Cancelled, AwaitingRetry, Running], ids=lambda state: state.__name__)
def test_a_process_whose_run_is_another_s_by_now_acts_no_more(
    cutover: Cutover, state: Any, prefect_server: None
) -> None:
    world = World()
    with FlowRunOpen() as cut_off:
        root = cut_off.do(this_cutover)
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(root, state(), force=True)  # as watch, rollback, or another worker do
        with pytest.raises(Abort, match="not by this process"):
            cut_off.do(act, cutover, world.look, world.do)
        receipt = Receipt(stage=STAGE, changes=[Change(what="door", before="black", after="brown")])
        with pytest.raises(Abort):
            cut_off.do(undo, receipt, lambda: receipt.changes, lambda: world.effects.append("undone"))
    assert world.things == BEFORE and world.effects == []
