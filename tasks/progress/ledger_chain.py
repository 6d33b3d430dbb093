"""Ask a person before a rollback goes by a ledger whose chain is broken."""

from __future__ import annotations

from uuid import UUID

from mailmove.leavable import Leavable, LeavableKind
from mailmove.plan.cutover import Cutover
from tasks.ledger.chain import ChainFault
from tasks.ledger.ledger import checked_chain, own_ledger
from tasks.progress.leave_out import left_things

LEDGER = "ledger"
"""Name of the question, and of the decision in the rollback's own ledger."""


def breaks_to_ask_about(plan: Cutover, root: UUID) -> tuple[str, tuple[Leavable, ...]]:
    """(why, each break) of the chain of the cutover that is rolled back; ("", ()): it is whole, or somebody has said to
    go by it as it stands.

    A rollback puts back what the ledger says stood there: whoever can change the ledger could have it put anything
    anywhere.
    """
    known = left_things(own_ledger(plan).entries())
    faults = [fault for fault in checked_chain(plan.customer, root).faults if not _is_known(fault, known)]
    if not faults:
        return "", ()
    why = (
        f"The ledger of cutover {root} is not as Mailmove wrote it, and a rollback puts back what the ledger says: "
        f"{faults[0].words}. Compare it with the report and your own copy of the database (docs/security.md)."
    )
    return why, tuple(map(_thing, faults))


def _thing(fault: ChainFault) -> Leavable:
    key = f"{fault.kind}/{fault.seal or fault.entry}"
    return Leavable(kind=LeavableKind.ENTRY, entry=key, subject=fault.entry, reason=fault.differs)


def _is_known(fault: ChainFault, known: list[Leavable]) -> bool:
    return any(left.key == _thing(fault).key for left in known)
