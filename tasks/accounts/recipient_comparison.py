"""What a company that moves without Microsoft's batch lacks in the tenant, and who stands in the way of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from mailmove.changes import AddressSubject, Change, ChangeKind, MailboxSubject, MemberSubject, NamedSubject
from mailmove.evidence import Finding
from mailmove.inventory.wanted_recipients import WantedRecipient, wanted_recipients
from mailmove.leavable import Leavable, LeavableKind
from mailmove.tenant_state import Recipient
from tasks.accounts.created_recipients import ids_of_customer
from tasks.execution.context import Context

_FITS = {
    "person": ("UserMailbox", "User"),
    "shared": ("SharedMailbox", "UserMailbox"),
    "room": ("RoomMailbox", "UserMailbox"),
    "equipment": ("EquipmentMailbox", "UserMailbox"),
    "contact": ("MailContact", "MailUser"),
    "group": ("MailUniversalDistributionGroup", "MailUniversalSecurityGroup", "RoomList"),
}
"""RecipientTypeDetails that will do; `license_mailboxes` turns a user's mailbox into a shared one."""
_WORDS = {"person": "user", "shared": "shared mailbox", "room": "room mailbox", "equipment": "equipment mailbox"}
_CALLED = {"contact": LeavableKind.CONTACT, "group": LeavableKind.GROUP}


def leavable(wanted: WantedRecipient, reason: str = "") -> Leavable:
    """A wanted recipient as a thing that a person may do without."""
    kind = _CALLED.get(wanted.kind, LeavableKind.MAILBOX)
    address = wanted.aliases[0] if wanted.kind == "contact" and wanted.aliases else wanted.address
    return Leavable(kind=kind, mailbox=address, reason=reason)


@dataclass
class Comparison:
    """Both sides, read once. Whoever was left out by decision is not wanted."""

    context: Context
    wanted: list[WantedRecipient] = field(init=False)
    holders: dict[str, Recipient] = field(init=False)
    recipients: list[Recipient] = field(init=False)

    def __post_init__(self) -> None:
        source, plan = self.context.source, self.context.plan
        everybody = wanted_recipients(source.inventory(), source.address_book(), plan.domains)
        self.wanted = [wanted for wanted in everybody if not self.context.is_left_out(leavable(wanted))]
        self.recipients = self.context.tenant.recipients.all()
        self.holders = {name: known for known in self.recipients if (name := known.sign_in)}
        self.holders |= {address: known for known in self.recipients for address in known.addresses}

    def standing(self, wanted: WantedRecipient) -> Recipient | None:
        """What stands in the tenant as wanted; None: nothing, or something else."""
        holder = self.holders.get(wanted.address)
        if holder is None or holder.kind not in _FITS[wanted.kind]:
            return None
        if wanted.kind == "contact":
            return holder if self._targets.get(wanted.address) == wanted.address else None
        return holder if holder.address == wanted.address else None

    @cached_property
    def _targets(self) -> dict[str, str]:
        contacts = self.context.tenant.recipients.contacts()
        return {address: contact.target for contact in contacts for address in (*contact.addresses, contact.target)}

    @property
    def taken(self) -> set[str]:
        """Aliases and other names that are in use."""
        return {name for known in self.recipients for name in known.names}

    @cached_property
    def _coming(self) -> dict[str, str]:
        """Every address that is wanted -> the primary one of whoever has it."""
        return {address: wanted.address for wanted in self.wanted for address in (wanted.address, *wanted.aliases)}

    @cached_property
    def absent(self) -> list[WantedRecipient]:
        return [wanted for wanted in self.wanted if self.standing(wanted) is None]

    def mailboxes_missing(self) -> list[str]:
        """Addresses that should have a mailbox by now, and have none."""
        found = ((wanted, self.standing(wanted)) for wanted in self.wanted if wanted.has_mailbox)
        return [wanted.address for wanted, known in found if known is None or not known.has_mailbox]

    # What is to be changed.

    def to_make(self) -> list[Change]:
        return [
            Change(
                kind=ChangeKind.RECIPIENT,
                subject=NamedSubject(name=wanted.address),
                before=None,
                after={"kind": wanted.kind, "name": wanted.display_name},
            )
            for wanted in self.absent
        ]

    def to_license(self) -> list[Change]:
        """People without a mailbox: the licence comes first. Of one who is not there yet, what it will be."""
        plan, users = self.context.plan.target, self.context.tenant.users
        changes = []
        for wanted in self.wanted:
            known = self.standing(wanted)
            if wanted.kind != "person" or (known is not None and known.has_mailbox):
                continue
            location, skus = users.licence_of(wanted.address) if known else (None, frozenset[str]())
            if plan.licence in skus:
                continue
            changes.append(
                Change(
                    kind=ChangeKind.LICENCE,
                    subject=MailboxSubject(address=wanted.address),
                    before={"usage_location": location, "skus": sorted(skus)},
                    after={"usage_location": plan.usage_location, "skus": sorted(skus | {plan.licence})},
                )
            )
        return changes

    def to_address(self, *, now: bool) -> list[Change]:
        """Further addresses. now: only what can be given at once, to what stands there with a mailbox of its own."""
        return [
            Change(
                kind=ChangeKind.RECIPIENT_ADDRESS,
                subject=AddressSubject(recipient=wanted.address, address=alias),
                after="added",
            )
            for wanted, known in self._ready(now)
            for alias in wanted.aliases
            if alias not in (known.addresses if known else ())
        ]

    def to_gather(self, *, now: bool) -> list[Change]:
        """Members and owners of groups. now: only of groups, and only who stands there by now."""
        groups = [(wanted, known) for wanted, known in self._ready(now) if wanted.kind == "group"]
        present = [known.address for _, known in groups if known]
        if not groups:
            return []
        members = dict(zip(present, self.context.tenant.recipients.members(present), strict=True)) if present else {}
        owners = dict(zip(present, self.context.tenant.creation.owners(present), strict=True)) if present else {}
        changes: list[Change] = []
        for wanted, _ in groups:
            belonging = members.get(wanted.address) or frozenset()
            managing = owners.get(wanted.address, frozenset())
            for member in self._addresses(wanted.members, now):
                if member not in belonging:
                    changes.append(_of_group(ChangeKind.GROUP_MEMBER, wanted.address, member))
            for owner in self._addresses(wanted.owners, now):
                if not self._called(owner) & managing:
                    changes.append(_of_group(ChangeKind.GROUP_OWNER, wanted.address, owner))
        return changes

    def _ready(self, now: bool) -> Iterator[tuple[WantedRecipient, Recipient | None]]:
        for wanted in self.wanted:
            known = self.standing(wanted)
            if not now or (known is not None and known.kind != "User"):
                yield wanted, known

    def _addresses(self, names: tuple[str, ...], now: bool) -> Iterator[str]:
        """Primary addresses of those who stand there, or will. Without a mailbox nobody belongs to a group."""
        for name in names:
            known = self.holders.get(name)
            if known is not None and known.kind != "User":
                yield known.address
            elif not now and name in self._coming:
                yield self._coming[name]

    def _called(self, address: str) -> set[str]:
        known = self.holders.get(address)
        return {address, *(known.names | known.addresses if known else ())}

    def strangers(self) -> list[str]:
        """Members on the old server who neither stand in the tenant nor come there: for evidence."""
        return [
            f"{member} is not in {wanted.address}: it is not in the tenant"
            for wanted in self.wanted
            for member in wanted.members
            if member not in self.holders and member not in self._coming
        ]

    # What stands in the way.

    def collisions(self) -> list[Finding]:
        return [*self._unfit(), *self._held(), *self._deleted()]

    def _unfit(self) -> Iterator[Finding]:
        domains = set(self.context.plan.domains)
        for wanted in self.absent:
            if wanted.kind != "contact" and wanted.domain not in domains:
                yield _finding(
                    wanted,
                    f"the domain {wanted.domain}, which does not move",
                    "Give it an address of a domain that moves on the old server, or add the domain to the plan.",
                )
            elif not wanted.signs_in:
                yield _finding(
                    wanted,
                    "an address that cannot be a sign-in name",
                    "Microsoft takes letters, digits and ' . - _ ! # ^ ~ there: change the address on the old server, "
                    "or make the user by hand.",
                )

    def _held(self) -> Iterator[Finding]:
        for wanted in self.wanted:
            own = self.standing(wanted)
            for address in (wanted.address, *wanted.aliases):
                holder = self.holders.get(address)
                if holder is None or holder == own:
                    continue
                yield _finding(
                    wanted,
                    f"{address} is held in the tenant by {holder.address} ({holder.kind})",
                    "Take the address away from it, or delete it, also from the deleted users; or make by hand what is "
                    "wanted.",
                )

    def _deleted(self) -> Iterator[Finding]:
        """Somebody deleted them: a person must say whether they come back. Those that we deleted do not count."""
        making = {address: wanted for wanted in self.absent for address in (wanted.address, *wanted.aliases)}
        if not any(wanted.has_mailbox for wanted in making.values()):
            return
        ours = ids_of_customer(self.context)
        for user in self.context.tenant.creation.deleted():
            for address in sorted(user.addresses & making.keys()) if user.id not in ours else ():
                yield _finding(
                    making[address],
                    f"{address} belongs to a deleted user, who can be restored",
                    "Restore the user (its mailbox comes back with it), or delete it for good; then check again.",
                )


def _of_group(kind: ChangeKind, group: str, member: str) -> Change:
    return Change(kind=kind, subject=MemberSubject(group=group, member=member), after="added")


def _finding(wanted: WantedRecipient, seen: str, todo: str) -> Finding:
    return Finding(
        subject=wanted.address,
        seen=seen,
        means=f"The {_WORDS.get(wanted.kind, wanted.kind)} {wanted.address} cannot be made as it should be.",
        todo=todo,
        blocks=True,
    )
