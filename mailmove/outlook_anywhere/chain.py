"""Build the chain from a server's certificate to a root, of certificates that it sent or its issuers publish (AIA)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TypeVar

import certifi
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from mailmove.pem import pem, sections

Fetcher = Callable[[str], bytes]
"""`fetch(url)` returns the content at an http address; OSError: there is none."""
_LONGEST = 8
"""Maximum certificates of a chain."""
E = TypeVar("E", bound=x509.ExtensionType)


@dataclass(frozen=True)
class Chain:
    """A chain, the server's certificate first. `fetched`: how many of it the server did not send."""

    certificates: tuple[x509.Certificate, ...]
    trusted: bool
    fetched: int = 0
    fault: str = ""

    @property
    def top(self) -> x509.Certificate:
        return self.certificates[-1]


@cache
def public_roots() -> tuple[x509.Certificate, ...]:
    """Mozilla's root certificates, from certifi; this machine's own trust store is not used."""
    return _without_complaint(sections(Path(certifi.where()).read_text("ascii", "replace")))


def given_roots(extra_ca: str | None) -> tuple[x509.Certificate, ...]:
    """Roots that somebody trusts besides, from PEM however it was pasted. ValueError: it holds no certificate."""
    return tuple(x509.load_pem_x509_certificates(pem(extra_ca).encode())) if extra_ca else ()


def _without_complaint(roots: Iterable[str]) -> tuple[x509.Certificate, ...]:
    """Root certificates, each read by itself: one that the library does not take is not trusted, and stops no other.

    Some roots have the serial number 0; the library warns that it will refuse such certificates one day. Who runs a
    check can do nothing about it, and the number of a root means nothing. Only here, and only that warning.
    """
    certificates = []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Parsed a serial number", category=CryptographyDeprecationWarning)
        for root in roots:
            try:
                certificates.append(x509.load_pem_x509_certificate(root.encode()))
            except ValueError:
                continue
    return tuple(certificates)


def build(
    shown: Sequence[x509.Certificate],
    roots: Iterable[x509.Certificate],
    now: datetime,
    fetch: Fetcher | None = None,
) -> Chain:
    """The best chain that can be built. fault: what is wrong with it; empty and trusted: it is good."""
    known = list(roots)
    chain = _climb(shown[0], shown[1:], known, now)
    if chain.trusted or fetch is None:
        return chain
    extra: list[x509.Certificate] = []
    top = chain.top
    while len(extra) < _LONGEST and not _self_issued(top):
        issuer = next((candidate for candidate in _published(top, fetch) if _signed(top, candidate)), None)
        if issuer is None:
            break
        extra.append(issuer)
        chain = _climb(shown[0], [*shown[1:], *extra], known, now)
        if chain.trusted or chain.top == top:
            break
        top = chain.top
    used = sum(certificate in extra for certificate in chain.certificates)
    return Chain(chain.certificates, chain.trusted, used, chain.fault)


def _climb(
    leaf: x509.Certificate, others: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], now: datetime
) -> Chain:
    """Search depth first; prefer a trusted chain, then one without a fault, then the longest."""
    best = Chain((leaf,), trusted=leaf in roots, fault=_leaf_fault(leaf))
    open_paths: list[tuple[x509.Certificate, ...]] = [(leaf,)]
    tries = 0
    while open_paths and tries < 200:
        path, tries = open_paths.pop(), tries + 1
        for issuer in [*roots, *others]:
            if issuer in path or len(path) >= _LONGEST or not _signed(path[-1], issuer):
                continue
            longer = (*path, issuer)
            trusted = issuer in roots
            fault = _leaf_fault(leaf) or _fault(longer, now)
            candidate = Chain(longer, trusted, fault=fault)
            if trusted and not fault:
                return candidate
            if (trusted, not fault, len(longer)) > (best.trusted, not best.fault, len(best.certificates)):
                best = candidate
            if not trusted:
                open_paths.append(longer)
    return best


def _fault(path: Sequence[x509.Certificate], now: datetime) -> str:
    """Reason why one of the issuers may not be an issuer (RFC 5280 section 6.1.4); empty: none."""
    for above, issuer in enumerate(path[1:]):
        name = issuer.subject.rfc4514_string()
        basic = _extension(issuer, x509.BasicConstraints)
        usage = _extension(issuer, x509.KeyUsage)
        if basic is None or not basic.ca:
            return f"{name} is no certificate authority, yet it signed"
        if usage is not None and not usage.key_cert_sign:
            return f"{name} may not sign certificates"
        if basic.path_length is not None and above > basic.path_length:
            return f"{name} allows fewer intermediates than there are"
        if now > issuer.not_valid_after_utc:
            return f"the issuer's certificate {name} expired on {issuer.not_valid_after_utc:%Y-%m-%d}"
        if now < issuer.not_valid_before_utc:
            return f"the issuer's certificate {name} is not valid before {issuer.not_valid_before_utc:%Y-%m-%d}"
    return ""


def _leaf_fault(leaf: x509.Certificate) -> str:
    allowed = _extension(leaf, x509.ExtendedKeyUsage)
    fit = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if allowed is not None and not fit & set(allowed):
        return "it was not issued for servers (extended key usage without serverAuth)"
    return ""


def _signed(child: x509.Certificate, issuer: x509.Certificate) -> bool:
    if child.issuer != issuer.subject:
        return False
    try:
        key, hashed = issuer.public_key(), child.signature_hash_algorithm
        if isinstance(key, rsa.RSAPublicKey) and isinstance(hashed, hashes.SHA1):
            # The library refuses SHA-1; here only the signer matters, `strength` judges the algorithm.
            key.verify(child.signature, child.tbs_certificate_bytes, padding.PKCS1v15(), hashed)
        else:
            child.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _self_issued(certificate: x509.Certificate) -> bool:
    return certificate.issuer == certificate.subject


def _published(certificate: x509.Certificate, fetch: Fetcher) -> list[x509.Certificate]:
    """Certificates at the addresses that a certificate gives for its issuer (RFC 5280 section 4.2.2.1); http only."""
    access = _extension(certificate, x509.AuthorityInformationAccess) or ()
    issuers: list[x509.Certificate] = []
    for description in access:
        place = description.access_location.value
        if description.access_method != AuthorityInformationAccessOID.CA_ISSUERS or not str(place).startswith("http:"):
            continue
        try:
            issuers += _read(fetch(str(place)))
        except (OSError, ValueError, x509.InvalidVersion):
            continue  # one of several places may be gone
    return issuers


def _read(content: bytes) -> list[x509.Certificate]:
    if content.startswith(b"-----"):
        return list(given_roots(content.decode("ascii", "replace")))
    try:
        return [x509.load_der_x509_certificate(content)]
    except ValueError:
        return pkcs7.load_der_pkcs7_certificates(content)


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return None
