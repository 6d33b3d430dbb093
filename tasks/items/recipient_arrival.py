"""Whether the groups and contacts of the old server have arrived in the tenant: each group with all its members.

The batch's own word for it does not count: it calls a group Synced though members were skipped, and leaves one at
"Provision updating" for ever while a member is missing (OfficeDocs-Exchange, Migration users status report). What
counts is who is in the group there (Get-DistributionGroupMember) beside who is in it here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mailmove.errors import Blocked
from mailmove.inventory.full import AddressBook, Contact, Group
from mailmove.leavable import Leavable, LeavableKind
from mailmove.lists_in_words import some_of
from mailmove.tenant_state import MailContact
from tasks.execution.context import Context
from tasks.items.batch_users import BatchRows, batch_rows
from tasks.items.mover_choice import is_direct

_NAMED = 10
"""Members named of one group; a message is read by people."""


def not_arrived(context: Context, rows: BatchRows | None = None) -> list[Leavable]:
    """What has not arrived whole, each with what it lacks; what was left out by decision is not among it."""
    rows = rows or batch_rows(context)
    if not rows.others:
        return []  # the batch carries none: nobody has promised them
    book, things = context.source.address_book(), list[Leavable]()
    carried = {row.address for row in rows.others}
    groups = [group for group in book.moving if {group.address, *group.aliases} & carried]
    contacts = [contact for contact in book.contacts if contact.address in carried]
    things += _incomplete_groups(context, book, groups)
    things += _missing_contacts(contacts, context.tenant.recipients.contacts() if contacts else [])
    known = {name for group in groups for name in (group.address, *group.aliases)}
    known |= {contact.address for contact in contacts}
    things += [
        Leavable(
            kind=LeavableKind.CONTACT if row.kind == "contact" else LeavableKind.GROUP,
            mailbox=row.address,
            reason=f"{row.status}; the old server shows no group or contact of this address",
        )
        for row in rows.others
        if row.address not in known
    ]
    return [thing for thing in things if not context.is_left_out(thing)]


def recipient_facts(context: Context) -> list[str]:
    """For evidence and report: how many groups and contacts have arrived, and what the others lack."""
    if is_direct(context):
        return []
    rows = batch_rows(context)
    if not rows.others:
        return []
    things = not_arrived(context, rows)
    arrived = len(rows.others) - len({thing.mailbox for thing in things})
    return [f"{arrived} of {len(rows.others)} groups and contacts have arrived whole", *map(str, things)]


def ask_about_recipients(context: Context) -> None:
    """Blocked: some groups or contacts have not arrived; each can be left out."""
    if is_direct(context):
        return
    if things := not_arrived(context):
        raise Blocked(
            "Exchange Online",
            wanted="every group and contact of the old server, with all members",
            seen="; ".join(map(str, things)),
            todo="Add what is missing in the Exchange admin centre (Recipients, Groups or Contacts), then try again; "
            "or go on without: after this nothing is carried over any more.",
            leaves=tuple(things),
            code="RecipientsMissing",
        )


def _incomplete_groups(context: Context, book: AddressBook, groups: Sequence[Group]) -> Iterator[Leavable]:
    """A member whose mailbox was left out by decision is not missing: a person knows that it does not come."""
    if not groups:
        return
    recipients = context.tenant.recipients
    names = {name: known.addresses for known in recipients.all() for name in known.addresses}
    targets = {contact.address: contact.target for contact in book.contacts}
    members = recipients.members([group.address for group in groups])
    left = {thing.mailbox.lower() for thing in context.left_out() if thing.kind is LeavableKind.MAILBOX}
    unread = {part.what: part.why for part in book.not_read}
    for group, there in zip(groups, members, strict=True):
        if there is None:
            reason = "it is not in the tenant"
        elif why := unread.get(f"members of {group.address}"):
            reason = f"who is in it on the old server cannot be read: {why}"
        else:
            present = {name for member in there for name in names.get(member, {member})}
            missing = [
                member for member in group.members if not _is_in(member, present, targets) and member not in left
            ]
            reason = (
                f"{len(missing)} of {len(group.members)} members missing: {some_of(missing, _NAMED)}" if missing else ""
            )
        if reason:
            yield Leavable(kind=LeavableKind.GROUP, mailbox=group.address, reason=reason)


def _is_in(member: str, present: set[str], targets: Mapping[str, str]) -> bool:
    """A contact may stand in a group by the address that its mail goes to."""
    return member in present or targets.get(member, member) in present


def _missing_contacts(contacts: Sequence[Contact], there: Sequence[MailContact]) -> Iterator[Leavable]:
    targets = {name: contact.target for contact in there for name in (*contact.addresses, contact.target)}
    for contact in contacts:
        target = targets.get(contact.address, targets.get(contact.target))
        if target is None:
            reason = "it is not in the tenant"
        elif target != contact.target:
            reason = f"its mail goes to {target or 'nowhere'}, and went to {contact.target}"
        else:
            continue
        yield Leavable(kind=LeavableKind.CONTACT, mailbox=contact.address, reason=reason)
