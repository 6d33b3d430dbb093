"""Graph: the tenant's domains. Verification really looks the TXT record up, by the resolver of the town."""

from __future__ import annotations

from typing import Any

import dns.exception
import dns.resolver

from lab.cloud.errors import ApiError
from lab.cloud.tenant import CloudDomain, Tenant
from lab.cloud.wire import Call, Reply, Routes, entity, page
from lab.faults import Faults, declare

_READ = ("Domain.Read.All", "Domain.ReadWrite.All")
_WRITE = ("Domain.ReadWrite.All",)
_SERVICES = {"Email", "OfficeCommunicationsOnline", "Yammer"}


declare(
    hostile_services_writable="a verified domain shows services that may not be written back (Intune, "
    "OrgIdAuthentication), and Exchange knows it some looks later than Graph",
    hostile_unmanaged_tenant="the customer's domain is in a tenant that nobody administers: it cannot be verified "
    "until somebody has taken that over (`Cloud.customer_takes_over_domain`)",
)


def add_routes(routes: Routes, domains: Domains) -> None:
    routes.add("GET", "/domains", domains.every, *_READ)
    routes.add("POST", "/domains", domains.create, *_WRITE)
    routes.add("GET", "/domains/{name}", domains.get, *_READ)
    routes.add("PATCH", "/domains/{name}", domains.patch, *_WRITE)
    routes.add("DELETE", "/domains/{name}", domains.delete, *_WRITE)
    routes.add("GET", "/domains/{name}/verificationDnsRecords", domains.verification, *_READ)
    routes.add("GET", "/domains/{name}/serviceConfigurationRecords", domains.service, *_READ)
    routes.add("POST", "/domains/{name}/verify", domains.verify, *_WRITE)


class Domains:
    """mx_zone: the lab's `mx.microsoft`; northwind.example gets `northwind-example.k-v1.<mx_zone>`."""

    def __init__(self, tenant: Tenant, resolver: tuple[str, int], mx_zone: str, faults: Faults) -> None:
        self.tenant, self.resolver, self.mx_zone, self.faults = tenant, resolver, mx_zone.strip("."), faults

    def _show(self, domain: CloudDomain) -> dict[str, Any]:
        row = _show(domain)
        if domain.verified and not domain.initial and self.faults.take("hostile.services_writable"):
            row["supportedServices"] += ["Intune", "OrgIdAuthentication"]
        return row

    def every(self, call: Call) -> Reply:
        return page(call, [self._show(domain) for domain in self.tenant.domains.values()], size=100, most=999)

    def get(self, call: Call, name: str) -> Reply:
        return entity(call, self._show(self._find(name)))

    def create(self, call: Call) -> Reply:
        name = str(call.body.get("id", "")).lower()
        if "." not in name or set(call.body) - {"id", "@odata.type"}:
            raise ApiError(400, "Request_BadRequest", "Property id of resource Domain is invalid or not alone.")
        with self.tenant.lock:
            if name in self.tenant.domains:
                raise ApiError(
                    409, "Request_MultipleObjectsWithSameKeyValue", "A conflicting object with id already exists."
                )
            self.tenant.domains[name] = CloudDomain(name)
            return entity(call, self._show(self.tenant.domains[name]), 201)

    def patch(self, call: Call, name: str) -> Reply:
        with self.tenant.lock:
            domain = self._find(name)
            services = call.body.get("supportedServices")
            if not domain.verified:
                raise ApiError(400, "Request_BadRequest", "The domain is not verified.")
            if set(call.body) - {"supportedServices", "isDefault"} or not set(services or []) <= _SERVICES:
                raise ApiError(400, "Request_BadRequest", "One or more properties contains invalid values.")
            if services is not None:
                domain.services = list(services)
        return Reply(204)

    def delete(self, call: Call, name: str) -> Reply:
        with self.tenant.lock:
            domain = self._find(name)
            users = [u.upn for u in self.tenant.users.values() if u.upn.endswith("@" + domain.name)]
            if domain.initial or users:
                raise ApiError(
                    400,
                    "Request_BadRequest",
                    f"Domain '{domain.name}' cannot be deleted: it has references ({len(users)}) that must be removed.",
                )
            del self.tenant.domains[domain.name]
            self.tenant.dkim.pop(domain.name, None)
        return Reply(204)

    def verification(self, call: Call, name: str) -> Reply:
        domain = self._find(name)
        txt = _record("Txt", domain.name, f"{domain.name}-txt", None, text=domain.txt)
        mx = _record(
            "Mx", domain.name, f"{domain.name}-mx", None,
            mailExchange=f"{domain.txt.removeprefix('MS=')}.msv1.invalid", preference=32767,
        )  # fmt: skip
        return page(call, [txt, mx], size=100, most=999)

    def service(self, call: Call, name: str) -> Reply:
        domain = self._find(name)
        if not domain.takes_mail:
            return page(call, [], size=100, most=999)
        target = f"{domain.name.replace('.', '-')}.k-v1.{self.mx_zone}"
        rows = [
            _record("Mx", domain.name, f"{domain.name}-0", "Email", mailExchange=target, preference=0),
            _record(
                "Txt", domain.name, f"{domain.name}-1", "Email", text="v=spf1 include:spf.protection.outlook.com -all"
            ),
            _record(
                "CName", f"autodiscover.{domain.name}", f"{domain.name}-2", "Email",
                canonicalName="autodiscover.outlook.com",
            ),
        ]  # fmt: skip
        return page(call, rows, size=100, most=999)

    def verify(self, call: Call, name: str) -> Reply:
        domain = self._find(name)
        if domain.verified:
            raise ApiError(400, "Request_BadRequest", "Domain is already verified.")
        if not self.tenant.taken_over and self.faults.take("hostile.unmanaged_tenant"):
            raise ApiError(
                400,
                "Request_BadRequest",
                f"The domain {domain.name} is already verified in another directory, which is unmanaged.",
            )
        if domain.txt not in self._texts(domain.name):
            raise ApiError(
                400,
                "Request_BadRequest",
                f"Domain verification failed with the following error: 'No matching TXT record was found in DNS for "
                f"{domain.name}. Please verify that the record exists and try again later.'.",
            )
        domain.verified = True
        return entity(call, self._show(domain))

    def _texts(self, name: str) -> set[str]:
        asking = dns.resolver.Resolver(configure=False)
        asking.nameservers, asking.port = [self.resolver[0]], self.resolver[1]
        asking.lifetime, asking.timeout = 4, 1
        try:
            records: Any = asking.resolve(name + ".", "TXT", raise_on_no_answer=False).rrset or ()
        except dns.exception.DNSException:
            return set()  # as in life: whatever went wrong, the record was not found
        return {b"".join(record.strings).decode("ascii", "replace") for record in records}

    def _find(self, name: str) -> CloudDomain:
        domain = self.tenant.domains.get(name.lower())
        if domain is None:
            raise ApiError(
                404, "Request_ResourceNotFound", f"Resource '{name}' does not exist or one of its queried reference-"
                "property objects are not present."
            )  # fmt: skip
        return domain


def _record(kind: str, label: str, record_id: str, service: str | None, **more: Any) -> dict[str, Any]:
    return {
        "@odata.type": f"#microsoft.graph.domainDns{kind.replace('CName', 'Cname')}Record",
        "id": record_id,
        "isOptional": False,
        "label": label,
        "recordType": kind,
        "supportedService": service,
        "ttl": 3600,
        **more,
    }


def _show(domain: CloudDomain) -> dict[str, Any]:
    return {
        "id": domain.name,
        "authenticationType": "Managed",
        "availabilityStatus": None,
        "isAdminManaged": True,
        "isDefault": domain.initial,
        "isInitial": domain.initial,
        "isRoot": True,
        "isVerified": domain.verified,
        "supportedServices": list(domain.services),
        "state": None,
    }
