"""Copy every mailbox ourselves, where Microsoft's service cannot reach the old server (`mover: direct`)."""

from __future__ import annotations

from mailmove.errors import NotYet
from mailmove.evidence import Evidence, Finding, Preview, Receipt
from mailmove.plan.cutover import Cutover
from tasks.execution.apply_and_undo import witness
from tasks.execution.open_blocks import source_server
from tasks.execution.retry_policies import change, look, make_sure, put_back
from tasks.items.copy_mailboxes import copy_mailboxes, is_direct, lines_of, missing_mailboxes, sides
from tasks.ledger.ledger import Ledger, this_cutover

NAME = "copy_mailboxes"
_COPIED = f"{NAME}: copied"


@look
def check(cutover: Cutover) -> Preview:
    """It changes nothing that a preview could show; what must be done by hand for it are findings."""
    if not is_direct(cutover):
        return Preview(stage=NAME)
    _, destination = sides(cutover)
    lacking = [one.model_copy(update={"blocks": True}) for one in destination.copy_findings()]
    return Preview(stage=NAME, findings=[*lacking, *_to_be_made(cutover), *_drafts(cutover)])


def _to_be_made(cutover: Cutover) -> list[Finding]:
    missing = missing_mailboxes(cutover)
    if not missing:
        return []
    return [
        Finding(
            subject="mover: direct",
            seen=f"{len(missing)} mailboxes are not in the tenant yet: {', '.join(missing)}",
            means="Without Microsoft's batch nobody makes them; the night stops and asks before the copy.",
            todo="Once the domain is verified, make them in the admin centre: people with a licence, shared, room and "
            "equipment mailboxes as such.",
        )
    ]


def _drafts(cutover: Cutover) -> list[Finding]:
    origin, _ = sides(cutover)
    boxes = source_server(cutover).inventory().moving
    if not boxes or origin.origin().gives_streams(boxes[0].address):
        return []
    return [
        Finding(
            subject="mover: direct",
            seen="an old server that cannot give items whole (ExportItems came with Exchange 2010 SP1)",
            means="Messages are made anew from MIME: Microsoft 365 shows them as drafts, dated at the copy.",
            todo="Prefer `mover: native`; a proxy that speaks TLS 1.2 before the old server makes that possible.",
        )
    ]


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    """Hours, for large mailboxes; a killed copy is gone on with. Blocked: a mailbox is missing."""
    if is_direct(cutover):
        moved = copy_mailboxes(cutover)
        Ledger(cutover.customer, this_cutover()).record("evidence", _COPIED, facts=lines_of(moved))
    return Receipt(stage=NAME)


@make_sure
def verify(cutover: Cutover) -> Evidence:
    """What was copied; that every item is there is for the proof to say."""
    if not is_direct(cutover):
        return witness(cutover, NAME, ["Microsoft's batch copies the mailboxes"])
    copied = Ledger(cutover.customer, this_cutover()).evidence(_COPIED)
    if copied is None:
        raise NotYet(NAME, wanted="a copy of every mailbox", seen="none yet", todo="It is looked at again.")
    return witness(cutover, NAME, copied.facts)


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """There is nothing to put back: copies are only ever added."""
    return Receipt(stage=NAME)
