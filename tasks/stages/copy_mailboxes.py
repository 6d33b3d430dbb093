"""Copy every mailbox ourselves, where Microsoft's service cannot reach the old server (`mover: direct`)."""

from __future__ import annotations

from mailmove.errors import NotYet
from mailmove.evidence import Evidence, Finding, Preview, Receipt
from mailmove.items.copy.losses import CONVERTED, families
from mailmove.items.item_class import people_call
from tasks.execution.apply_and_undo import record_evidence
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task
from tasks.items.copy_mailboxes import copies, copy_mailboxes, record_copy, sides
from tasks.items.mover_choice import is_direct

NAME = "copy_mailboxes"


@check_task
def check(context: Context) -> Preview:
    """It changes nothing that a preview could show; the rights that it lacks are findings."""
    if not is_direct(context):
        return Preview(stage=NAME)
    _, destination = sides(context)
    lacking = [finding.model_copy(update={"blocks": True}) for finding in destination.copy_findings()]
    return Preview(stage=NAME, findings=[*lacking, *_reduced(context)])


def _reduced(context: Context) -> list[Finding]:
    """What items lose where the target imports no whole ones, class by class."""
    _, target = sides(context)
    boxes = context.source.inventory().moving
    if not boxes or target.destination().takes_streams(boxes[0].address):
        return []
    lost = "; ".join(f"{people_call(family)} lose {loss}" for family, loss in CONVERTED.items())
    left = ", ".join(people_call(family) for family in families() if family not in CONVERTED)
    return [
        Finding(
            subject="mover: direct",
            seen="no right to import items whole (MailboxItem.ImportExport.All), or a cloud without the import",
            means=f"Graph makes every item anew: {lost}. Left as a whole: {left}.",
            todo="Give the application MailboxItem.ImportExport.All, MailboxItem.Read.All and "
            "MailboxFolder.ReadWrite.All; where the cloud has no import, prefer `mover: native`.",
        )
    ]


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    """Hours, for large mailboxes; a killed copy is gone on with. Blocked: a mailbox is missing."""
    if is_direct(context):
        record_copy(context, copy_mailboxes(context))
    return Receipt(stage=NAME)


@verify_task
def verify(context: Context) -> Evidence:
    """What was copied; that every item is there is for the proof to say."""
    if not is_direct(context):
        return record_evidence(context, NAME, ["Microsoft's batch copies the mailboxes"])
    copied = copies(context)
    if not copied:
        raise NotYet(NAME, wanted="a copy of every mailbox", seen="none yet", todo="It is looked at again.")
    return record_evidence(context, NAME, copied[-1].facts)


@rollback_task
def rollback(context: Context, receipt: Receipt) -> Receipt:
    """There is nothing to put back: copies are only ever added."""
    return Receipt(stage=NAME)
