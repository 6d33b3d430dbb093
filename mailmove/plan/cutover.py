"""The plan of one cutover: everything that the administrator decides, and that the cutover needs to know.

It is read from YAML (`mailmove.plan.load`), and it is the parameter form of the Prefect UI. Credentials are
never in it: it names Prefect blocks as `type/name`, for example `route53/contoso`.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from mailmove.plan.block_refs import AUTHORITY, DNS, EXCHANGE, FIREWALL, PARTNER, TENANT, BlockRef
from mailmove.plan.countries import country
from mailmove.plan.gates_and_windows import Gates, Notices, Window
from mailmove.plan.gates_and_windows import Part as _Part
from mailmove.plan.mover import PlannedMover
from mailmove.plan.public_resolvers import operator_of, public_addresses
from mailmove.plan.purchase import NewCustomer, Purchase
from mailmove.plan.quorum import Policy, PolicyKind
from mailmove.plan.values import MX_TTL_CEILING, Mode, host_name, split_address


def _server(value: str) -> str:
    """An IP address with an optional port: `192.0.2.1`, `192.0.2.1:5353`, `[2001:db8::1]:53`."""
    split_address(value, 53)
    return value


def _mail_address(value: str) -> str:
    """An SMTP address, lower case."""
    local, at, domain = value.strip().lower().rpartition("@")
    if not at or not local or not re.fullmatch(r"[^\s@<>]+", local):
        raise ValueError(f"{value!r} is not a mail address")
    return f"{local}@{host_name(domain)}"


MailAddress = Annotated[str, AfterValidator(_mail_address), WithJsonSchema({"type": "string", "pattern": "@"})]
HostName = Annotated[str, AfterValidator(host_name), WithJsonSchema({"type": "string", "pattern": "[.]"})]
"""A DNS name. The schema is what the form can check before anything starts (its formats `hostname` and `email` know no
letters outside ASCII); the validator checks the rest."""
ServerAddress = Annotated[str, AfterValidator(_server)]


MailWay = Literal["direct", "filter", "pop"]
"""By which way the mail of a domain comes today."""


class Source(_Part):
    """The old Exchange server."""

    server: Annotated[BlockRef, EXCHANGE] = Field(
        description="Block with the server's address and account", examples=["exchange-server/contoso"]
    )
    outlook_anywhere_host: HostName = Field(
        description="Public name that Outlook Anywhere answers on", examples=["mail.contoso.com"]
    )
    https_port: int = Field(
        default=443, ge=1, le=65535, description="Port of Outlook Anywhere; not 443 only in a rehearsal"
    )
    obtain_certificate: Annotated[BlockRef | None, AUTHORITY] = Field(
        default=None,
        description="Block of an ACME authority: where the server's certificate is not good enough, get one there and "
        "put it on the server; None: the certificate is left alone",
        examples=["acme-authority/lets-encrypt"],
    )
    smtp_host: HostName = Field(
        description="Public name that the MX record points to today", examples=["mail.contoso.com"]
    )
    mail_comes_by: MailWay | None = Field(
        default=None,
        description="By which way mail comes today. direct: the MX leads to the old "
        "server, or shall move whatever it leads to. filter: a mail filter takes it and passes it on. pop: from "
        "mailboxes elsewhere, by a POP3 connector. None: as preflight finds it, which blocks where it is not direct",
        examples=["direct"],
    )
    unread_mailboxes: list[MailAddress] = Field(
        default=[],
        description="Mailboxes that cannot be read from here, and that somebody decided to do without: their items are "
        "neither compared nor swept up, and the report says so",
        examples=[["archive@contoso.com"]],
    )


class Dns(_Part):
    """The provider that holds the zones of all the plan's domains."""

    provider: Annotated[BlockRef, DNS] = Field(description="Block of the DNS provider", examples=["route53/contoso"])
    low_ttl: int = Field(default=60, ge=1, le=3600, description="Seconds; MX TTL before the switch", examples=[60])
    low_ttl_limit: int = Field(
        default=3600,
        ge=1,
        le=MX_TTL_CEILING,
        description="Seconds; where the provider allows no TTL as low as low_ttl, go on with its lowest, up to this",
        examples=[600],
    )
    final_ttl: int = Field(
        default=3600, ge=1, le=MX_TTL_CEILING, description="Seconds; MX TTL after the cutover", examples=[3600]
    )

    @field_validator("final_ttl")
    @classmethod
    def _not_below_low(cls, value: int, info: ValidationInfo) -> int:
        low = info.data.get("low_ttl")
        if low is not None and value < low:
            raise ValueError(f"must not be below low_ttl ({low})")
        return value


class Target(_Part):
    """The customer's Microsoft 365."""

    tenant: Annotated[BlockRef, TENANT] = Field(
        description="Block of the customer's tenant", examples=["microsoft365/contoso"]
    )
    partner: Annotated[BlockRef | None, PARTNER] = Field(
        default=None,
        description="Block of the partner's own access; without it the tenant must exist and trust us",
        examples=["partner-center/our-msp"],
    )
    new_customer: NewCustomer | None = Field(
        default=None,
        title="New customer",
        description="Only for a direct partner: make this tenant; None: it exists already",
    )
    purchase: Purchase | None = Field(
        default=None,
        title="Purchase",
        description="Only for a direct partner: order this, behind the gate spend_money; None: nothing",
    )
    licence: str = Field(
        default="O365_BUSINESS_ESSENTIALS",
        min_length=1,
        description="skuPartNumber for each user",
        examples=["O365_BUSINESS_ESSENTIALS"],
    )
    usage_location: Annotated[str, WithJsonSchema({"type": "string", "pattern": "^[A-Z]{2}$"})] = Field(
        description="Country of the users, two capital letters (ISO 3166-1)", examples=["GB"]
    )
    endpoint: str | None = Field(
        default=None,
        description="Name of a migration endpoint that exists already; None: make one",
        examples=["contoso-oa"],
    )

    first_sign_in: bool = Field(
        default=True,
        description="Set a first password for each person whose account the batch has made, to be changed at the first "
        "sign-in; `mailmove passwords` shows them. False: somebody else sees to that",
    )
    access_passes: bool = Field(
        default=False,
        description="Give each of them a Temporary Access Pass besides, from the end of the next window on, so that "
        "they can register a second factor; `mailmove passwords` shows it. Takes a tenant that allows such passes",
    )
    mover: PlannedMover = Field(
        default="auto",
        description="native: Microsoft's migration batch. direct: Mailmove makes the mailboxes and copies the items "
        "itself. auto: native, unless the server's TLS, Outlook Anywhere, Microsoft's own test or the number of "
        "mailboxes speaks against it; decided once, and preflight says why",
    )

    @field_validator("usage_location")
    @classmethod
    def _a_country(cls, value: str) -> str:
        return country(value)

    @field_validator("new_customer", "purchase")
    @classmethod
    def _by_a_partner(cls, value: object, info: ValidationInfo) -> object:
        if value is not None and info.data.get("partner", ...) is None:  # one that is wrong is told by itself
            raise ValueError("takes a `partner`")
        return value


class Firewall(_Part):
    """What stands before port 25 of the old server."""

    gateway: Annotated[BlockRef, FIREWALL] = Field(
        description="Block of the firewall", examples=["aws-security-group/contoso"]
    )
    mode: Mode = Field(
        default="refuse",
        description="What late senders meet. refuse: a refused connection, so that they look the MX up again. reject: "
        "a 5xx that says where the mail went. drop: silence; a security group and Windows can do nothing else",
    )


class Propagation(_Part):
    """Resolvers to ask for the new records, when propagation is complete, and what happens when it takes too long."""

    resolvers: list[ServerAddress] = Field(
        default_factory=public_addresses,
        min_length=1,
        description="Recursive resolvers to ask, by address; not given: the shipped list of public ones",
        examples=[["1.1.1.1", "8.8.8.8"]],
    )
    own_resolvers: list[ServerAddress] = Field(
        default=[],
        description="Asked besides: the customer's own, its provider's",
        examples=[["192.0.2.53"]],
    )
    policy: PolicyKind = Field(
        default="quorum",
        description="all: every resolver must have the new records. quorum: a share of them. "
        "weights: a share of their operators' weight",
        examples=["quorum"],
    )
    share: float = Field(
        default=1.0, gt=0, le=1, description="What quorum and weights ask for; 1: everybody", examples=[0.95]
    )
    weights: dict[str, Annotated[float, Field(ge=0)]] = Field(
        default={},
        description="For policy weights: how much an operator of the shipped list counts, or one resolver by address, "
        "such as {Google: 3}; not named: 1",
        examples=[{}],
    )
    patience_minutes: float = Field(
        default=24 * 60, gt=0, description="From the switch; then `after_patience`", examples=[1440]
    )
    after_patience: Literal["ask", "go-on"] = Field(
        default="ask",
        description="ask: a person is asked, and it goes on polling. go-on: it goes on, and records who is not synced",
    )
    purge_caches: bool = Field(
        default=True, description="Ask public resolvers that take it (Cloudflare) to forget the old records"
    )
    policy_patience_hours: float = Field(
        default=24,
        ge=0,
        description="Longest wait for senders that hold an MTA-STS policy without the new MX",
        examples=[24],
    )
    dns_port: int = Field(
        default=53,
        ge=1,
        le=65535,
        description="Port of name servers; not 53 only behind a port forward or in a rehearsal",
    )

    @field_validator("share")
    @classmethod
    def _means_something(cls, value: float, info: ValidationInfo) -> float:
        if info.data.get("policy") == "all" and value != 1:
            raise ValueError("has no meaning with policy `all`: choose `quorum` or `weights`")
        return value

    @field_validator("weights")
    @classmethod
    def _of_those_asked(cls, value: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        if value and info.data.get("policy") != "weights":
            raise ValueError("have no meaning without policy `weights`")
        asked = [
            split_address(server, 53)[0] for key in ("resolvers", "own_resolvers") for server in info.data.get(key, [])
        ]
        operators = {operator_of(address) for address in asked}
        strangers = sorted(set(value) - operators)
        if strangers:
            raise ValueError(f"nobody asked is called {', '.join(strangers)}; there are {', '.join(sorted(operators))}")
        if value and not any(value.get(operator, 1) for operator in operators):
            raise ValueError("nobody counts")
        return value

    @property
    def enough(self) -> Policy:
        """The policy by which propagation is complete."""
        return Policy(kind=self.policy, share=self.share, weights=self.weights)

    @property
    def servers(self) -> list[tuple[str, int]]:
        """Resolvers to ask, as (address, port), each once."""
        return list(
            dict.fromkeys(split_address(server, self.dns_port) for server in (*self.resolvers, *self.own_resolvers))
        )


class Sweep(_Part):
    """When the old server counts as quiet, and what may be missing."""

    quiet_minutes: float = Field(
        default=15,
        gt=0,
        description="Go on when nothing has arrived for so long; more than an outage may last",
        examples=[15],
    )
    patience_hours: float = Field(
        default=4,
        gt=0,
        description="When something still arrives after so long, or a wait's server has not answered for so long, a "
        "person is asked; it goes on polling",
        examples=[4],
    )
    tolerated_missing: int = Field(
        default=0, ge=0, description="Items that may stay behind, each listed by name", examples=[0]
    )
    smtp_port: int = Field(
        default=25, ge=1, le=65535, description="Port that mail servers listen on; not 25 only in a rehearsal"
    )
    other_smtp_ports: list[Annotated[int, Field(ge=1, le=65535)]] = Field(
        default=[465, 587],
        description="Ports beside it by which the old server may take mail; preflight tries them from outside",
        examples=[[465, 587]],
    )


class Probes(_Part):
    """Real messages that show which way mail takes: before the gate, after the switch and after the close."""

    send: bool = Field(default=True, description="False: send none")
    mailbox: MailAddress | None = Field(
        default=None, description="Who gets them, for a minute; None: the first user", examples=["anna@contoso.com"]
    )
    sender: MailAddress | None = Field(
        default=None,
        description="Envelope sender and From; None: an empty one, as of bounces, which a strict filter may refuse",
        examples=["probe@msp.example"],
    )
    patience_minutes: float = Field(
        default=10, gt=0, description="How long one is looked for; then it is written down as not found", examples=[10]
    )


class Cutover(_Part):
    """The whole plan of one customer's move."""

    customer: str = Field(
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$",
        max_length=32,
        description="Short name, used in records of this cutover: lower-case letters, digits, dashes",
        examples=["contoso"],
    )
    domains: list[HostName] = Field(
        min_length=1,
        max_length=50,
        description="Mail domains that move, such as contoso.com",
        examples=[["contoso.com"]],
    )
    source: Source
    dns: Dns
    target: Target
    firewall: Firewall
    gates: Gates = Field(default_factory=Gates)
    windows: list[Window] = Field(default=[], description="None: any time")
    notices: Notices = Field(default_factory=Notices)
    propagation: Propagation = Field(default_factory=Propagation)
    sweep: Sweep = Field(default_factory=Sweep)
    probes: Probes = Field(default_factory=Probes)

    @field_validator("domains")
    @classmethod
    def _once_each(cls, value: list[str]) -> list[str]:
        twice = sorted({name for name in value if value.count(name) > 1})
        if twice:
            raise ValueError(f"named twice: {', '.join(twice)}")
        return value

    @property
    def ways_of_mail(self) -> dict[str, MailWay]:
        """Domain -> by which way its mail comes, where the plan says so."""
        way = self.source.mail_comes_by
        return dict.fromkeys(self.domains, way) if way else {}

    @property
    def domain(self) -> str:
        """The first domain; it names the customer at Microsoft."""
        return self.domains[0]
