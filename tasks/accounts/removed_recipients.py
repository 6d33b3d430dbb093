"""Taking away, in a rollback, the recipients that this cutover made and nobody has used."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

from mailmove.changes import AddressSubject, Change, ChangeKind, MailboxSubject, MemberSubject, NamedSubject
from mailmove.evidence import Receipt
from mailmove.inventory.wanted_recipients import RecipientKind
from mailmove.tenant_state import Recipient
from tasks.accounts.created_recipients import note, notes
from tasks.accounts.first_password_store import read_safe, write_safe
from tasks.execution.context import Context
from tasks.ledger.payloads import MailboxCopy

_SAME = timedelta(minutes=5)
"""Time after the making of an account in which its password counts as the one that it was made with."""
_ORDER = {
    ChangeKind.GROUP_MEMBER: 0, ChangeKind.GROUP_OWNER: 0, ChangeKind.RECIPIENT_ADDRESS: 1, ChangeKind.LICENCE: 2,
    ChangeKind.RECIPIENT: 3,
}  # fmt: skip
_LAST = {"group": 0, "contact": 1}
"""Groups go first, and those who belong to them after that."""


class Removal:
    """standing: what is still to be put back. remains: what stays, and why; it is read when this is made."""

    def __init__(self, context: Context, receipt: Receipt) -> None:
        self.context, self.changes = context, receipt.changes
        self._notes = notes(context)
        self._kinds: dict[str, RecipientKind] = {
            change.subject.name: change.after["kind"]
            for change in self.changes
            if isinstance(change.subject, NamedSubject)
        }
        self._copies = _our_copies(context)
        self.remains: list[str] = []
        holders = self._holders()
        self._signed_in = {
            address
            for address, kind in self._kinds.items()
            if kind == "person" and self._is_ours(address, holders) and self._has_signed_in(address)
        }
        self._keeps = self._kept(holders)
        self.remains += [
            f"usage location of {change.subject.address}: {change.after['usage_location']} stays; it had none before, "
            "and Microsoft takes none back"
            for change in self.changes
            if isinstance(change.subject, MailboxSubject)
            and change.subject.address not in self._kinds
            and change.before["usage_location"] is None
        ]

    def _holders(self) -> dict[str, Recipient]:
        known = self.context.tenant.recipients.all()
        return {address: recipient for recipient in known for address in (recipient.address, *recipient.addresses)}

    def _is_ours(self, address: str, holders: dict[str, Recipient]) -> bool:
        """It stands, we made it, and it is the same object."""
        mine, known = self._notes.get(address), holders.get(address)
        if mine is None or known is None or mine.phase != "made":
            return False
        return not mine.id or mine.id.lower() in known.names

    def _kept(self, holders: dict[str, Recipient]) -> set[str]:
        """Addresses of what stays; each with its reason in `remains`."""
        kept = set()
        for address, kind in self._kinds.items():
            mine = self._notes.get(address)
            if mine is not None and mine.phase == "removed":
                self._say_deleted(address, kind)
            if address not in holders or mine is None or mine.phase == "removed":
                continue
            reason = self._used(address, kind) if self._is_ours(address, holders) else _NOT_KNOWN
            if reason:
                kept.add(address)
                self.remains.append(f"{kind} {address}: {reason}; remove it by hand if it is not wanted")
        return kept

    def _used(self, address: str, kind: RecipientKind) -> str:
        """Why it is not taken away; "": nobody has used it."""
        if kind in ("contact", "group"):
            return ""
        if address in self._signed_in:
            return "its owner has signed in"
        if kind != "person" and self._signed_in:
            return f"{min(self._signed_in)} has signed in, and may have used it"
        count, ours = self.context.tenant.creation.item_count(address), self._copies.get(address, 0)
        if count is None:
            return "how much it holds is not shown"
        return f"it holds {count} items, of which {ours} are our copies" if count > ours else ""

    def _has_signed_in(self, address: str) -> bool:
        """The first password must be changed at the first sign-in; an access pass lets people in without."""
        made, changed = self.context.tenant.users.password_dates(address)
        mine = read_safe(self.context.plan.customer).get(address)
        held = mine.access_pass if mine else None
        if held is not None and held.state != "asked" and (held.start is None or held.start <= self.context.now()):
            return True
        return changed - made > _SAME and (mine is None or changed != mine.changed)

    def _say_deleted(self, address: str, kind: RecipientKind) -> None:
        if kind not in ("contact", "group"):
            line = f"{kind} {address}: deleted; Microsoft keeps it among the deleted users for 30 days"
            self.remains.append(line)

    def standing(self) -> list[Change]:
        """What differs from what stood there, and is to be put back."""
        return self._standing_among(self._holders())

    def _standing_among(self, holders: dict[str, Recipient]) -> list[Change]:
        ours = notes(self.context)
        mine = {address for address in self._kinds if address in ours and ours[address].phase != "removed"}
        groups = _Groups(self.context)
        standing = [change for change in self.changes if self._stands(change, holders, mine, groups)]
        return sorted(standing, key=lambda change: (_ORDER[change.kind], _LAST.get(self._kind_of(change), 2)))

    def _kind_of(self, change: Change) -> str:
        return self._kinds.get(change.subject.name, "") if isinstance(change.subject, NamedSubject) else ""

    def _stands(self, change: Change, holders: dict[str, Recipient], mine: set[str], groups: _Groups) -> bool:
        match change.subject:
            case NamedSubject(name=address):
                return address in mine and address not in self._keeps and self._is_ours(address, holders)
            case MailboxSubject(address=address):
                if address in self._kinds or address not in holders:
                    return False  # it goes with its user, or stays with it
                _, skus = self.context.tenant.users.licence_of(address)
                return bool(sorted(skus) != change.before["skus"])
            case AddressSubject(recipient=address, address=alias):
                known = holders.get(address)
                return address not in self._kinds and known is not None and alias in known.addresses
            case MemberSubject(group=group, member=member) if group not in self._kinds and group in holders:
                if change.kind is ChangeKind.GROUP_OWNER:
                    known = holders.get(member)
                    return bool(groups.owners(group) & {member, *(known.names if known else ())})
                return member in groups.members(group)
        return False

    def put_back(self) -> None:
        creation, holders = self.context.tenant.creation, self._holders()
        for change in self._standing_among(holders):
            self.context.fence()
            match change.subject:
                case NamedSubject(name=address):
                    self._remove(address)
                case MailboxSubject(address=address):
                    self.context.tenant.users.set_licence(address, None, frozenset(change.before["skus"]))
                case AddressSubject(recipient=address, address=alias):
                    creation.change_addresses(_changed_as(holders[address]), address, add=[], remove=[alias])
                case MemberSubject(group=group, member=member) if change.kind is ChangeKind.GROUP_OWNER:
                    creation.change_owner(group, member, owns=False)
                case MemberSubject(group=group, member=member):
                    creation.change_member(group, member, belongs=False)

    def _remove(self, address: str) -> None:
        kind = self._kinds[address]
        self.context.tenant.creation.remove(kind, self._notes[address].id or address)
        safe = read_safe(self.context.plan.customer)
        if address in safe:
            gone = safe[address].model_copy(update={"state": "withdrawn", "password": None, "access_pass": None})
            write_safe(self.context.plan.customer, {**safe, address: gone})
        note(self.context, "removed", address, self._notes[address].id)
        self._say_deleted(address, kind)


class _Groups:
    """Members and owners of groups as they are now, each group asked for once."""

    def __init__(self, context: Context) -> None:
        tenant = context.tenant
        self.members = cache(lambda group: tenant.recipients.members([group])[0] or frozenset[str]())
        self.owners = cache(lambda group: tenant.creation.owners([group])[0])


_NOT_KNOWN = "the answer to its making was lost, or it is another object by now: whether it is ours is not known"


def _changed_as(known: Recipient) -> RecipientKind:
    """The kind by which addresses are taken from what stood there before."""
    if known.has_mailbox:
        return "person"
    return "contact" if known.kind in ("MailContact", "MailUser") else "group"


def _our_copies(context: Context) -> dict[str, int]:
    """Mailbox -> the most items that a copy of ours has found or put there."""
    copies: dict[str, int] = {}
    for _, copy in context.ledger.payloads(MailboxCopy):
        for box in copy.mailboxes:
            copies[box.mailbox] = max(copies.get(box.mailbox, 0), box.copied + box.present)
    return copies
