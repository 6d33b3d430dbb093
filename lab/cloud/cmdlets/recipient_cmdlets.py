"""Exchange Online cmdlets about groups, their members, and mail contacts."""

from __future__ import annotations

from typing import Any

from lab.cloud.cmdlets.delegate_cmdlets import show_other, show_user
from lab.cloud.cmdlets.mailbox_cmdlets import Parameters, Rows, Table, not_found
from lab.cloud.tenant import OtherRecipient, Tenant

_GROUPS = ("MailUniversalDistributionGroup", "MailUniversalSecurityGroup")


class RecipientCmdlets:
    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant

    def table(self) -> Table:
        return {
            "Get-DistributionGroup": lambda given: self._shown(given, _GROUPS),
            "Get-DistributionGroupMember": self._members,
            "Get-MailContact": lambda given: self._shown(given, ("MailContact", "MailForestContact")),
        }

    def _chosen(self, given: Parameters, details: tuple[str, ...]) -> list[OtherRecipient]:
        """Those of a kind, or the one that Identity names by address, alias, name or id."""
        known = [other for other in self.tenant.others.values() if other.details in details]
        if "Identity" not in given:
            return known
        asked = str(given["Identity"]).lower()
        known = [
            other for other in known if asked in (other.address, *other.aliases, other.id, other.display_name.lower())
        ]
        if not known:
            raise not_found(str(given["Identity"]))
        return known

    def _shown(self, given: Parameters, details: tuple[str, ...]) -> Rows:
        with self.tenant.lock:
            return [self._described(other) for other in self._chosen(given, details)]

    def _members(self, given: Parameters) -> Rows:
        with self.tenant.lock:
            [group] = self._chosen({"Identity": given.get("Identity", "")}, _GROUPS)
            rows: Rows = []
            for member in sorted(group.members):
                user, other = self.tenant.user(member), self.tenant.other(member)
                if user is not None and user.has_mailbox:
                    rows.append(show_user(self.tenant, user))
                elif other is not None:
                    rows.append(show_other(other))
            return rows

    def _described(self, other: OtherRecipient) -> dict[str, Any]:
        if other.details not in _GROUPS:
            return {**show_other(other), "ExternalEmailAddress": f"SMTP:{other.target or other.address}"}
        users = (self.tenant.user(address) for address in sorted(other.owners))
        return {
            **show_other(other),
            "ManagedBy": [user.id for user in users if user is not None],
            "RequireSenderAuthenticationEnabled": other.inside_only,
        }
