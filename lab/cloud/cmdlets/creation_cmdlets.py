"""Exchange Online cmdlets that make and remove mailboxes without a person, contacts and groups.

Sources: pages of New-Mailbox, Remove-Mailbox, *-MailContact, *-DistributionGroup and *-DistributionGroupMember
(office-docs-powershell). Simpler than life: a shared mailbox signs in by its address; in life the sign-in name is the
alias at the default domain.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lab.cloud.cmdlets.delegate_cmdlets import show_other, show_user
from lab.cloud.cmdlets.mailbox_cmdlets import Parameters, Rows, Table, check_free, listed, not_found, proxy_changes
from lab.cloud.errors import INVALID_ARGUMENT, RESOURCE_EXISTS, CmdletError
from lab.cloud.tenant import CloudUser, OtherRecipient, Tenant
from lab.mail_store import RECOVERABLE, Mailbox

_TASKS = "Microsoft.Exchange.Management.RecipientTasks"
GROUPS = ("MailUniversalDistributionGroup", "MailUniversalSecurityGroup")
CONTACTS = ("MailContact",)


class CreationCmdlets:
    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant

    def table(self) -> Table:
        return {
            "New-Mailbox": self._new_mailbox,
            "Remove-Mailbox": self._remove_mailbox,
            "Get-MailboxStatistics": self._statistics,
            "New-MailContact": self._new_contact,
            "Set-MailContact": lambda given: self._set(given, CONTACTS),
            "Remove-MailContact": lambda given: self._remove(given, CONTACTS),
            "New-DistributionGroup": self._new_group,
            "Set-DistributionGroup": lambda given: self._set(given, GROUPS),
            "Remove-DistributionGroup": lambda given: self._remove(given, GROUPS),
            "Add-DistributionGroupMember": self._add_member,
            "Remove-DistributionGroupMember": self._remove_member,
        }

    def _new_mailbox(self, given: Parameters) -> Rows:
        kind = next(kind for kind in ("Shared", "Room", "Equipment") if given.get(kind))
        with self.tenant.lock:
            address, alias = self._named(given)
            user = CloudUser(address, str(given.get("DisplayName") or given["Name"]), kind=kind, has_mailbox=True)
            user.nickname, user.enabled, user.made_by = alias, False, "cmdlet"
            self.tenant.users[address] = user
            self.tenant.store.add_mailbox(Mailbox(address, user.display_name, kind=kind.lower()))
            return [show_user(self.tenant, user)]

    def _remove_mailbox(self, given: Parameters) -> Rows:
        """The account goes with it, to the deleted users."""
        with self.tenant.lock:
            user = self._mailbox(given["Identity"])
            del self.tenant.users[user.upn]
            user.deleted = datetime.now(UTC)
            self.tenant.deleted[user.id] = user
            self.tenant.store.remove_mailbox(user.upn)
        return []

    def _statistics(self, given: Parameters) -> Rows:
        user = self._mailbox(given.get("Identity", ""))
        items = self.tenant.store.snapshot(user.upn)
        shown = [item for item in items if not item.folder.startswith(RECOVERABLE)]
        size = sum(item.size for item in shown)
        return [
            {
                "DisplayName": user.display_name,
                "ItemCount": len(shown),
                "AssociatedItemCount": 0,
                "DeletedItemCount": len(items) - len(shown),
                "TotalItemSize": f"{size / 1024:.1f} KB ({size:,} bytes)",
            }
        ]

    def _new_contact(self, given: Parameters) -> Rows:
        """Its primary address is where its mail goes: another one may be added, and is a second address."""
        target = str(given["ExternalEmailAddress"]).removeprefix("SMTP:").lower()
        with self.tenant.lock:
            self._check_name(given, target)
            if (holder := self.tenant.holder(target)) is not None:
                raise _exists(target, holder)
            made = OtherRecipient(target, str(given.get("DisplayName") or given["Name"]), "MailContact", target=target)
            made.alias = self._alias(given, target)
            self.tenant.others[target] = made
            return [show_other(made)]

    def _new_group(self, given: Parameters) -> Rows:
        kind = "MailUniversalSecurityGroup" if given.get("Type") == "Security" else GROUPS[0]
        with self.tenant.lock:
            address, alias = self._named(given)
            made = OtherRecipient(address, str(given.get("DisplayName") or given["Name"]), kind, alias=alias)
            made.inside_only = given.get("RequireSenderAuthenticationEnabled", True)
            self.tenant.others[address] = made
            return [show_other(made)]

    def _set(self, given: Parameters, kinds: tuple[str, ...]) -> Rows:
        with self.tenant.lock:
            other = self._other(given, kinds)
            if "EmailAddresses" in given:
                _, smtp = proxy_changes(given["EmailAddresses"])
                for address in sorted(smtp["Add"] - set(other.aliases)):
                    check_free(self.tenant, address, but=other.address)
                other.aliases = tuple(sorted((set(other.aliases) | smtp["Add"]) - smtp["Remove"]))
            if "ManagedBy" in given:
                for name in listed(given["ManagedBy"], "Add"):
                    other.owners.add(self._mailbox(name).upn)
                for name in listed(given["ManagedBy"], "Remove"):
                    other.owners.discard(self._mailbox(name).upn)
        return []

    def _remove(self, given: Parameters, kinds: tuple[str, ...]) -> Rows:
        with self.tenant.lock:
            other = self._other(given, kinds)
            del self.tenant.others[other.address]
            for group in self.tenant.others.values():
                group.members.discard(other.address)
        return []

    def _add_member(self, given: Parameters) -> Rows:
        with self.tenant.lock:
            group, member = self._other(given, GROUPS), self._recipient(given.get("Member"))
            if member in group.members:
                raise CmdletError(
                    f'The recipient "{member}" is already a member of the group "{group.display_name}".',
                    kind=f"{_TASKS}.MemberAlreadyExistsException", category=RESOURCE_EXISTS,
                )  # fmt: skip
            group.members.add(member)
        return []

    def _remove_member(self, given: Parameters) -> Rows:
        with self.tenant.lock:
            group, member = self._other(given, GROUPS), self._recipient(given.get("Member"))
            if member not in group.members:
                raise CmdletError(
                    f'The recipient "{member}" isn\'t a member of the group "{group.display_name}".',
                    kind=f"{_TASKS}.MemberNotFoundException", category=INVALID_ARGUMENT,
                )  # fmt: skip
            group.members.discard(member)
        return []

    def _named(self, given: Parameters) -> tuple[str, str]:
        """(address, alias) of a new mailbox or group. CmdletError: a name is taken."""
        address = str(given["PrimarySmtpAddress"]).lower()
        self._check_name(given, address)
        check_free(self.tenant, address)
        return address, self._alias(given, address)

    def _check_name(self, given: Parameters, address: str) -> None:
        name = str(given["Name"])
        if len(name) > 64 or not name.isascii():
            raise CmdletError(
                f"The name {name!r} isn't valid: at most 64 characters, no special ones.",
                kind="System.Management.Automation.ParameterBindingException", category=INVALID_ARGUMENT,
            )  # fmt: skip
        if any(name.lower() == other.display_name.lower() for other in self.tenant.others.values()):
            raise _exists(name, address)

    def _alias(self, given: Parameters, address: str) -> str:
        alias = str(given.get("Alias") or address.partition("@")[0])
        taken = {user.nickname or user.upn.partition("@")[0] for user in self.tenant.users.values() if user.has_mailbox}
        taken |= {other.alias or other.address.partition("@")[0] for other in self.tenant.others.values()}
        if alias.lower() in {name.lower() for name in taken}:
            raise _exists(alias, address)
        return alias

    def _mailbox(self, identity: Any) -> CloudUser:
        user = self.tenant.user(str(identity))
        if user is None or not user.has_mailbox:
            raise not_found(str(identity))
        return user

    def _other(self, given: Parameters, kinds: tuple[str, ...]) -> OtherRecipient:
        asked = str(given.get("Identity", "")).lower()
        for other in self.tenant.others.values():
            if other.details in kinds and asked in (other.address, *other.aliases, other.id):
                break
        else:
            raise not_found(asked)
        if kinds is GROUPS and not given.get("BypassSecurityGroupManagerCheck"):
            raise CmdletError(
                "You don't have sufficient permissions. This operation can only be performed by a manager of the "
                "group.",
                kind=f"{_TASKS}.OperationRequiresGroupManagerException", category=INVALID_ARGUMENT,
            )  # fmt: skip
        return other

    def _recipient(self, identity: Any) -> str:
        """The address of whoever may be a member: no user without a mailbox is."""
        user, other = self.tenant.user(str(identity)), self.tenant.other(str(identity))
        if user is not None and user.has_mailbox:
            return user.upn
        if other is not None:
            return other.address
        raise not_found(str(identity))


def _exists(name: str, address: str) -> CmdletError:
    return CmdletError(
        f'The name "{name}" is already being used. Please try another name. ({address})',
        kind="Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException", category=RESOURCE_EXISTS,
    )  # fmt: skip
