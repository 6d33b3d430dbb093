"""Rows of a cutover batch that are no mailboxes: mail-enabled groups, mail contacts and mail users of the old server.

Sources: OfficeDocs-Exchange, "Migration users status report" (statuses of contacts and groups, what "Provision
updating" means, "Provisioning ... includes distribution groups and mail contacts"); microsoft-365-docs, "What you need
to know about a cutover migration" (security groups arrive as distribution groups); the migration service of Exchange
2013 as public repositories show it (MigrationUserRecipientType: Mailbox, Contact, Group, PublicFolder, Unsupported,
Mailuser, MailboxOrMailuser; a group is made first, its members are added in a second pass).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from lab.cloud.tenant import Batch, MovedUser, OtherRecipient, Tenant
from lab.directory import Directory, Group
from lab.faults import Faults, declare

declare(
    hostile_batch_rows="groups, contacts and mail users stand among a batch's users; the last group of the old server "
    "stays ProvisionUpdating: its last member is never added, until an administrator adds it",
    migration_group_member_skipped="a group says that it is Synced, though its first member was not added",
    migration_group_lost="a group says that it is Synced, and is not there",
)

MAILBOX, CONTACT, GROUP, MAIL_USER = "Mailbox", "Contact", "Group", "Mailuser"
_KINDS = {"MailContact": CONTACT, "MailUser": MAIL_USER}


def _groups(book: Directory) -> list[Group]:
    """Those that NSPI shows with members. A dynamic one has none, and a hidden one is not in the address list."""
    return [group for group in book.groups if group.kind != "dynamic" and not group.hidden]


def add_rows(batch: Batch, book: Directory) -> None:
    """One row for each group, contact and mail user of the address list."""
    for group in _groups(book):
        batch.users.setdefault(group.address, MovedUser(group.address, recipient=GROUP))
    for other in book.others:
        if other.details in _KINDS:
            batch.users.setdefault(other.address, MovedUser(other.address, recipient=_KINDS[other.details]))


def provision(tenant: Tenant, batch: Batch, book: Directory, faults: Faults) -> None:
    """One pass over these rows: make what is not there, add the members that have been provisioned by now."""
    groups = {group.address: group for group in _groups(book)}
    contacts = {other.address: other for other in book.others}
    stuck = list(groups)[-1:]
    with tenant.lock:
        for row in list(batch.users.values()):
            if row.recipient == MAILBOX or row.status in ("Synced", "Failed", "Stopped"):
                continue
            if tenant.user(row.address) is not None:
                row.status, row.kind = "Failed", "MigrationProvisioningPermanentException"
                row.error = f"A different type of Active Directory object already exists for {row.address}."
            elif row.address in groups:
                _group(tenant, row, groups[row.address], faults, waits=row.address in stuck)
            elif row.address in contacts:
                other = contacts[row.address]
                if tenant.other(row.address) is None:
                    made = OtherRecipient(row.address, other.display_name, other.details)
                    tenant.others[row.address] = made
                    made.target = other.target or row.address
                row.status, row.provisioned = "Synced", True


def _group(tenant: Tenant, row: MovedUser, group: Group, faults: Faults, *, waits: bool) -> None:
    if not row.provisioned and faults.take("migration.group_lost"):
        row.status, row.provisioned = "Synced", True
        return
    present = tenant.other(group.address)
    if present is None:
        present = OtherRecipient(
            group.address, group.display_name, "MailUniversalDistributionGroup", tuple(group.aliases)
        )
        tenant.others[group.address] = present
    row.status, row.provisioned = "ProvisionUpdating", True
    wanted = set(group.members)
    left = set(group.members[-1:]) if waits else set()
    if faults.take("migration.group_member_skipped"):
        left, wanted = set(group.members[:1]), wanted - set(group.members[:1])
    present.members |= {member for member in _arrived(tenant, group) if member not in left}
    row.copied = set(present.members)  # SyncedItemCount of a group counts members
    if wanted <= present.members:
        row.status, row.last_synced = "Synced", datetime.now(UTC)
        row.last_copied = row.last_synced


def _arrived(tenant: Tenant, group: Group) -> Iterator[str]:
    """Members that are in the tenant by now."""
    for member in group.members:
        user = tenant.user(member)
        if (user is not None and user.has_mailbox) or tenant.other(member) is not None:
            yield member
