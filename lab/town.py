"""The whole town on loopback: the customer's DNS, old Exchange and router, Microsoft's cloud, and the outside world."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from lab.authority import Authority
from lab.cloud.cloud import Cloud
from lab.company import make_company
from lab.customer import Customer
from lab.dns.resolver import HONEST, Behaviour
from lab.dns.route53 import AwsServer
from lab.dns.town_dns import TownDns
from lab.exchange.old_exchange import OldExchange
from lab.faults import Faults
from lab.mail.accountant import Account, account
from lab.mail.gateway import Gateway
from lab.mail.security_group import SecurityGroups
from lab.mail.senders import Senders
from lab.mail_store import Mailbox
from lab.places import Places
from lab.town_zones import MX_ZONE, customer_zone, other_zones

DOMAIN = "northwind.example"
CUSTOMER = "northwind"
_MICROSOFT = Behaviour("microsoft's own", max_ttl=2)


class Town:
    """`with Town(...) as town:` runs everything that a cutover needs.

    name: the customer's, in plan and blocks. ttl: seconds, of the customer's mail records before the night.
    cycle_seconds: between incremental syncs of the cloud (a day in life). resolvers: what the senders and the plan ask;
    Microsoft has its own. messages: seeded in all. approve_after: seconds until the customer accepts the invitation;
    None: never. mail_per_second: 0 for silence. journal: file for the senders' record.
    """

    def __init__(
        self,
        *,
        name: str = CUSTOMER,
        dns: Literal["route53", "rfc2136"] = "route53",
        seed: int = 2008,
        resolvers: Sequence[Behaviour] = (HONEST, HONEST, HONEST),
        users: int = 5,
        shared: int = 1,
        public_folders: int = 1,
        messages: int = 200,
        version: str = "8.3.83.6",
        mover: Literal["native", "direct", "auto"] = "native",
        ttl: int = 20,
        ttl_floor: int = 0,
        secondary_lag: float = 0.0,
        insync_delay: float = 0.5,
        cycle_seconds: float = 3.0,
        senders: int = 8,
        printers: int = 1,
        mail_per_second: float = 4.0,
        mta_retry_seconds: float = 2.0,
        give_up_seconds: float = 600.0,
        approve_after: float | None = 2.0,
        journal: Path | None = None,
        faults: Faults | None = None,
        places: Places | None = None,
    ) -> None:
        self.name = name
        self.faults = faults or Faults()
        self.places = places or Places()
        self.authority = Authority()
        self.ttl, self.mover = ttl, mover
        places = self.places
        company = make_company(
            seed, users=users, shared=shared, public_folders=public_folders, messages=messages, domain=DOMAIN
        )
        self.dns = TownDns(
            places,
            kind=dns,
            zones={DOMAIN: customer_zone(places, DOMAIN, ttl)},
            resolvers=[*resolvers, _MICROSOFT],
            faults=self.faults,
            secondary_lag=secondary_lag,
            insync_delay=insync_delay,
            ttl_floor=ttl_floor,
        )
        for name, rrsets in other_zones(places, DOMAIN, senders).items():
            self.dns.add_zone(name, rrsets)
        self.old = OldExchange(places, self.authority, company, self.faults, version=version)
        self.seeded = {address: self.old.store.snapshot(address) for address in self.old.store.mailboxes}
        self.cloud = Cloud(
            places,
            self.authority,
            resolver=(places.resolver(len(resolvers)), places.dns_port),
            mx_zone=MX_ZONE,
            directory=self._directory,
            address_book=lambda: self.old.state.directory,
            faults=self.faults,
            cycle_seconds=cycle_seconds,
        )
        self.senders = Senders(
            places,
            [(places.resolver(index), places.dns_port) for index in range(len(resolvers))],
            [name for box in self._directory() for name in (box.address, *box.aliases)],
            self.faults,
            count=senders if mail_per_second else 0,
            printers=printers,
            rate_per_second=mail_per_second or 1.0,
            mta_retry_seconds=mta_retry_seconds,
            give_up_seconds=give_up_seconds,
            seed=seed,
            journal=journal,
        )
        self.customer = None if approve_after is None else Customer(self.cloud, after_seconds=approve_after)
        self._resolver_count = len(resolvers)
        self._running = ExitStack()

    def __enter__(self) -> Self:
        places = self.places
        with ExitStack() as starting:  # what has started is stopped again if the next part cannot start
            starting.enter_context(self.dns)
            self.aws = self.dns.aws or starting.enter_context(AwsServer(places.name_servers[0], self.faults))
            self.security_group = SecurityGroups(self.aws, smtp_port=places.smtp_port)
            starting.enter_context(self.old)
            starting.enter_context(self.cloud)
            starting.enter_context(
                Gateway(
                    (places.old_server, places.smtp_port),
                    (places.host(23), places.smtp_port),
                    lambda: self.security_group.is_open(places.smtp_port) and self.old.firewall_lets_in,
                    self.faults,
                    closed=lambda: "drop",  # EC2 and Windows send no refusal
                )
            )
            if self.customer:
                starting.enter_context(self.customer)
            starting.enter_context(self.senders)
            self._running = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def picture(self) -> dict[str, Any]:
        """Everything that a cutover may change, JSON-able, without mail. A rollback must restore the first picture."""
        return {
            "zones": self.dns.picture(),
            "firewall": self.security_group.picture(),
            "exchange": self.old.picture(),
            "cloud": self.cloud.picture(),
        }

    def account(self) -> Account:
        """Account for every message. Call `senders.drain()` first."""
        return account(self.senders.records(), self.seeded, self.old.store, self.cloud.store)

    def mend_groups(self) -> bool:
        """Add members that groups lack in the cloud, as an administrator does by hand. False: none lacks any."""
        tenant, mended = self.cloud.tenant, False
        with tenant.lock:
            for group in self.old.state.directory.groups:
                present = tenant.other(group.address)
                known = {name for name in group.members if tenant.user(name) or tenant.other(name)}
                if present is not None and known - present.members:
                    present.members |= known
                    mended = True
        return mended

    @property
    def resolvers(self) -> list[str]:
        """The resolvers of the outside world, `address:port`."""
        return self.dns.resolver_addresses[: self._resolver_count]

    @property
    def settings(self) -> dict[str, dict[str, Any]]:
        """What the blocks need, as plain values: addresses, accounts, keys (the town's own; they open nothing else)."""
        cloud, aws, key = self.cloud, self.aws, self.dns.tsig_key
        admin, winrm = self.old.state.admin, self.old.state.major < 14
        return {
            "aws": {
                "endpoint_url": aws.endpoint_url,
                "access_key_id": aws.access_key_id,
                "secret_access_key": aws.secret_access_key,
                "region": aws.region,
                "group_id": self.security_group.group_id,
                "hosted_zone_ids": dict(self.dns.hosted_zone_ids),
            },
            "rfc2136": {
                "server": self.places.name_servers[0],
                "port": self.places.dns_port,
                "key_name": key.name,
                "key_secret": key.secret,
                "key_algorithm": key.algorithm,
            },
            "exchange": {
                "ews_url": self.old.ews_url,
                "shell_url": self.old.shell_url.replace("/powershell", "/wsman") if winrm else self.old.shell_url,
                "shell_kind": "winrm" if winrm else "exchange",
                "https_port": self.places.https_port,
                "address": self.places.old_server,
                "host": f"mail.{DOMAIN}",
                "username": admin,
                "password": self.old.state.accounts[admin],
            },
            "microsoft365": {
                "base_url": cloud.base_url,
                "tenant_id": cloud.tenant_id,
                "initial_domain": cloud.initial_domain,
                "client_id": cloud.app.client_id,
                "client_secret": cloud.app.secret,
                "certificate": cloud.app.certificate_pem + cloud.app.private_key_pem,
                "exchange_public_key": cloud.exchange_public_key_pem,
            },
            "partner": {
                "base_url": cloud.base_url,
                "tenant_id": cloud.partner.tenant_id,
                "client_id": cloud.partner.client_id,
                "client_secret": cloud.partner.secret,
                "refresh_token": cloud.partner.refresh_token,
                "group": cloud.partner.group,
            },
            "trust": {"extra_ca": self.authority.pem},
        }

    def plan(self, **changes: Any) -> dict[str, Any]:
        """A plan for this town, valid for `mailmove.plan.load.plan_from`; `changes` replace top-level fields."""
        return {
            "customer": self.name,
            "domains": [DOMAIN],
            "source": {
                "server": f"exchange-server/{self.name}",
                "outlook_anywhere_host": f"mail.{DOMAIN}",
                "smtp_host": f"mail.{DOMAIN}",
                "https_port": self.places.https_port,
            },
            "dns": {"provider": f"{self.dns.kind}/{self.name}", "low_ttl": 2, "final_ttl": max(2, self.ttl)},
            "target": {
                "tenant": f"microsoft365/{self.name}",
                "partner": f"partner-center/{self.name}-msp",
                "usage_location": "GB",
                "mover": self.mover,
            },
            "firewall": {"gateway": f"aws-security-group/{self.name}", "mode": "drop"},
            "propagation": {
                "resolvers": self.resolvers,
                "share": 1.0,
                "patience_minutes": 5,
                "dns_port": self.places.dns_port,
            },
            "sweep": {"quiet_minutes": 0.1, "smtp_port": self.places.smtp_port},
            **changes,
        }

    def _directory(self) -> list[Mailbox]:
        with self.old.store.lock:
            return list(self.old.store.mailboxes.values())
