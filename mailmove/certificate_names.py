"""The names in a certificate, and whether a name matches a host (RFC 6125)."""

from __future__ import annotations

import ipaddress

from cryptography import x509


def names_of(certificate: x509.Certificate) -> list[str]:
    """DNS names and addresses in subjectAltName."""
    try:
        subject_alt_name = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return []
    addresses = subject_alt_name.get_values_for_type(x509.IPAddress)
    return [*subject_alt_name.get_values_for_type(x509.DNSName), *(str(address) for address in addresses)]


def matches(pattern: str, host: str) -> bool:
    """Does a name in a certificate, with or without `*`, match this host?"""
    pattern, host = pattern.lower().rstrip("."), host.lower().rstrip(".")
    try:
        return ipaddress.ip_address(pattern) == ipaddress.ip_address(host)
    except ValueError:
        first, _, rest = host.partition(".")
        return pattern == host or (pattern.startswith("*.") and bool(first) and pattern[2:] == rest and "." in rest)
