"""Who serves a domain's DNS, by the names in its NS records.

The names are the operators' own, as their documentation of delegations gives them. A name that is
not listed says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class DnsOperator:
    """An operator of name servers. octodns: class for the octodns block, from the package of that name; '': none."""

    name: str
    block: str = "manual"
    octodns: str = ""


_OCTODNS = "octodns"
_DNS: tuple[tuple[str, DnsOperator], ...] = (
    (r"awsdns-\d+\.(com|net|org|co\.uk)", DnsOperator("Amazon Route 53", "route53")),
    (r"ns\.cloudflare\.com", DnsOperator("Cloudflare", _OCTODNS, "octodns_cloudflare.CloudflareProvider")),
    (r"azure-dns\.(com|net|org|info)", DnsOperator("Azure DNS", _OCTODNS, "octodns_azure.AzureProvider")),
    (r"googledomains\.com", DnsOperator("Google Cloud DNS", _OCTODNS, "octodns_googlecloud.GoogleCloudProvider")),
    (r"(ovh|anycast\.me|ovh\.net)", DnsOperator("OVH", _OCTODNS, "octodns_ovh.OvhProvider")),
    (r"gandi\.net", DnsOperator("Gandi", _OCTODNS, "octodns_gandi.GandiProvider")),
    (r"digitalocean\.com", DnsOperator("DigitalOcean", _OCTODNS, "octodns_digitalocean.DigitalOceanProvider")),
    (r"ns\.hetzner\.(com|de)", DnsOperator("Hetzner", _OCTODNS, "octodns_hetzner.HetznerProvider")),
    (r"(your-server\.de|second-ns\.(com|de))", DnsOperator("Hetzner")),
    (r"dnsimple(-edge)?\.(com|net|org|io)", DnsOperator("DNSimple", _OCTODNS, "octodns_dnsimple.DnsimpleProvider")),
    (r"dnsmadeeasy\.com", DnsOperator("DNS Made Easy", _OCTODNS, "octodns_dnsmadeeasy.DnsMadeEasyProvider")),
    (r"nsone\.net", DnsOperator("NS1", _OCTODNS, "octodns_ns1.Ns1Provider")),
    (r"ultradns\.(com|net|org|info|biz|co\.uk)", DnsOperator("UltraDNS", _OCTODNS, "octodns_ultra.UltraProvider")),
    (r"transip\.(net|nl|eu)", DnsOperator("TransIP", _OCTODNS, "octodns_transip.TransipProvider")),
    (r"easydns\.(com|org|info)", DnsOperator("easyDNS", _OCTODNS, "octodns_easydns.EasyDnsProvider")),
    (r"domaincontrol\.com", DnsOperator("GoDaddy")),
    (r"registrar-servers\.com", DnsOperator("Namecheap")),
    (r"ui-dns\.(com|de|org|biz)", DnsOperator("IONOS")),
    (r"rzone\.de", DnsOperator("Strato")),
    (r"worldnic\.com", DnsOperator("Network Solutions")),
    (r"bdm\.microsoftonline\.com", DnsOperator("Microsoft 365")),
)
"""End of a name server's name, from a dot on, as a regular expression -> operator."""


def dns_operator(name_servers: Sequence[str], domain: str) -> DnsOperator | None:
    """The operator of a zone's name servers. None: not known. Servers below the domain itself are its own."""
    for end, operator in _DNS:
        if _all_end_in(end, name_servers):
            return operator
    if _all_end_in(re.escape(domain.rstrip(".").lower()), name_servers):
        return DnsOperator(f"servers of {domain} itself", "rfc2136")
    return None


def _all_end_in(end: str, hosts: Sequence[str]) -> bool:
    """Do all of them, and at least one, end in this from a dot on?"""
    pattern = re.compile(rf".*\.{end}")
    return bool(hosts) and all(pattern.fullmatch(host.rstrip(".").lower()) for host in hosts)
