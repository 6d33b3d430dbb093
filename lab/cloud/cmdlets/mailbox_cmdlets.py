"""Exchange Online cmdlets on mailboxes, accepted domains and the organisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.cloud.errors import INVALID_ARGUMENT, OBJECT_NOT_FOUND, CmdletError
from lab.cloud.graph.mail import mail_folders
from lab.cloud.tenant import CloudDomain, CloudUser, Tenant, utc
from lab.faults import Faults

Parameters = dict[str, Any]
Rows = list[dict[str, Any]]
Table = dict[str, Callable[[Parameters], Rows]]

DETAILS = {
    "Regular": "UserMailbox",
    "Shared": "SharedMailbox",
    "Room": "RoomMailbox",
    "Equipment": "EquipmentMailbox",
}


def not_found(what: str) -> CmdletError:
    """The error of Exchange Online for an object that does not exist; HTTP 404."""
    return CmdletError(
        f"The operation couldn't be performed because object '{what}' couldn't be found on "
        "'GBRP265A01DC002.PROD.OUTLOOK.COM'.",
        kind="Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException",
        category=OBJECT_NOT_FOUND,
        status=404,
        error_id="Ex6F9304",
    )


class MailboxCmdlets:
    def __init__(self, tenant: Tenant, faults: Faults) -> None:
        self.tenant, self.faults = tenant, faults
        self._looked: dict[str, int] = {}

    def table(self) -> Table:
        return {
            "Get-Mailbox": self._get,
            "Set-Mailbox": self._set,
            "Get-MailboxFolderStatistics": self._folders,
            "Get-AcceptedDomain": self._accepted,
        }

    def _find(self, identity: object) -> CloudUser:
        user = self.tenant.user(str(identity))
        if user is None or not user.has_mailbox:
            raise not_found(str(identity))
        return user

    def _get(self, given: Parameters) -> Rows:
        with self.tenant.lock:
            if "Identity" in given:
                return [self._show(self._find(given["Identity"]))]
            wanted = given.get("RecipientTypeDetails")
            kinds = set(wanted) if isinstance(wanted, list) else {wanted} if wanted else set(DETAILS.values())
            boxes = [user for user in self.tenant.users.values() if user.has_mailbox]
            return [self._show(user) for user in boxes if DETAILS.get(user.kind) in kinds]

    def _set(self, given: Parameters) -> Rows:
        with self.tenant.lock:
            user = self._find(given.get("Identity"))
            # Changing what the mailbox is already is an error in life only for some kinds; here it is nothing.
            user.kind = given.get("Type", user.kind)
            if "EmailAddresses" in given:
                self._addresses(user, given["EmailAddresses"])
            if "GrantSendOnBehalfTo" in given:
                self._on_behalf(user, given["GrantSendOnBehalfTo"])
        return []

    def _addresses(self, user: CloudUser, change: Any) -> None:
        x500, smtp = proxy_changes(change)
        user.x500 = (user.x500 | x500["Add"]) - x500["Remove"]
        box = self.tenant.store.find(user.upn)
        if box is None or not (smtp["Add"] or smtp["Remove"]):
            return
        for address in sorted(smtp["Add"] - set(box.aliases)):
            check_free(self.tenant, address, but=user.upn)
        aliases = (set(box.aliases) | smtp["Add"]) - smtp["Remove"]
        self.tenant.store.set_aliases(user.upn, tuple(sorted(aliases)))

    def _on_behalf(self, user: CloudUser, change: Any) -> None:
        for name in listed(change, "Add"):
            user.delegates.add(("SendOnBehalf", self._find(name).upn))
        for name in listed(change, "Remove"):
            user.delegates.discard(("SendOnBehalf", self._find(name).upn))

    def _folders(self, given: Parameters) -> Rows:
        user = self._find(given.get("Identity"))
        items = self.tenant.store.snapshot(user.upn)
        counts = mail_folders(items)
        for item in items:
            if item.kind != "message":
                counts[item.folder] = counts.get(item.folder, 0) + 1
        rows = []
        for path, count in sorted(counts.items()):
            inside = [item for item in items if item.folder == path]
            below = [item for item in items if item.folder == path or item.folder.startswith(path + "/")]
            rows.append(
                {
                    "Name": path.rpartition("/")[2],
                    "Identity": f"{user.upn}\\{path.replace('/', chr(92))}",
                    "FolderPath": f"/{path}",
                    "ItemsInFolder": count,
                    "ItemsInFolderAndSubfolders": len(below),
                    "FolderSize": _size(sum(len(item.mime) for item in inside)),
                    "FolderAndSubfolderSize": _size(sum(len(item.mime) for item in below)),
                }
            )
        return rows

    def _late(self, domain: CloudDomain) -> bool:
        """Exchange learns of a domain after the directory: here at the third look."""
        if domain.initial or not self.faults.take("hostile.services_writable"):
            return False
        self._looked[domain.name] = self._looked.get(domain.name, 0) + 1
        return self._looked[domain.name] < 3

    def _accepted(self, given: Parameters) -> Rows:
        rows = [
            {"Name": domain.name, "DomainName": domain.name, "DomainType": "Authoritative", "Default": domain.initial}
            for domain in self.tenant.domains.values()
            if domain.takes_mail and not self._late(domain)
        ]
        if "Identity" in given:
            rows = [row for row in rows if row["Name"] == str(given["Identity"]).lower()]
            if not rows:
                raise not_found(str(given["Identity"]))
        return rows

    def _show(self, user: CloudUser) -> dict[str, Any]:
        box = self.tenant.store.find(user.upn)
        aliases = box.aliases if box else ()
        return {
            "Identity": user.id,
            "Name": user.id,
            "Alias": user.nickname or user.upn.partition("@")[0],
            "ExternalDirectoryObjectId": user.id,
            "UserPrincipalName": user.upn,
            "PrimarySmtpAddress": user.upn,
            "DisplayName": user.display_name,
            "RecipientTypeDetails": DETAILS.get(user.kind, "UserMailbox"),
            "EmailAddresses": [
                f"SMTP:{user.upn}",
                *(f"smtp:{alias}" for alias in aliases),
                *(f"X500:{dn}" for dn in sorted(user.x500)),
            ],
            "GrantSendOnBehalfTo": sorted(
                self.tenant.users[upn].id for right, upn in user.delegates if right == "SendOnBehalf"
            ),
            "IsShared": user.kind == "Shared",
            "LegacyExchangeDN": f"/o=ExchangeLabs/cn=Recipients/cn={user.id}",
            "WhenMailboxCreated": utc(),
            "WhenCreated": utc(user.created),
        }


def listed(change: Any, what: str) -> list[str]:
    """What a multivalued parameter adds or removes. Replacing it whole is not played."""
    if not isinstance(change, dict) or set(change) - {"@odata.type", "Add", "Remove"}:
        raise CmdletError(
            "The lab takes @{Add=...} and @{Remove=...} here.",
            kind="System.Management.Automation.ParameterBindingException", category=INVALID_ARGUMENT,
        )  # fmt: skip
    addresses = change.get(what) or []
    return [addresses] if isinstance(addresses, str) else list(addresses)


def proxy_changes(change: Any) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Of X500 and of other SMTP addresses: what is added, and what is removed."""
    x500: dict[str, set[str]] = {"Add": set(), "Remove": set()}
    smtp: dict[str, set[str]] = {"Add": set(), "Remove": set()}
    for what in x500:
        for proxy in listed(change, what):
            kind, _, address = proxy.partition(":")
            if kind == "smtp":
                smtp[what].add(address.lower())
            elif kind.upper() == "X500":
                x500[what].add(address)
            else:
                raise CmdletError(
                    f"The lab does not play addresses of the kind {kind}.",
                    kind="System.Management.Automation.ParameterBindingException", category=INVALID_ARGUMENT,
                )  # fmt: skip
    return x500, smtp


def check_free(tenant: Tenant, address: str, *, but: str = "") -> None:
    """CmdletError: the domain is none of the tenant's, or somebody else holds the address.

    The sentences: learn.microsoft.com/exchange/troubleshoot/email-alias/proxy-address-being-used, and reports of
    `Cmdlet-ProxyAddressExistsException` and `Cmdlet-NotAcceptedDomainException`.
    """
    domain = tenant.domains.get(address.rpartition("@")[2])
    if domain is None or not domain.takes_mail:
        raise CmdletError(
            f"You can't use the domain because it's not an accepted domain for your organization: {address}.",
            kind="Microsoft.Exchange.Management.RecipientTasks.NotAcceptedDomainException", category=INVALID_ARGUMENT,
        )  # fmt: skip
    holder = tenant.holder(address)
    if holder is not None and holder != but:
        raise CmdletError(
            f'The proxy address "SMTP:{address}" is already being used by the proxy addresses or LegacyExchangeDN of '
            f'"{holder}". Please choose another proxy address.',
            kind="Microsoft.Exchange.Management.RecipientTasks.ProxyAddressExistsException", category=INVALID_ARGUMENT,
        )  # fmt: skip


def _size(octets: int) -> str:
    return f"{octets / 1024:.1f} KB ({octets:,} bytes)"
