"""What every stage of the runbook promises, whatever the provider behind it."""

from __future__ import annotations

from typing import Any

from night_walk import Walk, differing, unexplained
from wire_tap import tapped

from mailmove.evidence import Preview, Receipt
from tasks.progress.rollback_stage import undo_stage
from tasks.runbook import Stage

ASKS = {"final_sweep"}
"""Stages that ask again until the world agrees; asking is no change."""


def keeps_its_promises(walk: Walk, stage: Stage) -> None:
    module, plan = stage.module, walk.plan
    first = walk.picture()

    with tapped() as heard:
        preview: Preview = walk.do(module.check.fn, plan)
    assert heard == [], "check changes nothing"
    assert differing(first, walk.picture()) == set(), "check changes nothing"
    assert preview.stage == stage.name
    assert preview.blockers == []

    with tapped() as heard:
        receipt: Receipt = walk.until(module.apply.fn, plan)
    after = walk.picture()
    named = {change.what: change for change in receipt.changes}
    for change in preview.changes:
        assert named[change.what] == change, "apply does what check previewed"
    assert bool(differing(first, after)) == bool(preview.changes), "and nothing else"
    assert bool(heard) == bool(preview.changes) or stage.name in ASKS
    assert walk.do(module.check.fn, plan).changes == [], "after apply nothing is left to do"
    if stage.name not in ASKS:
        does_nothing_again(walk, stage, receipt)

    assert walk.agree(stage).facts, "verify says what it saw"
    agreed = walk.picture()
    if stage.name in ASKS:
        does_nothing_again(walk, stage, receipt)

    undone: Receipt = walk.until(module.rollback.fn, plan, receipt) if receipt.changes else Receipt(stage=stage.name)
    back = walk.picture()
    assert unexplained(first, back, undone.remains) == set(), "rollback gives the first picture"
    with tapped() as heard:
        walk.until(module.rollback.fn, plan, receipt) if receipt.changes else None
    assert (heard, differing(back, walk.picture())) == ([], set()), "rollback twice is rollback once"
    walk.until(undo_stage, plan, stage.name, walk.root)
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


def does_nothing_again(walk: Walk, stage: Stage, receipt: Receipt) -> None:
    before, intents = walk.picture(), walk.intents()
    with tapped() as heard:
        again: Receipt = walk.until(stage.module.apply.fn, walk.plan)
    assert again.changes == receipt.changes, "an empty second receipt never hides the first"
    assert heard == []
    assert walk.intents() == intents
    assert differing(before, walk.picture()) == set()
