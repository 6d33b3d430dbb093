"""Leave out what a cutover can do without: a person's decision, kept in the ledger, given to the stage that goes on."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from mailmove.leavable import Leavable, LeavableKind
from mailmove.report.cutover_report import LeftByDecision
from tasks.engine.current import engine
from tasks.ledger.entry import Entry, EntryKind
from tasks.ledger.ledger import Ledger, payloads_of
from tasks.ledger.names import left_out_key
from tasks.ledger.payloads import LeftOut, Standing
from tasks.ledger.rolled_back import fact_in
from tasks.parking.forms import TroubleForm, unsigned
from tasks.runbook import Stage


class LeftLine(LeftByDecision):
    """A row of the table `left-out-<customer>`, which the board reads for all customers at once."""

    cutover: UUID


def things_to_leave(step: object, leaves: Iterable[Leavable], entries: Iterable[Entry]) -> tuple[Leavable, ...]:
    """What a person may leave out so that a stage goes on; (): nothing, only mending and rolling back are left.

    step: its line of the runbook; what is none (the ledger's chain) cannot be left as a whole.
    leaves: what its error named. What is left out already is not offered again: where the stage cannot do without it
    all the same, or the error named nothing, it is the stage as a whole, if its line of the runbook allows that.
    """
    known = left_things(entries)
    smaller = [thing for thing in leaves if thing.kind is not LeavableKind.STAGE]
    offered = {thing.key: thing for thing in smaller if not any(left.covers(thing) for left in known)}
    if offered:
        return tuple(offered.values())
    if isinstance(step, Stage) and step.can_be_left:
        return (Leavable(kind=LeavableKind.STAGE, stage=step.name),)
    return ()


def left_things(entries: Iterable[Entry]) -> list[Leavable]:
    """Everything that was left out so far, oldest first."""
    return [thing for _, left in payloads_of(list(entries), LeftOut) for thing in left.things]


def is_left_out(entries: Iterable[Entry], stage: str) -> bool:
    """Whether a person decided to do without the stage as a whole."""
    return any(thing.key == (LeavableKind.STAGE.value, stage) for thing in left_things(entries))


def why_not(answer: TroubleForm, things: tuple[Leavable, ...]) -> str:
    """Why an answer that wants to leave things out does not count, in words for the next asking; '': it counts."""
    if not things:
        return "There is nothing here that could be left out."
    missing = unsigned(answer)
    return f"To leave it out, {' and '.join(missing)} must be given." if missing else ""


def answered_by(entries: Iterable[Entry], question: str) -> LeftOut | None:
    """The decision that answered this asking; None: none was written so far."""
    return next((left for _, left in payloads_of(list(entries), LeftOut) if left.question == question), None)


def record_left_out(
    ledger: Ledger, stage: str, things: tuple[Leavable, ...], answer: TroubleForm, question: str
) -> str:
    """Write down who decided it, once for each asking, and show it on the board; returns that in words."""
    left = answered_by(ledger.entries(), question)
    if left is None:
        left = LeftOut(things=things, by=answer.name.strip(), reason=answer.reason.strip(), question=question)
        ledger.record(EntryKind.DECISION, stage, payload=left, facts=[left.words, *(str(thing) for thing in things)])
    show_left(ledger, f"{stage}: {left.words}")
    return left.words


def show_left(ledger: Ledger, description: str) -> None:
    """Write what was left out, or left standing by a rollback, to the table that the board reads."""
    rows = [line.model_dump(mode="json") for line in left_lines(ledger.entries())]
    # The newest run of a cutover that is rolled back is the rollback: the board shows it there, too.
    fact = fact_in(ledger.entries())
    rows += [{**row, "cutover": str(fact.run)} for row in rows if fact and fact.run]
    key = left_out_key(ledger.customer)
    engine().store.write_table(key, rows, description=description, flow_run=ledger.cutover)


def left_lines(entries: Iterable[Entry]) -> list[LeftLine]:
    """What a cutover left out, and what its rollback left standing, decision by decision, for board and report."""
    everything = list(entries)
    return [*_left_out(everything), *_left_standing(everything)]


def _left_standing(entries: list[Entry]) -> list[LeftLine]:
    return [
        LeftLine(
            cutover=entry.cutover,
            stage=entry.stage,
            at=entry.at,
            things=[f"not put back: {thing}" for thing in left.things],
            by=left.by,
            reason=left.reason,
        )
        for entry, left in payloads_of(entries, Standing)
        if not any(
            later.kind is EntryKind.ROLLED_BACK and later.stage == entry.stage for later in _after(entries, entry)
        )
    ]


def _after(entries: list[Entry], entry: Entry) -> list[Entry]:
    return entries[entries.index(entry) + 1 :]


def _left_out(entries: list[Entry]) -> list[LeftLine]:
    return [
        LeftLine(
            cutover=entry.cutover,
            stage=entry.stage,
            at=entry.at,
            things=[str(thing) for thing in left.things],
            whole=any(thing.kind is LeavableKind.STAGE for thing in left.things),
            by=left.by,
            reason=left.reason,
        )
        for entry, left in payloads_of(entries, LeftOut)
    ]


def lines_of_boards(customers: list[str]) -> dict[str, list[LeftLine]]:
    """Customer -> what its last cutover that left anything out left; in few requests for all."""
    keys = {left_out_key(customer): customer for customer in customers}
    tables = engine().store.read_latest(list(keys))
    return {keys[key]: [LeftLine.model_validate(row) for row in rows] for key, rows in tables.items()}
