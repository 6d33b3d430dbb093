"""Everybody who holds an address in a tenant: the recipients of Exchange, and users who are none.

Sources: Get-Recipient (office-docs-powershell); learn.microsoft.com/graph/api/user-list, organization-get.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from blocks.microsoft365.answers import Json, Rejected
from blocks.microsoft365.cmdlet_errors import is_absent
from blocks.microsoft365.exchange_admin import ExchangeAdmin
from blocks.microsoft365.fields import flag_or, text, text_or, texts_or, unreadable, word_or
from blocks.microsoft365.http import JsonClient
from mailmove.errors import MailmoveError
from mailmove.ports.tenant import TenantRecipients
from mailmove.tenant_state import MailContact, Recipient

_NAMES = ("Name", "Identity", "Alias", "DistinguishedName", "ExternalDirectoryObjectId", "Guid")


class Recipients(TenantRecipients):
    def __init__(self, exchange: ExchangeAdmin, graph: JsonClient) -> None:
        self._exchange, self._graph = exchange, graph

    def all(self) -> list[Recipient]:
        """By address."""
        recipients = exchange_recipients(self._exchange)
        users = {
            text(user, "id").lower(): user
            for user in self._graph.pages(
                "users",
                wanted="the tenant's users",
                params={"$select": "id,userPrincipalName,mail,proxyAddresses", "$top": "999"},
            )
        }
        known = {name for recipient in recipients for name in recipient.names}
        recipients = [_signing_in(recipient, users) for recipient in recipients]
        recipients += [_user(user) for user_id, user in users.items() if user_id not in known]
        return sorted(recipients, key=lambda recipient: recipient.address)

    def members(self, groups: Sequence[str]) -> list[frozenset[str] | None]:
        given = [{"Identity": group, "ResultSize": "Unlimited"} for group in groups]
        answers = self._exchange.read_many("Get-DistributionGroupMember", given, wanted="who is in the groups")
        return [self._members(group, answer) for group, answer in zip(groups, answers, strict=True)]

    def _members(self, group: str, answer: list[Json] | MailmoveError) -> frozenset[str] | None:
        """That there is none is believed the third time only."""
        if isinstance(answer, Rejected) and is_absent(answer):
            asked: Json = {"Identity": group, "ResultSize": "Unlimited"}
            try:
                answer = self._exchange.of_one("Get-DistributionGroupMember", asked, wanted=f"who is in {group}")
            except Rejected as error:
                if is_absent(error):
                    return None
                raise
        if isinstance(answer, MailmoveError):
            raise answer
        # Of a member that has no mail it is empty; one that is not shown at all cannot be counted.
        return frozenset(
            text(row, "PrimarySmtpAddress").lower() for row in answer if row.get("PrimarySmtpAddress") != ""
        )

    def contacts(self) -> list[MailContact]:
        """Get-MailContact has the contacts; of mail users Get-Recipient shows the same."""
        listed = self._exchange.run("Get-MailContact", {"ResultSize": "Unlimited"}, wanted="the tenant's contacts")
        others = self._exchange.run("Get-Recipient", {"ResultSize": "Unlimited"}, wanted="the tenant's recipients")
        rows = [*listed, *(row for row in others if word_or(row, "RecipientTypeDetails") == "MailUser")]
        return [
            MailContact(
                addresses=smtp_addresses(texts_or(row, "EmailAddresses"), text(row, "PrimarySmtpAddress")),
                target=_address(text_or(row, "ExternalEmailAddress")),
            )
            for row in rows
        ]

    def synchronised(self) -> bool:
        """Graph says null where the directory was never synchronised."""
        organisations = self._graph.pages(
            "organization", wanted="whether users are synchronised", params={"$select": "id,onPremisesSyncEnabled"}
        )
        return any(flag_or(organisation, "onPremisesSyncEnabled") for organisation in organisations)


def _address(proxy: str) -> str:
    """`SMTP:pickup@fabrikam.example` without its kind."""
    kind, colon, address = proxy.partition(":")
    return (address if colon and kind.lower() == "smtp" else proxy).lower()


def exchange_recipients(exchange: ExchangeAdmin) -> list[Recipient]:
    rows = exchange.run("Get-Recipient", {"ResultSize": "Unlimited"}, wanted="the tenant's recipients")
    return [
        Recipient(
            address=text_or(row, "PrimarySmtpAddress").lower(),
            kind=word_or(row, "RecipientTypeDetails"),
            addresses=smtp_addresses(texts_or(row, "EmailAddresses"), text_or(row, "PrimarySmtpAddress")),
            names=_names(row),
        )
        for row in rows
    ]


def _names(row: Json) -> frozenset[str]:
    """Each recipient has some; without one nobody could tell whether a user of Graph is this one."""
    names = frozenset(text(row, name).lower() for name in _NAMES if row.get(name))
    if not names:
        raise unreadable(row, "Identity")
    return names


def _signing_in(recipient: Recipient, users: Mapping[str, Json]) -> Recipient:
    """The same with the sign-in name of its user, if it has one."""
    user = next((users[name] for name in recipient.names if name in users), None)
    if user is None:
        return recipient
    return recipient.model_copy(update={"sign_in": text(user, "userPrincipalName").lower()})


def _user(user: Json) -> Recipient:
    name = text(user, "userPrincipalName").lower()
    return Recipient(
        address=name,
        kind="User",
        addresses=smtp_addresses(texts_or(user, "proxyAddresses"), text_or(user, "mail")) | {name},
        names=frozenset({text(user, "id").lower()}),
        sign_in=name,
    )


def smtp_addresses(proxies: Sequence[str], primary: str) -> frozenset[str]:
    """`["SMTP:a@b", "smtp:c@b", "X500:/o=..."]` -> a@b and c@b."""
    addresses = {proxy[5:].lower() for proxy in proxies if proxy[:5].lower() == "smtp:"}
    return frozenset(addresses | ({primary.lower()} if primary else set()))
