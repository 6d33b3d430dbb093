"""Which addresses are outside: what a stranger's answer names must not lead us into our own networks."""

from __future__ import annotations

import ipaddress


def is_public(address: str) -> bool:
    """Is it an address of the internet: not private, loopback, link-local, multicast nor reserved?

    An IPv6 address that carries one of IPv4 is as public as that.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = [parsed]
    if isinstance(parsed, ipaddress.IPv6Address):
        inner += [each for each in (parsed.ipv4_mapped, parsed.sixtofour, *(parsed.teredo or ())) if each is not None]
        if parsed in _NAT64:
            inner.append(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF))
    return all(each.is_global and not each.is_multicast and not each.is_reserved for each in inner)


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
