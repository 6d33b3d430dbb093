"""What every stage of the runbook promises, whatever the provider behind it."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from typing import Any

from cutover_walk import Walk, differing, unexplained
from engine_taps import Fenced, fenced, store_tapped
from wire_tap import tapped

from mailmove.errors import MailmoveError
from mailmove.evidence import Preview, Receipt
from tasks.progress.rollback_stage import roll_back_stage
from tasks.runbook import Stage

ASKS = {"final_sweep"}
"""Stages that ask again until the world agrees; asking is no change."""
SENDS = {"probe_before", "probe_after_switch", "probe_after_close"}
"""Stages that send a message, once, and take it away again."""


def keeps_its_promises(walk: Walk, stage: Stage) -> None:
    module, plan = stage.module, walk.plan
    first = walk.picture()
    preview = checks_and_changes_nothing(walk, stage)
    assert preview.stage == stage.name
    assert preview.blockers == []
    a_fenced_process_does_nothing(walk, stage, preview)

    with tapped() as heard:
        receipt: Receipt = walk.until(module.apply.fn, plan)
    after = walk.picture()
    named = {change.key: change for change in receipt.changes}
    for change in preview.changes:
        assert named[change.key] == change, "apply does what check previewed"
    assert bool(differing(first, after)) == bool(preview.changes), "and nothing else"
    assert bool(heard) == bool(preview.changes) or stage.name in ASKS | SENDS
    assert checks_and_changes_nothing(walk, stage).changes == [], "after apply nothing is left to do"
    if stage.name not in ASKS:
        does_nothing_again(walk, stage, receipt)

    assert walk.agree(stage).facts, "verify says what it saw"
    agreed = walk.picture()
    if stage.poll is not None:
        assert walk.poll(stage.name).summary, "the cheap poll of a stage says what it saw, too"
        assert differing(agreed, walk.picture()) == set(), "a poll changes nothing"
    if stage.name in ASKS:
        does_nothing_again(walk, stage, receipt)

    a_fenced_process_puts_nothing_back(walk, stage, receipt)
    receipt = walk.ledger.receipt(stage.name)  # with what `verify` has done since
    undone: Receipt = walk.until(module.rollback.fn, plan, receipt) if receipt.changes else Receipt(stage=stage.name)
    back = walk.picture()
    assert unexplained(first, back, undone.remains) == set(), "rollback gives the first picture"
    with tapped() as heard:
        walk.until(module.rollback.fn, plan, receipt) if receipt.changes else None
    assert (heard, differing(back, walk.picture())) == ([], set()), "rollback twice is rollback once"
    walk.until(roll_back_stage, plan, stage.name, walk.root)
    assert walk.ledger.receipt(stage.name).changes == []
    walk.remains += undone.remains

    walk.until(module.apply.fn, plan)
    walk.agree(stage)
    assert walk.do(module.check.fn, plan).changes == [], "apply works again after a rollback"
    once, twice = areas(first, agreed), areas(back, walk.picture())
    assert twice <= once
    assert bool(twice) == bool(once)


def areas(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """Where two pictures differ, roughly: in a zone, in the tenant's batches. What comes again may get a new name."""
    return {"|".join(path.split("|")[:3]) for path in differing(before, after)}


def checks_and_changes_nothing(walk: Walk, stage: Stage) -> Preview:
    """Neither in the world nor in the store; the ledger is read once at most."""
    first = walk.picture()
    with tapped() as heard, store_tapped() as store:
        preview: Preview = walk.do(stage.module.check.fn, walk.plan)
    assert heard == [], "check changes nothing"
    assert differing(first, walk.picture()) == set(), "check changes nothing"
    assert store.writes == [], "check writes nothing"
    assert store.reads_of_ledgers() <= 1, store.reads
    return preview


def does_nothing_again(walk: Walk, stage: Stage, receipt: Receipt) -> None:
    before, intents = walk.picture(), walk.intents()
    with tapped() as heard:
        again: Receipt = walk.until(stage.module.apply.fn, walk.plan)
    assert again.changes == receipt.changes, "an empty second receipt never hides the first"
    assert heard == []
    assert walk.intents() == intents
    assert differing(before, walk.picture()) == set()


def a_fenced_process_does_nothing(walk: Walk, stage: Stage, preview: Preview) -> None:
    """Its run is another process's by now: `apply` reads the ledger once, and asks before it acts.

    A message whose sending was written down is never sent again, so those stages try it in another cutover's name.
    """
    before, refused = walk.picture(), False
    own_run = walk.another_run() if stage.name in SENDS else nullcontext()
    with own_run, fenced(), tapped() as heard, store_tapped() as store, suppress(MailmoveError):
        try:
            walk.do(stage.module.apply.fn, walk.plan)
        except Fenced:
            refused = True
    assert refused or not (preview.changes or stage.name in SENDS), "whoever acts asks first"
    assert heard == [], "a process without its run acts no more"
    assert differing(before, walk.picture()) == set()
    assert store.reads_of_ledgers() <= 1, store.reads


def a_fenced_process_puts_nothing_back(walk: Walk, stage: Stage, receipt: Receipt) -> None:
    before = walk.picture()
    with fenced(), tapped() as heard, suppress(MailmoveError, Fenced):
        if receipt.changes:
            walk.do(stage.module.rollback.fn, walk.plan, receipt)
    assert heard == [], "a process without its run puts nothing back"
    assert differing(before, walk.picture()) == set()
