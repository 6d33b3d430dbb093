"""The one way in which a stage changes the world: written down before, done, read back, written down after."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mailmove.errors import Blocked, ByHand, Drifted, NotYet
from mailmove.evidence import Change, Evidence, Preview, Receipt, now
from mailmove.plan.cutover import Cutover
from tasks.execution.fencing import leave_if_taken_over
from tasks.ledger.ledger import Ledger, entries_so_far, this_cutover

_DIGEST = "digest "


def act(
    cutover: Cutover, look: Callable[[], Preview], do: Callable[[Preview], None], *, approved: str | None = None
) -> Receipt:
    """Do what `look` says is missing, and nothing else.

    `approved` is the digest of the Preview that a person said yes to; Drifted, when the world asks for something
    else by now. A kill between any two lines is mended by calling again: the intent holds what stood there before.
    """
    ledger = Ledger(cutover.customer, this_cutover())
    preview = look()
    stage = preview.stage
    if preview.blockers:
        raise Blocked(
            stage,
            wanted="a clear way",
            seen="; ".join(f"{found.subject}: {found.seen}" for found in preview.blockers),
            todo=" ".join(found.todo for found in preview.blockers),
        )
    if approved and not _within(approved, preview, ledger):
        raise Drifted(
            stage,
            wanted=f"what was approved ({approved})",
            seen=f"another change ({preview.digest})",
            todo="Look again and approve again.",
        )
    if preview.changes:
        standing = ledger.intended(stage)  # by a try that could not finish
        if not all(change in standing for change in preview.changes):
            ledger.record("intent", stage, changes=preview.changes)
        leave_if_taken_over()
        if _made(do, preview) and (rest := look()).changes:
            raise NotYet(stage, wanted="the change read back", seen=_named(rest.changes), todo="It is tried again.")
    receipt = ledger.receipt(stage)
    ledger.record("receipt", stage, changes=receipt.changes, facts=[] if receipt.changes else ["nothing to do"])
    return receipt


def _within(approved: str, preview: Preview, ledger: Ledger) -> bool:
    """Is it what was approved, or what a killed try has left of it?"""
    if preview.digest == approved:
        return True
    for entry in ledger.entries():
        said_yes_to = Preview(stage=preview.stage, changes=entry.changes)
        if entry.kind in ("approval", "intent") and said_yes_to.digest == approved:
            one_by_one = {Preview(stage=preview.stage, changes=[change]).digest for change in entry.changes}
            rest = (Preview(stage=preview.stage, changes=[change]).digest for change in preview.changes)
            return all(digest in one_by_one for digest in rest)
    return False


def _made(do: Callable[[Preview], None], preview: Preview) -> bool:
    """False: it was shown to a person, who must make it; `verify` waits until it is seen."""
    try:
        do(preview)
    except ByHand:
        return False
    return True


def undo(
    receipt: Receipt, look: Callable[[], Iterable[Change]], do: Callable[[], None], *, remains: list[str] | None = None
) -> Receipt:
    """Put back what a receipt says stood there; `look` gives what still differs from that."""
    undone = list(look())
    if undone:
        leave_if_taken_over()
        do()
        rest = list(look())
        if rest:
            raise NotYet(receipt.stage, wanted="what stood there before", seen=_named(rest), todo="It is tried again.")
    return Receipt(
        stage=receipt.stage,
        changes=[Change(what=change.what, before=change.after, after=change.before) for change in undone],
        remains=remains or [],
    )


def witness(cutover: Cutover, stage: str, facts: list[str]) -> Evidence:
    """Write down what the world answered."""
    entry = Ledger(cutover.customer, this_cutover()).record("evidence", stage, facts=facts)
    return Evidence(stage=stage, facts=facts, at=entry.at)


def approve(
    cutover: Cutover, name: str, preview: Preview, *, by: str, reason: str, question: str = "", proof: str = ""
) -> str:
    """Write down who said yes to what, when and why; returns the digest that `act` will hold the world to.

    question: the one that was answered; a second yes to the same one (after a kill) is not written again.
    proof: how `by` was proved; empty: it is what somebody typed.
    """
    ledger = Ledger(cutover.customer, this_cutover())
    asked = f"question {question or 'none'}"
    if question and any(entry.kind == "approval" and asked in entry.facts for entry in ledger.entries()):
        return preview.digest
    facts = [
        f"approved by {by}",
        f"identity: {proof or 'as typed, not proved'}",
        f"reason: {reason or 'none given'}",
        f"at {now():%Y-%m-%d %H:%M:%S} UTC",
        f"{_DIGEST}{preview.digest}",
        asked,
    ]
    ledger.record("approval", name, facts=facts, changes=preview.changes)
    return preview.digest


def approved_last(cutover: Cutover, name: str) -> str:
    """The digest that somebody said yes to last, at this gate of this cutover."""
    said = [entry for entry in entries_so_far(cutover) if entry.kind == "approval" and entry.stage == name]
    return next(fact.removeprefix(_DIGEST) for fact in said[-1].facts if fact.startswith(_DIGEST))


def _named(changes: Iterable[Change]) -> str:
    return "still open: " + ", ".join(change.what for change in changes)
