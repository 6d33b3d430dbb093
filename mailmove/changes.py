"""One change of the world as data: what kind, of what, from what to what. Its words are for people alone."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mailmove.domain_names import shown


class ChangeKind(StrEnum):
    """What is changed; the subject says of what."""

    RECORD_SET = "record_set"
    CERTIFICATE = "certificate"
    RPC_PROXY_FEATURE = "rpc_proxy_feature"
    OUTLOOK_ANYWHERE = "outlook_anywhere"
    CUSTOMER_TENANT = "customer_tenant"
    RELATIONSHIP = "relationship"
    PARTNER_ACCESS = "partner_access"
    ORDER = "order"
    DOMAIN = "domain"
    DKIM_KEYS = "dkim_keys"
    DKIM_SIGNING = "dkim_signing"
    MIGRATION_ENDPOINT = "migration_endpoint"
    MIGRATION_BATCH = "migration_batch"
    RECIPIENT = "recipient"
    RECIPIENT_ADDRESS = "recipient_address"
    GROUP_MEMBER = "group_member"
    GROUP_OWNER = "group_owner"
    MAILBOX_TYPE = "mailbox_type"
    LICENCE = "licence"
    X500_ADDRESSES = "x500_addresses"
    PERMISSION = "permission"
    FIRST_PASSWORD = "first_password"  # noqa: S105  # the name of a kind
    ACCESS_PASS = "access_pass"  # noqa: S105  # the name of a kind
    PORT = "port"
    DELIVERY = "delivery"
    RETURN = "return"
    PROBE = "probe"


class _Subject(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RecordSetSubject(_Subject):
    """A record set of DNS; `name` is absolute, with the last dot."""

    of: Literal["record_set"] = "record_set"
    name: str
    type: str


class HostSubject(_Subject):
    """A server by its host name; `port` where one of its ports is meant."""

    of: Literal["host"] = "host"
    host: str
    port: int | None = None


class DomainSubject(_Subject):
    """A mail domain, without the last dot."""

    of: Literal["domain"] = "domain"
    domain: str


class MailboxSubject(_Subject):
    """A mailbox by its primary SMTP address."""

    of: Literal["mailbox"] = "mailbox"
    address: str


class PermissionSubject(_Subject):
    """A right of somebody (`trustee`, an SMTP address) on a mailbox."""

    of: Literal["permission"] = "permission"
    mailbox: str
    right: Literal["full_access", "send_as", "send_on_behalf"]
    trustee: str


class AddressSubject(_Subject):
    """A further address of a recipient, both SMTP."""

    of: Literal["address"] = "address"
    recipient: str
    address: str


class MemberSubject(_Subject):
    """Somebody (`member`, an SMTP address) who belongs to a group, or manages it."""

    of: Literal["member"] = "member"
    group: str
    member: str


class NamedSubject(_Subject):
    """Something that has a name of ours or of the other side's: a batch, an endpoint, a relationship, a product."""

    of: Literal["named"] = "named"
    name: str


class MessageSubject(_Subject):
    """One message in one mailbox. `message_id` has its angle brackets; `title` names it to people.

    holds: digest of subject and date, which tells several messages of one Message-ID apart; "": any of them.
    """

    of: Literal["message"] = "message"
    mailbox: str
    message_id: str
    title: str = ""
    holds: str = ""


Subject = Annotated[
    RecordSetSubject
    | HostSubject
    | DomainSubject
    | MailboxSubject
    | PermissionSubject
    | AddressSubject
    | MemberSubject
    | NamedSubject
    | MessageSubject,
    Field(discriminator="of"),
]

RIGHTS = {"full_access": "full access", "send_as": "send as", "send_on_behalf": "send on behalf"}
"""Right on a mailbox -> its words."""

_WORDS: dict[ChangeKind, Callable[[Any], str]] = {
    ChangeKind.RECORD_SET: lambda subject: f"{subject.type} {shown(subject.name)}",
    ChangeKind.CERTIFICATE: lambda _: "certificate that the old server shows",
    ChangeKind.RPC_PROXY_FEATURE: lambda _: "Windows feature RPC over HTTP Proxy",
    ChangeKind.OUTLOOK_ANYWHERE: lambda _: "Outlook Anywhere",
    ChangeKind.CUSTOMER_TENANT: lambda subject: f"tenant {shown(subject.domain)}",
    ChangeKind.RELATIONSHIP: lambda subject: f"GDAP relationship '{subject.name}'",
    ChangeKind.PARTNER_ACCESS: lambda subject: subject.name,
    ChangeKind.ORDER: lambda subject: f"Order {subject.name}",
    ChangeKind.DOMAIN: lambda subject: f"domain at Microsoft 365: {shown(subject.domain)}",
    ChangeKind.DKIM_KEYS: lambda subject: f"DKIM keys at Microsoft 365: {shown(subject.domain)}",
    ChangeKind.DKIM_SIGNING: lambda subject: f"DKIM signing: {shown(subject.domain)}",
    ChangeKind.MIGRATION_ENDPOINT: lambda subject: f"migration endpoint {subject.name}",
    ChangeKind.MIGRATION_BATCH: lambda subject: f"migration batch {subject.name}",
    ChangeKind.RECIPIENT: lambda subject: f"recipient {subject.name}",
    ChangeKind.RECIPIENT_ADDRESS: lambda subject: f"address {subject.address} of {subject.recipient}",
    ChangeKind.GROUP_MEMBER: lambda subject: f"member {subject.member} of {subject.group}",
    ChangeKind.GROUP_OWNER: lambda subject: f"owner {subject.member} of {subject.group}",
    ChangeKind.MAILBOX_TYPE: lambda subject: f"kind of {subject.address}",
    ChangeKind.LICENCE: lambda subject: f"licence of {subject.address}",
    ChangeKind.X500_ADDRESSES: lambda subject: f"X500 addresses of {subject.address}",
    ChangeKind.PERMISSION: lambda subject: f"{RIGHTS[subject.right]} on {subject.mailbox} for {subject.trustee}",
    ChangeKind.FIRST_PASSWORD: lambda subject: f"first password of {subject.address}",
    ChangeKind.ACCESS_PASS: lambda subject: f"access pass of {subject.address}",
    ChangeKind.PORT: lambda subject: f"TCP port {subject.port} of {subject.host}",
    ChangeKind.DELIVERY: lambda subject: f"{subject.mailbox} {subject.message_id}",
    ChangeKind.RETURN: lambda subject: subject.title or f"{subject.mailbox} {subject.message_id}",
    ChangeKind.PROBE: lambda subject: f"probe {subject.message_id}",
}


class Change(BaseModel):
    """One thing that would change, or did. `before` and `after` are JSON values; None means absent."""

    model_config = ConfigDict(frozen=True)

    kind: ChangeKind
    subject: Subject
    before: Any = None
    after: Any = None
    words: str = Field(default="", description="What changes, for people: 'MX contoso.com.'. No code reads it")

    @model_validator(mode="before")
    @classmethod
    def _say(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values.get("words"):
            known = _Typed.model_validate({name: values.get(name) for name in ("kind", "subject")})
            return {**values, "words": _WORDS[known.kind](known.subject)}
        return values

    @property
    def key(self) -> tuple[ChangeKind, Subject]:
        """Two changes of one key are of the same thing."""
        return self.kind, self.subject

    def inverse(self) -> Change:
        """From `after` to `before`."""
        return self.model_copy(update={"before": self.after, "after": self.before})


class _Typed(BaseModel):
    kind: ChangeKind
    subject: Subject
