"""Roll a cutover back, stage by stage, from what its ledger says."""

from __future__ import annotations

from uuid import UUID

from mailmove.errors import Blocked, MailmoveError
from mailmove.evidence import Receipt
from mailmove.plan.cutover import Cutover
from mailmove.report.words import value_words
from tasks.engine.current import engine
from tasks.ledger.entry import Entry, EntryKind
from tasks.ledger.ledger import Ledger, payloads_of, read_entries
from tasks.ledger.payloads import Rollback, Standing, WaitEnded
from tasks.ledger.rolled_back import fact_in, record_begun, record_ended
from tasks.parking.one_run import having_cutover
from tasks.progress.interruptions import faults_named
from tasks.progress.leave_out import show_left
from tasks.runbook import STAGES, stage_named


def cutovers_to_end(plan: Cutover, of: UUID | None, run: UUID | None = None) -> list[UUID]:
    """The cutover to roll back, then those of this customer that are still to begin; nothing is written.

    Default: the one that has the customer and has begun; else the one that wrote last. A rollback that is started again
    goes on with the cutover that it had begun with, however old that is by now. run: root run of the rollback.
    Blocked: there is none, or a newer cutover has changed something, which must be undone before.
    """
    entries = read_entries(plan.customer)
    begun = _begun_with(entries, run)
    open_ones = [] if of or begun else engine().open_cutovers(plan.customer)
    acting = [entry.cutover for entry in entries if not isinstance(entry.payload, Rollback)]
    having = having_cutover(plan.customer)
    known = [*([having] if having else []), *reversed(acting), *open_ones, *(entry.cutover for entry in entries)]
    root = of or begun or next(iter(known), None)
    if root is None:
        raise Blocked(
            "ledger",
            wanted=f"a cutover of {plan.customer}",
            seen="none",
            todo="Nothing was changed; nothing is to be undone.",
        )
    _refuse_under_newer(entries, root)
    written = {entry.cutover for entry in entries}
    return [root, *(other for other in open_ones if other not in written | {root})]


def end_cutovers(plan: Cutover, cutovers: list[UUID], by: str = "", run: UUID | None = None) -> None:
    """Never let these go on from here on; the first one is rolled back.

    That it is rolled back is written down first, so that whatever it does meanwhile is refused; then its run is ended.
    Those that are still to begin are ended too: nobody who rolls back wants the next one tonight.
    """
    for cutover in cutovers:
        ledger = Ledger(plan.customer, cutover)
        record_begun(ledger, by, run)
        fact = fact_in(ledger.entries())
        assert fact is not None, "its beginning was just written"
        engine().end_run(cutover, f"It was {fact.words}.")
        if cutover != cutovers[0]:
            record_ended(ledger, by, run)  # it had changed nothing


def refuse_while_rolling_back(ledger: Ledger) -> None:
    """Blocked: the rollback of an earlier cutover of this customer has begun and is not over.

    Each would undo what the other does.
    """
    earlier: dict[UUID, list[Entry]] = {}
    for entry in ledger.entries_of_customer():
        earlier.setdefault(entry.cutover, []).append(entry)
    facts = [fact_in(own) for cutover, own in earlier.items() if cutover != ledger.cutover]
    open_ones = [fact for fact in facts if fact and not fact.ended]
    if open_ones:
        raise Blocked(
            "ledger",
            wanted=f"nothing of an earlier cutover of {ledger.customer} left under way",
            seen=f"one that was {open_ones[-1].words}, and whose rollback is not over",
            todo=f"Let it end (`mailmove status`; `mailmove restart {ledger.customer}`, or `mailmove rollback` with "
            "the plan), then start anew.",
        )


def _begun_with(entries: list[Entry], run: UUID | None) -> UUID | None:
    """The cutover that this very run of a rollback has begun with, in an earlier process; None: it begins now."""
    begun = (entry.cutover for entry, rollback in payloads_of(entries, Rollback) if rollback.run == run)
    return next(begun, None) if run else None


def _refuse_under_newer(entries: list[Entry], root: UUID) -> None:
    order = list(dict.fromkeys(entry.cutover for entry in entries))
    for cutover in order[order.index(root) + 1 :] if root in order else []:
        own = [entry for entry in entries if entry.cutover == cutover]
        fact = fact_in(own)
        if (fact is None or not fact.ended) and any(entry.kind is EntryKind.INTENT for entry in own):
            raise Blocked(
                "ledger",
                wanted=f"to roll back the cutover {root}",
                seen=f"a newer one, {cutover}, that has changed something since",
                todo="Roll back the newer one first: `mailmove rollback` with the plan.",
            )


def roll_back_stage(plan: Cutover, stage: str, root: UUID) -> Receipt:
    """Put back what a stage changed. Where that was done before, its receipt is given again; ByHand: a person must."""
    ledger = Ledger(plan.customer, root)
    receipt = ledger.receipt(stage)
    earlier = ledger.of_stage(stage, EntryKind.ROLLED_BACK)
    if not receipt.changes:
        if not earlier:
            return Receipt(stage=stage)
        return Receipt(stage=stage, changes=earlier[-1].changes, remains=earlier[-1].facts)
    with faults_named(stage):
        undone = stage_named(stage).rollback(plan, receipt, attempt=len(earlier))
    ledger.record(EntryKind.ROLLED_BACK, stage, changes=undone.changes, facts=undone.remains)
    return undone


def acted_meanwhile(plan: Cutover, root: UUID) -> list[str]:
    """Stages of which the ledger has something that is not put back, and that nobody left so, last first.

    The cutover's process may have been in the middle of an act when its rollback began: what it had sent is done, and
    it writes that down.
    """
    ledger = Ledger(plan.customer, root)
    left = {entry.stage for entry, _ in ledger.payloads(Standing)}
    return [stage.name for stage in reversed(STAGES) if stage.name not in left and ledger.receipt(stage.name).changes]


def standing_of(plan: Cutover, root: UUID, stage: str) -> tuple[str, ...]:
    """What a stage changed and nobody has put back, a line for each: what stays when a rollback goes on without it."""
    changes = Ledger(plan.customer, root).receipt(stage).changes
    return tuple(f"{change.words}: stays {value_words(change.after)}" for change in changes)


def left_standing(plan: Cutover, root: UUID, stage: str, error: MailmoveError) -> Receipt:
    """A person went on without putting a stage back: written down, named on the board, in the report and the answer."""
    ledger = Ledger(plan.customer, root)
    skipped = [ended for _, ended in ledger.payloads(WaitEnded, f"roll back {stage}") if ended.skipped]
    by, reason = (skipped[-1].by, skipped[-1].reason) if skipped else ("somebody", "no reason")
    things = standing_of(plan, root, stage)
    standing = Standing(things=things, by=by, reason=reason, why=str(error))
    if things and standing not in [known for _, known in ledger.payloads(Standing, stage)]:
        ledger.record(EntryKind.DECISION, stage, payload=standing, facts=[*things, standing.why])
        show_left(ledger, f"{stage}: left standing by {by}")
    lines = [f"{thing}; left by decision of {by}: {reason}" for thing in things]
    return Receipt(stage=stage, remains=[*lines, f"skipped: {error}"])
