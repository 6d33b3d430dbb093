"""What the name servers of a town hold: the customer's zone, Microsoft's, and that of the senders."""

from __future__ import annotations

from lab.dns.zone_data import rrset
from lab.places import Places
from mailmove.records import RRset

MX_ZONE = "mx.cloud.example"
"""The lab's `mx.microsoft`."""


def customer_zone(places: Places, domain: str, ttl: int) -> list[RRset]:
    """A small company's zone before the cutover. ttl: seconds, of everything to do with mail."""
    return [
        rrset(domain, "MX", ttl, f"10 mail.{domain}."),
        rrset(domain, "TXT", ttl, '"v=spf1 mx -all"', '"some-vendor-site-verification=4f1c2ab07c"'),
        rrset(f"mail.{domain}", "A", ttl, places.old_server),
        rrset(f"autodiscover.{domain}", "A", ttl, places.old_server),
        rrset(f"_autodiscover._tcp.{domain}", "SRV", ttl, f"0 0 443 mail.{domain}."),
        rrset(f"www.{domain}", "A", 3600, places.host(51)),
        rrset(f"_dmarc.{domain}", "TXT", 3600, f'"v=DMARC1; p=none; rua=mailto:info@{domain}"'),
    ]


def other_zones(places: Places, domain: str, senders: int) -> dict[str, list[RRset]]:
    """Zone name -> record sets that nobody edits during the cutover."""
    mail_exchanger = f"{domain.replace('.', '-')}.k-v1.{MX_ZONE}"
    return {
        "cloud.example": [rrset(mail_exchanger, "A", 60, places.cloud)],
        "outlook.com": [
            rrset("autodiscover.outlook.com", "A", 60, places.cloud),
            rrset("spf.protection.outlook.com", "TXT", 60, f'"v=spf1 ip4:{places.cloud} -all"'),
        ],
        "senders.example": [
            rrset("senders.example", "MX", 3600, "10 in.senders.example."),
            rrset("in.senders.example", "A", 3600, places.outside_mail),
            *(rrset(f"mx{index}.senders.example", "A", 3600, places.sender(index)) for index in range(senders)),
        ],
    }
