"""A town with a name server, the old Exchange and Microsoft's cloud; and the product's blocks pointed at it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from blocks.microsoft365.microsoft365 import Microsoft365
from blocks.partner.partner_center import PartnerCenter
from lab.authority import Authority
from lab.cloud.cloud import Cloud
from lab.company import Company, make_company
from lab.dns.town_dns import TownDns
from lab.dns.zone_data import rrset
from lab.exchange.old_exchange import OldExchange
from lab.faults import Faults
from lab.places import Places

DOMAIN = "northwind.example"


@dataclass
class Town:
    places: Places
    authority: Authority
    faults: Faults
    company: Company
    dns: TownDns
    old: OldExchange
    cloud: Cloud

    def tenant(self, **changed: Any) -> Microsoft365:
        fields: dict[str, Any] = {
            "tenant_id": self.cloud.tenant_id,
            "client_id": self.cloud.app.client_id,
            "certificate": SecretStr(self.cloud.app.private_key_pem + self.cloud.app.certificate_pem),
            "exchange_public_key": self.cloud.exchange_public_key_pem,
        }
        return Microsoft365(**{**fields, **self._place(), **changed})

    def partner(self, **changed: Any) -> PartnerCenter:
        own = self.cloud.partner
        fields: dict[str, Any] = {
            "tenant_id": own.tenant_id,
            "client_id": own.client_id,
            "client_secret": SecretStr(own.secret),
            "refresh_token": SecretStr(own.refresh_token),
            "group": own.group,
            "price_sheet_url": f"{self.cloud.base_url}/prices",
            "partner_center_url": f"{self.cloud.base_url}/partnercenter",
            "login_url": self.cloud.base_url,
            "graph_url": self.cloud.base_url,
            "extra_ca": self.authority.pem,
        }
        return PartnerCenter(**{**fields, **changed})

    def _place(self) -> dict[str, str]:
        base = self.cloud.base_url
        return {"login_url": base, "graph_url": base, "exchange_url": base, "extra_ca": self.authority.pem}


@contextmanager
def opened_town() -> Iterator[Town]:
    places, authority, faults = Places(), Authority(), Faults()
    company = make_company(users=3, shared=1, public_folders=1, messages=60, domain=DOMAIN)
    zone = [rrset(f"mail.{DOMAIN}.", "A", 60, places.old_server)]
    with ExitStack() as stack:
        dns = stack.enter_context(
            TownDns(places, kind="rfc2136", zones={f"{DOMAIN}.": zone}, resolvers=[], faults=faults)
        )
        old = stack.enter_context(OldExchange(places, authority, company, faults))
        cloud = stack.enter_context(
            Cloud(
                places,
                authority,
                # The authority itself: a resolver would remember for minutes that there was no record.
                resolver=(places.name_servers[0], places.dns_port),
                mx_zone="mx.microsoft.example.",
                directory=lambda: list(old.store.mailboxes.values()),
                faults=faults,
                cycle_seconds=3600,
            )
        )
        yield Town(places, authority, faults, company, dns, old, cloud)
