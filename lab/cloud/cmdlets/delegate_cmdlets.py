"""Exchange Online cmdlets about who may open a mailbox and send as it, and the list of all recipients."""

from __future__ import annotations

from typing import Any

from lab.cloud.cmdlets.mailbox_cmdlets import DETAILS, Parameters, Rows, Table, not_found
from lab.cloud.errors import INVALID_ARGUMENT, CmdletError
from lab.cloud.tenant import CloudUser, OtherRecipient, Tenant, utc
from lab.faults import Faults, declare

declare(
    admin_switch_objects="the admin REST shows a SwitchParameter (Deny) as an object with IsPresent",
    admin_switch_texts="the admin REST shows a SwitchParameter (Deny) as the text False",
)
_SELF = "NT AUTHORITY\\SELF"


class DelegateCmdlets:
    def __init__(self, tenant: Tenant, faults: Faults) -> None:
        self.tenant, self.faults = tenant, faults

    def table(self) -> Table:
        return {
            "Get-Recipient": self._recipients,
            "Get-MailboxPermission": self._mailbox_permissions,
            "Add-MailboxPermission": lambda given: self._add(given, "FullAccess", "User"),
            "Remove-MailboxPermission": lambda given: self._remove(given, "FullAccess", "User"),
            "Get-RecipientPermission": self._recipient_permissions,
            "Add-RecipientPermission": lambda given: self._add(given, "SendAs", "Trustee"),
            "Remove-RecipientPermission": lambda given: self._remove(given, "SendAs", "Trustee"),
        }

    def _box(self, identity: object) -> CloudUser:
        user = self.tenant.user(str(identity))
        if user is None or not user.has_mailbox:
            raise not_found(str(identity))
        return user

    def _recipients(self, given: Parameters) -> Rows:
        with self.tenant.lock:
            rows = [show_user(self.tenant, user) for user in self.tenant.users.values() if user.has_mailbox]
            rows += [show_other(recipient) for recipient in self.tenant.others.values()]
        if "Identity" in given:
            rows = [row for row in rows if str(given["Identity"]).lower() in (row["Name"], row["PrimarySmtpAddress"])]
            if not rows:
                raise not_found(str(given["Identity"]))
        return rows

    def _mailbox_permissions(self, given: Parameters) -> Rows:
        return self._entries(given, "FullAccess", "User")

    def _recipient_permissions(self, given: Parameters) -> Rows:
        return self._entries(given, "SendAs", "Trustee")

    def _entries(self, given: Parameters, right: str, whom: str) -> Rows:
        with self.tenant.lock:
            user = self._box(given.get("Identity"))
            trustees = [_SELF, *sorted(upn for held, upn in user.delegates if held == right)]
            deny: Any = False
            if self.faults.take("admin.switch_objects"):
                deny = {"IsPresent": False}
            elif self.faults.take("admin.switch_texts"):
                deny = "False"
            return [
                {"Identity": user.id, whom: holder, "AccessRights": [right], "IsInherited": False, "Deny": deny}
                for holder in trustees
            ]

    def _add(self, given: Parameters, right: str, whom: str) -> Rows:
        """Give a right. To give it again is a warning in Exchange Online, not an error."""
        with self.tenant.lock:
            user, trustee = self._asked(given, right, whom)
            user.delegates.add((right, trustee.upn))
        return []

    def _remove(self, given: Parameters, right: str, whom: str) -> Rows:
        with self.tenant.lock:
            user, trustee = self._asked(given, right, whom)
            if (right, trustee.upn) not in user.delegates:
                raise _bad(f"Can't remove the access control entry on the object \"{user.id}\": it isn't present.")
            user.delegates.discard((right, trustee.upn))
        return []

    def _asked(self, given: Parameters, right: str, whom: str) -> tuple[CloudUser, CloudUser]:
        asked = given["AccessRights"]
        if (asked if isinstance(asked, list) else [asked]) != [right]:
            raise _bad(f"The lab plays {right} only, not {asked}.")
        user, trustee = self._box(given.get("Identity")), self.tenant.user(str(given[whom]))
        if trustee is None:
            raise not_found(str(given[whom]))
        return user, trustee


def show_user(tenant: Tenant, user: CloudUser) -> dict[str, Any]:
    box = tenant.store.find(user.upn)
    return {
        "Name": user.id,
        "Identity": user.id,
        "ExternalDirectoryObjectId": user.id,
        "Alias": user.nickname or user.upn.partition("@")[0],
        "DisplayName": user.display_name,
        "PrimarySmtpAddress": user.upn,
        "EmailAddresses": [
            f"SMTP:{user.upn}",
            *(f"smtp:{alias}" for alias in (box.aliases if box else ())),
            *(f"X500:{dn}" for dn in sorted(user.x500)),
        ],
        "RecipientTypeDetails": DETAILS.get(user.kind, "UserMailbox"),
        "WhenCreated": utc(user.created),
    }


def show_other(recipient: OtherRecipient) -> dict[str, Any]:
    return {
        "Name": recipient.display_name,
        "Identity": recipient.display_name,
        "ExternalDirectoryObjectId": recipient.id,
        "Alias": recipient.alias or recipient.address.partition("@")[0],
        "DisplayName": recipient.display_name,
        "PrimarySmtpAddress": recipient.address,
        "EmailAddresses": [f"SMTP:{recipient.address}", *(f"smtp:{alias}" for alias in recipient.aliases)],
        "RecipientTypeDetails": recipient.details,
        "ExternalEmailAddress": f"SMTP:{recipient.target}" if recipient.target else None,
        "WhenCreated": utc(recipient.created),
    }


def _bad(message: str) -> CmdletError:
    return CmdletError(
        message, kind="System.Management.Automation.ParameterBindingException", category=INVALID_ARGUMENT
    )
