"""Exchange Online's DKIM cmdlets. Signing is switched on only if the town's resolver shows the CNAMEs, as in life."""

from __future__ import annotations

from typing import Any

import dns.exception
import dns.resolver

from lab.cloud.cmdlets.mailbox_cmdlets import Parameters, Rows, Table, not_found
from lab.cloud.errors import INVALID_OPERATION, RESOURCE_EXISTS, CmdletError
from lab.cloud.tenant import Tenant
from lab.faults import Faults, declare

declare(
    dkim_new_tenant="New-DkimSigningConfig asks for Enable-OrganizationCustomization first, as new tenants do",
)


class DkimCmdlets:
    def __init__(self, tenant: Tenant, resolver: tuple[str, int], faults: Faults) -> None:
        self.tenant, self.resolver, self.faults = tenant, resolver, faults

    def table(self) -> Table:
        return {
            "Get-DkimSigningConfig": self._get,
            "New-DkimSigningConfig": self._new,
            "Set-DkimSigningConfig": self._set,
        }

    def _get(self, given: Parameters) -> Rows:
        rows = [self._show(domain) for domain in self.tenant.dkim]
        if "Identity" in given:
            rows = [row for row in rows if row["Domain"] == str(given["Identity"]).lower()]
            if not rows:
                raise not_found(str(given["Identity"]))
        return rows

    def _new(self, given: Parameters) -> Rows:
        domain = str(given.get("DomainName", "")).lower()
        if self.faults.take("dkim.new_tenant"):
            raise _invalid(
                "The command you tried to run isn't currently allowed in your organization. To run this command, you "
                "first need to run the command: Enable-OrganizationCustomization."
            )
        with self.tenant.lock:
            if domain not in self.tenant.domains or not self.tenant.domains[domain].takes_mail:
                raise not_found(domain)
            if domain in self.tenant.dkim:
                raise CmdletError(
                    f"The DKIM signing config for {domain} exists already.",
                    kind="Microsoft.Exchange.Management.ADObjectAlreadyExistsException", category=RESOURCE_EXISTS,
                )  # fmt: skip
            if given.get("Enabled"):
                self._must_be_published(domain)
            self.tenant.dkim[domain] = bool(given.get("Enabled"))
            self.tenant.dkim_key_sizes[domain] = int(given.get("KeySize", 1024))
            return [self._show(domain)]

    def _set(self, given: Parameters) -> Rows:
        domain = str(given.get("Identity", "")).lower()
        if domain not in self.tenant.dkim:
            raise not_found(domain)
        if "Enabled" in given:
            if given["Enabled"]:
                self._must_be_published(domain)
            self.tenant.dkim[domain] = bool(given["Enabled"])
        return []

    def _must_be_published(self, domain: str) -> None:
        for number, target in enumerate(self._targets(domain), start=1):
            if self._alias(f"selector{number}._domainkey.{domain}.") != f"{target}.":
                raise _invalid(
                    f"CNAME record does not exist for this config. Please publish the following two CNAME records "
                    f"first. {' '.join(self._targets(domain))}"
                )

    def _alias(self, name: str) -> str | None:
        asking = dns.resolver.Resolver(configure=False)
        asking.nameservers, asking.port = [self.resolver[0]], self.resolver[1]
        asking.lifetime, asking.timeout = 4, 1
        try:
            records: Any = asking.resolve(name, "CNAME", raise_on_no_answer=False).rrset or ()
        except dns.exception.DNSException:
            return None
        return next((str(record.target).lower() for record in records), None)

    def _targets(self, domain: str) -> list[str]:
        """As tenants have got them since May 2025: one more label, not the old `.onmicrosoft.com`."""
        initial = self.tenant.initial_domain.partition(".")[0]
        return [
            f"selector{number}-{domain.replace('.', '-')}._domainkey.{initial}.n-v1.dkim.mail.microsoft"
            for number in (1, 2)
        ]

    def _show(self, domain: str) -> dict[str, Any]:
        first, second = self._targets(domain)
        on = self.tenant.dkim[domain]
        return {
            "Domain": domain,
            "Enabled": on,
            "Status": "Valid" if on else "CnameMissing",
            "Selector1KeySize": self.tenant.dkim_key_sizes.get(domain, 1024),
            "Selector2KeySize": self.tenant.dkim_key_sizes.get(domain, 1024),
            "Selector1CNAME": first,
            "Selector2CNAME": second,
        }


def _invalid(message: str) -> CmdletError:
    return CmdletError(
        message, kind="Microsoft.Exchange.Management.Tasks.ValidationException", category=INVALID_OPERATION
    )
