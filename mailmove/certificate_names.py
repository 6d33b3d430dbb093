"""The names in a certificate, and whether one stands for a host (RFC 6125)."""

from __future__ import annotations

import ipaddress

from cryptography import x509


def names_of(certificate: x509.Certificate) -> list[str]:
    """DNS names and addresses in subjectAltName."""
    try:
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    addresses = held.get_values_for_type(x509.IPAddress)
    return [*held.get_values_for_type(x509.DNSName), *(str(address) for address in addresses)]


def matches(pattern: str, host: str) -> bool:
    """Does a name in a certificate stand for this host?"""
    pattern, host = pattern.lower().rstrip("."), host.lower().rstrip(".")
    try:
        return ipaddress.ip_address(pattern) == ipaddress.ip_address(host)
    except ValueError:
        first, _, rest = host.partition(".")
        return pattern == host or (pattern.startswith("*.") and bool(first) and pattern[2:] == rest and "." in rest)
