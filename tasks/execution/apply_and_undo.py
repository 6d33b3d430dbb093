"""The one way in which a stage changes the world: written down before, done, read back, written down after."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mailmove.changes import Change
from mailmove.clock import now
from mailmove.errors import Blocked, ByHand, Drifted, NotYet
from mailmove.evidence import Evidence, Preview, Receipt
from tasks.execution.context import Context
from tasks.ledger.entry import EntryKind
from tasks.ledger.ledger import Ledger
from tasks.ledger.payloads import Approval, Payload


def apply_changes(
    context: Context,
    check: Callable[[], Preview],
    make: Callable[[Preview], None],
    *,
    approved: str | None = None,
) -> Receipt:
    """Make what `check` says is missing, and nothing else.

    `approved` is the digest of the Preview that a person said yes to; Drifted, when the world asks for something
    else by now. A kill between any two lines is mended by calling again: the intent holds what stood there before.
    """
    ledger, preview = context.ledger, check()
    stage = preview.stage
    if preview.blockers:
        raise Blocked(
            stage,
            wanted="a clear way",
            seen="; ".join(f"{finding.subject}: {finding.seen}" for finding in preview.blockers),
            todo=" ".join(finding.todo for finding in preview.blockers),
        )
    if approved and not _within(approved, preview, ledger):
        raise Drifted(
            stage,
            wanted=f"what was approved ({approved})",
            seen=f"another change ({preview.digest})",
            todo="Look again and approve again.",
        )
    if preview.changes:
        intended = ledger.intended(stage)  # by a try that could not finish
        if not all(change in intended for change in preview.changes):
            ledger.record(EntryKind.INTENT, stage, changes=preview.changes)
        context.fence()
        if _made(make, preview) and (rest := check()).changes:
            raise NotYet(stage, wanted="the change read back", seen=_words(rest.changes), todo="It is tried again.")
    receipt = ledger.receipt(stage)
    ledger.record(EntryKind.RECEIPT, stage, changes=receipt.changes, facts=[] if receipt.changes else ["nothing to do"])
    return receipt


def _within(approved: str, preview: Preview, ledger: Ledger) -> bool:
    """Is it what was approved, or what a killed try has left of it?"""
    if preview.digest == approved:
        return True
    for entry in ledger.entries():
        accepted = Preview(stage=preview.stage, changes=entry.changes)
        if entry.kind in (EntryKind.APPROVAL, EntryKind.INTENT) and accepted.digest == approved:
            singly = {Preview(stage=preview.stage, changes=[change]).digest for change in entry.changes}
            rest = (Preview(stage=preview.stage, changes=[change]).digest for change in preview.changes)
            return all(digest in singly for digest in rest)
    return False


def _made(make: Callable[[Preview], None], preview: Preview) -> bool:
    """False: it was shown to a person, who must make it; `verify` waits until it is there."""
    try:
        make(preview)
    except ByHand:
        return False
    return True


def undo_changes(
    context: Context,
    receipt: Receipt,
    differing: Callable[[], Iterable[Change]],
    put_back: Callable[[], None],
    *,
    remains: list[str] | None = None,
) -> Receipt:
    """Put back what a receipt says stood there; `differing` gives what still differs from that."""
    undone = list(differing())
    if undone:
        context.fence()
        put_back()
        rest = list(differing())
        if rest:
            raise NotYet(receipt.stage, wanted="what stood there before", seen=_words(rest), todo="It is tried again.")
    return Receipt(stage=receipt.stage, changes=[change.inverse() for change in undone], remains=remains or [])


def record_evidence(context: Context, stage: str, facts: list[str], payload: Payload | None = None) -> Evidence:
    """Write down what the world answered."""
    entry = context.ledger.record(EntryKind.EVIDENCE, stage, facts=facts, payload=payload)
    return Evidence(stage=stage, facts=facts, at=entry.at)


def record_approval(
    ledger: Ledger,
    name: str,
    preview: Preview,
    *,
    by: str,
    reason: str,
    question: str = "",
    proof: str = "",
    automatic: bool = False,
) -> str:
    """Write down who said yes to what, when and why; returns the digest that `apply` will hold the world to.

    question: the one that was answered; a second yes to the same one (after a kill) is not written again.
    proof: how `by` was proved; empty: it is what somebody typed. automatic: nobody was asked.
    """
    known = [approval for _, approval in ledger.payloads(Approval, name)]
    if question and any(approval.question == question for approval in known):
        return preview.digest
    approval = Approval(
        by=by, proof=proof, reason=reason, digest=preview.digest, question=question, automatic=automatic
    )
    facts = [
        f"approved by {by}",
        f"identity: {'nobody was asked' if automatic else proof or 'as typed, not proved'}",
        f"reason: {reason or 'none given'}",
        f"at {now():%Y-%m-%d %H:%M:%S} UTC",
        f"digest {preview.digest}",
    ]
    ledger.record(EntryKind.APPROVAL, name, changes=preview.changes, payload=approval, facts=facts)
    return preview.digest


def approved_last(ledger: Ledger, name: str) -> str | None:
    """The digest that somebody said yes to last, at this gate of this cutover; None: nobody has so far."""
    approvals = ledger.payloads(Approval, name)
    return approvals[-1][1].digest if approvals else None


def _words(changes: Iterable[Change]) -> str:
    return "still open: " + ", ".join(change.words for change in changes)
