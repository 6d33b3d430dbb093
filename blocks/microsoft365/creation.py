"""People by Microsoft Graph; mailboxes without a person, contacts and groups by Exchange Online's cmdlets.

Sources: learn.microsoft.com/graph/api/user-post-users, user-delete, directory-deleteditems-list; pages of New-Mailbox,
Remove-Mailbox, *-MailContact, *-DistributionGroup, *-DistributionGroupMember and Get-MailboxStatistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from pydantic import SecretStr

from blocks.microsoft365.answers import CONFLICT, Json, Rejected
from blocks.microsoft365.cmdlet_errors import WHO, is_absent
from blocks.microsoft365.exchange_admin import ExchangeAdmin
from blocks.microsoft365.fields import number, text, text_or, texts_or
from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.identities import spellings
from blocks.microsoft365.recipients import smtp_addresses
from mailmove.errors import Blocked, MailmoveError
from mailmove.evidence import Finding
from mailmove.inventory.wanted_recipients import RecipientKind, WantedRecipient
from mailmove.plan.required_permissions import CMDLET, names
from mailmove.ports.tenant import TenantCreation
from mailmove.ports.tenant.creation import ADDRESS_TAKEN
from mailmove.tenant_state import DeletedUser

_TAKEN = {CONFLICT, "ProxyAddressExistsException", "ADObjectAlreadyExistsException", "NameNotAvailableException"}
"""Codes of "somebody has it". Unverified: those of the cmdlets, which public reports show."""
_SETTERS: dict[RecipientKind, str] = {"contact": "Set-MailContact", "group": "Set-DistributionGroup"}
_REMOVERS: dict[RecipientKind, str] = {"contact": "Remove-MailContact", "group": "Remove-DistributionGroup"}
_CMDLETS = names(CMDLET, "direct")
_AS_ADMINISTRATOR = {"BypassSecurityGroupManagerCheck": True}
"""Of the cmdlets that change a group: whoever runs them is none of its owners."""


class Creation(TenantCreation):
    def __init__(self, exchange: ExchangeAdmin, graph: JsonClient) -> None:
        self._exchange, self._graph = exchange, graph

    def findings(self) -> list[Finding]:
        """Cmdlets that our role does not show; where Exchange does not say which it shows, none is missing."""
        known = self._exchange.known_cmdlets()
        shown = None if known is None else {name.lower() for name in known}
        return [
            Finding(
                subject=name,
                seen="not among the cmdlets that our token may run",
                means="Mailmove cannot make the recipients itself.",
                todo="Give our application or group the Exchange Administrator role.",
                blocks=True,
            )
            for name in _CMDLETS
            if shown is not None and name.lower() not in shown
        ]

    def deleted(self) -> list[DeletedUser]:
        """Their sign-in name stands behind their id, without its dashes."""
        users = self._graph.pages(
            "directory/deletedItems/microsoft.graph.user",
            wanted="the deleted users",
            params={"$select": "id,userPrincipalName,mail,proxyAddresses"},
        )
        return [
            DeletedUser(
                id=text(user, "id"),
                addresses=smtp_addresses(texts_or(user, "proxyAddresses"), text_or(user, "mail"))
                | {text_or(user, "userPrincipalName").lower().removeprefix(text(user, "id").lower().replace("-", ""))},
            )
            for user in users
        ]

    def make(self, recipient: WantedRecipient, alias: str, password: SecretStr | None) -> str:
        wanted = f"{recipient.address} in the tenant"
        try:
            if recipient.kind == "person":
                assert password is not None, "a person signs in"
                return self._person(recipient, alias, password, wanted)
            rows = self._exchange.run(*_new(recipient, alias), wanted=wanted)
        except Rejected as error:
            raise _taken(error) from None
        return next((text_or(row, "ExternalDirectoryObjectId") for row in rows), "")

    def _person(self, recipient: WantedRecipient, alias: str, password: SecretStr, wanted: str) -> str:
        body = {
            "accountEnabled": True,
            "displayName": recipient.display_name[:256],
            "mailNickname": alias,
            "userPrincipalName": recipient.address,
            "passwordProfile": {"password": password.get_secret_value(), "forceChangePasswordNextSignIn": True},
        }
        return text(self._graph.call("POST", "users", wanted=wanted, json=body).body, "id")

    def change_addresses(self, kind: RecipientKind, address: str, *, add: Sequence[str], remove: Sequence[str]) -> None:
        named = {"Add": sorted(add), "Remove": sorted(remove)}
        change = {verb: [f"smtp:{name}" for name in names] for verb, names in named.items() if names}
        if not change:
            return
        given: Json = {"Identity": address, "EmailAddresses": change, **(_AS_ADMINISTRATOR if kind == "group" else {})}
        try:
            self._exchange.run(_SETTERS.get(kind, "Set-Mailbox"), given, wanted=f"addresses of {address}")
        except Rejected as error:
            raise _taken(error) from None

    def change_member(self, group: str, member: str, *, belongs: bool) -> None:
        verb, done = ("Add", "MemberAlreadyExistsException") if belongs else ("Remove", "MemberNotFoundException")
        given: Json = {"Identity": group, "Member": member, **_AS_ADMINISTRATOR}
        try:
            self._exchange.run(f"{verb}-DistributionGroupMember", given, wanted=f"{member} in {group}")
        except Rejected as error:
            if error.code != done:
                raise

    def change_owner(self, group: str, owner: str, *, owns: bool) -> None:
        change = {"Add" if owns else "Remove": [owner]}
        given: Json = {"Identity": group, "ManagedBy": change, **_AS_ADMINISTRATOR}
        self._exchange.run("Set-DistributionGroup", given, wanted=f"{owner} as the owner of {group}")

    def owners(self, groups: Sequence[str]) -> list[frozenset[str]]:
        given = [{"Identity": group} for group in groups]
        answers = self._exchange.read_many("Get-DistributionGroup", given, wanted="who manages the groups")
        return [_owners(answer) for answer in answers]

    def item_count(self, mailbox: str) -> int | None:
        """Exchange shows nothing of a mailbox that nobody has opened so far."""
        try:
            rows = self._exchange.of_one("Get-MailboxStatistics", {"Identity": mailbox}, wanted=f"items of {mailbox}")
        except Rejected as error:
            if is_absent(error):
                return 0
            raise
        return number(rows[0], "ItemCount") if rows else None

    def remove(self, kind: RecipientKind, identity: str) -> None:
        wanted = f"{identity} removed"
        try:
            if kind == "person":
                self._graph.call("DELETE", f"users/{quote(identity, safe='@')}", wanted=wanted)
                return
            given: Json = {"Identity": identity, **(_AS_ADMINISTRATOR if kind == "group" else {})}
            self._exchange.run(_REMOVERS.get(kind, "Remove-Mailbox"), given, wanted=wanted)
        except Rejected as error:
            if not (error.status == 404 if kind == "person" else is_absent(error)):
                raise


def _new(recipient: WantedRecipient, alias: str) -> tuple[str, Json]:
    """Cmdlet and parameters that make what is no person."""
    common: Json = {"Name": recipient.name, "DisplayName": recipient.display_name[:256], "Alias": alias}
    if recipient.kind == "contact":
        return "New-MailContact", {**common, "ExternalEmailAddress": recipient.address}
    if recipient.kind == "group":
        return "New-DistributionGroup", {
            **common,
            "PrimarySmtpAddress": recipient.address,
            "Type": "Security" if recipient.security else "Distribution",
            "RequireSenderAuthenticationEnabled": recipient.inside_only,
            "IgnoreNamingPolicy": True,
        }
    return "New-Mailbox", {**common, "PrimarySmtpAddress": recipient.address, recipient.kind.capitalize(): True}


def _owners(answer: list[Json] | MailmoveError) -> frozenset[str]:
    if isinstance(answer, MailmoveError):
        raise answer
    shown = (name for row in answer for name in texts_or(row, "ManagedBy"))
    return frozenset(spelling for name in shown for spelling in spellings({"name": name}, "name"))


def _taken(error: Rejected) -> Blocked:
    """The same error, with the code that the port promises where somebody has what was wanted."""
    if error.code not in _TAKEN:
        return error
    return Blocked(
        error.who or WHO,
        wanted=error.wanted,
        seen=error.seen,
        todo="See in the admin centre who has that address, sign-in name or alias, also among the deleted users.",
        code=ADDRESS_TAKEN,
    )
