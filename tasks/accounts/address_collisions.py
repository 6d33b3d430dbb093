"""Before the batch makes the mailboxes: who holds their addresses already, and is the directory synchronised?

Microsoft: users who exist make the batch fail with "A different type of Active Directory object already exists"
(KB 2968722), and directory synchronisation must be off during a cutover.
"""

from __future__ import annotations

from mailmove.evidence import Finding
from mailmove.plan.cutover import Cutover
from tasks.execution.open_blocks import source_server, tenant
from tasks.ledger.ledger import read_entries
from tasks.ledger.names import batch_name

_TODO = {
    "User": "Delete the user, also from the deleted users (the batch makes it anew); or change its addresses.",
    "UserMailbox": "If it holds no mail, delete the user, also from the deleted users; else change its addresses.",
    "MailContact": "Delete the contact.",
    "MailUser": "Delete the mail user, also from the deleted users.",
}
_OTHERWISE = "Take the address away from it, or delete it."


def findings_of_collisions(cutover: Cutover) -> list[Finding]:
    """What blocks. Mailboxes that an earlier batch of ours has made do not: they are gone on with."""
    cloud = tenant(cutover)
    found: list[Finding] = []
    if cloud.recipients.synchronised():
        found.append(
            Finding(
                subject="directory synchronisation",
                seen="on in the tenant",
                means="The batch makes the users itself, and collides with those that are synchronised.",
                todo="Turn it off for the time of the move; that takes Microsoft up to 72 hours to finish.",
                blocks=True,
            )
        )
    ours = _made_before(cutover)
    holders = {address: one for one in cloud.recipients.all() for address in one.addresses}
    for box in source_server(cutover).inventory().moving:
        for address in (box.address, *box.aliases):
            one = holders.get(address)
            if one is None or (ours and one.has_mailbox and one.address == box.address):
                continue
            found.append(
                Finding(
                    subject=address,
                    seen=f"held in the tenant by {one.address} ({one.kind})",
                    means=f"The batch cannot make the mailbox {box.address}: "
                    '"a different type of object already exists".',
                    todo=_TODO.get(one.kind, _OTHERWISE),
                    blocks=True,
                )
            )
    return found


def _made_before(cutover: Cutover) -> bool:
    """Has any cutover of this customer started our batch?"""
    batch = f"migration batch {batch_name(cutover)}"
    return any(
        change.what == batch and change.before is None
        for entry in read_entries(cutover.customer)
        if entry.kind in ("intent", "receipt")
        for change in entry.changes
    )
