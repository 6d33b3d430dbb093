"""Before the batch makes the mailboxes: who holds their addresses already, and is the directory synchronised?

Microsoft: users who exist make the batch fail with "A different type of Active Directory object already exists"
(KB 2968722), and directory synchronisation must be off during a cutover.
"""

from __future__ import annotations

from mailmove.changes import ChangeKind, NamedSubject
from mailmove.evidence import Finding
from tasks.execution.context import Context
from tasks.ledger.entry import EntryKind
from tasks.ledger.ledger import read_entries
from tasks.ledger.names import batch_name

_TODO = {
    "User": "Delete the user, also from the deleted users (the batch makes it anew); or change its addresses.",
    "UserMailbox": "If it holds no mail, delete the user, also from the deleted users; else change its addresses.",
    "MailContact": "Delete the contact.",
    "MailUser": "Delete the mail user, also from the deleted users.",
}
_OTHERWISE = "Take the address away from it, or delete it."


def findings_of_collisions(context: Context) -> list[Finding]:
    """What blocks. Mailboxes that an earlier batch of ours has made do not: they are gone on with."""
    cloud = context.tenant
    findings: list[Finding] = []
    if cloud.recipients.synchronised():
        findings.append(
            Finding(
                subject="directory synchronisation",
                seen="on in the tenant",
                means="The batch makes the users itself, and collides with those that are synchronised.",
                todo="Turn it off for the time of the move; that takes Microsoft up to 72 hours to finish.",
                blocks=True,
            )
        )
    ours = _made_before(context)
    holders = {address: recipient for recipient in cloud.recipients.all() for address in recipient.addresses}
    for box in context.source.inventory().moving:
        for address in (box.address, *box.aliases):
            holder = holders.get(address)
            if holder is None or (ours and holder.has_mailbox and holder.address == box.address):
                continue
            findings.append(
                Finding(
                    subject=address,
                    seen=f"held in the tenant by {holder.address} ({holder.kind})",
                    means=f"The batch cannot make the mailbox {box.address}: "
                    '"a different type of object already exists".',
                    todo=_TODO.get(holder.kind, _OTHERWISE),
                    blocks=True,
                )
            )
    return findings


def _made_before(context: Context) -> bool:
    """Has any cutover of this customer started our batch?"""
    batch = (ChangeKind.MIGRATION_BATCH, NamedSubject(name=batch_name(context.plan)))
    return any(
        change.key == batch and change.before is None
        for entry in read_entries(context.plan.customer)
        if entry.kind in (EntryKind.INTENT, EntryKind.RECEIPT)
        for change in entry.changes
    )
