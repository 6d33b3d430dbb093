"""Checks of the server's certificate: chain, name, dates, key, and compatibility with Microsoft's clients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from mailmove.certificate_names import matches, names_of
from mailmove.outlook_anywhere.chain import Chain, Fetcher, build
from mailmove.outlook_anywhere.steps import Step, StepResult, group, step, step_of

SOON = timedelta(days=14)
"""Validity left, below which an expiring certificate is a warning."""
_NEW_ONE = (
    "Get one from a public authority: buy it, or say `source.obtain_certificate` in the plan, and Mailmove gets one by "
    "ACME and puts it on the server."
)
_MISMATCH = "Host name {host} does not match any name found on the server certificate."
_NO_CHAIN = "A certificate chain couldn't be constructed for the certificate."


def certificate_steps(
    shown: Sequence[bytes],
    host: str,
    roots: Iterable[x509.Certificate],
    now: datetime,
    *,
    covers: Sequence[str] = (),
    fetch: Fetcher | None = None,
) -> Step:
    """Check the certificates that a server showed (DER, its own first) as Microsoft does, for `host`.

    covers: more names that it should have (Autodiscover's); a missing one is a warning.
    fetch:  gets an issuer's certificate from an http address (AIA); None: nothing is fetched.
    """
    try:
        certificates = [x509.load_der_x509_certificate(der) for der in shown]
        leaf = certificates[0]
        for certificate in certificates:
            _ = certificate.public_key(), certificate.signature_hash_algorithm
    except (ValueError, IndexError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        why = f"it cannot be read: {error or type(error).__name__}"
        return step_of("Certificate", StepResult("failed", why, _NEW_ONE))
    checks: list[tuple[str, Callable[[], StepResult]]] = [
        ("Certificate chain", lambda: chain_found(build(certificates, roots, now, fetch))),
        ("Certificate name", lambda: name(leaf, host)),
        ("Certificate dates", lambda: dates(leaf, now)),
        ("Certificate key", lambda: strength(certificates)),
        ("Certificate compatibility", lambda: compatibility(leaf, covers)),
    ]
    return group("Certificate", [step(title, check) for title, check in checks])


def chain_found(chain: Chain) -> StepResult:
    """Does the chain end in a trusted root? `dates` checks the validity of the server's own certificate."""
    issuer = chain.top.issuer.rfc4514_string()
    if chain.fault:
        return StepResult("failed", chain.fault, _NEW_ONE, _NO_CHAIN)
    if chain.trusted and not chain.fetched:
        return StepResult("ok", f"a trusted root vouches for it: {chain.top.subject.rfc4514_string()}")
    if chain.trusted:
        missing = [issuer.subject.rfc4514_string() for issuer in chain.certificates[-1 - chain.fetched : -1]]
        why = f"the server does not send its issuer's certificate ({'; '.join(missing)}), which leads to a public root"
        todo = (
            "Install that intermediate on the server: computer certificates, Intermediate Certification Authorities; "
            "then restart IIS. It was found at the address that the certificate names."
        )
        return StepResult("failed", why, todo, _NO_CHAIN)
    if len(chain.certificates) == 1 and chain.top.issuer == chain.top.subject:
        why = "the certificate is self-signed: the server vouches for itself; Microsoft does not support that"
        return StepResult("failed", why, _NEW_ONE, _NO_CHAIN)
    if chain.top.issuer == chain.top.subject:
        why = f"no trusted root vouches for it: its root is a private one ({issuer}), which only its own machines trust"
        return StepResult("failed", why, f"Small Business Server makes such certificates. {_NEW_ONE}", _NO_CHAIN)
    why = f"no trusted root vouches for it: the certificate of its issuer ({issuer}) is not sent and is not known"
    todo = (
        "If a public authority issued it, install its intermediate certificate on the server so that it is sent along "
        "(`mailmove check-server --fetch-issuer` looks where the certificate says that it is). "
        f"If a private one did: {_NEW_ONE[0].lower()}{_NEW_ONE[1:]}"
    )
    return StepResult("failed", why, todo, _NO_CHAIN)


def name(certificate: x509.Certificate, host: str) -> StepResult:
    """Does the certificate name the host (RFC 6125)? subjectAltName counts; `*` matches one whole label, the first."""
    alt_names = names_of(certificate)
    common = [str(a.value) for a in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if any(matches(pattern, host) for pattern in alt_names):
        return StepResult("ok", f"it is for {host}")
    if not alt_names and any(matches(pattern, host) for pattern in common):
        todo = "Get one that has the name in subjectAltName; newer clients look nowhere else."
        return StepResult("warning", f"{host} stands only in the subject, as common name", todo)
    shown = ", ".join(alt_names or common) or "no name at all"
    todo = (
        f"Get a certificate with {host} in subjectAltName, or use a name that it has as Outlook Anywhere's external "
        "host name. For Outlook: Set-OutlookProvider EXPR -CertPrincipalName msstd:<X> (KB2710606)."
    )
    return StepResult("failed", f"it is for {shown}, not for {host}", todo, _MISMATCH.format(host=host))


def dates(certificate: x509.Certificate, now: datetime) -> StepResult:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > ends:
        return StepResult("failed", f"it expired on {ends:%Y-%m-%d %H:%M} UTC", "Renew it and bind the new one in IIS.")
    if now < begins:
        todo = "Check the clocks of this machine and of the server."
        return StepResult("failed", f"it is not valid before {begins:%Y-%m-%d %H:%M} UTC", todo)
    if ends - now < SOON:
        todo = "Renew it before the move: the service goes on copying for days."
        return StepResult("warning", f"it expires on {ends:%Y-%m-%d %H:%M} UTC", todo)
    return StepResult("ok", f"it is valid until {ends:%Y-%m-%d}")


def strength(certificates: Sequence[x509.Certificate]) -> StepResult:
    """Are keys and signatures of all certificates strong enough? A root's own signature does not count."""
    for certificate in certificates:
        whose = "" if certificate is certificates[0] else f" in {certificate.subject.rfc4514_string()}"
        key, hashed = certificate.public_key(), certificate.signature_hash_algorithm
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < 2048:
            todo = "Get a certificate with a key of 2048 bits or more."
            return StepResult("failed", f"RSA key of {key.key_size} bits{whose}", todo)
        if certificate.issuer != certificate.subject and hashed is not None and hashed.name in ("md5", "sha1"):
            todo = "Get a certificate signed with SHA-256."
            return StepResult("failed", f"signed with {hashed.name.upper()}{whose}", todo)
    key, hashed = certificates[0].public_key(), certificates[0].signature_hash_algorithm
    kind = f"RSA {key.key_size}" if isinstance(key, rsa.RSAPublicKey) else type(key).__name__.removesuffix("PublicKey")
    return StepResult("ok", f"{kind}, signed with {hashed.name.upper() if hashed else 'its own scheme'}")


def compatibility(certificate: x509.Certificate, covers: Sequence[str]) -> StepResult:
    """Does it work with every version of Windows and every phone, and cover Autodiscover's names?"""
    missing = [host for host in covers if not any(matches(pattern, host) for pattern in names_of(certificate))]
    if missing:
        todo = (
            f"Get a multi-name certificate, or publish an SRV record for Autodiscover that leads elsewhere. {_NEW_ONE}"
        )
        return StepResult("warning", f"it does not cover {', '.join(missing)}", todo)
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        todo = "Get one with an RSA key of 2048 bits."
        return StepResult("warning", "old versions of Windows do not know this kind of key", todo)
    return StepResult("ok", "every version of Windows since Server 2008 can use it")
